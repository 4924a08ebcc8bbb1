"""The units under a real systemd: booted in a container, with users of its own, trainers, restarts and a kill.

It needs root, systemd-nspawn and debootstrap, and a quarter of an hour the first time: it runs with SAE_METRICS_TEST_LONG=1
(tests/run --long), or alone:

    SAE_METRICS_TEST_LONG=1 meson test -C build 'systemd container'
"""
import json
import os
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import container
import tap

MEMBER, STRANGER = "joe", "eve"
KEY = "0123456789abcdef0123456789abcdef01234567"
SOCKET = "/run/sae-metricsd/socket"
UNITS = ("sae-metricsd.service", "sae-metricsd.socket")

# `trainer.py RUN STEPS STEP_MS [hang]`
TRAINER = """
import sys, time, sae_metrics
run_id, steps, step_ms = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
run = sae_metrics.init(id=run_id, project="p", d_sae=8, feature_sampling_window=50, wandb_log_frequency=10, dead_feature_window=60,
                       when_full=60)
for step in range(steps):
    run.log_step(step, fired=[1] * 7 + [0], n_rows=4, mse_loss=1.0 / (1 + step))
    if step == 0:
        print("began", flush=True)
    time.sleep(step_ms / 1000)
if sys.argv[4:] == ["hang"]:
    run.flush(60)
    print("hangs", flush=True)
    time.sleep(3600)
run.finish(timeout=60)
stats = run.stats
print(stats, flush=True)
sys.exit(0 if stats.dropped == 0 and stats.acked == stats.messages else 3)
"""

booted = None


def setUpModule():
    global booted
    reason = container.why_not() if tap.LONG else "it takes minutes: SAE_METRICS_TEST_LONG=1 (tests/run --long)"
    if reason:
        return
    container.make_debian()
    booted = container.Container()
    booted.do("useradd", "-m", "-G", "sae-metrics", MEMBER)
    booted.do("useradd", "-m", STRANGER)
    booted.write("/opt/trainer.py", TRAINER)


def tearDownModule():
    if booted is not None:
        booted.close()


