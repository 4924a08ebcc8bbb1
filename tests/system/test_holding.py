"""Nothing is taken: status says since when, and when the first trainer's outbox is full. (That nothing is lost then:
test_disk_full.py.)"""
import signal
import subprocess
import time
import unittest

from harness import DAEMON, Daemon, wait_until
import workload

import tap


QUIET = "[alerts]\ndead = off\n"  # half of the workload's features never fire


class Holding(unittest.TestCase):
    def settings(self, daemon, words):
        path = daemon.directory / "holding.conf"
        path.write_text(words)
        daemon.variables["SAE_METRICSD_CONFIG"] = str(path)

    def check(self, daemon):
        return subprocess.run([DAEMON, "status", "--check"], env=daemon.environment(), capture_output=True, text=True,
                              check=False)

    def test_a_disk_that_is_nearly_full_has_trainers_count_down(self):
        with Daemon() as daemon:
            daemon.stop()
            self.settings(daemon, QUIET)
            daemon.start()
            handle = workload.begin(daemon.socket, "held1")
            step = 0

            def push(seconds):
                nonlocal step
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    workload.log_step(handle, "held1", 0, step)
                    step += 1
                    time.sleep(0.002)

            push(3)
            self.assertIsNone(daemon.status()["daemon"]["holding"])
            self.assertIsNone(daemon.status("held1")["outbox"])
            self.assertEqual(0, self.check(daemon).returncode, daemon.status("held1")["alerts"])

            self.settings(daemon, QUIET + "[disk]\nkeep_free = 900T\n")
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: push(0.1) or daemon.status()["daemon"]["holding"], "the daemon to say that it holds back")
            wait_until(lambda: push(0.1) or (daemon.status()["daemon"]["holding"]["filled_bytes"] or 0) > 0, "the outbox to fill")
            first = daemon.status()["daemon"]["holding"]
            push(1)
            second = daemon.status()["daemon"]["holding"]
            self.assertRegex(first["words"], r"^disk nearly full: nothing is taken since [0-9:]{8}; at this rate the first "
                             r"trainer's outbox \(64(\.0)? MiB\) is full in ")
            self.assertEqual(64 << 20, first["outbox_bytes"])
            self.assertEqual(first["since"], second["since"])
            self.assertGreater(second["filled_bytes"], first["filled_bytes"])
            self.assertLess(second["full_in_s"], first["full_in_s"])
            self.assertGreater(daemon.status("held1")["outbox"]["filled_bytes"], 0)
            checked = self.check(daemon)
            self.assertEqual(10, checked.returncode)
            self.assertIn("nothing is taken since", checked.stderr)

            self.settings(daemon, QUIET)
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: daemon.status()["daemon"]["holding"] is None, "the daemon to go on")
            handle.finish(timeout=60)
            self.assertEqual((0, handle.stats.messages), (handle.stats.dropped, handle.stats.acked))

    def test_a_rank_that_waits_for_another_counts_down_too(self):
        with Daemon() as daemon:
            ranks = [workload.begin(daemon.socket, "pair1", rank=rank, world_size=2) for rank in range(2)]
            for step in range(100):
                for rank, handle in enumerate(ranks):
                    workload.log_step(handle, "pair1", rank, step)
            for step in range(100, 400):  # the other one thinks
                workload.log_step(ranks[0], "pair1", 0, step)
            wait_until(lambda: daemon.status("pair1")["outbox"], "the run's outbox to be told of")
            self.assertEqual(64 << 20, daemon.status("pair1")["outbox"]["outbox_bytes"])
            self.assertIsNone(daemon.status()["daemon"]["holding"])
            for step in range(100, 400):
                workload.log_step(ranks[1], "pair1", 1, step)
            wait_until(lambda: daemon.status("pair1")["outbox"] is None, "the run to go on")
            for handle in ranks:
                handle.finish(timeout=60)


if __name__ == "__main__":
    tap.main()
