"""What a look costs: `status --json` of a run while its daemon takes steps as fast as they come, `status RUN` of a run of a million
steps, a thousand runs in a table, and `why` of a million steps, also where the gradient's norm is one of 25 keys in a history of
2.5 million rows. Times are of whole processes, from fork to exit.

    bench_status.py [looks of each kind]
"""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system"), str(Path(__file__).resolve().parent.parent)]
import sqlite3  # noqa: E402

from harness import DAEMON, Daemon  # noqa: E402
from wire import OPENED, QUERY, REPLY, STEP, Wire, frame  # noqa: E402

LOOKS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
LONG_STEPS, MANY_RUNS, D_SAE = 1_000_000, 1_000, 24_576

LONG_RUN = f"""
INSERT INTO runs_data (id, name, uid, state, attempt, step, d_sae, dead_feature_window, feature_sampling_window,
    wandb_log_frequency, started, last_seen) VALUES ('longrun1', 'long', 0, 'finished', 1, {LONG_STEPS - 1}, 2048, 5000, 1000, 10, 1000, 2000);
INSERT INTO attempts_data SELECT n, 1, 'launch', 0, 0, 1000, 'start' FROM runs_data WHERE id = 'longrun1';
WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {LONG_STEPS - 1})
INSERT INTO steps_data (run, step, attempt, lap, time, elapsed_s, n_rows, ranks_missing, mse_loss, l1_loss, overall_loss, l0,
    explained_variance, fvu, dead_features, current_learning_rate, n_training_tokens, computed, extra)
SELECT (SELECT n FROM runs_data WHERE id = 'longrun1'), n, 1, 0, 1000 + n * 0.05, n * 0.05, 4096, 0, 1.0 / (1 + n % 977), 3.5, 1.5,
    58.25 + n % 7, 0.875, 0.125, 12, 0.0004, n * 4096, 0, '{{"grad_norm": 0.75}}' FROM s;
WITH RECURSIVE w(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM w WHERE n < 999)
INSERT INTO windows_data SELECT (SELECT n FROM runs_data WHERE id = 'longrun1'), 1, n, 1000 * n, 1000 * n + 999, 1000 * n + 999, 1000.0,
    1000, 1000, 0, 4096000, 2048, 12, 3, 5, -3.5, 40, 20, 10, 30, 5, '[]', 2038, -5, -4, -3.5, -3, -2, NULL, NULL,
    (SELECT json_group_array(value) FROM (WITH RECURSIVE b(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM b WHERE value < 199)
    SELECT value FROM b)), 8 FROM w;
"""
LONG_HISTORY = f"""
UPDATE steps_data SET extra = NULL;
WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 25)
INSERT INTO keys_data SELECT 1000 + n, iif(n = 25, 'grad_norm', 'metric/' || n) FROM k;
WITH RECURSIVE l(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM l WHERE n < {LONG_STEPS // 10 - 1}), k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 25)
INSERT INTO history_data SELECT (SELECT n FROM runs_data WHERE id = 'longrun1'), 10 * l.n, 1, l.n, 1000 + k.n, 1, 0, 0.75, NULL FROM l, k;
"""
RUNS = f"""
WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < {MANY_RUNS - 1})
INSERT INTO runs_data (id, name, project, uid, state, attempt, step, d_sae, wandb_log_frequency, started, last_seen)
SELECT printf('many%04d', n), printf('sweep-%d', n % 100), 'sweep', 0, 'finished', 1, 99, 2048, 10, 1000 + n, 2000 + n FROM r;
INSERT INTO attempts_data SELECT n, 1, 'launch', 0, 0, 1000, 'start' FROM runs_data WHERE id LIKE 'many%';
INSERT INTO runs_about (run, config) SELECT n, '{{"lr": 0.0004, "l1_coefficient": 4e-05, "d_in": 768}}' FROM runs_data WHERE id LIKE 'many%';
WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 99)
INSERT INTO steps_data (run, step, attempt, lap, time, elapsed_s, n_rows, ranks_missing, mse_loss, l0, explained_variance, computed)
SELECT r.n, s.n, 1, 0, 1000 + s.n, s.n, 4096, 0, 0.5, 58.25, 0.875, 0 FROM runs_data r, s WHERE r.id LIKE 'many%';
"""


def fill(database, rows):
    connection = sqlite3.connect(database)
    connection.executescript(rows)
    connection.close()


