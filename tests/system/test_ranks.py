"""Ranks that do not come, die, or are there and log nothing: they are named, and do not hold up the others for longer than
they were told to wait. Real processes, killed with kill -9."""
import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from harness import DAEMON, PATIENCE_S, Daemon, wait_until
import workload

import tap

RUN, STEPS = "ranksrun", 120
GRACE = ("--rank-grace", "5s")  # all of them come within it


class Ranks(unittest.TestCase):
    def start(self, daemon, rank, *arguments, steps=STEPS):
        process = subprocess.Popen(
            [sys.executable, Path(workload.__file__), daemon.socket, RUN, "--rank", str(rank), "--world-size", "3",
             "--steps", str(steps), *arguments], env=daemon.trainer_environment(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def run_of(self, daemon):
        document = daemon.status()
        return next((run for run in document.get("runs", ()) if run["id"] == RUN), {})

    def until(self, daemon, key, words):
        wait_until(lambda: words in (self.run_of(daemon).get(key) or ""), f"{key}: {words}")

    def assert_goes_on_without(self, daemon, words, first_step=0):
        """The others have got to step 99 and hang there; everything from `first_step` lacks a part."""
        wait_until(lambda: daemon.rows("SELECT count(*) FROM steps") == [(100,)], "all steps of the others")
        run = self.run_of(daemon)
        self.assertIn(words, run["without_ranks"])
        alert, = [alert["words"] for alert in run["alerts"] if alert["kind"] == "ranks"]
        self.assertIn(f"goes on without {words}", alert)
        text, = [text for text, in daemon.rows("SELECT text FROM events WHERE kind = 'rank_missing'")]
        self.assertTrue(text.startswith(words) and text.endswith("the others go on"), text)
        wait_until(lambda: f"run {RUN}: {words}" in daemon.words(), "a line in the log")
        lacking = 100 - first_step
        wait_until(lambda: self.run_of(daemon)["client"]["missing_steps"] == lacking, f"{lacking} steps to be counted")
        self.assertEqual([(0,)], daemon.rows("SELECT DISTINCT complete FROM windows WHERE step_last >= ?", first_step))

    def assert_stays_known(self, daemon):
        """An alert whose words have an age in them is the same one when it is older."""
        def alert():
            return next(alert for alert in self.run_of(daemon)["alerts"] if alert["kind"] == "ranks")
        subprocess.run([DAEMON, "ack", RUN, "ranks"], env=daemon.environment(), capture_output=True, check=True)
        before = alert()["words"]
        wait_until(lambda: alert()["words"] != before, "it to be older")
        self.assertIn("acknowledged", alert())

    def test_a_rank_that_never_comes_does_not_hold_the_others_and_is_named(self):
        with Daemon(arguments=GRACE) as daemon:
            others = [self.start(daemon, rank, "--hang-at", "100") for rank in (0, 1)]
            self.until(daemon, "waiting_for", "rank 2 at step 0 (never connected)")
            self.assert_goes_on_without(daemon, "rank 2 (never connected, for ")
            self.assertEqual("running", self.run_of(daemon)["state"])
            self.assert_stays_known(daemon)
            # It comes after all: what it says of those steps is late, and the rest is whole again.
            late = self.start(daemon, 2, steps=100)
            self.assertIn("seconds", late.communicate(timeout=PATIENCE_S)[0].splitlines()[-1])
            run = self.run_of(daemon)
            self.assertEqual(100, run["client"]["late"])
            self.assertIsNone(run["without_ranks"])
            for process in others:
                process.kill()

    def test_a_rank_that_is_killed_is_named_with_its_process(self):
        with Daemon(arguments=GRACE) as daemon:
            for rank in (0, 1):
                self.start(daemon, rank, "--hang-at", "100")
            victim = self.start(daemon, 2, "--hang-at", "60")
            wait_until(lambda: daemon.rows("SELECT count(*) FROM steps") == [(60,)], "60 steps of three ranks")
            victim.send_signal(signal.SIGKILL)
            self.assert_goes_on_without(daemon, f"rank 2 (its process {victim.pid} is dead, for ", 60)
            self.assertIn(f"run {RUN}: rank 2 (its process {victim.pid} is dead, for 0s)\n", daemon.words())

    def test_a_rank_that_is_there_and_logs_nothing_does_not_hold_the_others(self):
        with Daemon(arguments=GRACE) as daemon:
            mute = self.start(daemon, 2, "--hang-at", "0")
            wait_until(lambda: self.run_of(daemon), "the run")
            for rank in (0, 1):
                self.start(daemon, rank, "--hang-at", "100")
            self.assert_goes_on_without(daemon, f"rank 2 (process {mute.pid} is there and logs no step)")

    def test_the_run_ends_when_the_last_rank_does_and_as_the_worst_of_them(self):
        with Daemon(arguments=GRACE) as daemon:
            handles = [workload.begin(daemon.socket, RUN, rank, 3) for rank in range(3)]
            for step in range(10):
                for rank, handle in enumerate(handles):
                    workload.log_step(handle, RUN, rank, step)
            for handle, exit_code in zip(handles, (0, 7, 0)):
                self.assertEqual("running", self.run_of(daemon).get("state", "running"))
                handle.finish(exit_code)
            self.until(daemon, "state", "failed")
            self.assertEqual(7, self.run_of(daemon)["exit_code"])

    def test_a_time_that_is_none_is_refused(self):
        for time in ("soon", "10ms", "25h"):
            done = subprocess.run([DAEMON, "serve", "--rank-grace", time], capture_output=True, text=True, check=False)
            self.assertEqual(2, done.returncode)
            self.assertIn("--rank-grace: expected a time from 100ms to 1d, as 500ms, 15s or 2m", done.stderr)


if __name__ == "__main__":
    tap.main()
