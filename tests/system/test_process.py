"""Trainers as they really live and die, each a process of its own against a real daemon: exceptions, signals, exits, forks."""
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path

from harness import DAEMON, PATIENCE_S, Daemon, wait_until

import tap

BEGIN = """
import os, signal, sys, threading, time
import sae_metrics

def begin(id="trainer1", **more):
    return sae_metrics.init(id=id, d_sae=4, train_batch_size=8, **more)

def log(run, step):
    run.log_step(step, fired=[step % 8, 1, 0, 2], mse_loss=1.0 / (1 + step))
"""
BUDGET_S = 5  # all that an end may take, all runs together
SEVERAL_S = 2 * BUDGET_S  # what it would take at least, had two runs one each; a busy machine has the difference to itself


class Trainers(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon().start()
        self.addCleanup(self.daemon.__exit__)
        self.directory = tempfile.TemporaryDirectory(prefix="sae-metricsd-process-")
        self.addCleanup(self.directory.cleanup)

    def start(self, program, *arguments, python=(sys.executable,), **variables):
        path = Path(self.directory.name) / "train.py"
        path.write_text(BEGIN + textwrap.dedent(program))
        environment = {**os.environ, "SAE_METRICS_SOCKET": str(self.daemon.socket), "SAE_METRICS_QUIET": "0",
                       "PYTHONPATH": os.pathsep.join(sys.path), **variables}
        return subprocess.Popen([*python, path, *arguments], env=environment, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def train(self, program, *arguments, **more):
        """(exit status, stdout, stderr) of a trainer that ends by itself."""
        process = self.start(program, *arguments, **more)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err

    def ended(self, run="trainer1"):
        """(state, exit code, words) of a run, once it has ended."""
        def row():
            return self.daemon.rows("SELECT state, exit_code, end_words FROM runs WHERE id = ?", run)

        wait_until(lambda: row() and row()[0][0] not in ("running", "stalled"), f"run {run} to end")
        return row()[0]

    def steps(self, run="trainer1"):
        return self.daemon.rows("SELECT count(*) FROM steps WHERE run = ?", run)[0][0]

    def screen(self, *arguments):
        return subprocess.run([DAEMON, "status", *arguments], env={**self.daemon.environment(), "COLUMNS": "120"},
                              capture_output=True, text=True, check=False).stdout

    def until_said(self, process, word):
        for line in process.stdout:
            if line.strip() == word:
                return
        self.fail(f"the trainer never said {word!r}: {process.stderr.read()}")


class Exceptions(Trainers):
    def test_an_exception_nobody_caught_ends_the_run_as_failed_and_says_itself(self):
        status, _, err = self.train("""
            run = begin()
            log(run, 0)
            raise ValueError("the loss is NaN\\nat step 0")
            """)
        self.assertEqual(1, status)
        self.assertIn("the loss is NaN", err)
        self.assertEqual(("failed", 1, "ValueError: the loss is NaN"), self.ended())
        self.assertEqual(1, self.steps())
        run = self.daemon.status("trainer1")
        self.assertEqual("ValueError: the loss is NaN", run["end_words"])
        self.assertEqual(["exit code 1: ValueError: the loss is NaN"],
                         [alert["words"] for alert in run["alerts"] if alert["kind"] == "failed"])
        for screen in (self.screen(), self.screen("trainer1")):
            self.assertIn("ValueError: the loss is NaN", screen)

    def test_exceptions_as_they_come(self):
        for n, (program, status, wanted) in enumerate((
                ("class Mine(Exception): pass\nraise Mine", 1, ("failed", 1, "Mine")),
                ("import subprocess\nsubprocess.run(['false'], check=True)", 1,
                 ("failed", 1, "subprocess.CalledProcessError: Command '['false']' returned non-zero exit status 1.")),
                ("sys.exit(3)", 3, ("failed", 3, None)),
                ("sys.exit()", 0, ("finished", 0, None)),
                ("sys.exit('no data')", 1, ("failed", 1, None)),
                ("with run: sys.exit('no data')", 1, ("failed", 1, "no data")),
                ("with run: {}['lr']", 1, ("failed", 1, "KeyError: 'lr'")),
                ("with run:\n    try: {}['lr']\n    except KeyError: sys.exit(2)", 2, ("failed", 2, "KeyError: 'lr'")),
                ("with run: raise KeyboardInterrupt", -2, ("failed", 130, "KeyboardInterrupt")),
                ("class Bad(Exception):\n    def __str__(self): return 1 / 0\nraise Bad", 1, ("failed", 1, "Bad")),
                ("raise ValueError('\\n\\ud800')", 1, ("failed", 1, "ValueError: ?")),
        )):
            with self.subTest(program):
                id = f"trainer{n}"
                got, _, err = self.train(f"run = begin('{id}')\nlog(run, 0)\n{program}\n")
                self.assertEqual(status, got, err)
                self.assertEqual(wanted, self.ended(id))

    def test_the_trainers_own_hook_and_ours_both_hear_of_it(self):
        program = """
            def own(kind, value, traceback):
                print("own", kind.__name__)
                %s
            %s
            """
        for n, (chain, order) in enumerate((
                ("", "sys.excepthook = own; run = begin('hook0')"),
                ("before(kind, value, traceback)", "run = begin('hook1'); before = sys.excepthook; sys.excepthook = own"),
        )):
            status, out, _ = self.train(program % (chain, order) + "\n            log(run, 0)\n            1 / 0\n")
            self.assertEqual((1, "own ZeroDivisionError\n"), (status, out))
            self.assertEqual(("failed", 1, "ZeroDivisionError: division by zero"), self.ended(f"hook{n}"))

    def test_an_exception_in_a_thread_ends_nothing(self):
        status, _, err = self.train("""
            run = begin()
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start(); thread.join()
            log(run, 0)
            """)
        self.assertEqual(0, status)
        self.assertIn("ZeroDivisionError", err)
        self.assertEqual(("finished", 0, None), self.ended())

    def test_a_cell_that_fails_does_not_end_the_run_of_its_notebook(self):
        """Stands in for a kernel: an interpreter in Python, which calls sys.excepthook for each cell."""
        status, out, err = self.train("""
            import code
            shell = code.InteractiveInterpreter({"begin": begin, "log": log})
            def cell(text):
                shell.runcode(compile(text, "<cell>", "exec"))
            cell("run = begin()")
            cell("log(run, 0); 1 / 0")
            cell("log(run, 1)")
            cell("first = run; run = begin(); log(first, 2); log(run, 2)")
            cell("raise KeyboardInterrupt")
            cell("log(run, 3)")
            """)
        self.assertEqual(0, status, err)
        self.assertIn("ZeroDivisionError", err)
        self.assertEqual(("finished", 0, None), self.ended())
        self.assertEqual([(1, 0), (1, 1), (2, 2), (2, 3)],
                         self.daemon.rows("SELECT attempt, step FROM steps ORDER BY attempt, step"))

    def test_control_c_is_said(self):
        process = self.start("""
            run = begin()
            log(run, 0)
            print("training", flush=True)
            while True: time.sleep(0.01)
            """)
        self.until_said(process, "training")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
        self.assertEqual(-signal.SIGINT, process.returncode)
        self.assertEqual(("failed", 130, "KeyboardInterrupt"), self.ended())
        self.assertIn("exit code 130: KeyboardInterrupt", self.screen())


class Signals(Trainers):
    LOOP = """
        runs = [begin(f"trainer{n}") for n in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1)]
        for run in runs: log(run, 0)
        for run in runs: run.flush(30)
        print("training", flush=True)
        step = 0
        while True:
            step += 1
            for run in runs: log(run, step)
        """

    def end(self, process, number=signal.SIGTERM):
        begun = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, time.monotonic() - begun, out, err

    def test_sigterm_preempts_the_run_and_the_process_dies_of_it(self):
        process = self.start(self.LOOP, "3", SAE_METRICS_QUIET="1")
        self.until_said(process, "training")
        status, _, _, err = self.end(process)
        self.assertEqual((-signal.SIGTERM, ""), (status, err))
        for n in range(3):
            self.assertEqual(("preempted", 143, "SIGTERM"), self.ended(f"trainer{n}"))
        self.assertRegex(self.screen("trainer0"), r"preempted.* after[\s\S]*\n  ended +SIGTERM\n")

    def test_the_first_process_of_a_container_ends_as_if_it_had_died_of_it(self):
        container = ("unshare", "--pid", "--fork", "--kill-child")
        if subprocess.run([*container, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("no process namespaces for us here")
        process = self.start(self.LOOP, python=(*container, sys.executable), SAE_METRICS_QUIET="1")
        self.addCleanup(process.kill)
        self.until_said(process, "training")
        trainer, = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(trainer), signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)
        self.assertEqual((143, ""), (process.returncode, err))
        self.assertEqual(("preempted", 143, "SIGTERM"), self.ended("trainer0"))

    def test_a_storm_of_signals_in_the_middle_of_log_calls_never_holds_it_up(self):
        """Handlers run between two bytecodes of a call that holds our locks."""
        chance = random.Random(1)
        for _ in range(20 if tap.LONG else 6):
            process = self.start("""
                run = begin()
                def on_usr1(number, frame):
                    run.log({"signals": 1.0}); run.event("signal", "USR1"); run.stats; run.should_stop
                signal.signal(signal.SIGUSR1, on_usr1)
                print("training", flush=True)
                step = 0
                while True:
                    log(run, step); step += 1
                """)
            self.until_said(process, "training")
            until = time.monotonic() + chance.uniform(0.05, 0.3)
            while time.monotonic() < until:
                process.send_signal(signal.SIGUSR1)
                time.sleep(chance.uniform(0, 0.0005))
            for _ in range(5):
                process.send_signal(signal.SIGTERM)  # a scheduler may say it more than once
            status, took, _, err = self.end(process)
            self.assertEqual(-signal.SIGTERM, status, err)
            self.assertLess(took, SEVERAL_S)
            self.assertEqual(("preempted", 143, "SIGTERM"), self.ended())

    def test_a_handler_of_the_trainers_may_finish_the_run_it_interrupted(self):
        process = self.start("""
            run = begin()
            def on_term(number, frame):
                log(run, 1 << 20)
                run.finish(state="preempted", words="my own handler")
                sys.exit(7)
            signal.signal(signal.SIGTERM, on_term)
            print("training", flush=True)
            step = 0
            while True:
                log(run, step); step += 1
            """)
        self.until_said(process, "training")
        status, _, _, err = self.end(process)
        self.assertEqual(7, status, err)
        self.assertEqual(("preempted", 0, "my own handler"), self.ended())
        self.assertEqual([(1, 1.0 / (1 + (1 << 20)))], self.daemon.rows(
            "SELECT count(*), mse_loss FROM steps WHERE step = ?", 1 << 20))
        # A step that was interrupted comes after the handler's: it goes back, and has its own numbers.
        self.assertEqual([], self.daemon.rows("SELECT step, mse_loss FROM steps WHERE abs(mse_loss * (1 + step) - 1) > 1e-6"))

    def test_a_handler_that_is_there_stays_and_one_that_comes_later_may_call_ours(self):
        status, out, err = self.train("""
            def own(number, frame): pass
            signal.signal(signal.SIGTERM, own)
            run = begin("own")
            print(signal.getsignal(signal.SIGTERM) is own)
            run.finish()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            begin("ignored").finish()
            print(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN)
            """)
        self.assertEqual((0, "True\nTrue\n"), (status, out), err)

        process = self.start("""
            run = begin("chained")
            def own(number, frame):
                print("saved", flush=True)
                before(number, frame)
            before = signal.signal(signal.SIGTERM, own)
            print("training", flush=True)
            while True: time.sleep(0.01)
            """)
        self.until_said(process, "training")
        status, _, out, err = self.end(process)
        self.assertEqual((-signal.SIGTERM, "saved\n"), (status, out), err)
        self.assertEqual(("preempted", 143, "SIGTERM"), self.ended("chained"))

    def test_it_can_be_refused_and_then_the_run_crashed(self):
        process = self.start(self.LOOP, SAE_METRICS_SIGTERM="0")
        self.until_said(process, "training")
        self.assertEqual(-signal.SIGTERM, self.end(process)[0])
        self.assertEqual("crashed", self.ended("trainer0")[0])

    def test_a_trainer_that_is_stuck_in_c_dies_of_it_all_the_same(self):
        process = self.start("""
            import ctypes
            run = begin()
            log(run, 0)
            run.flush(30)
            mutex, lock = ctypes.create_string_buffer(64), ctypes.CDLL(None).pthread_mutex_lock
            lock(mutex)
            print("training", flush=True)
            while True: lock(mutex)  # which never returns
            """)
        self.until_said(process, "training")
        time.sleep(0.2)
        status, took, _, _ = self.end(process)
        self.assertEqual(-signal.SIGTERM, status)
        self.assertGreater(took, BUDGET_S)
        self.assertEqual("crashed", self.ended()[0])

    def test_sigterm_with_a_stopped_daemon_is_bounded_for_all_runs_together(self):
        process = self.start(self.LOOP, "20")
        self.until_said(process, "training")
        self.daemon.process.send_signal(signal.SIGSTOP)
        try:
            status, took, _, _ = self.end(process)
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        self.assertEqual(-signal.SIGTERM, status)
        print(f"# SIGTERM, 20 runs, a stopped daemon: {took:.2f} s")
        self.assertLess(took, SEVERAL_S)


class Exits(Trainers):
    def test_os_exit_says_nothing_and_the_run_is_shown_as_crashed(self):
        status, _, _ = self.train("""
            run = begin()
            for step in range(100): log(run, step)
            run.flush(30)
            for step in range(100, 200): log(run, step)
            os._exit(0)
            """)
        self.assertEqual(0, status)
        self.assertEqual(("crashed", None, None), self.ended())
        steps = [step for step, in self.daemon.rows("SELECT step FROM steps ORDER BY step")]
        self.assertEqual(list(range(len(steps))), steps, "only the last ones are missing")
        self.assertGreaterEqual(len(steps), 100, "what was flushed is there")
        self.assertIn("the trainer ended without saying so", self.screen())

    def exit_times(self, program, n_runs=20):
        begun = time.monotonic()
        status, out, err = self.train(f"""
            runs = [begin(f"many{{n}}") for n in range({n_runs})]
            for run in runs: log(run, 0)
            {program}
            print(time.time(), flush=True)
            """)
        self.assertEqual(0, status, err)
        return time.time() - float(out.splitlines()[-1]), time.monotonic() - begun

    def test_the_end_of_twenty_runs_has_one_budget_with_a_stopped_daemon(self):
        stop = f"for run in runs: run.flush(30)\n            os.kill({self.daemon.process.pid}, signal.SIGSTOP)"
        try:
            took, _ = self.exit_times(stop + "\n            for run in runs: log(run, 1)")
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        print(f"# exit, 20 runs, a stopped daemon: {took:.2f} s")
        self.assertLess(took, SEVERAL_S)

    def test_the_end_of_twenty_runs_has_one_budget_with_a_daemon_that_is_gone(self):
        took, _ = self.exit_times(f"for run in runs: run.flush(30)\n            os.kill({self.daemon.process.pid}, signal.SIGKILL)")
        print(f"# exit, 20 runs, a daemon that is gone: {took:.2f} s")
        self.assertLess(took, SEVERAL_S)

    def test_a_daemon_that_was_never_met_costs_nothing_at_the_end(self):
        self.daemon.kill()
        took, _ = self.exit_times("")
        print(f"# exit, 20 runs, no daemon ever: {took:.3f} s")
        self.assertLess(took, BUDGET_S / 2)


if __name__ == "__main__":
    tap.main()
