"""``init`` with no daemon to be found: one is started, by whoever comes first, and what is logged lands in it."""
import os
import re
import signal
import stat
import sys
import unittest

from harness import PATIENCE_S, wait_until
from own_user import OwnUser

import tap

# What a script of five steps does; with a machine as busy as a sanitizer makes it, the daemon may come after the run.
FIVE_STEPS = """
import os, time
import sae_metrics
run = sae_metrics.init(project="p", name="five", d_sae=4)
deadline = time.monotonic() + 60
while not run.stats.connected and time.monotonic() < deadline:
    time.sleep(0.005)
for step in range(5):
    run.log_step(step, fired=[1, 2, 0, 4], n_rows=4, mse_loss=0.5)
run.finish(timeout=60)
print(run.id, run.stats.acked, run.stats.messages)
"""
STARTED = re.compile(r"sae-metrics: started sae-metricsd for you \(pid (\d+)\), it ends when idle; SAE_METRICS_AUTOSTART=0 refuses\n")


class Autostart(unittest.TestCase):
    def user(self, **how):
        user = OwnUser(**how)
        self.addCleanup(user.close)
        return user

    def assert_landed(self, user, out, database=None):
        self.assertEqual(0, out.returncode, out.stderr)
        run, acked, messages = out.stdout.split()
        self.assertEqual(("6", "6"), (acked, messages))
        self.assertEqual([(step,) for step in range(5)],
                         user.rows("SELECT step FROM steps WHERE run = ? ORDER BY step", run, database=database))

    def test_five_steps_of_a_short_script_land(self):
        user = self.user()
        # As people write it: nothing waits for a connection here.
        out = user.python(FIVE_STEPS.replace("not run.stats.connected", "False")) if "sanitize=none" in os.environ.get(
            "SAE_METRICSD_BUILD_KIND", "sanitize=none") else user.python(FIVE_STEPS)
        self.assert_landed(user, out)
        started = STARTED.findall(out.stderr)
        self.assertEqual({int(pid) for pid in started}, user.daemons(), out.stderr)

    def test_twelve_processes_at_once_start_one(self):
        user = self.user()
        processes = [user.begin(*user.python_command(FIVE_STEPS), **user.python_variables()) for _ in range(12)]
        said = [process.communicate(timeout=PATIENCE_S) for process in processes]
        self.assertEqual([0] * 12, [process.returncode for process in processes], said)
        self.assertEqual(1, len(user.daemons()))
        self.assertEqual(1, user.log.count("listening on"), user.log)
        self.assertEqual([(12, 60)], user.rows("SELECT count(DISTINCT run), count(*) FROM steps"))
        self.assertLessEqual(sum(bool(STARTED.search(err)) for _, err in said), 1)

    def test_it_is_refused_by_a_variable(self):
        user = self.user()
        script = FIVE_STEPS.replace("+ 60", "+ 0.5")
        out = user.python(script, SAE_METRICS_AUTOSTART="0", SAE_METRICS_STRICT=None)
        self.assertEqual(0, out.returncode, out.stderr)
        self.assertIn("no daemon answers at", out.stderr)
        self.assertEqual(set(), user.daemons())
        self.assertFalse(user.database.exists())

    def test_a_socket_that_was_named_is_the_only_one(self):
        user = self.user()
        script = FIVE_STEPS.replace("+ 60", "+ 0.5")
        for variables, of_init in (({"SAE_METRICS_SOCKET": "/nowhere/socket"}, ""), ({}, ', socket="/nowhere/socket"')):
            out = user.python(script.replace(", d_sae=4", f", d_sae=4{of_init}"), SAE_METRICS_STRICT=None, **variables)
            self.assertIn("no daemon answers at /nowhere/socket", out.stderr)
        self.assertEqual(set(), user.daemons())

    def test_without_a_login_it_is_found_in_tmp(self):
        for runtime in (None, "/run/user/none"):
            with self.subTest(runtime):
                user = self.user(login=False)
                if not user.owns_shared_folders():
                    self.skipTest(f"{user.shared[0]} is somebody's")
                out = user.python(FIVE_STEPS, XDG_RUNTIME_DIR=runtime)
                self.assert_landed(user, out)
                self.assertTrue(stat.S_ISSOCK((user.shared[0] / "socket").stat().st_mode))
                user.close()

    @unittest.skipUnless(os.getuid() == 0, "only root can make another user's folder")
    def test_a_folder_that_somebody_made_before_is_refused_in_words(self):
        user = self.user(login=False)
        user.shared[0].mkdir(mode=0o777)
        user.shared[0].chmod(0o777)
        out = user.python(FIVE_STEPS.replace("+ 60", "+ 0.5"), SAE_METRICS_STRICT=None)
        self.assertEqual(0, out.returncode, out.stderr)
        self.assertIn("no daemon could be started for you", out.stderr)
        self.assertIn("belongs to another user, and is not used", out.stderr)
        self.assertEqual(set(), user.daemons())

    @unittest.skipUnless(os.getuid() == 0, "only root has a user whose folders in /var/tmp are nobody's")
    def test_a_home_that_cannot_be_written_is_no_obstacle(self):
        user = self.user()
        out = user.python(FIVE_STEPS, HOME="/nonexistent")
        self.assert_landed(user, out, user.shared[1] / "metrics.db")

    def test_a_daemon_that_died_is_replaced_by_the_next_run(self):
        user = self.user()
        self.assert_landed(user, user.python(FIVE_STEPS))
        first, = user.daemons()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not user.daemons(), "the daemon to die")
        self.assert_landed(user, user.python(FIVE_STEPS))
        second, = user.daemons()
        self.assertNotEqual(first, second)

    def test_the_selftest_finds_all_well(self):
        user = self.user()
        out = user.run(sys.executable, "-m", "sae_metrics", "selftest",
                       **{"PYTHONPATH": str(user.home / "site"), **user.python_variables()})
        self.assertEqual(0, out.returncode, out.stdout + out.stderr)
        lines = out.stdout.splitlines()
        self.assertEqual(["ok"] * 7, [line.split()[0] for line in lines[:-1]])
        self.assertIn(str(user.database), lines[-1])
        self.assertEqual([("sae-metrics-selftest", "finished")], user.rows("SELECT project, state FROM runs"))

    def test_the_selftest_says_what_is_not_well(self):
        user = self.user()
        selftest = [sys.executable, "-m", "sae_metrics", "selftest"]
        where = {"PYTHONPATH": str(user.home / "site"), **user.python_variables()}
        out = user.run(*selftest, SAE_METRICS_AUTOSTART="0", **where)
        self.assertEqual((1, "FAIL  no daemon answers: start one with `sae-metricsd start`"),
                         (out.returncode, out.stdout.splitlines()[-1]))
        out = user.run(*selftest, SAE_METRICS="off", **where)
        self.assertEqual((1, "FAIL  SAE_METRICS=off: the package does nothing\n"), (out.returncode, out.stdout))

        # Another count than was sent: it is the comparison that is tried here.
        broken = user.python("import sys\nfrom sae_metrics import selftest\nreal = selftest.fired\n"
                             "selftest.densities = lambda w: [0.5] * 64\nsys.exit(selftest.main())")
        self.assertEqual(1, broken.returncode)
        self.assertIn("FAIL  never_fired of window 0 is 16, and should be 0", broken.stdout)

    def test_usage_is_said(self):
        user = self.user()
        where = {"PYTHONPATH": str(user.home / "site")}
        self.assertEqual(0, user.run(sys.executable, "-m", "sae_metrics", **where).returncode)
        self.assertEqual(2, user.run(sys.executable, "-m", "sae_metrics", "dance", **where).returncode)


if __name__ == "__main__":
    tap.main()
