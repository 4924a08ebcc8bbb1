"""The stand-in for W&B's server: it takes what it should, and sees what it should not."""
import gzip
import json
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
import tap
from fake_wandb import HISTORY, OUTPUT, SUMMARY, FakeWandb
from wandb_client import KEY, RUN, UPSERT, Client, kinds, wait_until


class Runs(unittest.TestCase):
    def test_a_run_is_made_once_and_then_known(self):
        with FakeWandb() as w:
            client = Client(w)
            first = client.upsert(displayName="mine", tags=["a", "b"], config='{"lr": {"value": 0.1}}').json["data"]
            second = client.upsert(groupName="g").json["data"]["upsertBucket"]
            run = w.runs[RUN]
            self.assertEqual((True, False), (first["upsertBucket"]["inserted"], second["inserted"]))
            self.assertEqual({"id": run.storage_id, "name": "r1", "displayName": "mine", "config": '{"lr": {"value": 0.1}}',
                              "project": {"name": "p", "entity": {"name": "fake-entity"}}, "historyLineCount": 0},
                             second["bucket"])
            self.assertEqual((["a", "b"], "g", {"lr": {"value": 0.1}}), (run.tags, run.group, run.config))
            self.assertEqual([], w.violations)

    def test_what_is_not_said_is_made_up(self):
        with FakeWandb(canonical={"P": "p"}) as w:
            client = Client(w)
            made = client.upsert(project=None).json["data"]["upsertBucket"]["bucket"]
            self.assertEqual({"name": "uncategorized", "entity": {"name": "fake-entity"}}, made["project"])
            self.assertRegex(made["displayName"], r"\w+-\w+-\d+")
            self.assertEqual("p", client.upsert(project="P").json["data"]["upsertBucket"]["bucket"]["project"]["name"])

    def test_only_what_is_selected_is_answered(self):
        with FakeWandb() as w:
            query = "mutation UpsertBucket($name: String, $project: String) " \
                "{ made: upsertBucket(input: {name: $name, modelName: $project}) { inserted } }"
            body = {"query": query, "variables": {"name": "r1", "project": "p"}}
            self.assertEqual({"made": {"inserted": True}}, Client(w).post("/graphql", body).json["data"])

    def test_variables_of_the_wrong_kind_are_refused(self):
        wrong = [dict(name=None), dict(name=7), dict(name=""), dict(name="a/b"), dict(tags="a"), dict(tags=[1]), dict(tags=[""]),
                 dict(config="{"), dict(config='{"a": 1}'), dict(config='{"a": {"value": NaN}}'), dict(config={"a": 1}),
                 dict(config="[]"), dict(groupName=True), dict(project="a?b"), dict(id="whose"), dict(surplus=1)]
        with FakeWandb() as w:
            client = Client(w).start()
            for variables in wrong:
                answer = client.upsert(**variables)
                self.assertEqual(400, answer.status, variables)
                self.assertTrue(answer.json["errors"][0]["message"])
            self.assertEqual(["body"] * len(wrong), kinds(w))
            self.assertEqual(1, len(w.runs[RUN].upserts))

    def test_a_query_that_is_not_right_is_refused(self):
        wrong = [UPSERT.replace("modelName", "project"), UPSERT.replace("entityName: $entity", 'entityName: "e"'),
                 UPSERT.replace("historyLineCount", "history"), UPSERT[:-1], UPSERT.replace("$tags: [String!]", "$tags: String"),
                 UPSERT.replace("bucket {", "bucket "), UPSERT.replace("UpsertBucket(", "Upsert("), "{ nobody { knows } }"]
        with FakeWandb() as w:
            for query in wrong:
                self.assertEqual(400, Client(w).upsert(query).status, query)
            self.assertEqual(({}, len(wrong)), (w.runs, len(w.violations)))

    def test_bodies_of_graphql_are_strict_json(self):
        with FakeWandb() as w:
            for body in (b"{", b"[]", b"\xff", b'{"query": NaN}', b'{"query": "{viewer{id}}", "query": "{viewer{id}}"}',
                         b'{"query": "{viewer{id}}", "more": 1}'):
                self.assertEqual(400, Client(w).post("/graphql", body).status, body)

    def test_who_is_there_is_told(self):
        with FakeWandb(features=["FILESTREAM_GZIP"]) as w:
            client = Client(w)
            body = {"query": "query Viewer { viewer { id entity } serverInfo { features { name isEnabled } } }", "variables": {}}
            data = client.post("/graphql", body).json["data"]
            self.assertEqual("fake-entity", data["viewer"]["entity"])
            self.assertEqual([{"name": "FILESTREAM_GZIP", "isEnabled": True}], data["serverInfo"]["features"])


