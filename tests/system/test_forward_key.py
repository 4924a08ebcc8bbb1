"""A key is in the Authorization header of what goes to W&B, and nowhere else: not on disk, in a log, in /proc or in a note."""
import base64
import os
import shutil
import subprocess
import tempfile
import time
import unittest
import unittest.mock
from pathlib import Path

from fake_wandb import FakeWandb
from forwarding import ForwardingDaemon, begin, decided, has, of, push
from harness import DAEMON, wait_until

import tap

CANARY = "c4narY" * 8  # 48 characters: a key's length, and nothing else's text
OTHER = "0therK" * 8
SHAPES = [shape for key in (CANARY, OTHER) for shape in (
    key, key[:20], key[-20:], base64.b64encode(f"api:{key}".encode()).decode()[4:-4], key.encode().hex())]


class Key(unittest.TestCase):
    def setUp(self):
        self.w = FakeWandb(api_key=CANARY)
        self.addCleanup(self.w.close)
        self.secrets = Path(tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        self.addCleanup(shutil.rmtree, self.secrets, True)

    def forwarding(self, variables=None, **settings):
        daemon = ForwardingDaemon(self.w, key=None, variables=variables, **settings)
        daemon.arguments += ["--log-level", "debug"]
        self.addCleanup(daemon.__exit__)
        return daemon.start()

    def secret(self, name, text):
        path = self.secrets / name
        path.write_text(text, encoding="ascii")
        path.chmod(0o600)
        return str(path)

    def is_nowhere(self, daemon):
        """Neither the key nor a good part of it, plain or as it is sent."""
        places = {str(path): path.read_bytes() for path in daemon.directory.rglob("*") if path.is_file()}
        self.assertTrue({"metrics.db", "metrics.db-wal", "log"} <= {Path(path).name for path in places}, sorted(places))
        if daemon.process is not None:
            for name in ("cmdline", "environ"):
                places[f"/proc/…/{name}"] = Path(f"/proc/{daemon.process.pid}/{name}").read_bytes()
            for words in (["status", "--json"], ["status"], ["status", "--check"]):
                out = subprocess.run([DAEMON, *words], env=daemon.environment(), capture_output=True, check=False)
                places[" ".join(words)] = out.stdout + out.stderr
        for request in self.w.requests:
            headers = {name: value for name, value in request.headers.items() if name != "authorization"}
            places[f"request {request.number}"] = f"{request.path} {headers}".encode() + (request.body or b"")
        for place, data in places.items():
            for shape in SHAPES:
                self.assertNotIn(shape.encode(), data, place)
        return places

    def arrives(self, daemon, run):
        daemon.wait_for_end(run)
        self.assertEqual(decided(daemon.database, run), has(self.w, run))
        self.assertEqual([], self.w.violations)
        self.assertGreater(len(self.w.requests), 0)

    def test_the_hosts_key_is_shown_nowhere_wherever_it_comes_from(self):
        netloc = self.w.base_url.split("//")[1]
        for place, variables, settings in (
                ("WANDB_API_KEY", {"WANDB_API_KEY": CANARY}, {}),
                ("key_file", {}, {"key_file": self.secret("key", CANARY + "\n")}),
                ("netrc", {"NETRC": self.secret("netrc", f"machine {netloc}\n  login user\n  password {CANARY}\n")}, {})):
            with self.subTest(place):
                daemon = self.forwarding(variables, **settings)
                run = f"host-{place.lower()}"
                handle = begin(daemon, run)
                push(handle, run, range(60))
                self.is_nowhere(daemon)
                handle.finish(timeout=30)
                self.arrives(daemon, run)
                places = self.is_nowhere(daemon)
                self.assertIn(b"forward to http://127.0.0.1", places[str(daemon.log)])
                daemon.kill()
                self.is_nowhere(daemon)

    def test_a_refused_host_key_is_shown_nowhere_either(self):
        daemon = self.forwarding({"WANDB_API_KEY": OTHER})
        handle = begin(daemon, "refused1")
        push(handle, "refused1", range(30))
        wait_until(lambda: daemon.told("refused1").get("state") == "refused", "the key to be refused")
        handle.finish(timeout=30)
        self.is_nowhere(daemon)

    def test_a_trainers_own_key_is_shown_nowhere_taken_or_refused(self):
        daemon = self.forwarding()
        for run, key in (("taken001", CANARY), ("refused2", OTHER)):
            handle = begin(daemon, run, wandb_key=key)
            push(handle, run, range(60))
            handle.finish(timeout=30)
        self.arrives_beside_a_refusal(daemon)
        self.assertIn("run refused2: W&B refuses its own key", daemon.words())
        self.is_nowhere(daemon)
        daemon.stop()

    def arrives_beside_a_refusal(self, daemon):
        daemon.wait_for_end("taken001")
        self.assertEqual(decided(daemon.database, "taken001"), has(self.w, "taken001"))
        wait_until(lambda: daemon.told("refused2").get("state") == "refused", "the other key to be refused")

    def test_a_key_for_another_server_is_not_sent_to_this_one(self):
        daemon = self.forwarding()
        with unittest.mock.patch.dict(os.environ, WANDB_API_KEY=CANARY, WANDB_BASE_URL="https://api.wandb.ai"):
            handle = begin(daemon, "foreign1", wandb_key=True)
            push(handle, "foreign1", range(30))
            handle.finish(timeout=30)
            wait_until(lambda: "a W&B key" in (daemon.told("foreign1").get("words") or ""), "the run to wait for a key")
            out = subprocess.run([DAEMON, "sync", "--patience", "2", "foreign1"], env=daemon.environment(), capture_output=True,
                                 text=True, check=False)
        self.assertIn("run foreign1: its user's key is for https://api.wandb.ai, this daemon forwards to "
                      f"{self.w.base_url}: it is not used", daemon.words())
        self.assertEqual(1, out.returncode)
        self.assertIn(f"the key that came along is for https://api.wandb.ai, and not sent to {self.w.base_url}", out.stderr)
        self.assertEqual([], self.w.requests)
        self.is_nowhere(daemon)
        with unittest.mock.patch.dict(os.environ, WANDB_API_KEY=CANARY, WANDB_BASE_URL=self.w.base_url):
            subprocess.run([DAEMON, "sync", "foreign1"], env=daemon.environment(), capture_output=True, check=True)
        self.arrives(daemon, "foreign1")

    def test_who_hands_over_keys_that_are_not_used_cannot_flood_the_log(self):
        daemon = self.forwarding()
        with unittest.mock.patch.dict(os.environ, WANDB_API_KEY=CANARY, WANDB_BASE_URL="https://api.wandb.ai"):
            begun = time.monotonic()
            for i in range(150):
                begin(daemon, f"flood{i:03}", wandb_key=True).finish(timeout=30)
        later = int(time.monotonic() - begun)  # a hundred at once, and one each second
        self.assertIn(daemon.words().count(": it is not used"), range(100, 102 + later))

    def test_an_address_with_a_password_is_not_repeated(self):
        daemon = self.forwarding()
        with unittest.mock.patch.dict(os.environ, WANDB_API_KEY=CANARY, WANDB_BASE_URL=f"https://joe:{OTHER}@wandb.lab"):
            handle = begin(daemon, "foreign2", wandb_key=True)
            push(handle, "foreign2", range(30))
            handle.finish(timeout=30)
        wait_until(lambda: "its user's key is for another server" in daemon.words(), "the key to be left unused")
        self.is_nowhere(daemon)

    def test_a_trainer_that_ends_without_a_daemon_leaves_no_key_in_its_note(self):
        daemon = self.forwarding()
        handle = begin(daemon, "noted001", wandb_key=CANARY)
        push(handle, "noted001", range(30))
        self.assertTrue(handle.flush(20))
        daemon.kill()
        push(handle, "noted001", range(30, 60))
        handle.finish(timeout=0.2)
        notes = Path(f"{daemon.socket}.notes")
        wait_until(lambda: any(path.is_file() for path in notes.iterdir()), "a note to be left")
        self.is_nowhere(daemon)

    def test_a_key_that_went_with_the_daemon_is_waited_for_until_the_trainer_comes_again(self):
        self.w.fault(n=None, status=503)
        daemon = self.forwarding()
        handle = begin(daemon, "lost0001", wandb_key=CANARY)
        push(handle, "lost0001", range(60))
        handle.finish(timeout=30)
        daemon.kill()
        self.w.clear_faults()
        asked = len(self.w.requests)
        daemon.start()
        wait_until(lambda: "a W&B key" in (daemon.told("lost0001").get("words") or ""), "the run to wait for a key")
        self.assertEqual("waiting", daemon.told("lost0001")["state"])
        self.assertEqual(asked, len(self.w.requests))
        handle = begin(daemon, "lost0001", launch="second", wandb_key=CANARY)
        push(handle, "lost0001", range(60, 90))
        handle.finish(timeout=30)
        self.arrives(daemon, "lost0001")
        self.is_nowhere(daemon)

    def test_a_run_with_its_own_key_is_never_sent_with_the_hosts(self):
        if b"SAE_METRICSD_CRASH_AT" not in DAEMON.read_bytes():
            self.skipTest("built without -Dcrash_points=true")
        daemon = ForwardingDaemon(self.w, key=OTHER)
        self.addCleanup(daemon.__exit__)
        daemon.start(crash_at="after-commit:1")
        handle = begin(daemon, "mine0001", wandb_key=CANARY)
        daemon.process.wait(30)
        handle.finish(timeout=0.01)
        self.assertEqual([(1,)], daemon.rows("SELECT own_key FROM forwards_data"))
        daemon.start()
        handle = begin(daemon, "host0001")
        push(handle, "host0001", range(30))
        wait_until(lambda: daemon.told("host0001").get("state") == "refused", "the host's key to be refused")
        handle.finish(timeout=30)
        with_the_hosts = base64.b64encode(f"api:{OTHER}".encode()).decode()
        said = [request.body for request in self.w.requests if with_the_hosts in request.headers.get("authorization", "")]
        self.assertGreater(len(said), 0)
        self.assertFalse([body for body in said if b"mine0001" in body])

    def test_a_trainer_that_is_still_there_hands_its_key_over_again(self):
        daemon = self.forwarding()
        handle = begin(daemon, "again001", wandb_key=CANARY)
        push(handle, "again001", range(30))
        self.assertTrue(handle.flush(20))
        daemon.kill()
        daemon.start()
        push(handle, "again001", range(30, 60))
        handle.finish(timeout=30)
        self.arrives(daemon, "again001")

    def test_a_run_that_wandb_has_to_its_end_goes_on_with_the_key_that_comes_with_it(self):
        daemon = self.forwarding()
        for launch in range(3):
            handle = begin(daemon, "ended001", launch=f"launch {launch}", wandb_key=CANARY)
            push(handle, "ended001", range(launch * 30, launch * 30 + 30))
            handle.finish(timeout=30)
            self.arrives(daemon, "ended001")
            wait_until(lambda: daemon.told("ended001").get("state") == "synced", "the daemon to have done with it")
            time.sleep(0.3)  # and to have forgotten it


if __name__ == "__main__":
    tap.main()
