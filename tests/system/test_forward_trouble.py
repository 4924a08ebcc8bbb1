"""W&B and the network at their worst: what a user is told of each trouble, and that in the end nothing is lost, nothing there
twice, and the trainer has noticed nothing."""
import shutil
import tempfile
import time
import unittest
from email.utils import formatdate
from pathlib import Path

from fake_wandb import FakeWandb
from forwarding import RESERVED, ForwardingDaemon, begin, decided, has, of, push
from harness import wait_until
from proxy import Proxy

import tap

# What passes by itself, and the words for it. Each is met by a run of its own.
PASSING = {
    "408": (dict(status=408), "fault 408 (HTTP 408)"),
    "429": (dict(status=429), "fault 429 (HTTP 429)"),
    "500": (dict(status=500), "fault 500 (HTTP 500)"),
    "502": (dict(status=502, body="<html><head><style>p {}</style></head><p>bad  gateway</p></html>"),
            "bad gateway (HTTP 502)"),
    "503": (dict(status=503, body=""), "HTTP 503"),
    "504": (dict(status=504, effect=True), "fault 504 (HTTP 504)"),
    "599": (dict(status=599, body={"errors": ["a", {"message": "b"}]}), "a; b (HTTP 599)"),
    "half": (dict(half=True), "bytes remaining to read"),
    "reset-before": (dict(reset="before"), "reset by peer"),
    "reset-after": (dict(reset="after"), "reset by peer"),
    "no-http": (dict(no_http=True), "HTTP/0.9"),
}
# What somebody has to mend: asked again a minute later at the earliest.
MENDING = {
    "501": (dict(status=501), "fault 501 (HTTP 501)"),
    "301": (dict(status=301, redirect="http://elsewhere.example/"), "it is at http://elsewhere.example/ now: set base_url"),
}


