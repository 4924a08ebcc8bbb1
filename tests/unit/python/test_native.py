"""The real library under the package: no daemon anywhere, children, exits. $SAE_METRICS_LIBRARY says where it is,
$SAE_METRICS_LAYOUT which program prints the layout of its structures."""

import ctypes
import multiprocessing
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from unittest import mock

import sae_metrics
import tap
from sae_metrics import native

LAYOUT = os.environ.get("SAE_METRICS_LAYOUT")
STRUCTURES = {"options": native.Options, "counts": native.Counts, "value": native.Value, "stats": native.Stats}


class LayoutTest(unittest.TestCase):
    @unittest.skipUnless(LAYOUT, "no $SAE_METRICS_LAYOUT")
    def test_the_structures_lie_as_the_header_has_them(self):
        printed = subprocess.run([LAYOUT], stdout=subprocess.PIPE, check=True, text=True).stdout
        header, ours = set(printed.splitlines()), set()
        for name, structure in STRUCTURES.items():
            ours.add("%s - 0 %d" % (name, ctypes.sizeof(structure)))
            for field, _ in structure._fields_:
                place = getattr(structure, field)
                ours.add("%s %s %d %d" % (name, field, place.offset, place.size))
        self.assertEqual(header ^ ours, set())


@unittest.skipUnless(os.environ.get("SAE_METRICS_LIBRARY"), "no $SAE_METRICS_LIBRARY")
class NoDaemonTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.socket = os.path.join(self.folder.name, "nobody")
        patch = mock.patch.dict(os.environ, SAE_METRICS_QUIET="1", SAE_METRICS="", SAE_METRICS_STRICT="")
        patch.start()
        self.addCleanup(patch.stop)

    def init(self, **arguments):
        run = sae_metrics.init(d_sae=4, train_batch_size=2, socket=self.socket, **arguments)
        self.addCleanup(run.finish, timeout=0)
        return run

    def python(self, program, **environment):
        """What a program of its own prints and how it exits."""
        environment = dict(os.environ, SAE_METRICS_SOCKET=self.socket, **environment)
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            timeout=60,
        )

    def test_everything_is_kept_for_a_daemon_that_is_away(self):
        run = self.init(name="n")
        self.assertRegex(run.id, "^[a-z0-9]{8}$")
        self.assertEqual(run.name, "n")
        for step in range(3):
            run.log_step(step, [2, 0, 1, 0], mse_loss=0.5, further=1)
        run.log({"h": ([1, 2], [0, 1, 2]), "t": "x"})
        run.event("resample")
        run.mark(2)
        stats = run.stats
        self.assertEqual((stats.messages, stats.acked, stats.dropped, stats.connected), (9, 0, 0, False))
        self.assertGreater(stats.outbox_bytes, 0)
        self.assertFalse(run.should_stop)
        self.assertFalse(run.flush(timeout=0))
        self.assertEqual(run.state_dict(timeout=0)["state"], None)

    def test_an_argument_only_the_library_can_judge_is_refused_with_its_name(self):
        for argument, words in ((dict(profile="x"), "profile"), (dict(id="a b"), "run|id")):
            with self.assertRaisesRegex(ValueError, words):
                self.init(**argument)

    def test_counts_the_library_refuses_are_counted_as_dropped(self):
        run = self.init()
        run.log_step(0, [3, 0, 0, 0], 2)
        run.log_step(1, [0.5, 0, 0, 0], 2)
        run.log_step(2, [1, 0, 0, 0], 2)
        self.assertEqual((run.stats.messages, run.stats.dropped), (3, 2))

    def test_a_state_that_is_none_is_refused(self):
        with self.assertRaises(ValueError):
            self.init().load_state_dict({"run": "x", "step": 1, "state": b"no state"})

    def test_finish_without_a_daemon_returns_within_its_deadline(self):
        run = self.init()
        run.log_step(0, [1, 0, 0, 0])
        begun = time.monotonic()
        run.finish(timeout=0.2)
        self.assertLess(time.monotonic() - begun, 5)

    def test_a_forked_child_is_inert_and_may_open_runs_of_its_own(self):
        run = self.init()
        context = multiprocessing.get_context("fork")
        answers = context.SimpleQueue()

        def child():
            run.log_step(0, [1, 0, 0, 0])
            run.log({"a": 1})
            run.finish()
            own = sae_metrics.init(d_sae=4, socket=self.socket)
            own.log_step(0, [1, 0, 0, 0], 1)
            answers.put((run.stats.messages, own.stats.messages, run.should_stop))
            own.finish(timeout=0)

        process = context.Process(target=child)
        process.start()
        self.assertEqual(answers.get(), (0, 1, False))
        process.join()
        self.assertEqual(process.exitcode, 0)
        run.log_step(0, [1, 0, 0, 0])
        self.assertEqual(run.stats.messages, 1)

    def test_a_child_forked_inside_a_log_call_of_another_thread_does_not_hang(self):
        done = self.python("""
            import os, threading
            import sae_metrics
            run = sae_metrics.init(d_sae=4, train_batch_size=2)
            stop = False
            def log():
                step = 0
                while not stop:
                    run.log_step(step, [1, 0, 0, 0])
                    step += 1
            thread = threading.Thread(target=log)
            thread.start()
            for _ in range(50):
                child = os.fork()
                if child == 0:
                    run.log_step(0, [1, 0, 0, 0])
                    run.finish()
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
            stop = True
            thread.join()
            run.finish(timeout=0)
            """)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_exit_code_of_a_program_that_did_not_finish_stays_its_own(self):
        begin = "import sae_metrics, sys; run = sae_metrics.init(d_sae=4, train_batch_size=2); run.log_step(0, [1, 0, 0, 0]); "
        for end, code in (("pass", 0), ("sys.exit(3)", 3), ("raise ValueError", 1)):
            self.assertEqual(self.python(begin + end).returncode, code, end)

    def test_it_can_be_imported_without_numpy(self):
        done = self.python("""
            import sys
            sys.modules["numpy"] = None
            import sae_metrics
            run = sae_metrics.init(d_sae=4, train_batch_size=2)
            run.log_step(0, [1, 0, 0, 0], mse_loss=1)
            run.log_activations(1, [[1, 0, 0, 0]])
            assert run.stats.messages == 1
            run.finish(timeout=0)
            """)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    tap.main()
