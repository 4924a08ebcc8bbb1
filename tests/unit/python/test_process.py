"""sae_metrics.process against a library that only takes notes; what needs real processes is in tests/system."""

import copy
import os
import pickle
import signal
import sys
import unittest
from unittest import mock

import sae_metrics
import tap
from fake_library import FakeLibrary
from sae_metrics import native, process


class Process(unittest.TestCase):
    def setUp(self):
        os.environ["SAE_METRICS_QUIET"] = "1"
        self.library = FakeLibrary().install(self)
        process._ending, process._dying = None, False

    def init(self, **more):
        run = sae_metrics.init(d_sae=3, train_batch_size=8, **more)
        self.addCleanup(run.finish)
        return run


class Exceptions(Process):
    def test_an_exception_is_a_code_and_one_line(self):
        class Silent(Exception):
            def __str__(self):
                raise ValueError

        Silent.__module__ = "trainer"
        nested = SystemExit(2)
        nested.__context__ = KeyError("lr")
        for exception, code, words in (
            (None, 0, None),
            (ValueError("the loss is NaN"), 1, "ValueError: the loss is NaN"),
            (AssertionError("\n  expected 3\ngot 4"), 1, "AssertionError:   expected 3".replace("  ", "")),
            (KeyboardInterrupt(), 130, "KeyboardInterrupt"),
            (SystemExit(), 0, None),
            (SystemExit(3), 3, None),
            (SystemExit("no data\nat all"), 1, "no data"),
            (nested, 2, "KeyError: 'lr'"),
            (Silent(), 1, "trainer.%s" % Silent.__qualname__),
        ):
            self.assertEqual((process.exit_code_of(exception), process.words_of(exception)), (code, words))

    def test_a_with_block_and_finish_say_why(self):
        with self.assertRaises(ZeroDivisionError), self.init():
            1 / 0
        self.init().finish(exit_code=2, words="the disk is full")
        self.init().finish()
        self.assertEqual(self.library.end_words, [b"ZeroDivisionError: division by zero", b"the disk is full", None])

    def test_a_run_of_wandbs_says_why_too(self):
        import sae_metrics.wandb

        with self.assertRaises(KeyError), sae_metrics.wandb.init(project="p"):
            {}["lr"]
        self.assertEqual((self.library.of("finish")[-1][0], self.library.end_words), (1, [b"KeyError: 'lr'"]))

    def test_a_group_that_fails_says_why_of_each(self):
        with self.assertRaises(KeyError), sae_metrics.init_many(["a", "b"], d_sae=3):
            {}["lr"]
        self.assertEqual(self.library.end_words, [b"KeyError: 'lr'"] * 2)
        self.assertEqual([call[0] for call in self.library.of("finish")], [1, 1])

    def test_a_hook_called_by_a_program_that_goes_on_is_no_end(self):
        self.init()
        with mock.patch.object(sys, "stderr"):
            sys.excepthook(ValueError, ValueError("in a cell"), None)
        process._at_exit()
        self.assertEqual(self.library.of("finish_all"), [])

    def test_what_ended_the_process_ends_all_runs_before_its_status_does(self):
        self.init()
        process._ending = 1, "ValueError: \ud800"
        process._at_exit()
        (code, state, words, timeout_ms), = self.library.of("finish_all")
        self.assertEqual((code, state, words), (1, None, b"ValueError: ?"))
        self.assertLessEqual(timeout_ms, 5000)


class Signals(Process):
    def test_sigterm_ends_all_runs_once_and_the_process_dies_of_it(self):
        self.init()
        with mock.patch.object(os, "kill") as kill, mock.patch.object(signal, "signal") as install:
            process._on_sigterm(signal.SIGTERM, None)
            process._on_sigterm(signal.SIGTERM, None)
        self.assertEqual([call[:3] for call in self.library.of("finish_all")], [(143, b"preempted", b"SIGTERM")])
        install.assert_called_once_with(signal.SIGTERM, signal.SIG_DFL)
        kill.assert_called_once_with(os.getpid(), signal.SIGTERM)

    def test_it_dies_of_it_though_the_runs_cannot_be_ended(self):
        self.init()
        self.library.finish_all = mock.Mock(side_effect=RuntimeError)
        with mock.patch.object(os, "kill") as kill, mock.patch.object(signal, "signal"):
            with self.assertRaises(RuntimeError):
                process._on_sigterm(signal.SIGTERM, None)
        kill.assert_called_once()

    def test_a_handler_of_somebody_elses_is_left_alone(self):
        before = signal.getsignal(signal.SIGTERM)
        self.addCleanup(signal.signal, signal.SIGTERM, before)
        for theirs in (signal.SIG_IGN, lambda number, frame: None):
            signal.signal(signal.SIGTERM, theirs)
            self.init()
            self.assertIs(signal.getsignal(signal.SIGTERM), theirs)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with mock.patch.dict(os.environ, SAE_METRICS_SIGTERM="0"):
            self.init()
            self.assertIs(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)
        self.init()
        self.assertIs(signal.getsignal(signal.SIGTERM), process._on_sigterm)

    def test_a_call_from_a_handler_in_the_middle_of_a_call_has_its_own_memory(self):
        run = self.init(scalars=["mine"])
        push = self.library.log_step

        def interrupted(*arguments):
            self.library.log_step = push
            run._step_call._log_step = push
            run.log_step(7, mse_loss=7.0)
            return push(*arguments)

        run._step_call._log_step = interrupted
        run.log_step(1, mse_loss=1.0, mine=2.0)
        steps = [(call[0], call[4]) for call in self.library.of("log_step")]
        self.assertEqual(steps, [(7, {"mse_loss": 7.0}), (1, {"mse_loss": 1.0, "mine": 2.0})])

    def test_a_run_that_is_finished_in_the_middle_of_a_call_keeps_its_handle_for_that_call(self):
        run = self.init()
        with run._handle.lock:
            run.finish()
        self.assertEqual((len(self.library.of("finish")), len(self.library.of("close"))), (1, 0))


class Copies(Process):
    def test_a_copied_trainer_logs_to_the_same_run(self):
        run = self.init()
        trainer = {"run": run, "step": [1]}
        self.assertIs(copy.deepcopy(trainer)["run"], run)
        self.assertIs(copy.copy(run), run)

    def test_what_comes_out_of_a_pickle_is_inert(self):
        run = self.init(id="abcd1234", name="l9")
        again = pickle.loads(pickle.dumps(run))
        self.assertEqual((again.id, again.name, repr(again)), ("abcd1234", "l9", "<sae_metrics run abcd1234 (inert)>"))
        again.log_step(0, [1, 2, 3])
        again.log({"a": 1})
        again.finish()
        self.assertEqual(self.library.of("log_step") + self.library.of("log") + self.library.of("finish"), [])
        self.assertEqual((again.resumed, again.last_step, again.should_stop), (False, None, False))

    def test_no_second_run_begins_while_the_main_module_is_imported_again(self):
        import multiprocessing.process

        multiprocessing.process.current_process()._inheriting = True
        try:
            run = self.init()
        finally:
            del multiprocessing.process.current_process()._inheriting
        self.assertEqual(self.library.of("open"), [])
        run.log_step(0, [1, 2, 3])


if __name__ == "__main__":
    tap.main()