class Trouble(unittest.TestCase):
    def forwarding(self, w, **settings):
        daemon = ForwardingDaemon(w, **settings).start()
        self.addCleanup(daemon.__exit__)
        return daemon

    def world(self, **options):
        w = FakeWandb(**options)
        self.addCleanup(w.close)
        return w

    def wait_for_words(self, daemon, run, words, state="waiting"):
        wait_until(lambda: words in (daemon.told(run).get("words") or ""), f"{run} to be said to wait for {words!r}", 30)
        self.assertEqual(state, daemon.told(run)["state"], daemon.told(run))

    def trainer_is_unharmed(self, handle):
        """What it has pushed is on disk, whatever W&B does."""
        self.assertTrue(handle.flush(20))
        self.assertEqual((0, 0), (handle.stats.dropped, handle.stats.refused))

    def is_all_there(self, w, daemon, *runs):
        for run in runs:
            daemon.wait_for_end(run)
            lines = decided(daemon.database, run)
            self.assertGreater(len(lines), 0)
            self.assertEqual(lines, has(w, run), run)
            self.assertTrue(of(w, run).complete)
        self.assertEqual([], w.violations)

    # ---- what passes ----

    def test_what_passes_by_itself_is_waited_for_in_wandbs_own_words(self):
        for path in ("graphql", "file_stream"):
            with self.subTest(path):
                w = self.world()
                daemon = self.forwarding(w)
                for kind, (fault, _) in {**PASSING, **MENDING}.items():
                    w.fault(path=path, run=kind, n=None, **fault)
                handles = {kind: begin(daemon, kind) for kind in {**PASSING, **MENDING}}
                for kind, handle in handles.items():
                    push(handle, kind, range(30))
                for kind, (_, words) in {**PASSING, **MENDING}.items():
                    self.wait_for_words(daemon, kind, words)
                for handle in handles.values():
                    self.trainer_is_unharmed(handle)
                w.clear_faults()
                for kind, handle in handles.items():
                    push(handle, kind, range(30, 60))
                    handle.finish(timeout=30)
                for kind in MENDING:  # it would be found out in a minute
                    daemon.ask(run=kind)
                self.is_all_there(w, daemon, *handles)
                self.assertIn("W&B cannot be reached: ", daemon.words())
                self.assertIn("W&B answers again, after ", daemon.words())

    def test_a_run_that_fails_among_others_that_do_not_is_not_asked_for_more_often_than_it_should(self):
        w = self.world()
        daemon = self.forwarding(w)
        w.fault(path="file_stream", run="poisoned", n=None, status=500)
        handles = {run: begin(daemon, run) for run in ("poisoned", "healthy1", "healthy2", "healthy3")}
        deadline = time.monotonic() + 12
        step = 0
        while time.monotonic() < deadline:
            for run, handle in handles.items():
                push(handle, run, [step])
            step += 1
            time.sleep(0.05)
        for handle in handles.values():
            handle.finish(timeout=30)
        asked = [request.at for request in w.requests if request.kind == "file_stream" and request.run.endswith("/poisoned")]
        self.assertGreater(len(asked), 2)
        self.assertLess(len(asked), 6, "it does not back off")  # at 0, 2, 6 and 14 s, and once because others got through
        self.assertLess(daemon.words().count("cannot be reached"), 3, daemon.words())
        w.clear_faults()
        daemon.ask(run="poisoned")
        self.is_all_there(w, daemon, *handles)

    def test_an_answer_that_comes_byte_by_byte_is_an_answer_and_garbage_from_file_stream_is_one_too(self):
        w = self.world()
        daemon = self.forwarding(w)
        w.fault(run="slow0001", slow_s=0.001, n=None)
        w.fault(path="file_stream", run="garbage1", garbage=True, n=None)
        for run in ("slow0001", "garbage1"):
            handle = begin(daemon, run)
            push(handle, run, range(60))
            handle.finish(timeout=30)
        self.is_all_there(w, daemon, "slow0001", "garbage1")
        self.assertNotIn("cannot be reached", daemon.words())

    def test_garbage_in_place_of_what_wandb_says_of_a_run_is_no_answer(self):
        w = self.world()
        daemon = self.forwarding(w)
        w.fault(path="graphql", garbage=True, n=None)
        handle = begin(daemon, "garbage2")
        push(handle, "garbage2", range(60))
        self.wait_for_words(daemon, "garbage2", "the answer is no JSON")
        self.trainer_is_unharmed(handle)
        w.clear_faults()
        handle.finish(timeout=30)
        daemon.ask(run="garbage2")
        self.is_all_there(w, daemon, "garbage2")

    def test_who_never_answers_is_given_up_in_time_and_asked_again(self):
        w = self.world()
        daemon = self.forwarding(w, request_timeout="1s")
        handle = begin(daemon, "hanging1")
        push(handle, "hanging1", range(30))
        wait_until(lambda: of(w, "hanging1"), "the run to be there")
        w.fault(path="file_stream", hang=True)
        w.fault(path="file_stream", hang=True, effect=True)
        push(handle, "hanging1", range(30, 60))
        self.wait_for_words(daemon, "hanging1", "timed out")
        self.trainer_is_unharmed(handle)
        handle.finish(timeout=30)
        self.is_all_there(w, daemon, "hanging1")

    # ---- who asks to be left alone ----

    def asks_after(self, w, told, until):
        """No request of any run comes in the time that was asked for; some do later."""
        wait_until(lambda: any(request.at >= until for request in w.requests), "somebody to ask again")
        early = [request.at - told for request in w.requests if told + 0.2 < request.at < until]
        self.assertEqual([], early, "asked although W&B had asked for time")

    def test_nobody_asks_before_the_time_that_a_429_names(self):
        for name in ("seconds", "date"):
            with self.subTest(name):
                w = self.world()
                daemon = self.forwarding(w)
                handles = [(run, begin(daemon, run)) for run in ("limited1", "limited2")]
                for run, handle in handles:
                    push(handle, run, range(15))
                    wait_until(lambda: of(w, run) and has(w, run), "the first lines")
                date = int(time.time() + 5)
                fault = w.fault(status=429, headers={"Retry-After": "3" if name == "seconds" else formatdate(date, usegmt=True)})
                step = 15
                while fault.hits == 0:
                    for run, handle in handles:
                        push(handle, run, [step])
                    step += 1
                    time.sleep(0.02)
                told = next(request for request in w.requests if request.fault is fault).at
                for run, handle in handles:
                    push(handle, run, range(step, step + 30))
                    self.trainer_is_unharmed(handle)
                    handle.finish(timeout=30)
                self.asks_after(w, told, told + 2.99 if name == "seconds" else date - 0.01)
                self.is_all_there(w, daemon, "limited1", "limited2")

    def test_when_the_servers_quota_is_used_up_nobody_asks_until_it_is_renewed(self):
        w = self.world(stream_headers={"RateLimit-Remaining": "0", "RateLimit-Reset": "2"})
        daemon = self.forwarding(w)
        handle = begin(daemon, "quota001")
        push(handle, "quota001", range(30))
        wait_until(lambda: of(w, "quota001") and has(w, "quota001"), "the first lines")
        told = next(request for request in w.requests if request.kind == "file_stream").at
        push(handle, "quota001", range(30, 60))
        handle.finish(timeout=30)
        self.asks_after(w, told, told + 2 - 0.01)
        self.is_all_there(w, daemon, "quota001")

    # ---- what W&B does not take ----

    def test_a_line_wandb_does_not_take_is_set_aside_and_all_others_get_there(self):
        w = self.world()
        daemon = self.forwarding(w)
        w.fault(path="file_stream", marker="POISON", status=400, n=None, body={"error": "not that"})
        handle = begin(daemon, "bad00001")
        push(handle, "bad00001", range(100))
        handle.log({"odd": "POISON"}, step=99)
        push(handle, "bad00001", range(100, 150))
        handle.log({"odd": "well"}, step=149)
        push(handle, "bad00001", range(150, 200))
        handle.finish(timeout=30)
        daemon.wait_for_end("bad00001")
        (line, step, status, words, json), = daemon.rows(
            "SELECT line, step, status, words, json FROM refused_lines WHERE run = 'bad00001'")
        self.assertEqual((99, 400, "not that (HTTP 400)"), (step, status, words))
        self.assertIn("POISON", json)
        lines, got = decided(daemon.database, "bad00001"), has(w, "bad00001")
        self.assertEqual(set(RESERVED), set(got[line]))
        self.assertEqual(lines[line]["_step"], got[line]["_step"])
        self.assertEqual(lines[:line] + lines[line + 1:], got[:line] + got[line + 1:])
        self.assertEqual("well", of(w, "bad00001").summary["odd"])
        self.assertEqual([], w.violations)
        self.assertTrue(any("did not take the line of step 99: not that" in text for text in daemon.events("bad00001")))
        self.assertEqual(1, daemon.told("bad00001")["refused_rows"])

    def test_a_summary_wandb_does_not_take_keeps_no_line_back(self):
        w = self.world()
        daemon = self.forwarding(w)
        w.fault(path="file_stream", marker="wandb-summary.json", status=422, n=None)
        handle = begin(daemon, "bad00002")
        push(handle, "bad00002", range(100))
        handle.finish(timeout=30)
        self.is_all_there(w, daemon, "bad00002")
        self.assertIsNone(of(w, "bad00002").summary)
        self.assertTrue(any("did not take the summary" in text for text in daemon.events("bad00002")))

    def test_a_request_that_is_too_large_is_halved_until_it_fits(self):
        for early in (False, True):
            with self.subTest(early=early):
                w = self.world()
                w.fault(path="graphql", n=1, status=503)  # some lines come together
                w.fault(path="file_stream", over_bytes=12000, status=413, n=None, early=early, body="")
                daemon = self.forwarding(w)
                handle = begin(daemon, "large001")
                push(handle, "large001", range(100))
                handle.log({"huge": "x" * 15000}, step=99)
                push(handle, "large001", range(100, 201))
                handle.log({"huge": "small"}, step=200)
                push(handle, "large001", range(201, 300))
                handle.finish(timeout=30)
                daemon.wait_for_end("large001")
                lines, got = decided(daemon.database, "large001"), has(w, "large001")
                (line, step, status), = daemon.rows("SELECT line, step, status FROM refused_lines WHERE run = 'large001'")
                self.assertEqual((99, 413), (step, status))
                self.assertEqual(lines[:line] + lines[line + 1:], got[:line] + got[line + 1:])
                self.assertEqual("small", of(w, "large001").summary["huge"])
                self.assertEqual([], w.violations)
                self.assertLess(sum(request.status == 413 for request in w.requests), 60)

    def test_a_server_that_takes_nothing_blames_no_line(self):
        w = self.world()
        daemon = self.forwarding(w)
        handle = begin(daemon, "bad00003")
        push(handle, "bad00003", range(30))
        wait_until(lambda: of(w, "bad00003") and has(w, "bad00003"), "the first lines")
        w.fault(path="file_stream", status=400, n=None)
        push(handle, "bad00003", range(30, 200))
        self.wait_for_words(daemon, "bad00003", "HTTP 400")
        self.trainer_is_unharmed(handle)
        self.assertEqual(0, daemon.forwards("bad00003")["refused"])
        w.clear_faults()
        daemon.ask(run="bad00003")
        handle.finish(timeout=30)
        daemon.wait_for_end("bad00003")
        self.assertEqual(len(decided(daemon.database, "bad00003")), len(has(w, "bad00003")))
        self.assertEqual([], w.violations)

    def test_a_key_that_is_not_taken_keeps_the_lines_until_the_daemon_has_another(self):
        for status in (401, 403):
            with self.subTest(status):
                w = self.world()
                daemon = self.forwarding(w)
                w.fault(status=status, n=None, body={"error": "permission denied"})
                handles = {run: begin(daemon, run) for run in ("nokey001", "nokey002")}
                for run, handle in handles.items():
                    push(handle, run, range(60))
                    self.wait_for_words(daemon, run, f"permission denied (HTTP {status})", state="refused")
                    self.trainer_is_unharmed(handle)
                self.assertEqual(1, daemon.words().count("W&B refuses the key from WANDB_API_KEY: permission denied"))
                daemon.stop()
                w.clear_faults()
                daemon.start()
                for handle in handles.values():
                    handle.finish(timeout=30)
                self.is_all_there(w, daemon, *handles)

    def test_without_libcurl_that_is_said_and_the_next_start_sends_what_was_kept(self):
        w = self.world()
        folder = Path(tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        self.addCleanup(shutil.rmtree, folder, True)
        (folder / "libcurl.so.4").touch()
        daemon = self.forwarding(w, variables={"LD_LIBRARY_PATH": str(folder)})
        handle = begin(daemon, "nocurl01")
        push(handle, "nocurl01", range(60))
        self.trainer_is_unharmed(handle)
        said = daemon.status()["daemon"]["forward"]
        self.assertEqual("offline", said["state"])
        self.assertIn("libcurl cannot be loaded: " + str(folder / "libcurl.so.4"), said["alert"])
        self.assertEqual(1, daemon.words().count("nothing is forwarded to W&B"))
        self.assertEqual("offline", daemon.told("nocurl01")["state"])
        self.assertEqual(said["alert"], daemon.ask(run="nocurl01"))
        self.assertGreater(daemon.forwards("nocurl01")["pending"], 0)
        self.assertEqual([], w.requests)
        daemon.stop()
        del daemon.variables["LD_LIBRARY_PATH"]
        daemon.start()
        handle.finish(timeout=30)
        self.is_all_there(w, daemon, "nocurl01")

    def test_another_key_than_wandbs_is_refused_and_the_right_one_heals_it(self):
        w = self.world()
        daemon = self.forwarding(w, key="b" * 40)
        handle = begin(daemon, "nokey003")
        push(handle, "nokey003", range(60))
        self.wait_for_words(daemon, "nokey003", "not logged in (HTTP 401)", state="refused")
        daemon.stop()
        daemon.variables["WANDB_API_KEY"] = "a" * 40
        daemon.start()
        handle.finish(timeout=30)
        daemon.wait_for_end("nokey003")
        self.assertEqual({"auth"}, {violation.kind for violation in w.violations})
        self.assertEqual(decided(daemon.database, "nokey003"), has(w, "nokey003"))

    def test_a_run_that_is_gone_is_parked_until_its_user_wants_it_to_go_on(self):
        for status in (404, 410):
            with self.subTest(status):
                w = self.world()
                daemon = self.forwarding(w)
                handle = begin(daemon, "gone0001")
                push(handle, "gone0001", range(30))
                wait_until(lambda: of(w, "gone0001") and has(w, "gone0001"), "the first lines")
                w.fault(path="file_stream", status=status, n=None, body={"error": "no such run"})
                push(handle, "gone0001", range(30, 60))
                self.wait_for_words(daemon, "gone0001", "does not know this run any more: no such run", state="refused")
                self.assertIn("no such run", daemon.forwards("gone0001")["parked"])
                self.trainer_is_unharmed(handle)
                asked = len(w.requests)
                w.clear_faults()
                push(handle, "gone0001", range(60, 90))
                handle.finish(timeout=30)
                daemon.stop()
                daemon.start()  # that alone is no reason to ask again
                self.wait_for_words(daemon, "gone0001", "no such run", state="refused")
                self.assertEqual(asked, len(w.requests))
                daemon.ask(run="gone0001")
                self.is_all_there(w, daemon, "gone0001")

    def test_a_deleted_run_is_said_to_be_so_and_left_alone(self):
        w = self.world()
        daemon = self.forwarding(w)
        handle = begin(daemon, "deleted1")
        push(handle, "deleted1", range(30))
        wait_until(lambda: of(w, "deleted1") and has(w, "deleted1"), "the first lines")
        w.delete("deleted1")
        push(handle, "deleted1", range(30, 60))
        self.wait_for_words(daemon, "deleted1", "previously created and deleted", state="refused")
        self.assertTrue(any("needs another id" in text for text in daemon.events("deleted1")))
        self.trainer_is_unharmed(handle)
        handle.finish(timeout=30)
        handle = begin(daemon, "deleted1", launch="second")
        push(handle, "deleted1", range(60, 90))
        handle.finish(timeout=30)
        asked = len(w.requests)
        handle = begin(daemon, "another1")  # others go on
        push(handle, "another1", range(30))
        handle.finish(timeout=30)
        self.is_all_there(w, daemon, "another1")
        self.assertFalse([request for request in w.requests[asked:] if "deleted1" in (request.run or "")])

    # ---- on the way ----

    def test_a_redirect_is_told_and_not_followed_with_the_key(self):
        w, elsewhere = self.world(), self.world()
        daemon = self.forwarding(w)
        w.fault(redirect=elsewhere.base_url + "/graphql", n=None)
        handle = begin(daemon, "moved001")
        push(handle, "moved001", range(60))
        self.wait_for_words(daemon, "moved001", f"it is at {elsewhere.base_url}/graphql now: set base_url to that")
        self.trainer_is_unharmed(handle)
        w.clear_faults()
        handle.finish(timeout=30)
        daemon.ask()
        self.is_all_there(w, daemon, "moved001")
        self.assertEqual([], elsewhere.requests)

    def test_a_certificate_that_is_not_believed_is_said_and_nothing_sent(self):
        for kind, words in (("self-signed", "self-signed certificate"), ("expired", "certificate has expired"),
                            ("wrong-host", "127.0.0.1"), ("good", "unable to get local issuer certificate")):
            with self.subTest(kind):
                w = self.world(tls=kind)
                trusted = {} if kind in ("good", "self-signed") else {"ca_file": w.ca_file}
                daemon = self.forwarding(w, **trusted)
                handle = begin(daemon, "secret01")
                push(handle, "secret01", range(60))
                self.wait_for_words(daemon, "secret01", words)
                self.trainer_is_unharmed(handle)
                self.assertEqual([], w.requests)
                if kind == "good":
                    daemon.stop()
                    daemon.settings["ca_file"] = w.ca_file
                    daemon.start()
                    handle.finish(timeout=30)
                    self.is_all_there(w, daemon, "secret01")

    def test_a_server_that_is_away_and_comes_back_has_all_of_it(self):
        directory = Path(tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        self.addCleanup(shutil.rmtree, directory, True)
        w = self.world(state_file=str(directory / "state"))
        daemon = self.forwarding(w)
        handle = begin(daemon, "away0001")
        push(handle, "away0001", range(30))
        wait_until(lambda: of(w, "away0001") and has(w, "away0001"), "the first lines")
        w.close()
        push(handle, "away0001", range(30, 100))
        self.wait_for_words(daemon, "away0001", f"port {w.port}")
        self.trainer_is_unharmed(handle)
        wait_until(lambda: "W&B cannot be reached" in daemon.words(), "a second try, for one is no news")
        again = self.world(port=w.port, state_file=str(directory / "state"))
        handle.finish(timeout=30)
        self.is_all_there(again, daemon, "away0001")
        self.assertEqual(1, daemon.words().count("W&B cannot be reached"))
        self.assertEqual(1, daemon.words().count("W&B answers again"))

    def test_proxies_are_gone_through_as_the_environment_says(self):
        for names, tls in ((("http_proxy",), None), (("WANDB_HTTP_PROXY",), None), (("https_proxy",), "good"),
                           (("HTTPS_PROXY",), "good"), (("WANDB_HTTPS_PROXY",), "good")):
            with self.subTest(names[0]), Proxy() as proxy:
                w = self.world(tls=tls)
                trusted = {"ca_file": w.ca_file} if tls else {}
                daemon = self.forwarding(w, variables={name: proxy.url for name in names}, **trusted)
                handle = begin(daemon, "proxied1")
                push(handle, "proxied1", range(30))
                handle.finish(timeout=30)
                self.is_all_there(w, daemon, "proxied1")
                self.assertGreater(len(proxy.seen), 0)
                self.assertEqual({"CONNECT" if tls else "POST"}, {seen.split(" ")[0] for seen in proxy.seen})
                if tls:
                    self.assertFalse([headers for headers in proxy.headers if "Authorization" in headers])

    def test_what_no_proxy_names_is_asked_directly(self):
        with Proxy() as proxy:
            w = self.world()
            daemon = self.forwarding(w, variables={"http_proxy": proxy.url, "no_proxy": "127.0.0.1"})
            handle = begin(daemon, "direct01")
            push(handle, "direct01", range(30))
            handle.finish(timeout=30)
            self.is_all_there(w, daemon, "direct01")
            self.assertEqual([], proxy.seen)

    def test_a_proxy_that_refuses_is_waited_for(self):
        with Proxy() as proxy:
            proxy.refuses = 407
            w = self.world(tls="good")
            daemon = self.forwarding(w, variables={"https_proxy": proxy.url}, ca_file=w.ca_file)
            handle = begin(daemon, "proxied2")
            push(handle, "proxied2", range(30))
            self.wait_for_words(daemon, "proxied2", "407")
            self.trainer_is_unharmed(handle)
            proxy.refuses = None
            handle.finish(timeout=30)
            self.is_all_there(w, daemon, "proxied2")


if __name__ == "__main__":
    tap.main()
