"""How soon after its start a daemon says READY: with a database that is new, one that was closed, and one of some size after
`kill -9` while it was written to. Printed, never judged: 50 ms and 250 ms are what is aimed at.

usage: bench_ready.py [MEGABYTES]
"""
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]

from harness import PATIENCE_S, wait_until
from service_manager import ServiceManager

REPEATS = 15
WORKLOAD = str(Path(__file__).resolve().parent.parent / "system" / "workload.py")


def show(what, seconds, aim_ms):
    ms = sorted(1000 * s for s in seconds)
    print(f"{what:46} {statistics.median(ms):6.1f} ms median  {ms[0]:7.1f} best  {ms[-1]:7.1f} worst   (aim: {aim_ms} ms; other programs "
          f"took the CPU for {1000 * statistics.median(waited_s):.1f} ms of it, median)", flush=True)
    waited_s.clear()


waited_s = []  # of each start, so long it was ready to run and other programs ran


def ready(manager):
    seconds = manager.start().wait_for("READY", "1")
    waited_s.append(int(Path(f"/proc/{manager.process.pid}/schedstat").read_text().split()[1]) * 1e-9)
    return seconds


def train(manager, run, steps):
    trainer = subprocess.Popen([sys.executable, WORKLOAD, str(manager.socket), run, "--steps", str(steps)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return trainer


def grow(database, megabytes):
    """Rows of a run that has ended, copied under other steps until the file is so large: what a year of runs comes to."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous = off")
    names = [row[1] for row in connection.execute("PRAGMA table_info(steps_data)")]
    others = ", ".join(f'"{name}"' for name in names if name != "step")
    while os.path.getsize(database) < megabytes << 20:
        high, = connection.execute("SELECT max(step) + 1 FROM steps_data").fetchone()
        connection.execute(f"INSERT INTO steps_data (step, {others}) SELECT step + ?, {others} FROM steps_data", (high,))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return os.path.getsize(database) >> 20


def main():
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    new, closed, killed = [], [], []
    for _ in range(REPEATS):
        with ServiceManager() as manager:
            new.append(ready(manager))
    show("a new database", new, 50)
    with ServiceManager() as manager:
        ready(manager)
        for _ in range(REPEATS):
            manager.stop()
            closed.append(ready(manager))
        show("an empty database", closed, 50)
        train(manager, "ended001", 2000).wait(PATIENCE_S)
        manager.stop()
        size = grow(manager.database, megabytes)
        manager.start()
        for i in range(REPEATS):
            trainers = [train(manager, f"open{i:02d}{n:02d}", 100_000) for n in range(2)]
            wait_until(lambda: manager.rows("SELECT count(*) FROM runs WHERE step > 200 AND id LIKE ?", f"open{i:02d}%")[0][0] == 2,
                       "the runs to go on")
            manager.kill()
            for trainer in trainers:
                trainer.send_signal(signal.SIGKILL)
                trainer.wait(PATIENCE_S)
            killed.append(ready(manager))
        show(f"{size} MiB, killed while two runs were written", killed, 250)


if __name__ == "__main__":
    main()