class Resuming(unittest.TestCase):
    def test_a_run_that_is_not_there_is_null(self):
        with FakeWandb() as w:
            self.assertIsNone(Client(w).resume().json["data"]["model"]["bucket"])

    def test_a_run_is_told_as_it_was_left(self):
        with FakeWandb() as w:
            client = Client(w)
            client.upsert(config='{"_wandb": {"value": {"t": {"5": "1.0"}, "m": []}}}', tags=["t"])
            client.stream(0, [0, 1, 5])
            client.lines(0, ['{"loss": NaN, "_step": 5}'], name=SUMMARY)
            bucket = client.resume().json["data"]["model"]["bucket"]
            self.assertEqual((3, 0, 0), tuple(bucket[f"{name}LineCount"] for name in ("history", "events", "log")))
            self.assertEqual({"_step": 5, "loss": 2.5}, json.loads(json.loads(bucket["historyTail"])[-1]))
            self.assertEqual({"t": {"5": "1.0"}}, json.loads(bucket["wandbConfig"]))
            self.assertEqual(5, json.loads(bucket["summaryMetrics"])["_step"])
            self.assertEqual(["t"], bucket["tags"])

    def test_line_counts_come_late_if_told_so(self):
        with FakeWandb(count_lag_s=3600) as w:
            client = Client(w).start()
            client.stream(0, [0, 1])
            bucket = client.resume().json["data"]["model"]["bucket"]
            self.assertEqual((0, "[]"), (bucket["historyLineCount"], bucket["historyTail"]))
            w.count_lag_s = 0
            self.assertEqual(2, client.upsert().json["data"]["upsertBucket"]["bucket"]["historyLineCount"])

    def test_a_deleted_id_is_never_taken_again(self):
        with FakeWandb() as w:
            client = Client(w).start()
            w.delete(RUN)
            answer = client.upsert()
            self.assertEqual((409, "run fake-entity/p/r1 was previously created and deleted; try a new run name"),
                             (answer.status, answer.json["errors"][0]["message"]))
            self.assertEqual(404, client.stream(0, [0]).status)
            self.assertEqual([], w.violations)


