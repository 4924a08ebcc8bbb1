"""What the daemon holds: 16 bytes a feature and run plus the stated buffers, as much again while a cut is written;
little when idle."""
import os
import time
import unittest

import numpy
from harness import BUILD, Daemon, wait_until
import sae_metrics

import tap

IDLE_OWN_MIB = 4  # its heap, stacks and SQLite's
IDLE_MIB = 16  # with the code of the libraries that libcurl brings, which is shared and can be dropped
SLACK_MIB = 12  # heap, SQLite's cache, the worker's stack, the rows of cuts in flight


def resident_kib(daemon, field="VmRSS"):
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


@unittest.skipIf("none" not in os.environ.get("SAE_METRICSD_BUILD_KIND", "none"), "sanitizers hold memory of their own")
class Memory(unittest.TestCase):
    def test_an_idle_daemon_is_small(self):
        with Daemon() as daemon:
            rss, own = resident_kib(daemon), resident_kib(daemon, "RssAnon")
            print(f"# idle: {own / 1024:.1f} MiB of its own, {rss / 1024:.1f} MiB resident")
            self.assertLessEqual(own, IDLE_OWN_MIB * 1024)
            self.assertLessEqual(rss, IDLE_MIB * 1024)

    def test_a_run_costs_sixteen_bytes_a_feature_and_its_buffers(self):
        d_sae, runs = 1 << 20, 4
        with Daemon() as daemon:
            idle = resident_kib(daemon)
            counts = numpy.zeros(d_sae, numpy.uint32)
            counts[::3] = 300  # u16 on the wire
            handles = [sae_metrics.init(id=f"memory{n}", d_sae=d_sae, feature_sampling_window=5, train_batch_size=4096,
                                        socket=str(daemon.socket), when_full=30) for n in range(runs)]
            for step in range(30):
                for handle in handles:
                    handle.log_step(step, fired=counts, n_rows=4096, mse_loss=0.5)
            for handle in handles:
                handle.flush(60)
            # An ack leaves before the copies of its batch are given back.
            limit = runs * (16 + 4) * d_sae / 1024 + SLACK_MIB * 1024  # 16 of state; frames (here u16: 2) being read
            wait_until(lambda: resident_kib(daemon) - idle < limit, "the memory of the cuts to be given back", 10)
            held = resident_kib(daemon) - idle
            peak = resident_kib(daemon, "VmHWM") - idle
            feature = held * 1024 / d_sae / runs
            print(f"# {runs} runs of {d_sae} features: {feature:.1f} bytes a feature and run resident, peak {peak / 1024:.0f} MiB")
            self.assertLess(held, limit)
            # All windows close in one batch here, the worst case: of each run in flight a cut's copy (16), and the counts of the
            # window (8) that are kept with it.
            self.assertLess(peak, runs * (16 + 8) * d_sae / 1024 + limit)
            for handle in handles:
                handle.finish(timeout=60)


if __name__ == "__main__":
    tap.main()