class Systemd(unittest.TestCase):
    def setUp(self):
        if booted is None:
            self.skipTest(container.why_not() or "it takes minutes: SAE_METRICS_TEST_LONG=1 (tests/run --long)")
        self.c = booted
        self.c.do("systemctl", "enable", "--now", *reversed(UNITS))

    def wait_until(self, true, what):
        deadline = time.monotonic() + container.PATIENCE_S
        while not true():
            if time.monotonic() > deadline:
                self.fail(f"waited for {what}:\n{self.c.journal('-u', UNITS[0])[-3000:]}")
            time.sleep(0.05)

    def trainer(self, run, steps, step_ms=2, *more, user=MEMBER):
        trainer = self.c.begin("python3", "/opt/trainer.py", run, steps, step_ms, *more, user=user)
        self.addCleanup(trainer.communicate)
        # What is inside holds the pipes.
        self.addCleanup(self.c.do, "pkill", "-9", "-f", f"trainer.py {run} ", check=False)
        self.assertEqual("began\n", trainer.stdout.readline())
        return trainer

    def settle(self, trainer):
        out, err = trainer.communicate(timeout=container.PATIENCE_S)
        self.assertEqual(0, trainer.returncode, out + err)

    def run_of(self, run):
        return json.loads(self.c.do("sae-metricsd", "status", "--json", run, user=MEMBER).stdout)

    def steps(self, run):
        return int(self.c.do("sqlite3", "-readonly", "/var/lib/sae-metricsd/metrics.db",
                             f"SELECT count(DISTINCT step) FROM steps WHERE run = '{run}'").stdout)

    def test_it_runs_as_its_own_user_and_says_how_it_stands(self):
        self.assertEqual(("active", "running", "sae-metrics"), tuple(map(self.c.show, ("ActiveState", "SubState", "User"))))
        pid = self.c.show("MainPID")
        uid = self.c.do("id", "-u", "sae-metrics").stdout.strip()
        self.assertIn(f"Uid:\t{uid}\t{uid}\t", self.c.do("cat", f"/proc/{pid}/status").stdout)
        self.assertIn(" running; forward wandb ", self.c.show("StatusText"))
        self.assertNotIn("no folder for notes", self.c.journal("-u", UNITS[0]))
        self.assertEqual(f"{uid} 700", self.c.do("stat", "-c", "%u %a", "/var/lib/sae-metricsd").stdout.strip())
        self.assertEqual("root sae-metrics 660", self.c.do("stat", "-c", "%U %G %a", SOCKET).stdout.strip())

    def test_members_of_the_group_connect_and_others_do_not(self):
        self.settle(self.trainer("member01", 10))
        self.assertEqual((MEMBER, "finished"), (self.run_of("member01")["user"], self.run_of("member01")["state"]))
        out = self.c.do("env", f"SAE_METRICS_SOCKET={SOCKET}", "sae-metricsd", "status", user=STRANGER, check=False)
        self.assertEqual(3, out.returncode, out.stdout)
        self.assertIn("you may not connect; `sae-metricsd doctor` says what to do", out.stderr)

    def test_restarts_are_noticed_by_no_trainer(self):
        trainer = self.trainer("restart1", 2000)
        for _ in range(20):
            self.c.do("systemctl", "restart", UNITS[0])
            time.sleep(0.05)
        self.settle(trainer)
        self.assertEqual(2000, self.steps("restart1"))
        self.assertEqual("success", self.c.show("Result"))

    def test_one_that_is_killed_is_started_again(self):
        trainer = self.trainer("killed01", 1000)
        before, restarts = self.c.show("MainPID"), int(self.c.show("NRestarts"))
        self.c.do("kill", "-9", before)
        self.wait_until(lambda: self.c.show("SubState") == "running" and self.c.show("MainPID") != before, "the next daemon")
        self.assertEqual(restarts + 1, int(self.c.show("NRestarts")))
        self.settle(trainer)
        self.assertEqual(1000, self.steps("killed01"))

    def test_a_trainer_that_dies_is_seen_from_inside_the_sandbox(self):
        trainer = self.trainer("dies0001", 10, 2, "hang")
        self.assertEqual("hangs\n", trainer.stdout.readline())
        self.c.do("pkill", "-9", "-f", "trainer.py dies0001")
        self.wait_until(lambda: self.run_of("dies0001")["state"] == "crashed", "its end to be seen")

    def test_a_trainer_that_dies_while_the_daemon_is_away_is_seen_by_the_next(self):
        trainer = self.trainer("dies0002", 10, 2, "hang")
        self.assertEqual("hangs\n", trainer.stdout.readline())
        self.c.do("systemctl", "stop", UNITS[0])
        self.c.do("pkill", "-9", "-f", "trainer.py dies0002")
        trainer.communicate()
        self.c.do("systemctl", "start", UNITS[0])
        self.wait_until(lambda: self.run_of("dies0002")["state"] == "crashed", "its end to be seen")

    def test_when_a_trainer_began_can_be_read_inside_the_sandbox(self):
        trainer = self.trainer("began001", 10, 2, "hang")
        self.assertEqual("hangs\n", trainer.stdout.readline())
        theirs = self.c.do("pgrep", "-u", MEMBER, "-f", "trainer.py began001").stdout.strip()
        # As the daemon's user, with its view of /proc.
        out = self.c.do("nsenter", "-t", self.c.show("MainPID"), "-m", "setpriv", "--reuid=sae-metrics", "--clear-groups",
                        "cat", f"/proc/{theirs}/stat")
        self.assertIn(f"{theirs} (python3)", out.stdout)

    def test_who_ends_while_no_socket_is_there_leaves_a_note(self):
        trainer = self.trainer("noted001", 300, 10)
        self.c.do("systemctl", "stop", *UNITS)
        self.assertTrue(trainer.communicate(timeout=container.PATIENCE_S))
        self.assertEqual("sae-metrics", self.c.do("stat", "-c", "%G", f"{SOCKET}.notes").stdout.strip())
        self.assertEqual(1, len(self.c.do("ls", f"{SOCKET}.notes").stdout.split()))
        self.c.do("systemctl", "start", UNITS[0])
        self.assertEqual("finished", self.run_of("noted001")["state"])
        self.assertEqual("", self.c.do("ls", f"{SOCKET}.notes").stdout)

    def key_is_used(self):
        self.c.do("systemctl", "restart", UNITS[0])
        said = [line for line in self.c.journal("-u", UNITS[0]).splitlines() if "listening on" in line][-1]
        return "with the key from /run/credentials/sae-metricsd.service/wandb-api-key" in said

    def test_a_key_is_used_and_none_is_no_failure(self):
        drop_in = f"/etc/systemd/system/{UNITS[0]}.d/key.conf"
        self.assertFalse(self.key_is_used())
        for name, mode in (("credstore.encrypted", "encrypted"), ("credstore", "plain")):
            with self.subTest(mode):
                path = f"/etc/{name}/wandb-api-key"
                if mode == "encrypted":
                    self.c.do("systemd-creds", "encrypt", "--name=wandb-api-key", "-", path, input=KEY)
                else:
                    self.c.write(path, KEY, 0o600)
                    self.c.write(drop_in, "[Service]\nLoadCredential=wandb-api-key\n")
                self.c.do("systemctl", "daemon-reload")
                used = self.key_is_used()
                self.c.do("rm", "-f", path, drop_in)
                self.assertTrue(used, self.c.journal("-u", UNITS[0], "-n", "10"))
        self.c.do("systemctl", "daemon-reload")
        self.assertFalse(self.key_is_used())

    def fields(self, *arguments):
        return [json.loads(line) for line in self.c.journal("-o", "json", *arguments).splitlines()]

    def test_the_journal_finds_a_run_by_its_fields(self):
        self.settle(self.trainer("found001", 120))
        self.wait_until(lambda: any("finished" in entry["MESSAGE"] for entry in self.fields("SAE_RUN=found001")), "its end")
        entries = self.fields("SAE_RUN=found001")
        uid = self.c.do("id", "-u", MEMBER).stdout.strip()
        self.assertEqual({uid}, {entry["SAE_UID"] for entry in entries})
        started, = [entry for entry in entries if "started" in entry["MESSAGE"]]
        self.assertRegex(started["MESSAGE"], rf"^run found001 started: project=p user=({MEMBER}|{uid}) pid=\d+ rank=0/1$")
        self.assertEqual(("p", "6", "sae-metricsd"), (started["SAE_PROJECT"], started["PRIORITY"], started["SYSLOG_IDENTIFIER"]))
        closed = [entry["MESSAGE"] for entry in entries if "sparsity window" in entry["MESSAGE"]]
        self.assertRegex(closed[0], r"^run found001: sparsity window 0 closed, dead=\d+ below_1e-5=\d+$")
        self.assertIn(MEMBER, {entry.get("SAE_USER") for entry in entries})
        # By its kind, with what it means.
        self.c.do("journalctl", "--update-catalog")
        self.assertIn("A trainer came with a run", self.c.do("journalctl", "-x", "--no-pager",
                                                           f"MESSAGE_ID={started['MESSAGE_ID']}").stdout)

    def test_a_reload_keeps_it_running(self):
        pid = self.c.show("MainPID")
        self.c.do("systemctl", "reload", UNITS[0])
        self.wait_until(lambda: self.c.show("ActiveState") == "active", "it to have reloaded")
        self.assertEqual((pid, "running"), (self.c.show("MainPID"), self.c.show("SubState")))

    def test_stopping_leaves_the_sockets_file_and_no_failure(self):
        self.c.do("systemctl", "stop", UNITS[0])
        self.assertEqual(("inactive", "success"), (self.c.show("ActiveState"), self.c.show("Result")))
        self.c.do("test", "-S", SOCKET)
        # Whoever comes starts it.
        self.assertEqual(0, self.c.do("sae-metricsd", "status", user=MEMBER).returncode)
        self.assertEqual("active", self.c.show("ActiveState"))

    def test_a_users_own_manager_runs_one_when_the_first_trainer_comes(self):
        self.c.do("loginctl", "enable-linger", STRANGER)
        uid = self.c.do("id", "-u", STRANGER).stdout.strip()
        bus = ["env", f"XDG_RUNTIME_DIR=/run/user/{uid}", f"HOME=/home/{STRANGER}"]
        self.wait_until(lambda: self.c.do(*bus, "systemctl", "--user", "is-active", "default.target", user=STRANGER,
                                          check=False).returncode == 0, "the user's manager")
        self.c.do(*bus, "systemctl", "--user", "enable", "--now", "sae-metricsd.socket", user=STRANGER)
        out = self.c.do(*bus, "sae-metricsd", "status", "--json", user=STRANGER)
        self.assertIn(f'"socket": "/run/user/{uid}/sae-metricsd/socket"', out.stdout)
        self.assertEqual("active\n", self.c.do(*bus, "systemctl", "--user", "is-active", "sae-metricsd.service", user=STRANGER).stdout)
        self.assertTrue((self.c.root / f"home/{STRANGER}/.local/state/sae-metricsd/metrics.db").exists())


if __name__ == "__main__":
    tap.main()
