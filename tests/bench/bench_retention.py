"""What retention costs trainers: how long a step waits for its ack, at rest and while rows are being removed; how fast they
go; and how large the file is before and after. Figures and ratios; nothing here passes or fails."""
import sqlite3
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system"), str(Path(__file__).resolve().parent.parent)]

from harness import Daemon, wait_until
import workload

DAY = 86400
RUNS, STEPS, COPIES = 4, 500, 200  # COPIES attempts of each: 400,000 rows
ACKS = 150


def fill(daemon):
    for i in range(RUNS):
        handle = workload.begin(daemon.socket, f"old{i}")
        for step in range(STEPS):
            workload.log_step(handle, f"old{i}", 0, step)
        handle.finish(timeout=60)
    daemon.stop()
    connection = sqlite3.connect(daemon.database)
    names = [row[0] for row in connection.execute("SELECT name FROM pragma_table_info('steps_data')")]
    rest = ", ".join(f'"{name}"' for name in names[3:])
    connection.execute("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?) INSERT INTO steps_data "
                       f"SELECT run, step, attempt + c.i, {rest} FROM steps_data, c", (COPIES,))
    for table in ("steps_data", "lines_data", "windows_data"):
        connection.execute(f"UPDATE {table} SET time = time - ?", (400 * DAY,))
    connection.execute("UPDATE runs_data SET started = started - ?1, last_seen = last_seen - ?1, ended = ended - ?1", (400 * DAY,))
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def acks(daemon, run, busy):
    """Seconds from a step to its ack, as often as told, as long as `busy` says that it counts."""
    handle = workload.begin(daemon.socket, run)
    took = []
    for step in range(ACKS):
        if not busy():
            break
        begun = time.perf_counter()
        workload.log_step(handle, run, 0, step)
        handle.flush(20)
        took.append(time.perf_counter() - begun)
        time.sleep(0.02)
    handle.finish(timeout=60)
    return sorted(took)


def line(what, took):
    print(f"{what}: {len(took)} acks, p50 {took[len(took) // 2] * 1e3:.2f} ms, p95 {took[len(took) * 95 // 100] * 1e3:.2f} ms, "
          f"max {took[-1] * 1e3:.2f} ms", flush=True)


def collected(daemon):
    return daemon.rows("SELECT count(*) FROM removed_runs_data WHERE collected")[0][0]


def rows_left(daemon):
    return daemon.rows("SELECT count(*) FROM (SELECT 1 FROM steps_data LIMIT 1000000)")[0][0]


def main():
    with Daemon() as daemon:
        fill(daemon)
        before = daemon.database.stat().st_size
        daemon.start()
        calm = acks(daemon, "calm1", lambda: collected(daemon) == 0)  # the same question
        line("at rest", calm)
        rows = rows_left(daemon)
        daemon.stop()
        path = daemon.directory / "retention.conf"
        path.write_text("[retention]\nruns = 1d\n")
        daemon.variables["SAE_METRICSD_CONFIG"] = str(path)
        daemon.start()
        begun = time.monotonic()
        busy = acks(daemon, "busy1", lambda: collected(daemon) < RUNS)
        line("while rows are removed", busy)
        wait_until(lambda: collected(daemon) == RUNS, "all to go", 600)
        took = time.monotonic() - begun
        gone = rows - rows_left(daemon)
        calm = sorted(calm + acks(daemon, "calm2", lambda: collected(daemon) == RUNS))
        line("at rest, before and after", calm)
        print(f"ratio: p50 {busy[len(busy) // 2] / calm[len(calm) // 2]:.2f}, p95 "
              f"{busy[len(busy) * 95 // 100] / calm[len(calm) * 95 // 100]:.2f}")
        print(f"removed {gone:,} rows in {took:.1f} s: {gone / took:,.0f} rows/s")
        wait_until(lambda: daemon.database.stat().st_size < before / 2, "the file to shrink", 120)
        print(f"file: {before / 2**20:.1f} MiB before, {daemon.database.stat().st_size / 2**20:.1f} MiB a moment later")


if __name__ == "__main__":
    main()
