"""The client with a daemon that is healthy, absent or stopped: calls return as fast in each, and afterwards
nothing is missing. (Out of disk: test_disk_full.py.)"""
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


class Conditions(unittest.TestCase):
    def complete(self, daemon, run, handle):
        handle.finish(timeout=60)
        self.assertEqual((0, handle.stats.messages), (handle.stats.dropped, handle.stats.acked), handle.stats)
        steps = [row[0] for row in daemon.rows("SELECT step FROM steps WHERE run = ? ORDER BY step", run)]
        self.assertEqual(list(range(STEPS)), steps)

    def test_a_healthy_daemon(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "healthy1")
            took = workload.push(handle, "healthy1", range(STEPS))
            print(f"# healthy: p50 {took[STEPS // 2] * 1e6:.1f} us, p99 {took[STEPS * 99 // 100] * 1e6:.1f} us")
            self.complete(daemon, "healthy1", handle)

    def test_an_absent_daemon_that_comes_later(self):
        daemon = Daemon()
        try:
            handle = workload.begin(daemon.socket, "absent01")
            took = workload.push(handle, "absent01", range(STEPS))
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
            took = workload.push(handle, "stopped1", range(1, STEPS))
            print(f"# SIGSTOP: p50 {took[STEPS // 2] * 1e6:.1f} us, p99 {took[STEPS * 98 // 100] * 1e6:.1f} us")
            start = time.monotonic()
            handle.flush(0.5)
            self.assertLess(time.monotonic() - start, 5, "flush has a deadline")
            daemon.process.send_signal(signal.SIGCONT)
            self.complete(daemon, "stopped1", handle)


if __name__ == "__main__":
    tap.main()