class Stream(unittest.TestCase):
    def test_lines_are_kept_by_number_and_every_write_is_remembered(self):
        with FakeWandb() as w:
            client = Client(w).start()
            for offset, steps in ((0, [0, 1]), (0, [0, 1]), (1, [1, 2, 3])):
                self.assertEqual(200, client.stream(offset, steps).status)
            run = w.runs[RUN]
            self.assertEqual([0, 1, 2, 3], [row["_step"] for row in run.history])
            self.assertEqual([(2, 0, 2), (3, 0, 2), (4, 1, 3)], [write[:3] for write in run.files[HISTORY].writes])
            self.assertEqual(run.files[HISTORY].lines[1:], run.files[HISTORY].writes[-1].lines)
            self.assertEqual([], w.violations)

    def test_heartbeats_summary_and_the_end_are_kept(self):
        with FakeWandb() as w:
            client = Client(w).start()
            client.body({})
            client.lines(0, ['{"loss": 1}'], name=SUMMARY)
            client.lines(0, ['{"loss": Infinity}'], name=SUMMARY)
            client.body({"complete": True, "exitcode": 3, "uploaded": ["config.yaml"]})
            run = w.runs[RUN]
            self.assertEqual((2, {"loss": float("inf")}, True, 3, ["config.yaml"]),
                             (run.heartbeats, run.summary, run.complete, run.exit_code, run.uploaded))
            self.assertEqual([], w.violations)

    def test_stop_is_said(self):
        with FakeWandb() as w:
            client = Client(w).start()
            self.assertIs(False, client.body({}).json["stopped"])
            w.runs[RUN].stopped = True
            self.assertIs(True, client.body({}).json["stopped"])

    def test_a_line_with_other_bytes_is_seen(self):
        with FakeWandb() as w:
            client = Client(w).start()
            client.stream(0, [0, 1])
            client.lines(1, ['{"loss": 0.5, "_step": 1}'])  # the same row
            self.assertEqual([("rewritten", RUN, 3)], [(each.kind, each.run, each.request) for each in w.violations])
            client.lines(0, ["one"], name=OUTPUT)
            client.lines(0, ["two"], name=OUTPUT)  # a progress bar
            self.assertEqual(1, len(w.violations))

    def test_a_gap_is_seen(self):
        with FakeWandb() as w:
            client = Client(w).start()
            client.stream(0, [0])
            client.stream(2, [2])
            self.assertEqual(["gap"], kinds(w))
            self.assertEqual([0, None, 2], w.runs[RUN].files[HISTORY].steps)
            client.stream(1, [1])
            self.assertEqual(["gap"], kinds(w))

    def test_a_step_that_does_not_rise_is_seen_wherever_it_comes(self):
        for first, then in (((0, [0, 5, 5]), None), ((0, [0, 5]), (2, [5])), ((0, [0, 5]), (2, [4])), ((1, [3]), (0, [3]))):
            with FakeWandb() as w:
                client = Client(w).start()
                client.stream(*first)
                if then:
                    client.stream(*then)
                self.assertIn("step", kinds(w), (first, then))

    def test_what_is_new_after_the_end_is_seen(self):
        with FakeWandb() as w:
            client = Client(w).start()
            client.lines(0, ['{"loss": 1}'], name=SUMMARY)
            for _ in range(2):  # the same once more is fine
                client.stream(0, [0], complete=True, exitcode=0)
                client.lines(0, ['{"loss": 1}'], name=SUMMARY)
            self.assertEqual([], w.violations)
            client.stream(1, [1])
            client.lines(0, ['{"loss": 2}'], name=SUMMARY)
            self.assertEqual(["after-complete"] * 2, kinds(w))
            client.upsert()  # it is resumed
            client.stream(2, [2])
            self.assertEqual(2, len(w.violations))

    def test_a_run_nobody_made_is_404(self):
        with FakeWandb() as w:
            self.assertEqual(404, Client(w).stream(0, [0]).status)
            self.assertEqual(["unknown-run"], kinds(w))

    def test_two_requests_of_one_run_at_a_time_are_seen(self):
        with FakeWandb() as w:
            client = Client(w).start()
            client.upsert(name="r2")
            w.fault(path="file_stream", hang=True)
            waiting = Client(w)
            waiting.connection.request("POST", f"/files/{RUN}/file_stream", b"{}", waiting.headers)
            wait_until(lambda: len(w.requests) == 3, "the request to be held")
            client.body({}, run="fake-entity/p/r2")
            self.assertEqual([], w.violations)
            client.body({})
            self.assertEqual(["concurrent"], kinds(w))
            waiting.connection.close()
            client.body({})
            self.assertEqual(["concurrent"], kinds(w))

    def test_who_gave_up_waiting_may_ask_again(self):
        with FakeWandb() as w:
            Client(w).start()
            w.fault(path="file_stream", hang=True, effect=True)
            with self.assertRaises(TimeoutError):
                Client(w, timeout=0.5).stream(0, [0])
            self.assertEqual(200, Client(w).stream(0, [0]).status)
            self.assertEqual(([], {None, 200}), (w.violations, {each.status for each in w.requests[1:]}))

    def test_the_next_request_may_come_on_the_heels_of_the_answer(self):
        with FakeWandb() as w:
            client = Client(w).start()
            for _ in range(300):
                client.body({})
                Client(w).body({})
            self.assertEqual([], w.violations)

    def test_a_body_that_is_not_right_is_refused_and_changes_nothing(self):
        line = '{"_step": 0}'
        part = {"offset": 0, "content": [line]}
        wrong = [b"{", b"[]", b'{"files": NaN}', b"\xff{}", b'{"complete": true, "complete": true}', {"surplus": 1}, {"complete": 1},
                 {"exitcode": 0}, {"complete": True, "exitcode": True}, {"uploaded": [1]}, {"files": []},
                 {"files": {"else.jsonl": part}}, {"files": {HISTORY: [line]}}, {"files": {HISTORY: {"content": [line]}}},
                 {"files": {HISTORY: {**part, "offset": -1}}}, {"files": {HISTORY: {**part, "offset": True}}},
                 {"files": {HISTORY: {**part, "offset": 1.0}}}, {"files": {HISTORY: {**part, "content": line}}},
                 {"files": {HISTORY: {**part, "content": [{"_step": 0}]}}}, {"files": {HISTORY: {**part, "content": []}}}]
        wrong += [{"files": {HISTORY: {"offset": 0, "content": [text]}}} for text in (
            "", "[]", "{", "1", '{"a": 1}', '{"_step": 0.5}', '{"_step": null}', '{"_step": -1}', '{"_step": true}',
            '{"_step": 0}\n', '{\n"_step": 0}', '{"_step": 0} {"_step": 1}', '{"_step": 0, "_step": 0}', '{"_step": 0, "x": nan}',
            '{"_step": 0, "x": "\ud800"}', '{"_step": 0, "x": "%s"}' % ("x" * 10383360))]
        with FakeWandb() as w:
            client = Client(w).start()
            for body in wrong:
                self.assertEqual(400, client.body(body).status, str(body)[:100])
            self.assertEqual(["body"] * len(wrong), kinds(w))
            self.assertEqual(0, w.runs[RUN].files[HISTORY].count)
            client.lines(0, ['{"_step": 0, "a": NaN, "b": Infinity, "c": -Infinity, "d": {"e": [1, null, "ä"]}}'])
            self.assertEqual(1, w.runs[RUN].files[HISTORY].count)

    def test_the_key_and_the_content_type_are_looked_at(self):
        with FakeWandb() as w:
            Client(w).start()
            for client, headers, status in ((Client(w, key="b" * 40), {}, 401), (Client(w), {"Authorization": None}, 401),
                                            (Client(w), {"Authorization": f"Bearer {KEY}"}, 401),
                                            (Client(w), {"Content_Type": "text/plain"}, 400),
                                            (Client(w), {"Content_Type": None}, 400)):
                self.assertEqual(status, client.body({}, **headers).status)
            self.assertEqual(["auth"] * 3 + ["content-type"] * 2, kinds(w))
            self.assertEqual(401, Client(w, key="b" * 40).upsert().status)

    def test_gzip_is_taken_where_it_is_announced(self):
        body = gzip.compress(b'{"complete": true}')
        with FakeWandb() as w:
            self.assertEqual(400, Client(w).start().body(body, Content_Encoding="gzip").status)
        with FakeWandb(features=["FILESTREAM_GZIP"]) as w:
            self.assertEqual(200, Client(w).start().body(body, Content_Encoding="gzip").status)
            self.assertTrue(w.runs[RUN].complete)

    def test_names_in_paths_are_unescaped_and_a_base_url_may_have_a_path(self):
        with FakeWandb(prefix="/wandb") as w:
            client = Client(w)
            client.upsert(project="my project")
            self.assertEqual(200, client.stream(0, [0], run="fake-entity/my%20project/r1").status)
            self.assertEqual(1, w.runs["fake-entity/my project/r1"].files[HISTORY].count)

    def test_chunks_and_expect_are_understood(self):
        with FakeWandb() as w:
            client = Client(w).start()
            head = f"POST /files/{RUN}/file_stream HTTP/1.1\r\nContent-Type: application/json\r\n" \
                f"Authorization: {client.headers['Authorization']}\r\n"
            with socket.create_connection(("127.0.0.1", w.port)) as sock, sock.makefile("rb") as file:
                sock.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
                self.assertEqual(b"HTTP/1.1 200 OK\r\n", file.readline())
            with socket.create_connection(("127.0.0.1", w.port)) as sock, sock.makefile("rb") as file:
                sock.sendall(head.encode() + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
                self.assertEqual(b"HTTP/1.1 100 Continue\r\n", file.readline())
                sock.sendall(b"{}")
                self.assertEqual([b"\r\n", b"HTTP/1.1 200 OK\r\n"], [file.readline(), file.readline()])
            self.assertEqual(2, w.runs[RUN].heartbeats)

    def test_large_bodies_of_many_lines_are_counted_fast(self):
        lines = [json.dumps({"_step": step, **{f"metrics/a_name_of_some_length_{i}": step + i / 3 for i in range(5)}})
                 for step in range(32000)]
        body = json.dumps({"files": {HISTORY: {"offset": 0, "content": lines}}}).encode()
        for strict in (True, False):
            with FakeWandb(strict=strict) as w:
                client, start = Client(w).start(), time.monotonic()
                self.assertEqual(200, client.body(body).status)
                print(f"# strict={strict}: {len(body) / 1e6:.1f} MB, {len(lines)} lines in {time.monotonic() - start:.2f} s")
                history = w.runs[RUN].files[HISTORY]
                self.assertEqual((32000, 32000 if strict else 0), (history.count, len(history.lines)))
                client.stream(32001, [32001])
                self.assertEqual(["gap"], kinds(w))


if __name__ == "__main__":
    tap.main()
