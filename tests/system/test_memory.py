"""What the daemon holds: 16 bytes a feature and run plus the stated buffers, as much again while a cut is written;
little when idle."""
import os
import re
import sqlite3
import unittest

import numpy
from harness import Daemon, wait_until
from wire import QUERY, REPLY, Wire
import sae_metrics

import tap

IDLE_OWN_MIB = 4  # its heap, stacks and SQLite's
IDLE_CODE_MIB = 1.5  # of its program, as far as it is mapped; that of libraries is shared, and as much as the kernel happens to map
OFF_MIB = 10  # with the code of its libraries, of a daemon that forwards nothing
FOR_READERS = ("curses", "tinfo", "cairo", "pango", "fontconfig", "X11")  # libraries of programs that are run by it
QUESTIONS_LEFT_KIB = 512
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


STEPS = 20_000
A_LONG_RUN = f"""
INSERT INTO runs_data (id, name, uid, state, attempt, step, d_sae, started, last_seen)
VALUES ('longrun1', 'long', 0, 'finished', 1, {STEPS - 1}, 2048, 1000, 2000);
INSERT INTO attempts_data SELECT n, 1, 'launch', 0, 0, 1000, 'start' FROM runs_data;
WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {STEPS - 1})
INSERT INTO steps_data (run, step, attempt, lap, time, elapsed_s, n_rows, ranks_missing, mse_loss, l0, explained_variance, fvu, computed, extra)
SELECT (SELECT n FROM runs_data), n, 1, 0, 1000 + n, n, 4096, 0, 0.5, 58.25, 0.875, 0.125, 0, '{{"grad_norm": 0.75}}' FROM s;
"""


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

    def test_a_daemon_that_forwards_nothing_has_no_library_for_it(self):
        with Daemon(variables={"SAE_METRICSD_WANDB_MODE": "off"}) as daemon:
            rss, files = resident_kib(daemon), resident_files_kib(daemon)
            print(f"# forwarding off: {rss / 1024:.1f} MiB resident, with libraries")
            self.assertEqual([], [file for file in files if any(name in file for name in ("libcurl", "libssl", "libcrypto"))])
            self.assertLessEqual(rss, OFF_MIB * 1024)

    def test_questions_leave_nothing_behind(self):
        """Whichever thread they were answered by."""
        with Daemon() as daemon:
            daemon.stop()
            connection = sqlite3.connect(daemon.database)
            connection.executescript(A_LONG_RUN)
            connection.close()
            daemon.start()
            before = resident_kib(daemon, "RssAnon")
            with Wire(daemon.socket) as wire:
                wire.hello(role=2)
                for question in range(100):
                    wire.send(QUERY, question, "status", {"run": "longrun1"})
                    self.assertEqual(REPLY, wire.until(REPLY)[0])
            left = resident_kib(daemon, "RssAnon") - before
            print(f"# 100 questions: {left} KiB more than before")
            self.assertLess(left, QUESTIONS_LEFT_KIB)

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
