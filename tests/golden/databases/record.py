"""Records a database as the daemon of another checkout leaves it: record.py CHECKOUT FILE. The checkout is built in its
`build`, or where SAE_METRICSD_BUILD and SAE_METRICS_LIBRARY say.

Two runs of tests/system/workload.py, one that has ended and one that goes on; then the daemon is killed, so that what was stored
last is in the log alone. The file is a tar with the database, its log and its state files."""
import os
import sys
import tarfile
from pathlib import Path

ENDED, GOES_ON = "ended001", "goeson01"
STEPS, KILLED_AT, MARK_AT = 30, 20, 10
OPTIONS = dict(feature_sampling_window=6, wandb_log_frequency=3, dead_feature_window=8, thresholds=[1e-3])


def train(workload, daemon, run, first, end, launch):
    handle = workload.begin(daemon.socket, run, launch=launch, **OPTIONS)
    for step in range(first, end):
        workload.log_step(handle, run, 0, step)
        if step == MARK_AT:
            handle.mark(step, "a checkpoint")
    return handle


def fill(workload, daemon):
    """As it is recorded; the one that goes on has to be kept by somebody until the daemon is killed."""
    train(workload, daemon, ENDED, 0, STEPS, "first").finish(timeout=60)
    handle = train(workload, daemon, GOES_ON, 0, KILLED_AT, "first")
    handle.flush(30)
    assert handle.stats.acked == handle.stats.messages, handle.stats
    return handle


def record(checkout, file):
    os.environ.setdefault("SAE_METRICSD_BUILD", str(checkout / "build"))
    os.environ.setdefault("SAE_METRICS_LIBRARY", str(checkout / "build" / "client" / "libsae-metrics.so.0"))
    sys.path[:0] = [str(checkout / "tests" / "system"), str(checkout / "tests"), str(checkout / "client" / "python")]
    import harness
    import workload

    def plain(member):
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return None if member.name.endswith(("-shm", ".lock")) else member

    with harness.Daemon() as daemon:
        handle = fill(workload, daemon)
        daemon.kill()
        with tarfile.open(file, "w:xz") as tar:
            for path in sorted(daemon.directory.glob("metrics.db*")):
                tar.add(path, path.name, filter=plain)
        del handle
        os._exit(0)  # nobody is left to take what it has


if __name__ == "__main__":
    record(Path(sys.argv[1]).resolve(), sys.argv[2])
