"""A daemon in the background, for whoever needs one: at most one, where it is found, and no longer than it is needed."""
import json
import os
import signal
import socket
import stat
import subprocess
import time
import unittest

from harness import PATIENCE_S, wait_until
from own_user import OwnUser

import tap

# Longer than a trainer needs to come after the daemon was started; programs with a sanitizer are slow to begin.
IDLE_S = 2 if PATIENCE_S <= 60 else 8
IDLE = f"{IDLE_S}s"


class Start(unittest.TestCase):
    def user(self, **how):
        user = OwnUser(**how)
        self.addCleanup(user.close)
        return user

    def assert_ended(self, user, pid):
        wait_until(lambda: pid not in user.daemons(), f"the daemon {pid} to end")

    def test_a_daemon_is_started_and_found_by_all(self):
        user = self.user()
        said = user.start()
        self.assertEqual((str(user.runtime_socket), str(user.database), ""),
                         (said["socket"], said["database"], said["remark"]))
        self.assertEqual({said["pid"]}, user.daemons())
        out = user.sae_metricsd("status", "--json")
        self.assertIn('"reachable": true', out.stdout)

        # It belongs to nobody: a session of its own, and nothing of whoever started it.
        self.assertEqual(said["pid"], os.getsid(said["pid"]))
        open_files = {os.readlink(f"/proc/{said['pid']}/fd/{fd}") for fd in (0, 1, 2)}
        self.assertEqual({"/dev/null", said["log"]}, open_files)
        self.assertEqual("/", os.readlink(f"/proc/{said['pid']}/cwd"))

    def test_started_by_a_trainer_that_is_a_service_it_does_not_speak_for_it(self):
        user = self.user()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(str(user.home / "notify"))
            (user.home / "notify").chmod(0o777)
            user.start(NOTIFY_SOCKET=str(user.home / "notify"), WATCHDOG_USEC="100000", JOURNAL_STREAM="1:1")
            told.setblocking(False)
            with self.assertRaises(BlockingIOError):
                told.recv(4096)
        wait_until(lambda: user.log, "its first words, which come after the socket")
        self.assertTrue(user.log.startswith("sae-metricsd "), user.log)

    def test_who_asks_again_gets_the_same(self):
        user = self.user()
        said = user.start()
        self.assertEqual({"started": False, "socket": said["socket"]}, user.start())
        self.assertEqual({said["pid"]}, user.daemons())

    def test_of_twelve_at_once_one_starts_it(self):
        user = self.user()
        starting = [user.begin(user.program, "start", "--json") for _ in range(12)]
        said = [process.communicate(timeout=PATIENCE_S) for process in starting]
        self.assertEqual([0] * 12, [process.returncode for process in starting], said)
        self.assertEqual(1, sum('"started": true' in out for out, _ in said), said)
        self.assertEqual(1, len(user.daemons()))
        wait_until(lambda: "listening on" in user.log, "its first words, which come after the socket")
        self.assertEqual(1, user.log.count("listening on"), user.log)

    def test_nobody_needs_it_and_it_ends(self):
        user = self.user()
        said = user.start("--exit-when-idle", "1s")
        self.assert_ended(user, said["pid"])
        self.assertIn("nobody has been here for 1s: ending", user.log)
        self.assertFalse(user.runtime_socket.exists())
        self.assertNotEqual(said["pid"], user.start()["pid"])

    def test_a_trainer_that_is_silent_keeps_it(self):
        user = self.user()
        said = user.start("--exit-when-idle", IDLE)
        out = user.python(f"""
import time, sae_metrics
run = sae_metrics.init(id="silent01", project="p", d_sae=8)
run.log_step(0, fired=[1] * 8, n_rows=4)
assert run.flush(30)
time.sleep({IDLE_S + 1})
run.log_step(1, fired=[1] * 8, n_rows=4)
assert run.flush(30)
assert run.stats.connects == 1, run.stats
run.finish()
""")
        self.assertIn("run silent01 finished: 3 messages, 0 dropped", out.stderr)
        self.assertEqual(0, out.returncode)
        self.assert_ended(user, said["pid"])
        self.assertEqual([(0,), (1,)], user.rows("SELECT step FROM steps WHERE run = 'silent01' ORDER BY step"))

    def test_lines_that_wandb_does_not_have_keep_it(self):
        script = """
import sae_metrics
run = sae_metrics.init(id="lines001", project="p", d_sae=8, log_to_wandb=True, wandb_key=%r)
for step in range(20):
    run.log_step(step, fired=[1] * 8, n_rows=4, mse_loss=1.0)
assert run.flush(30)
run.finish()
"""
        user = self.user()
        # With a key they would go, but W&B is not there.
        said = user.start("--exit-when-idle", IDLE)
        self.assertEqual(0, user.python(script % ("a" * 40)).returncode)
        time.sleep(IDLE_S + 2)
        self.assertIn(said["pid"], user.daemons())

        # Without one they wait for somebody to bring it, and nobody will.
        user = self.user()
        said = user.start("--exit-when-idle", IDLE)
        self.assertEqual(0, user.python(script % False).returncode)
        self.assert_ended(user, said["pid"])

    def test_without_a_login_it_is_in_tmp_and_found_there(self):
        for runtime in (None, "/run/user/none", "/dev/null"):
            with self.subTest(runtime):
                user = self.user(login=False)
                if not user.owns_shared_folders():
                    self.skipTest(f"{user.shared[0]} is somebody's")
                said = user.start(XDG_RUNTIME_DIR=runtime)
                self.assertEqual(str(user.shared[0] / "socket"), said["socket"])
                mode = user.shared[0].stat()
                self.assertEqual((user.uid, 0o700), (mode.st_uid, stat.S_IMODE(mode.st_mode)))
                for other in (None, "/run/user/other"):
                    self.assertIn('"reachable": true', user.sae_metricsd("status", "--json", XDG_RUNTIME_DIR=other).stdout)
                out = user.python("""
import sae_metrics
run = sae_metrics.init(id="tmp00001", project="p", d_sae=8)
run.log_step(0, fired=[1] * 8, n_rows=4)
assert run.flush(30)
run.finish()
""", XDG_RUNTIME_DIR=runtime)
                self.assertEqual(0, out.returncode, out.stderr)
                user.close()

    @unittest.skipUnless(os.getuid() == 0, "only root can make another user's folder")
    def test_a_folder_that_somebody_made_before_is_not_used(self):
        user = self.user(login=False)
        user.shared[0].mkdir(mode=0o777)
        user.shared[0].chmod(0o777)
        for command in ("start", "serve"):
            out = user.sae_metricsd(command)
            self.assertEqual(1, out.returncode)
            self.assertIn(f"{user.shared[0]}/socket belongs to another user, and is not used", out.stderr)
        # Whoever listens there is not spoken to either.
        out = user.sae_metricsd("status")
        self.assertEqual(3, out.returncode)
        self.assertIn("its folder belongs to another user", out.stderr)
        self.assertEqual(set(), user.daemons())

    @unittest.skipUnless(os.getuid() == 0, "only root has a user whose folders in /var/tmp are nobody's")
    def test_a_home_that_cannot_be_written_is_replaced_and_read_afterwards(self):
        user = self.user()
        said = user.start(HOME="/nonexistent")
        self.assertEqual(str(user.shared[1] / "metrics.db"), said["database"])
        self.assertIn("/nonexistent/.local/state/sae-metricsd: ", said["remark"])
        os.kill(said["pid"], signal.SIGTERM)
        self.assert_ended(user, said["pid"])
        out = user.sae_metricsd("status", HOME="/nonexistent")
        self.assertEqual(0, out.returncode, out.stderr)
        self.assertIn(f"showing {said['database']} as last committed", out.stderr)

    def test_what_goes_wrong_is_said_and_where_to_look(self):
        user = self.user()
        out = user.sae_metricsd("start", SAE_METRICSD_CONFIG="/nowhere/conf")
        self.assertEqual(1, out.returncode)
        self.assertIn(f"it ended at once; why is in {user.database.parent}/sae-metricsd.log", out.stderr)
        self.assertIn("/nowhere/conf", user.log)

    def test_one_that_dies_is_replaced(self):
        user = self.user()
        first = user.start()["pid"]
        os.kill(first, signal.SIGKILL)
        self.assert_ended(user, first)
        self.assertNotEqual(first, user.start()["pid"])

    def test_one_that_is_still_ending_is_waited_for(self):
        user = self.user()
        ending = user.start()["pid"]
        os.kill(ending, signal.SIGSTOP)  # as if all of a large log had to be copied back
        user.runtime_socket.unlink()
        starting = user.begin(user.program, "start", "--json")
        with self.assertRaises(subprocess.TimeoutExpired):
            starting.communicate(timeout=2)
        os.kill(ending, signal.SIGKILL)
        out, err = starting.communicate(timeout=PATIENCE_S)
        self.assertEqual(0, starting.returncode, err)
        self.assertNotEqual(ending, json.loads(out)["pid"])
        self.assertNotIn("another sae-metricsd", user.log)

    def test_one_that_was_about_to_end_and_goes_on_is_found(self):
        user = self.user()
        ending = user.start()["pid"]
        aside = user.runtime_socket.rename(f"{user.runtime_socket}.ended")
        starting = user.begin(user.program, "start", "--json")
        with self.assertRaises(subprocess.TimeoutExpired):
            starting.communicate(timeout=1)
        aside.rename(user.runtime_socket)
        out, err = starting.communicate(timeout=PATIENCE_S)
        self.assertEqual(0, starting.returncode, err)
        self.assertEqual({"started": False, "socket": str(user.runtime_socket)}, json.loads(out))
        self.assertEqual({ending}, user.daemons())

    def test_a_database_that_another_keeps_is_said_to_be(self):
        user = self.user()
        other = user.begin(user.program, "serve", "--socket", user.home / "run/other")
        wait_until((user.home / "run/other").exists, "the other daemon to listen")
        out = user.sae_metricsd("start")
        self.assertEqual(1, out.returncode)
        self.assertIn(f"another sae-metricsd (pid {other.pid}) has {user.database} open", out.stderr)
        other.terminate()
        other.communicate(timeout=PATIENCE_S)

    def test_a_relative_path_means_what_it_means_to_whoever_starts_it(self):
        user = self.user()
        (user.home / "conf").touch()
        out = user.run("/bin/sh", "-c", f"cd {user.home}/run && {user.program} start --json && {user.program} status --json",
                       SAE_METRICS_SOCKET="my/socket", SAE_METRICSD_CONFIG="../conf")
        self.assertEqual(0, out.returncode, out.stderr)
        self.assertIn('"reachable": true', out.stdout)
        self.assertTrue((user.home / "run/my/socket").is_socket())
        self.assertEqual(1, len(user.daemons()))

    def test_whoever_starts_it_may_have_closed_and_blocked_what_he_likes(self):
        user = self.user()
        out = user.python(f"""
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})
os.closerange(0, 3)
os.execv({str(user.program)!r}, ["sae-metricsd", "start"])
""")
        self.assertEqual(1, out.returncode)  # it could not say so, but has started one
        daemon, = user.daemons()
        wait_until(lambda: "listening on" in user.log, "its log")
        os.kill(daemon, signal.SIGTERM)
        self.assert_ended(user, daemon)
        self.assertIn("Terminated: ending after the last commit", user.log)

    def test_wrong_usage_is_said(self):
        user = self.user()
        for arguments in (["--exit-when-idle", "soon"], ["--exit-when-idle", "10ms"], ["--fast"], ["now"], ["--exit-when-idle"]):
            out = user.sae_metricsd("start", *arguments)
            self.assertEqual(2, out.returncode, arguments)
            self.assertIn(arguments[0], out.stderr)
        for time_said in ("soon", "0s", "500ms"):
            out = user.sae_metricsd("serve", "--exit-when-idle", time_said)
            self.assertEqual(2, out.returncode)
            self.assertIn("expected a time from 1s to 400d", out.stderr)
        self.assertEqual(0, user.sae_metricsd("start", "--help").returncode)
        self.assertEqual(set(), user.daemons())

    def test_every_command_names_what_it_does_not_know(self):
        user = self.user()
        said = {("serve", "--fast"): "there is no option --fast;", ("serve", "-vv"): "there is no option -v;",
                ("serve", "--db"): "a value is missing behind --db;", ("serve", "now"): "takes no arguments but options; what is now;",
                ("start", "now"): "takes no arguments but options; what is now;", ("sync", "--fast"): "there is no option --fast;",
                ("sync", "--patience"): "a value is missing behind --patience;", ("sync", ""): "RUN is empty;",
                ("sync", "--take-over", ""): "RUN is empty;"}
        for arguments, words in said.items():
            out = user.sae_metricsd(*arguments)
            self.assertEqual((2, ""), (out.returncode, out.stdout), arguments)
            self.assertIn(f"sae-metricsd {arguments[0]}: {words}", out.stderr)
        for command in ("serve", "start"):
            out = user.sae_metricsd(command, "now", "--help")
            self.assertEqual((0, ""), (out.returncode, out.stderr))
        self.assertEqual(set(), user.daemons())


if __name__ == "__main__":
    tap.main()
