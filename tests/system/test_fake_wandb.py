"""The stand-in for W&B's server: that it takes what it should, sees what it should not, and fails as it is told to."""
import base64
import gzip
import http.client
import json
import socket
import ssl
import struct
import sys
import threading
import time
import unittest
from pathlib import Path
from urllib.parse import urlsplit

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
import tap
from fake_wandb import HISTORY, OUTPUT, RECOVERABLE, SUMMARY, FakeWandb, FakeWandbProcess, World

KEY = "a" * 40
RUN = "fake-entity/p/r1"
INPUTS = {"id": "id", "name": "name", "modelName": "project", "entityName": "entity", "groupName": "groupName",
          "displayName": "displayName", "config": "config", "tags": "tags"}
UPSERT = """mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String, $groupName: String,
  $displayName: String, $config: JSONString, $tags: [String!]) {
  upsertBucket(input: {%s}) {
    bucket { id name displayName config project { name entity { name } } historyLineCount }
    inserted } }""" % ", ".join(f"{name}: ${variable}" for name, variable in INPUTS.items())
RESUME = """query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) { id name entity { id name }
    bucket(name: $name, missingOk: true) { id name summaryMetrics displayName logLineCount historyLineCount eventsLineCount
      historyTail eventsTail config tags notes wandbConfig(keys: ["t"]) } } }"""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Keeps its connection, as a forwarder does."""

    def __init__(self, w, key=KEY, timeout=20, context=None):
        self.url = urlsplit(w.base_url)
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(self.url.hostname, self.url.port, timeout=timeout,
                               **({"context": context} if context else {}))
        self.headers = {"Content-Type": "application/json",
                        "Authorization": "Basic " + base64.b64encode(f"api:{key}".encode()).decode()}

    def post(self, path, body, **headers):
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self.connection.request("POST", self.url.path + path, body,
                                    {name: value for name, value in sent.items() if value is not None})
            reply = self.connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        except BaseException:
            self.connection.close()
            raise

    def upsert(self, query=UPSERT, **variables):
        given = {**dict.fromkeys(INPUTS.values()), "name": "r1", "project": "p", **variables}
        return self.post("/graphql", {"query": query, "variables": given, "operationName": "UpsertBucket"})

    def resume(self, name="r1"):
        return self.post("/graphql", {"query": RESUME, "variables": {"project": "p", "entity": None, "name": name},
                                      "operationName": "RunResumeStatus"})

    def stream(self, offset, steps, run=RUN, **more):
        lines = [json.dumps({"_step": step, "loss": step / 2}) for step in steps]
        return self.lines(offset, lines, run=run, **more)

    def lines(self, offset, lines, run=RUN, name=HISTORY, **more):
        return self.body({"files": {name: {"offset": offset, "content": lines}}, **more}, run)

    def body(self, body, run=RUN, **headers):
        return self.post(f"/files/{run}/file_stream", body, **headers)

    def start(self):
        """A run with nothing in it."""
        self.upsert()
        return self


def kinds(w):
    return [violation.kind for violation in w.violations]


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

    def test_lines_after_the_end_are_seen(self):
        with FakeWandb() as w:
            client = Client(w).start()
            client.stream(0, [0], complete=True, exitcode=0)
            client.stream(1, [1])
            self.assertEqual(["after-complete"], kinds(w))
            client.upsert()  # it is resumed
            client.stream(2, [2])
            self.assertEqual(1, len(w.violations))

    def test_a_run_nobody_made_is_404(self):
        with FakeWandb() as w:
            self.assertEqual(404, Client(w).stream(0, [0]).status)
            self.assertEqual(["unknown-run"], kinds(w))

    def test_two_requests_of_one_run_at_a_time_are_seen(self):
        with FakeWandb() as w:
            Client(w).start()
            w.latency_ms = 300
            for runs, expected in (((RUN, RUN), ["concurrent"]), ((RUN, "fake-entity/p/other"), ["unknown-run"])):
                w.violations.clear()
                threads = [threading.Thread(target=lambda run=run: Client(w).body({}, run=run)) for run in runs]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertEqual(expected, kinds(w))

    def test_who_gave_up_waiting_may_ask_again(self):
        with FakeWandb() as w:
            Client(w).start()
            w.fault(path="file_stream", hang=True, effect=True)
            with self.assertRaises(TimeoutError):
                Client(w, timeout=0.2).stream(0, [0])
            self.assertEqual(200, Client(w).stream(0, [0]).status)
            self.assertEqual(([], [None, 200]), (w.violations, [each.status for each in w.requests][1:]))

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


class Faults(unittest.TestCase):
    def test_a_status_is_answered_as_often_as_told_and_takes_no_effect(self):
        with FakeWandb() as w:
            client = Client(w).start()
            fault = w.fault(path="file_stream", n=2, skip=1, status=503, headers={"Retry-After": "7"}, body={"error": "busy"})
            self.assertEqual([200, 503, 503, 200], [client.stream(k, [k]).status for k in (0, 1, 1, 1)])
            self.assertEqual((2, 2), (fault.hits, w.runs[RUN].files[HISTORY].count))
            w.fault(status=429, headers={"RateLimit-Remaining": "0", "RateLimit-Reset": "3"}, effect=True)
            answer = client.stream(2, [2])
            self.assertEqual((429, "3", 3), (answer.status, answer.headers["RateLimit-Reset"], w.runs[RUN].files[HISTORY].count))

    def test_it_meets_only_whom_it_is_for(self):
        with FakeWandb() as w:
            client = Client(w).start()
            client.upsert(name="r2")
            for who in (dict(operation="RunResumeStatus"), dict(path="graphql", run="r2"), dict(path="file_stream", run="r2"),
                        dict(path="file_stream", run="fake-entity/p/r2"), dict(marker="poison"), dict(over_bytes=5000)):
                w.fault(n=None, status=418, **who)
            self.assertEqual([200, 200], [client.upsert().status, client.stream(0, [0]).status])
            self.assertEqual([418] * 5, [answer.status for answer in (
                client.resume(), client.upsert(name="r2"), client.body({}, run="fake-entity/p/r2"),
                client.lines(1, ['{"_step": 1, "poison": 1}']), client.stream(1, range(1, 500)))])
            w.clear_faults()
            self.assertEqual(200, client.resume().status)

    def test_a_reset_comes_before_or_after_the_effect(self):
        for when, count in (("before", 0), ("after", 1)):
            with FakeWandb() as w:
                client = Client(w).start()
                w.fault(path="file_stream", reset=when)
                with self.assertRaises(ConnectionResetError):
                    client.stream(0, [0])
                self.assertEqual(count, w.runs[RUN].files[HISTORY].count)
                self.assertEqual(200, client.stream(0, [0]).status)
                self.assertEqual([], w.violations)

    def test_answers_that_are_none(self):
        with FakeWandb() as w:
            client = Client(w).start()
            w.fault(path="file_stream", half=True)
            with self.assertRaises(http.client.IncompleteRead):
                client.stream(0, [0])
            w.fault(path="file_stream", no_http=True)
            with self.assertRaises(http.client.BadStatusLine):
                client.stream(1, [1])
            w.fault(path="file_stream", garbage=True)
            answer = client.stream(2, [2])
            self.assertEqual(200, answer.status)
            self.assertRaises(ValueError, lambda: answer.json)
            self.assertEqual(3, w.runs[RUN].files[HISTORY].count)

    def test_slow_answers_take_their_time(self):
        with FakeWandb() as w:
            client = Client(w).start()
            w.fault(path="file_stream", slow_s=0.002)
            start = time.monotonic()
            self.assertEqual(200, client.body({}).status)
            self.assertGreater(time.monotonic() - start, 0.1)
            w.fault(wait_ms=100)
            start = time.monotonic()
            self.assertEqual(200, client.body({}).status)
            self.assertGreater(time.monotonic() - start, 0.1)

    def test_a_redirect_points_elsewhere_and_elsewhere_records_who_came(self):
        with FakeWandb() as w, FakeWandb() as elsewhere:
            client = Client(w).start()
            w.fault(path="file_stream", redirect=f"{elsewhere.base_url}/x")
            answer = client.body({})
            self.assertEqual((307, f"{elsewhere.base_url}/x"), (answer.status, answer.headers["Location"]))
            Client(elsewhere).post("/x", {})
            self.assertIn("authorization", elsewhere.requests[0].headers)

    def test_chaos_is_the_same_for_the_same_seed_and_leaves_a_patient_client_unharmed(self):
        def session(seed):
            with FakeWandb() as w:
                w.chaos(seed, 0.5)
                client, step = Client(w), 0

                def insist(ask):
                    while True:
                        try:
                            if ask().status == 200:
                                return
                        except (http.client.HTTPException, OSError):
                            pass

                insist(client.upsert)
                for step in range(40):
                    insist(lambda step=step: client.stream(step, [step]))
                self.assertEqual((list(range(40)), []), ([row["_step"] for row in w.runs[RUN].history], w.violations))
                return [request.status for request in w.requests]

        first = session(1)
        self.assertEqual(first, session(1))
        self.assertNotEqual(first, session(2))
        self.assertTrue({None, 200, 429, 500, 502, 503, 504} <= set(first + session(2)), first)
        self.assertEqual(12, len(RECOVERABLE))

    def test_certificates_are_as_good_or_bad_as_told(self):
        for kind, believed in (("good", True), ("self-signed", False), ("expired", False), ("wrong-host", False)):
            with FakeWandb(tls=kind) as w:
                client = Client(w, context=ssl.create_default_context(cafile=w.ca_file))
                if believed:
                    self.assertEqual(200, client.upsert().status)
                else:
                    self.assertRaises(ssl.SSLCertVerificationError, client.upsert)
                    self.assertEqual([], w.requests)
                    w.close()  # its threads are at their end
                    self.assertEqual(1, len(w.tls_refused))


class Process(unittest.TestCase):
    def test_what_was_answered_outlives_a_kill(self):
        with FakeWandbProcess() as w:
            client = Client(w).start()
            client.stream(0, [0, 1])
            client.stream(3, [3])
            w.kill()
            w.start()
            self.assertEqual(4, Client(w).resume().json["data"]["model"]["bucket"]["historyLineCount"])
            state = w.state()
            self.assertEqual(["gap"], kinds(state))
            self.assertEqual([0, 1, None, 3], state.runs[RUN].files[HISTORY].steps)
            self.assertEqual([1, 2, 3, 4], [request.number for request in state.requests])
            self.assertEqual("RunResumeStatus", state.requests[-1].operation)

    def test_it_dies_before_the_effect_after_it_or_amid_the_answer(self):
        for moment, count in (("before", 1), ("after", 2), ("reply", 2)):
            with FakeWandbProcess() as w:
                client = Client(w).start()
                client.stream(0, [0])
                w.tell("fault", path="file_stream", die=moment)
                with self.assertRaises((http.client.HTTPException, OSError)):
                    client.stream(1, [1])
                self.assertEqual(-9, w.wait())
                self.assertEqual(count, w.state().runs[RUN].files[HISTORY].count)
                w.start()
                self.assertEqual(200, client.stream(1, [1]).status)
                self.assertEqual((2, []), (w.state().runs[RUN].files[HISTORY].count, w.state().violations))

    def test_a_state_cut_short_is_read_up_to_there(self):
        with FakeWandbProcess() as w:
            client = Client(w).start()
            client.stream(0, [0])
            w.kill()
            whole = w.state_file.read_bytes()
            for end in (len(whole) - 1, len(whole) - 40):
                w.state_file.write_bytes(whole[:end])
                w.start()
                self.assertEqual(200, Client(w).stream(0, [0]).status)
                w.kill()
                state = World(w.state_file)
                self.assertEqual((1, []), (state.runs[RUN].files[HISTORY].count, state.violations))

    def test_it_is_told_what_to_do_from_outside(self):
        with FakeWandbProcess(faults=[dict(path="graphql", status=500)], latency_ms=1) as w:
            client = Client(w)
            self.assertEqual([500, 200], [client.upsert().status, client.upsert().status])
            w.tell("stop", run=RUN)
            self.assertIs(True, client.body({}).json["stopped"])
            w.tell("delete", run=RUN)
            w.kill()
            w.start(faults=[])
            client = Client(w)
            self.assertEqual(409, client.upsert().status)
            w.tell("set", latency_ms=0)
            w.tell("chaos", seed=1, probability=1, kinds=["500"])
            self.assertEqual(500, client.upsert().status)


if __name__ == "__main__":
    tap.main()
