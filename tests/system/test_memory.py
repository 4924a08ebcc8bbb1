"""What the daemon holds: 16 bytes a feature and run plus the stated buffers; little when idle."""
import os
import time
import unittest

import numpy
from harness import BUILD, Daemon, wait_until
import sae_metrics

import tap

IDLE_MIB = 8
SLACK_MIB = 12  # heap, SQLite's cache, the worker's stack, a cut in flight's rows


def resident_kib(daemon, field="VmRSS"):
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


@unittest.skipIf("none" not in os.environ.get("SAE_METRICSD_BUILD_KIND", "none"), "sanitizers hold memory of their own")
class Memory(unittest.TestCase):
    def test_an_idle_daemon_is_small(self):
        with Daemon() as daemon:
            rss = resident_kib(daemon)
            print(f"# idle: {rss / 1024:.1f} MiB resident")
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
            held = resident_kib(daemon)
            peak = resident_kib(daemon, "VmHWM")
            feature = (held - idle) * 1024 / d_sae / runs
            print(f"# {runs} runs of {d_sae} features: {feature:.1f} bytes a feature and run resident, peak {peak / 1024:.0f} MiB")
            # 16 of state; a frame (here u16: 2) being read; per daemon one cut's copy (16) in flight.
            self.assertLess(held - idle, (runs * (16 + 4) + 2 * 16) * d_sae / 1024 + SLACK_MIB * 1024)
            for handle in handles:
                handle.finish(timeout=60)


if __name__ == "__main__":
    tap.main()
