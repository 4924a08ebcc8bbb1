"""Daemons whose disk fails on command (fault_disk.c), and a workload that writes every kind of thing there is."""
import ctypes
import errno
import mmap
import os
from pathlib import Path

from harness import Daemon, everything
import workload

WRITE, RESERVE, SYNC, TRUNCATE, OPEN, MAP, RENAME, READ = (1 << bit for bit in range(8))
NAMES = {WRITE: "write", RESERVE: "fallocate", SYNC: "fsync", TRUNCATE: "ftruncate", OPEN: "open", MAP: "mmap",
         RENAME: "rename", READ: "read"}
LIBRARY = os.environ.get("SAE_METRICS_FAULT_DISK", "")
SEED = "faulty"
STEPS = 24


class Fault(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("kinds", "at", "lasting", "number", "torn", "count", "fired")]

    def arm(self, kinds, at, number, lasting=False, torn=False):
        self.kinds = 0
        self.at, self.number, self.lasting, self.torn, self.count, self.fired = at, number, lasting, torn, 0, 0
        self.kinds = kinds

    def clear(self):
        self.kinds = 0


class FaultyDaemon(Daemon):
    """Its disk has two faults that can be armed: .faults[0] and [1]."""

    def __init__(self, directory=None, arguments=(), variables=None):
        super().__init__(directory, arguments)
        control = self.directory / "faults"
        control.write_bytes(bytes(2 * ctypes.sizeof(Fault)))
        self.data = self.directory / "data"
        self.data.mkdir(exist_ok=True)
        self.database = self.data / "metrics.db"
        with open(control, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 2 * ctypes.sizeof(Fault))
        self.faults = (Fault * 2).from_buffer(self._map)
        self.variables = {"LD_PRELOAD": preload(), "SAE_METRICS_FAULTS": str(control),
                          "SAE_METRICS_FAULTS_FOLDER": str(self.data),
                          # With these points built in, the log is copied into the database more often.
                          "SAE_METRICSD_CRASH_AT": "during-checkpoint:1000000000", **(variables or {})}


def preload():
    """A sanitizer's runtime must be loaded first."""
    return ":".join(part for part in (os.environ.get("LD_PRELOAD"), LIBRARY) if part)


def cannot(test):
    if not Path(LIBRARY).is_file():
        test.skipTest("fault_disk is not built")
    if "thread" in os.environ.get("SAE_METRICSD_BUILD_KIND", ""):
        test.skipTest("nothing can be loaded before the thread sanitizer's runtime")


def begin(daemon, run):
    return workload.begin(daemon.socket, run, feature_sampling_window=6, wandb_log_frequency=3, dead_feature_window=8,
                          project="faults", log_to_wandb=True, wandb_key=False)


def log_some(handle, steps):
    for step in steps:
        fired, n_rows = workload.counts_at(SEED, 0, step)
        handle.log_step(step, fired=fired, n_rows=n_rows, grad_norm=1.0 / (1 + step), **workload.scalars_at(0, step))
        if step % 5 == 3:
            handle.log({"eval/score": step / 7, "note": f"at {step}"}, step=step)


def train(daemon, run, on_flush=lambda: None):
    """The whole of it: the handle's stats."""
    handle = begin(daemon, run)
    log_some(handle, range(STEPS // 3))
    handle.flush(0.05)
    on_flush()
    log_some(handle, range(STEPS // 3, 2 * STEPS // 3))
    handle.mark(2 * STEPS // 3 - 1)
    handle.flush(0.05)
    on_flush()
    log_some(handle, range(2 * STEPS // 3, STEPS))
    handle.finish(timeout=60)
    return handle.stats


def oracle():
    """What such a run leaves behind where nothing fails."""
    with Daemon() as daemon:
        stats = train(daemon, SEED)
        assert stats.acked == stats.messages and stats.dropped == 0, stats
        assert daemon.stop() == 0
        return everything(daemon.database, SEED)
