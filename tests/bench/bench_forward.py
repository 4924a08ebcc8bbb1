"""How fast a long backlog goes to W&B, against what it cannot be faster than; and what waiting for W&B costs.

    bench_forward.py WANDB_SINK FORWARD_LIMITS [rows [rounds]]

W&B is wandb_sink, which neither reads nor keeps what it is sent: the fake server of the tests is Python, and would be
what is measured. In each round, with 0 and with 20 ms an answer: the daemon sends `rows` of one run, and of ten, from
W&B's knowing the run until W&B knows its end; then the same bytes are pushed through one socket in the largest requests
there are ("raw"), and read out of SQLite alone. Ratios are taken within a round; all figures are medians. At the end:
how long another run's flush takes while a backlog is sent, and after it.
"""
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import Daemon, wait_until
import sae_metrics

ROWS, ROUNDS = 1_000_000, 3
REQUEST_BYTES = 8 << 20
DELAYS_MS = (0, 20)
GOAL_ROWS_S = 30_000  # at 20 ms
FLUSHES = 40
METRICS = ("losses/mse_loss", "losses/l1_loss", "losses/ghost_grad_loss", "losses/overall_loss",
           "metrics/explained_variance", "metrics/explained_variance_std", "metrics/l0", "metrics/fvu",
           "sparsity/mean_passes_since_fired", "sparsity/dead_features", "details/current_learning_rate",
           "details/n_training_tokens", "details/n_training_images", "details/n_tokens_folded", "grad_norm")


def line_beginnings():
    """JSON of about 600 bytes, without its end: W&B's own keys."""
    for n in range(1000):
        pairs = (f'"{name}":{1 / (7 + n % 97 + 3 * i):.15g}' for i, name in enumerate(METRICS))
        yield n, "{" + ",".join(pairs) + ',"_step":'


