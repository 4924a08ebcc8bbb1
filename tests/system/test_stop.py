"""`sae-metricsd stop`: from somebody's terminal to should_stop in a trainer."""
import os
import subprocess
import sys
import textwrap
import unittest

from harness import DAEMON, PATIENCE_S, Daemon, wait_until
import workload

import tap

TRAINER = textwrap.dedent("""
    import sys, time
    import sae_metrics
    run = sae_metrics.init(id="trainer1", name="l9", d_sae=4, train_batch_size=2, socket=sys.argv[1])
    print("begun", flush=True)
    for step in range(10**9):
        run.log_step(step, [1, 0, 2, 0])
        if run.should_stop:
            print(run.stop_reason, flush=True)
            break
        time.sleep(0.01)
    run.finish(timeout=60)
    """)


def stop(daemon, *arguments, **who):
    done = subprocess.run([DAEMON, "stop", *arguments], env=daemon.environment(), capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False, **who)
    return done.returncode, done.stdout, done.stderr


def states(daemon):
    return dict(daemon.rows("SELECT id, state FROM runs"))


class Stop(unittest.TestCase):
    def test_a_trainer_that_is_asked_to_stop_ends_as_stopped(self):
        with Daemon() as daemon:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            with subprocess.Popen([sys.executable, "-c", TRAINER, daemon.socket], stdout=subprocess.PIPE, text=True,
                                  env=environment) as trainer:
                self.assertEqual("begun\n", trainer.stdout.readline())
                wait_until(lambda: states(daemon) == {"trainer1": "running"}, "the run to be there")
                self.assertEqual((0, "run trainer1 is asked to stop\n", ""),
                                 stop(daemon, "l9", "--reason", "the disk is needed"))
                said = trainer.stdout.readline()
                self.assertIn(f"run trainer1: user {os.geteuid()} asks it to stop\n", daemon.words())
                self.assertRegex(said, "^stopped by .+ with `sae-metricsd stop`: the disk is needed\n$")
                self.assertEqual(0, trainer.wait(PATIENCE_S))
            wait_until(lambda: states(daemon) == {"trainer1": "stopped"}, "the run to be stopped")
            self.assertEqual([(said[:-1],)], daemon.rows("SELECT text FROM events WHERE kind = 'stop'"))

    def test_what_cannot_be_stopped_is_said_and_told_apart(self):
        with Daemon() as daemon:
            workload.begin(daemon.socket, "ended001").finish(timeout=20)
            wait_until(lambda: states(daemon) == {"ended001": "finished"}, "the run to end")
            self.assertEqual((1, "", "sae-metricsd stop: run ended001 has ended (finished)\n"),
                             stop(daemon, "ended001"))
            self.assertNotIn("asks it to stop", daemon.words())
            self.assertEqual((4, "", "sae-metricsd stop: no run fits 'nobody'\n"), stop(daemon, "nobody"))
            daemon.stop()
            code, out, words = stop(daemon, "ended001")
            self.assertEqual((3, ""), (code, out))
            self.assertIn("is `sae-metricsd serve` running?", words)

    def test_a_run_is_not_another_user_s_to_stop(self):
        if os.geteuid() != 0:
            self.skipTest("only root can be another user")
        with Daemon() as daemon:
            run = workload.begin(daemon.socket, "roots001")
            wait_until(lambda: states(daemon) == {"roots001": "running"}, "the run to be there")
            for path in (daemon.directory, daemon.socket):
                os.chmod(path, 0o777)
            try:
                answer = stop(daemon, "roots001", user=65533, group=65533, extra_groups=[])
            except PermissionError:
                self.skipTest("the build is in a folder that no other user may enter")
            self.assertEqual((1, "", "sae-metricsd stop: run roots001 is root's; its own user and administrators may stop it\n"),
                             answer)
            self.assertFalse(run.should_stop)
            run.finish(timeout=20)
            self.assertEqual({"roots001": "finished"}, states(daemon))


if __name__ == "__main__":
    tap.main()
