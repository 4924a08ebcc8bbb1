"""Children of a trainer, in every way that Python begins them, and what an import costs."""
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from harness import PATIENCE_S
from test_process import Trainers

import tap

METHODS = ("fork", "spawn", "forkserver")


class Workers(Trainers):
    """Handles that come to a child with it."""

    def only_the_parents(self, n_steps, run="trainer1"):
        self.assertEqual([(run, "finished")], self.daemon.rows("SELECT id, state FROM runs"))
        self.assertEqual([(1, n_steps + 1)], self.daemon.rows("SELECT count(*), sum(applied) FROM streams"))
        self.assertEqual(n_steps, self.steps(run))

    def test_a_workers_handle_is_inert_and_the_parents_run_goes_on(self):
        for method in METHODS:
            with self.subTest(method):
                self.daemon.kill()
                for path in self.daemon.directory.glob("metrics.db*"):
                    subprocess.run(["rm", "-rf", path], check=True)
                self.daemon.start()
                status, out, err = self.train(f"""
                    import multiprocessing

                    def work(run, queue):
                        began = time.monotonic()
                        log(run, 1000)
                        run.log({{"worker": 1.0}})
                        run.flush(); run.finish(exit_code=1)
                        queue.put((len(os.listdir("/proc/self/task")) - 1, run.stats.messages, time.monotonic() - began))
                        queue.close(); queue.join_thread()

                    def main():
                        context = multiprocessing.get_context("{method}")
                        run = begin()
                        for step in range(50): log(run, step)
                        queue = context.Queue()
                        workers = [context.Process(target=work, args=(run, queue)) for _ in range(2)]
                        for worker in workers: worker.start()
                        for step in range(50, 100): log(run, step)
                        said = [queue.get(timeout=60) for _ in workers]
                        for worker in workers: worker.join(60)
                        for step in range(100, 150): log(run, step)
                        print([(messages, took < 1) for _, messages, took in said], [w.exitcode for w in workers])
                        print("threads beside the queue's:", max(n for n, _, _ in said) - 1)

                    if __name__ == "__main__":
                        main()
                    """, SAE_METRICS_QUIET="1")
                self.assertEqual((0, ""), (status, err))
                self.assertEqual("[(0, True), (0, True)] [0, 0]", out.splitlines()[0])
                self.assertEqual(("finished", 0, None), self.ended())
                self.only_the_parents(150)

    def test_however_a_worker_ends_the_parents_run_does_not(self):
        for n, end in enumerate(("os._exit(1)", "sys.exit(2)", "1 / 0", "os.kill(os.getpid(), signal.SIGKILL)",
                                 "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
                                 "import ctypes; ctypes.PyDLL(None).pause()")):
            with self.subTest(end):
                status, out, err = self.train(f"""
                    import multiprocessing
                    def work(run):
                        log(run, 1000)
                        print("working", flush=True)
                        {end}
                    run = begin("trainer{n}")
                    log(run, 0)
                    worker = multiprocessing.get_context("fork").Process(target=work, args=(run,))
                    worker.start()
                    if "pause" in {end!r}:
                        while worker.is_alive():  # as a pool or a DataLoader ends a worker that hangs in C
                            worker.terminate(); worker.join(0.05)
                    worker.join(60)
                    log(run, 1)
                    print(worker.exitcode)
                    """)
                self.assertEqual(0, status, err)
                self.assertRegex(out, r"(\b[12]|-9|-15)\n$")
                self.assertEqual(("finished", 0, None), self.ended(f"trainer{n}"))
                self.assertEqual(2, self.steps(f"trainer{n}"))

    def test_a_child_of_os_fork_that_exits_like_a_program_ends_nothing(self):
        status, _, err = self.train("""
            run = begin()
            log(run, 0)
            child = os.fork()
            if child == 0:
                raise ValueError("in the child")
            assert os.waitpid(child, 0)[1] >> 8 == 1
            log(run, 1)
            """)
        self.assertEqual(0, status, err)
        self.assertEqual(("finished", 0, None), self.ended())
        self.only_the_parents(2)

    def test_a_spawned_child_begins_no_second_run_by_importing_the_script_again(self):
        """Without the guard the child cannot begin children of its own (Python's RuntimeError), and has no run."""
        for method in ("spawn", "forkserver"):
            with self.subTest(method):
                status, out, err = self.train(f"""
                    import multiprocessing
                    def work(): print("worked", flush=True)
                    run = begin("{method}")
                    log(run, 0)
                    worker = multiprocessing.get_context("{method}").Process(target=work)
                    worker.start(); worker.join(60)
                    log(run, 1)
                    print(worker.exitcode)
                    """)
                self.assertEqual((0, "1\n"), (status, out), err)
                self.assertIn("bootstrapping phase", err)
                self.assertIn("no second run", err)
                self.assertEqual(("finished", 0, None), self.ended(method))
                self.assertEqual(2, self.steps(method))
        self.assertEqual([(2,)], self.daemon.rows("SELECT count(*) FROM runs"))


