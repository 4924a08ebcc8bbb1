"""SIGHUP: what is set is read again under load, what can change does, and a bad file changes nothing."""
import os
import pty
import signal
import threading
import unittest

from harness import DAEMON, PATIENCE_S, Daemon, wait_until
from users import ANA, Reader, let_in, needs_two_users, runs_seen
import workload

import tap

STEPS = 400


class Reload(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.conf = self.daemon.directory / "conf"
        self.daemon.arguments = ["--config", self.conf]

    def tearDown(self):
        self.daemon.__exit__()

    def put(self, text):
        """As an editor does it: the file is whole at any time."""
        fresh = self.conf.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.rename(self.conf)

    def reload(self, text, words):
        """Its new file, and what the log has said by then."""
        if text is not None:
            self.put(text)
        before = len(self.daemon.words())
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: words in self.daemon.words()[before:], f"{words!r} in the log:\n{self.daemon.words()}")
        return self.daemon.words()[before:]

    def start(self, text=""):
        self.put(text)
        return self.daemon.start()

    def test_nothing_is_lost_of_trainers_that_push_meanwhile(self):
        daemon = self.start("[ranks]\ngrace = 60s\n")
        done = threading.Event()

        def train(run):
            handle = workload.begin(daemon.socket, run)
            for step in range(STEPS):
                workload.log_step(handle, run, 0, step)
            handle.finish(timeout=PATIENCE_S)

        trainers = [threading.Thread(target=train, args=(f"run{n}",)) for n in range(3)]
        for trainer in trainers:
            trainer.start()
        watch = threading.Thread(target=lambda: [trainer.join() for trainer in trainers] and done.set())
        watch.start()
        n_reloads = 0
        while not done.is_set() or n_reloads < 20:
            good = n_reloads % 3 < 2
            grace = f"{30 + n_reloads}s" if good else "soon"
            self.reload(f"[ranks]\ngrace = {grace}\n", "of its values" if good else "was not taken over")
            n_reloads += 1
        watch.join()
        self.assertEqual([(f"run{n}", STEPS) for n in range(3)],
                         daemon.rows("SELECT run, count(*) FROM steps GROUP BY run ORDER BY run"))
        for run in daemon.status()["runs"]:
            self.assertEqual(("finished", 0, 0), (run["state"], run["client"]["dropped"], run["client"]["missing_steps"]))

    def test_what_cannot_change_is_said_by_key_and_waits_for_the_next_start(self):
        daemon = self.start("[wandb]\nentity = a\n")
        words = self.reload("[wandb]\nentity = b\n\nmode = offline\nrequests_per_s = 5\n", "3 of its values are others")
        self.assertIn(f"wandb.entity changed ({self.conf}:2): takes effect at the next start\n", words)
        self.assertIn(f"wandb.mode changed ({self.conf}:4): takes effect at the next start\n", words)
        self.assertIn(f"wandb.requests_per_s changed ({self.conf}:5)\n", words)
        words = self.reload("[wandb]\nentity = a\n", "of its values")
        self.assertIn("wandb.requests_per_s changed (default)\n", words)
        self.assertNotIn("wandb.entity", words)
        self.assertEqual(0, daemon.stop())

    def test_who_ends_it_does_not_wait_for_a_reload(self):
        self.put("[ranks]\ngrace = 5s\n")
        for _ in range(10):
            daemon = self.daemon.start()
            for _ in range(5):
                daemon.process.send_signal(signal.SIGHUP)
            self.assertEqual(0, daemon.stop())

    def test_a_bad_file_changes_nothing_and_is_said_with_its_line(self):
        daemon = self.start("[daemon]\nlog_level = debug\n")
        words = self.reload("[daemon]\nlog_level = error\n[wandb]\nmode = on\n", "everything stays as it is")
        self.assertIn(f"{self.conf}:4: mode: expected online, offline or off\n", words)
        self.conf.unlink()
        words = self.reload(None, "everything stays as it is")
        self.assertIn(f"{self.conf}: No such file or directory\n", words)
        self.reload("[daemon]\nlog_level = info\n", "daemon.log_level changed")  # which it says, so errors were not all
        self.assertEqual(0, daemon.stop())

    def test_the_log_says_as_much_as_is_set_from_now_on(self):
        daemon = self.start()
        before = len(daemon.words())
        self.put("[daemon]\nlog_level = error\n[ranks]\ngrace = 1s\n")
        daemon.process.send_signal(signal.SIGHUP)
        self.reload("[wandb]\nmode = on\n", "everything stays as it is")
        self.assertNotIn("of its values", daemon.words()[before:])
        self.assertEqual(0, daemon.stop())

    def test_ranks_that_are_waited_for_already_are_waited_for_as_long_as_is_set_now(self):
        daemon = self.start("[ranks]\ngrace = 1h\n")
        handle = workload.begin(daemon.socket, "r", 0, 2)
        for step in range(20):
            workload.log_step(handle, "r", 0, step)
        wait_until(lambda: any("rank 1" in (run.get("waiting_for") or "") for run in daemon.status()["runs"]),
                   "rank 1 to be waited for")
        self.reload("[ranks]\ngrace = 100ms\n", "ranks.grace changed")
        wait_until(lambda: daemon.rows("SELECT count(*) FROM steps") == [(20,)], "the steps without rank 1")
        handle.finish(timeout=PATIENCE_S)

    def test_a_limit_that_is_raised_lets_in_who_was_refused(self):
        daemon = self.start("[limits]\nruns = 1\n")
        first, second = (workload.begin(daemon.socket, run) for run in ("first", "second"))
        wait_until(lambda: "limit runs = 1" in daemon.words(), "one of them to be refused")
        self.assertEqual(1, len(daemon.status()["runs"]))
        self.reload(f"[user {os.geteuid()}]\nruns = 5\n", "runs changed")
        wait_until(lambda: len(daemon.status()["runs"]) == 2, "both of them")
        for handle in (first, second):
            handle.finish(timeout=PATIENCE_S)
        self.assertEqual(["finished"] * 2, [run["state"] for run in daemon.status()["runs"]])

    @needs_two_users
    def test_runs_are_hidden_and_shown_from_one_moment_to_the_next(self):
        daemon = self.start()
        let_in(daemon)
        workload.begin(daemon.socket, "roots").finish(timeout=PATIENCE_S)
        self.assertEqual(["roots"], runs_seen(daemon, ANA))
        with Reader(daemon, ANA) as reader:
            self.reload("[access]\nprivate = yes\n", "access.private changed")
            wait_until(lambda: reader.ask("status")[2]["runs"] == [], "the run to be hidden from who is connected already")
            self.reload("", "access.private changed")
            wait_until(lambda: reader.ask("status")[2]["runs"] != [], "the run to be shown again")

    def test_what_the_command_line_said_still_goes_before_the_file(self):
        self.daemon.arguments += ["--rank-grace", "7s"]
        daemon = self.start()
        words = self.reload("[ranks]\ngrace = 5s\n", "of its values")
        self.assertIn("0 of its values are others", words)
        self.assertEqual(0, daemon.stop())

    def test_a_drop_in_comes_and_goes(self):
        root = os.geteuid() == 0
        folder = self.daemon.directory / ("etc/sae-metricsd" if root else "sae-metricsd") / "sae-metricsd.conf.d"
        folder.mkdir(parents=True)
        self.daemon.arguments = []
        self.daemon.variables = {"SAE_METRICSD_CONFIG": "", "SAE_METRICSD_CONFIG_ROOT": str(self.daemon.directory),
                                 "XDG_CONFIG_HOME": str(self.daemon.directory)}
        daemon = self.daemon.start()
        (folder / "10-grace.conf").write_text("[ranks]\ngrace = 5s\n")
        (folder / "10-grace.conf").chmod(0o644)
        self.assertIn(f"ranks.grace changed ({folder}/10-grace.conf:2)", self.reload(None, "1 of its values is another"))
        (folder / "10-grace.conf").unlink()
        self.assertIn("ranks.grace changed (default)", self.reload(None, "1 of its values is another"))
        self.assertEqual(0, daemon.stop())

    def test_it_ends_with_the_terminal_that_it_was_started_from(self):
        self.put("")
        pid, terminal = pty.fork()
        if pid == 0:
            with open(self.daemon.log, "ab") as log:
                os.dup2(log.fileno(), 2)
            environment = {**os.environ, "SAE_METRICSD_CONFIG": str(self.conf), "WANDB_MODE": "offline"}
            environment.pop("LD_PRELOAD", None)
            os.execve(DAEMON, ["sae-metricsd", "serve", "--socket", str(self.daemon.socket), "--db", str(self.daemon.database)],
                      environment)
        wait_until(lambda: "listening on" in self.daemon.words(), "the daemon to listen")
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: "of its values" in self.daemon.words(), "the reload")
        os.close(terminal)
        wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, "the daemon to end")
        self.assertIn("Hangup: ending after the last commit", self.daemon.words())


if __name__ == "__main__":
    tap.main()