def flood(path):
    """Steps of one run, as fast as the daemon takes them."""
    wire, seq = Wire(path), 1
    if wire.open("flooded1", d_sae=D_SAE)[0] != OPENED:
        raise SystemExit("not opened")
    wire.socket.settimeout(None)
    counts = bytes([1, 0, 0, 2] * (D_SAE // 4))
    while True:
        wire.socket.sendall(b"".join(frame([STEP, seq + i, 0, seq + i - 1, 1.7e9 + seq + i, 1.0, 4, [0.5], 1, D_SAE, 0, 0], counts)
                                     for i in range(8)))
        seq += 8
        try:
            while wire.socket.recv(65536, 64):  # MSG_DONTWAIT
                pass
        except BlockingIOError:
            pass


def percentiles(took):
    took = sorted(took)
    return "p50 %6.2f ms  p99 %6.2f ms  most %6.2f ms" % tuple(
        1e3 * took[min(len(took) - 1, int(share * len(took)))] for share in (0.5, 0.99, 1))


def looks(words, *arguments, environment, n=LOOKS, say=True):
    took = []
    for _ in range(n):
        begun = time.perf_counter()
        subprocess.run([DAEMON, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
        took.append(time.perf_counter() - begun)
    if say:
        print(f"{words:44} {percentiles(took)}", flush=True)


def questions(words, path, run, n=LOOKS):
    """The same on a connection that stays: what the daemon alone takes."""
    wire, took = Wire(path), []
    wire.hello(role=2)
    for token in range(n):
        begun = time.perf_counter()
        wire.send(QUERY, token, "status", {"run": run} if run else {})
        wire.until(REPLY)
        took.append(time.perf_counter() - begun)
    print(f"{words:44} {percentiles(took)}", flush=True)


def main():
    load = os.getloadavg()
    print(f"{os.cpu_count()} processors, load {load[0]:.1f} before it began; {LOOKS} looks of each kind")
    with Daemon() as daemon:
        environment = daemon.environment()
        looks("sae-metricsd --version: a process at all", "--version", environment=environment)
        looks("status --json, nothing there", "status", "--json", environment=environment)
        child = os.fork()
        if child == 0:
            try:
                flood(daemon.socket)
            finally:
                os._exit(1)
        while not any(run["step"] for run in daemon.status()["runs"]):
            pass
        before, begun = daemon.status()["daemon"]["messages"], time.perf_counter()
        looks("a process at all while steps come", "--version", environment=environment)
        looks("status --json while steps come", "status", "--json", environment=environment)
        looks("status RUN --json while steps come", "status", "--json", "flooded1", environment=environment)
        questions("a question, all runs, while steps come", daemon.socket, None)
        questions("a question, a run, while steps come", daemon.socket, "flooded1")
        rate = (daemon.status()["daemon"]["messages"] - before) / (time.perf_counter() - begun)
        print(f"{rate:.0f} steps a second of {D_SAE} features came meanwhile")
        os.kill(child, 9)
        os.waitpid(child, 0)
        daemon.stop()
        fill(daemon.database, LONG_RUN)
        daemon.start()
        looks("status RUN, a million steps, of the daemon", "status", "longrun1", environment=environment)
        looks("status RUN, a million steps, of the file", "status", "--db", str(daemon.database), "longrun1", environment=environment)
        looks("why RUN, a million steps, of the daemon", "why", "--socket", str(daemon.socket), "longrun1", environment=environment, n=3)
        looks("why RUN, a million steps, of the file", "why", "--db", str(daemon.database), "longrun1", environment=environment, n=3)
        daemon.stop()
        fill(daemon.database, LONG_HISTORY)
        daemon.start()
        looks("why RUN, a norm in the history, of the daemon", "why", "--socket", str(daemon.socket), "longrun1", environment=environment, n=3)
        looks("why RUN, a norm in the history, of the file", "why", "--db", str(daemon.database), "longrun1", environment=environment, n=3)
        daemon.stop()
        fill(daemon.database, RUNS)
        daemon.start()
        n = len(daemon.status()["runs"])
        looks(f"status, {n} runs, of the daemon", "status", environment=environment, n=LOOKS // 10 + 1)
        looks(f"status, {n} runs, of the file", "status", "--db", str(daemon.database), environment=environment, n=LOOKS // 10 + 1)
        looks(f"status --sort fvu --limit 10, {n} runs", "status", "--sort", "fvu", "--limit", "10", environment=environment,
              n=LOOKS // 10 + 1)


if __name__ == "__main__":
    main()
