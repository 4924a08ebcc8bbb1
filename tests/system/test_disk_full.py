"""A disk that is nearly full, and full: nothing more is taken, nothing that was acked is lost, trainers do not notice, and it
goes on by itself once there is room."""
import os
import subprocess
import threading
import time
import unittest

import small_disk
from harness import DAEMON, Daemon, wait_until
import workload

import tap

STEPS = 600
SOON_S = 30  # a second is meant; machines that test are busy


class Trainer(threading.Thread):
    """Logs all the time, until it is told to end."""

    def __init__(self, daemon, run):
        super().__init__()
        self.handle = workload.begin(daemon.socket, run)
        self.run_id, self.steps, self.slowest_s, self.over = run, 0, 0.0, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            took = workload.push(self.handle, self.run_id, [self.steps])
            self.steps += 1
            self.slowest_s = max(self.slowest_s, *took)
            time.sleep(0.004)

    def acked(self):
        return self.handle.stats.acked


class FullDisk(unittest.TestCase):
    def check_steps(self, daemon, run, n):
        steps = [row[0] for row in daemon.rows("SELECT step FROM steps WHERE run = ? ORDER BY step", run)]
        self.assertEqual(list(range(n)), steps)

    def finish(self, handle):
        handle.finish(timeout=60)
        self.assertEqual((0, handle.stats.messages), (handle.stats.dropped, handle.stats.acked), handle.stats)

    def check_said(self, daemon):
        """In status, to --check, and once in the log."""
        seen = daemon.status()["daemon"]
        self.assertIs(True, seen["takes_nothing"])
        trouble = seen["trouble"]
        self.assertTrue(trouble, "status says nothing of the full disk")
        checked = subprocess.run([DAEMON, "status", "--check"], env=daemon.environment(), capture_output=True, text=True,
                                 check=False)
        self.assertEqual(10, checked.returncode, checked.stdout)
        self.assertIn(" ".join(trouble.split()[:3]), checked.stderr)

    def test_a_full_disk(self):
        directory = small_disk.small_disk(self, "3m")
        with Daemon(directory) as daemon:
            handle = workload.begin(daemon.socket, "fulldisk")
            workload.log_step(handle, "fulldisk", 0, 0)
            handle.flush(20)
            filler = os.path.join(directory, "filler")
            small_disk.fill(filler)
            took = workload.push(handle, "fulldisk", range(1, STEPS))
            print(f"# full disk: p50 {took[STEPS // 2] * 1e6:.1f} us, p99 {took[STEPS * 98 // 100] * 1e6:.1f} us")
            wait_until(lambda: daemon.status()["daemon"]["takes_nothing"], "the full disk to be noticed")
            handle.flush(1.0)
            self.assertLess(handle.stats.acked, handle.stats.messages, "nothing can have been committed")
            self.check_said(daemon)
            os.unlink(filler)
            self.finish(handle)
            self.check_steps(daemon, "fulldisk", STEPS)
            wait_until(lambda: not daemon.status()["daemon"]["trouble"], "the trouble to be over")
            wait_until(lambda: daemon.status()["daemon"]["commit_lag_s"] == 0, "all to be on disk")
            self.assertEqual(0, daemon.stop())

    def test_a_nearly_full_disk(self):
        directory = small_disk.small_disk(self, "40m")
        with Daemon(directory) as daemon:
            handle = workload.begin(daemon.socket, "nearly01")
            workload.push(handle, "nearly01", range(50))
            handle.flush(20)
            filler = os.path.join(directory, "filler")
            small_disk.fill(filler, leave=1 << 20)
            wait_until(lambda: daemon.status()["daemon"]["takes_nothing"], "the disk to be noticed")
            workload.push(handle, "nearly01", range(50, STEPS))
            handle.flush(1.0)
            self.check_said(daemon)
            seen = daemon.status()["daemon"]
            self.assertEqual(2 << 20, seen["keep_free_bytes"], "a twentieth of it")
            self.assertLess(seen["uncommitted_bytes"], 1 << 20)
            self.assertEqual(0, seen["commit_lag_s"], "what was taken is committed")
            self.assertEqual(1, daemon.words().count("nothing more is taken until"))
            os.unlink(filler)
            self.finish(handle)
            self.check_steps(daemon, "nearly01", STEPS)
            self.assertIsNone(daemon.status()["daemon"]["trouble"])
            self.assertEqual(0, daemon.stop())

    def test_filled_and_freed_under_load(self):
        directory = small_disk.small_disk(self, "64m")
        filler = os.path.join(directory, "filler")
        with Daemon(directory) as daemon:
            trainers = [Trainer(daemon, f"loaded{i:02}") for i in range(4)]
            wait_until(lambda: all(trainer.acked() > 0 for trainer in trainers), "the first acks")
            for leave in (0, 1 << 20, 0, 2 << 20, 0, 0):
                small_disk.fill(filler, leave)
                wait_until(lambda: daemon.status()["daemon"]["takes_nothing"], "the disk to be noticed")
                time.sleep(1.0)  # how long it lasts is part of the case
                before = [trainer.acked() for trainer in trainers]
                freed = time.monotonic()
                os.unlink(filler)
                wait_until(lambda: all(trainer.acked() > n for trainer, n in zip(trainers, before)), "acks", SOON_S)
                print(f"# {'full' if leave == 0 else 'nearly full'}: acks {time.monotonic() - freed:.3f} s after room came back")
            for trainer in trainers:
                trainer.over.set()
                trainer.join()
                self.finish(trainer.handle)
                self.check_steps(daemon, trainer.run_id, trainer.steps)
            print(f"# {sum(t.steps for t in trainers)} steps, slowest log call "
                  f"{max(t.slowest_s for t in trainers) * 1e3:.1f} ms")
            self.assertEqual([("ok",)], daemon.rows("PRAGMA integrity_check"))
            self.assertEqual(0, daemon.stop())

    def test_a_daemon_that_is_killed_on_a_full_disk_comes_back_with_all_that_was_acked(self):
        directory = small_disk.small_disk(self, "40m")
        filler = os.path.join(directory, "filler")
        with Daemon(directory) as daemon:
            trainer = Trainer(daemon, "killed01")
            wait_until(lambda: trainer.acked() > 50, "the first acks")
            small_disk.fill(filler)
            wait_until(lambda: daemon.status()["daemon"]["takes_nothing"], "the disk to be noticed")
            daemon.kill()
            daemon.start(wait=False)
            code = daemon.process.wait(60)
            self.assertNotEqual(0, code, "without room for its first row it does not start")
            self.assertIn("full", daemon.words().splitlines()[-1])
            os.unlink(filler)
            daemon.start()
            acked = trainer.acked()
            wait_until(lambda: trainer.acked() > acked, "acks")
            trainer.over.set()
            trainer.join()
            self.finish(trainer.handle)
            self.check_steps(daemon, "killed01", trainer.steps)


if __name__ == "__main__":
    small_disk.enter()
    tap.main()