def fill(database, n_runs, rows):
    """Ended runs with `rows` lines in all that W&B does not have."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = delete")
    connection.execute("PRAGMA synchronous = off")
    connection.execute("BEGIN")
    connection.execute("CREATE TEMP TABLE beginnings (n INTEGER PRIMARY KEY, text)")
    connection.executemany("INSERT INTO beginnings VALUES (?, ?)", line_beginnings())
    each = rows // n_runs
    for run in range(1, n_runs + 1):
        connection.execute(
            "INSERT INTO runs_data (n, id, project, user, uid, state, exit_code, log_to_wandb, attempt, step, started, "
            "last_seen, ended) VALUES (?, ?, 'bench', 'bench', 0, 'finished', 0, 1, 1, ?, 1.7e9, 1.7e9, 1.7e9)",
            (run, f"bench{run}", each))
        connection.execute(
            "INSERT INTO forwards_data (run, lines, step, time, elapsed_s, summary) VALUES (?, ?, ?, 1.7e9, 9, ?)",
            (run, each, each, '{"losses/mse_loss":0.1}'))
        connection.execute(
            "WITH RECURSIVE counter(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counter WHERE i < ?2 - 1) "
            "INSERT INTO forward_lines_data SELECT ?1, i, i, 1.7e9 + i, i * 0.5, "
            "text || i || ',\"_runtime\":' || (i * 0.5) || ',\"_timestamp\":' || 1700000000.125 || '}' "
            "FROM counter JOIN beginnings ON n = i % 1000", (run, each))
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = wal")
    connection.close()


class Sink:
    def __init__(self, program, delay_ms):
        self.process = subprocess.Popen([program, str(delay_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def seconds_until_complete(self, n_runs):
        """From the first run's being known to the last one's end."""
        begun, ends = None, 0
        while ends < n_runs:
            words = self.process.stdout.readline().split()
            ends += words[0] == "complete"
            begun = begun or int(words[-1])
        return (int(words[-1]) - begun) * 1e-9


def variables(port):
    return {"WANDB_BASE_URL": f"http://127.0.0.1:{port}", "WANDB_API_KEY": "k" * 40}


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid, field):
    return int(re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def limits(program, *arguments):
    """Seconds and bytes."""
    out = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=True).stdout.split()
    return float(out[0]), int(out[2])


def copy_database(template, directory):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    shutil.copyfile(template, directory / "metrics.db")


def catch_up(directory, sink, n_runs):
    """Seconds, CPU seconds, peak MiB and MiB of write-ahead log of a daemon that sends all there is."""
    with Daemon(directory, variables=variables(sink.port), arguments=["--log-level", "error"]) as daemon:
        seconds = sink.seconds_until_complete(n_runs)
        wait_until(lambda: daemon.rows("SELECT count(*) FROM forwards WHERE NOT completed OR pending") == [(0,)],
                   "the daemon to know that it is through")
        pid, log = daemon.process.pid, Path(f"{daemon.database}-wal")
        result = seconds, cpu_s(pid), resident_mib(pid, "VmHWM"), log.stat().st_size / 2 ** 20
        if (code := daemon.stop()) != 0:
            raise AssertionError(f"the daemon ended with {code}: {daemon.words()}")
    return result


def flush_ms(daemon, name):
    """How long a step that comes alone waits for the disk."""
    handle = sae_metrics.init(id=name, socket=str(daemon.socket))
    times = []
    for step in range(FLUSHES):
        time.sleep(0.02)
        handle.log_step(step, n_rows=64, mse_loss=0.5)
        begun = time.monotonic()
        handle.flush(60)
        times.append((time.monotonic() - begun) * 1e3)
    handle.finish(timeout=60)
    return statistics.median(times), max(times)


def report_flush(directory, program):
    with Sink(program, 20) as sink, Daemon(directory, variables=variables(sink.port)) as daemon:
        busy = flush_ms(daemon, "busy")
        left = daemon.rows("SELECT sum(pending) FROM forwards WHERE run LIKE 'bench%'")[0][0]
        sink.seconds_until_complete(1)
        quiet = flush_ms(daemon, "quiet")
        daemon.stop()
    print(f"a flush while a backlog is sent: {busy[0]:.1f} ms, {busy[1]:.0f} at most ({left} rows were left at its end); "
          f"after it: {quiet[0]:.1f} ms, {quiet[1]:.0f} at most")


def wait_refused(directory):
    """Peak MiB of a daemon that cannot reach W&B."""
    with Daemon(directory, variables=variables(9)) as daemon:
        wait_until(lambda: "cannot be reached" in daemon.words(), "the daemon to find out that nobody is there")
        peak = resident_mib(daemon.process.pid, "VmHWM")
        daemon.stop()
    return peak


class Bench:
    def __init__(self, sink, limits_program, rows, rounds, directory):
        self.sink, self.limits = sink, limits_program
        self.rows, self.rounds, self.directory = rows, rounds, directory

    def template(self, n_runs):
        empty = self.directory / "empty"
        empty.mkdir(exist_ok=True)
        with Daemon(empty, variables={"WANDB_MODE": "offline"}) as daemon:
            daemon.stop()
        path = self.directory / f"template-{n_runs}.db"
        shutil.move(empty / "metrics.db", path)
        fill(path, n_runs, self.rows)
        return path

    def one_round(self, template, n_runs, delay_ms):
        """rows/s of the daemon, of the raw push, of reading; CPU us a row; peak MiB; MiB of log."""
        work = self.directory / "work"
        copy_database(template, work)
        read_s, n_bytes = limits(self.limits, "read", work / "metrics.db")
        with Sink(self.sink, delay_ms) as sink:
            seconds, cpu, peak, log = catch_up(work, sink, n_runs)
            push_s, _ = limits(self.limits, "push", sink.port, n_bytes, REQUEST_BYTES)
        return self.rows / seconds, self.rows / push_s, self.rows / read_s, cpu / self.rows * 1e6, peak, log

    def report(self, n_runs):
        template = self.template(n_runs)
        for delay_ms in DELAYS_MS:
            rounds = [self.one_round(template, n_runs, delay_ms) for _ in range(self.rounds)]
            sent, raw, read, cpu, peak, log = (statistics.median(column) for column in zip(*rounds))
            ratios = [one[0] / one[1] for one in rounds]
            goal = f" (goal {GOAL_ROWS_S})" if delay_ms == 20 else ""
            print(f"{n_runs:4} {delay_ms:5} {sent:9.0f}{goal:13} {raw:9.0f} {statistics.median(ratios):6.2f} "
                  f"[{min(ratios):.2f}..{max(ratios):.2f}] {read:9.0f} {cpu:8.2f} {peak:8.1f} {log:6.1f}", flush=True)
        return template

    def run(self):
        print(f"{self.rows} rows, {self.rounds} rounds; per second, CPU microseconds a row, peak resident MiB, write-ahead log MiB\n")
        print(" runs    ms    sent/s                raw/s  ratio  [range]       read/s   CPU us      MiB    log")
        one = self.report(1)
        copy_database(one, self.directory / "work")
        waiting = wait_refused(self.directory / "work")
        copy_database(one, self.directory / "work")
        one.unlink()
        report_flush(self.directory / "work", self.sink)
        self.report(10).unlink()
        print(f"\nwhile {self.rows} rows wait and nobody answers: {waiting:.1f} MiB at most")


def main():
    rows, rounds = (list(map(int, sys.argv[3:])) + [ROWS, ROUNDS][len(sys.argv) - 3:])[:2]
    directory = Path(tempfile.mkdtemp(prefix="bench-forward-"))
    try:
        Bench(sys.argv[1], sys.argv[2], rows, rounds, directory).run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


main()
