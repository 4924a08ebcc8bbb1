"""The client with a daemon that is healthy, absent, stopped or out of disk: calls return as
fast in each, and afterwards nothing is missing."""
import os
import signal
import subprocess
import tempfile
import time
import unittest

from harness import DAEMON, Daemon, everything, wait_until
import workload

import tap

STEPS = 600


def push(handle, run, steps):
    """Seconds of each log call."""
    took = []
    for step in steps:
        fired, n_rows = workload.counts_at(run, 0, step)
        scalars = workload.scalars_at(0, step)
        start = time.perf_counter()
        handle.log_step(step, fired=fired, n_rows=n_rows, grad_norm=0.0, **scalars)
        took.append(time.perf_counter() - start)
    return sorted(took)


def fill(path):
    """Takes every byte the file system has left."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError:
        os.close(file)


class Conditions(unittest.TestCase):
    def complete(self, daemon, run, handle):
        handle.finish(timeout=60)
        self.assertEqual((0, handle.stats.messages), (handle.stats.dropped, handle.stats.acked), handle.stats)
        steps = [row[0] for row in daemon.rows("SELECT step FROM steps WHERE run = ? ORDER BY step", run)]
        self.assertEqual(list(range(STEPS)), steps)

    def test_a_healthy_daemon(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "healthy1")
            took = push(handle, "healthy1", range(STEPS))
            print(f"# healthy: p50 {took[STEPS // 2] * 1e6:.1f} us, p99 {took[STEPS * 99 // 100] * 1e6:.1f} us")
            self.complete(daemon, "healthy1", handle)

    def test_an_absent_daemon_that_comes_later(self):
        daemon = Daemon()
        try:
            handle = workload.begin(daemon.socket, "absent01")
            took = push(handle, "absent01", range(STEPS))
            print(f"# absent: p50 {took[STEPS // 2] * 1e6:.1f} us, p99 {took[STEPS * 99 // 100] * 1e6:.1f} us")
            daemon.start()
            self.complete(daemon, "absent01", handle)
        finally:
            daemon.__exit__()

    def test_a_stopped_daemon(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "stopped1")
            workload.log_step(handle, "stopped1", 0, 0)
            handle.flush(20)
            daemon.process.send_signal(signal.SIGSTOP)
            took = push(handle, "stopped1", range(1, STEPS))
            print(f"# SIGSTOP: p50 {took[STEPS // 2] * 1e6:.1f} us, p99 {took[STEPS * 98 // 100] * 1e6:.1f} us")
            start = time.monotonic()
            handle.flush(0.5)
            self.assertLess(time.monotonic() - start, 5, "flush has a deadline")
            daemon.process.send_signal(signal.SIGCONT)
            self.complete(daemon, "stopped1", handle)

    def test_a_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small tmpfs needs root")
        directory = tempfile.mkdtemp(prefix="sae-metricsd-full-")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", directory], check=False)
        if mounted.returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        try:
            with Daemon(directory) as daemon:
                handle = workload.begin(daemon.socket, "fulldisk")
                workload.log_step(handle, "fulldisk", 0, 0)
                handle.flush(20)
                filler = os.path.join(directory, "filler")
                fill(filler)
                took = push(handle, "fulldisk", range(1, STEPS))
                print(f"# full disk: p50 {took[STEPS // 2] * 1e6:.1f} us, p99 {took[STEPS * 98 // 100] * 1e6:.1f} us")
                handle.flush(1.0)
                self.assertLess(handle.stats.acked, handle.stats.messages, "nothing can have been committed")
                trouble = daemon.status()["daemon"]["trouble"]
                self.assertTrue(trouble, "status says nothing of the full disk")
                seen = daemon.status()["daemon"]
                self.assertGreater(seen["uncommitted_bytes"], 0)
                wait_until(lambda: daemon.status()["daemon"]["commit_lag_s"] > seen["commit_lag_s"] > 0,
                           "what is not on disk to grow older")
                checked = subprocess.run([DAEMON, "status", "--check"], env=daemon.environment(), capture_output=True,
                                         text=True, check=False)
                self.assertEqual(10, checked.returncode, checked.stdout)
                self.assertIn(trouble, checked.stderr)
                os.unlink(filler)
                self.complete(daemon, "fulldisk", handle)
                wait_until(lambda: not daemon.status()["daemon"]["trouble"], "the trouble to be over")
                wait_until(lambda: daemon.status()["daemon"]["commit_lag_s"] == 0, "all to be on disk")
                self.assertEqual(0, daemon.stop())
        finally:
            subprocess.run(["umount", directory], check=False)
            os.rmdir(directory)


if __name__ == "__main__":
    tap.main()
