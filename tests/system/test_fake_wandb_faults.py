"""The stand-in for W&B's server fails as it is told to, and remembers what it answered when it is killed."""
import http.client
import socket
import ssl
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
import tap
from fake_wandb import HISTORY, RECOVERABLE, FakeWandb, FakeWandbProcess, World
from wandb_client import RUN, Client, kinds


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

    def test_a_body_too_large_may_be_refused_before_it_is_read(self):
        with FakeWandb() as w:
            Client(w).start()
            w.fault(path="file_stream", over_bytes=1 << 20, n=None, status=413, early=True)
            head = f"POST /files/{RUN}/file_stream HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n"
            with socket.create_connection(("127.0.0.1", w.port)) as sock, sock.makefile("rb") as file:
                sock.sendall(head.encode())
                self.assertEqual(b"HTTP/1.1 413 Payload Too Large\r\n", file.readline())
            self.assertEqual(200, Client(w).stream(0, [0]).status)
            self.assertEqual(([413, 200], 2000000), ([each.status for each in w.requests[1:]], w.requests[1].body_len))
            self.assertRaises(ValueError, w.fault, status=413, early=True, marker="x")

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
