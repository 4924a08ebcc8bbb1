"""How long `pareto` takes over many runs, from a daemon and from its file: the program's whole life, as whoever waits for it sees
it. Printed, never judged: 200 ms over 1,000 runs is what is aimed at.

usage: bench_pareto.py [RUNS [WINDOWS]]
"""
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]

from harness import DAEMON, Daemon
import workload

REPEATS = 21


def train(daemon, windows):
    handle = workload.begin(daemon.socket, "original")
    for step in range(windows * workload.WINDOW + 1):
        workload.log_step(handle, "original", 0, step)
    handle.finish(timeout=60)


def copy_rows(connection, table, key, number, changes):
    """All rows of the first run under another number, with what `changes` says of columns."""
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changes.get(name, str(number) if name == key else f'"{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    connection.execute(f"INSERT INTO {table} ({quoted}) SELECT {values} FROM {table} WHERE {key} = 1")


def multiply(database, runs):
    """The run again and again, each with figures of its own."""
    connection = sqlite3.connect(database)
    for number in range(2, runs + 1):
        l0, fvu = 10 ** random.uniform(1, 3), random.uniform(0.02, 0.6)
        copy_rows(connection, "runs_data", "n", number, {"id": f"'run{number:05d}'", "name": f"'sweep-{number:05d}'"})
        copy_rows(connection, "runs_about", "run", number, {})
        copy_rows(connection, "windows_data", "run", number, {})
        copy_rows(connection, "window_means_data", "run", number, {"l0": repr(l0), "fvu": repr(fvu)})
    # All but the last windows are a week old: each run stood elsewhere yesterday.
    connection.execute("UPDATE windows_data SET time = time - 7 * 86400 WHERE window < (SELECT max(window) - 4 FROM windows_data)")
    connection.commit()
    connection.close()


def measure(what, *arguments, **environment):
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        out = subprocess.run([DAEMON, *arguments], capture_output=True, text=True, check=True, **environment)
        took.append(1000 * (time.perf_counter() - start))
    took.sort()
    print(f"{what:34} {statistics.median(took):7.1f} ms median  {took[0]:7.1f} best  {took[-1]:7.1f} worst   "
          f"({len(out.stdout) >> 10} KiB, aim: 200 ms)", flush=True)


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    windows = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    random.seed(7)
    with Daemon() as daemon:
        train(daemon, windows)
        daemon.stop()
        multiply(daemon.database, runs)
        daemon.start()
        print(f"{runs} runs of {windows} windows each")
        of_daemon = {"env": daemon.environment()}
        measure("the table, from a daemon", "pareto", **of_daemon)
        measure("none has moved, from a daemon", "pareto", "--change-since", "1s", **of_daemon)
        measure("--json, from a daemon", "pareto", "--json", **of_daemon)
        measure("--json, from the file", "pareto", "--json", "--db", str(daemon.database))
        measure("--as saelens, from the file", "pareto", "--json", "--as", "saelens", "--db", str(daemon.database))
        measure("--at-tokens, from the file", "pareto", "--json", "--at-tokens", "20k", "--db", str(daemon.database))
        measure("--trajectories, from the file", "pareto", "--json", "--trajectories", "--db", str(daemon.database))


if __name__ == "__main__":
    main()