class Ranks(Trainers):
    """Children that begin runs of their own."""

    def test_a_run_that_a_child_began_ends_with_it(self):
        endings = ("pass", "1 / 0", "sys.exit(3)", "run.finish(exit_code=4)", "run.flush(30); os._exit(5)")
        wanted = [("finished", 0, None), ("failed", 1, "ZeroDivisionError: division by zero"), ("failed", 3, None),
                  ("failed", 4, None), ("crashed", None, None)]
        for method in METHODS:
            with self.subTest(method):
                status, out, err = self.train(f"""
                    import multiprocessing
                    def work(n):
                        run = begin("{method}" + str(n))
                        log(run, 0)
                        exec({endings!r}[n])
                    def main():
                        parent = begin("{method}-parent")
                        context = multiprocessing.get_context("{method}")
                        workers = [context.Process(target=work, args=(n,)) for n in range({len(endings)})]
                        for worker in workers: worker.start()
                        for worker in workers: worker.join(60)
                        log(parent, 0)
                        print([worker.exitcode for worker in workers])
                    if __name__ == "__main__":
                        main()
                    """)
                self.assertEqual((0, "[0, 1, 3, 0, 5]\n"), (status, out), err)
                self.assertEqual(wanted, [self.ended(f"{method}{n}") for n in range(len(endings))])
                self.assertEqual(("finished", 0, None), self.ended(f"{method}-parent"))


class Imports(Trainers):
    HEAVY = ("numpy", "torch", "wandb", "asyncio", "multiprocessing", "urllib.request", "http.client")

    def test_nothing_heavy_is_imported_to_begin_a_run(self):
        status, out, err = self.train(f"""
            run = begin()
            log(run, 0)
            print([name for name in {self.HEAVY!r} if name in sys.modules])
            """)
        self.assertEqual((0, "[]\n"), (status, out), err)

    def test_what_an_import_costs(self):
        def took(program):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
            return time.perf_counter() - begun

        cost = min(took("import sae_metrics") for _ in range(5)) - min(took("import ctypes") for _ in range(5))
        print(f"# import sae_metrics: {1000 * cost:.0f} ms beside ctypes")
        self.assertLess(cost, 1)

    def test_without_a_library_a_daemon_numpy_and_torch_training_goes_on_after_one_line(self):
        self.daemon.kill()
        program = """
            sys.modules["numpy"] = sys.modules["torch"] = None
            run = begin()
            for step in range(100): log(run, step)
            run.log({"a": 1}); run.flush()
            run.finish()
            print(repr(run))
            """
        nowhere = Path(self.directory.name) / "nowhere" / "libsae-metrics.so.0"
        status, out, err = self.train(program, SAE_METRICS_LIBRARY=str(nowhere))
        self.assertEqual((0, "<sae_metrics run trainer1 (inert)>\n", 1), (status, out, len(err.splitlines())), err)
        self.assertIn("nothing is logged", err)
        status, _, err = self.train(program)
        self.assertEqual(0, status, err)
        self.assertNotIn("Traceback", err)


if __name__ == "__main__":
    tap.main()
