"""What the daemon holds: 16 bytes a feature and run plus the stated buffers, as much again while a cut is written;
little when idle."""
import os
import re
import unittest

import numpy
from harness import BUILD, Daemon, wait_until
import sae_metrics

import tap

IDLE_OWN_MIB = 4  # its heap, stacks and SQLite's
IDLE_CODE_MIB = 1.5  # of its program, as far as it is mapped; that of libraries is shared, and as much as the kernel happens to map
FOR_READERS = ("curses", "tinfo", "cairo", "pango", "fontconfig", "X11")  # libraries of programs that are run by it
SLACK_MIB = 12  # heap, SQLite's cache, the worker's stack, the rows of cuts in flight


def resident_kib(daemon, field="VmRSS"):
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def resident_files_kib(daemon):
    """How much is resident of each file that is mapped."""
    kib, file = {}, None
    with open(f"/proc/{daemon.process.pid}/smaps") as maps:
        for line in maps:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                file = line.split(maxsplit=5)[5].strip() if line.count("/") else None
            elif line.startswith("Rss:") and file:
                kib[file] = kib.get(file, 0) + int(line.split()[1])
    return kib


@unittest.skipIf("none" not in os.environ.get("SAE_METRICSD_BUILD_KIND", "none"), "sanitizers hold memory of their own")
class Memory(unittest.TestCase):
    def test_an_idle_daemon_is_small(self):
        with Daemon() as daemon:
            rss, own = resident_kib(daemon), resident_kib(daemon, "RssAnon")
            files = resident_files_kib(daemon)
            program = next(kib for file, kib in files.items() if file.endswith("/sae-metricsd"))
            print(f"# idle: {own / 1024:.1f} MiB of its own, {program} KiB of its program's code, {rss / 1024:.1f} MiB with libraries")
            self.assertLessEqual(own, IDLE_OWN_MIB * 1024)
            self.assertLessEqual(program, IDLE_CODE_MIB * 1024)
            self.assertEqual([], [file for file in files if any(name in file.rsplit("/", 1)[-1] for name in FOR_READERS)])

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
