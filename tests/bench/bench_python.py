"""What the calls of the Python package cost a trainer: medians, printed as the table of client/python/README.md has them."""
import os
import statistics
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]
from harness import Daemon, wait_until
from own_user import OwnUser

os.environ["SAE_METRICS_STRICT"] = "1"
import numpy as np
import sae_metrics

D_SAE, ROWS, D_IN = 24576, 4096, 768
STEPS = 300
LOSSES = dict(mse_loss=0.02, l1_loss=21.0, overall_loss=0.03, l0=58.0, explained_variance=0.88, current_learning_rate=4e-4)
START = """
import time
begun = time.perf_counter()
import sae_metrics
imported = time.perf_counter()
sae_metrics.init(project="bench", d_sae=8)
print(imported - begun, time.perf_counter() - imported)
"""


def median_us(call, repeat):
    """Of single calls, with a pause behind each as a training step has one."""
    spent = []
    for step in range(repeat):
        begun = time.perf_counter()
        call(step)
        spent.append((time.perf_counter() - begun) * 1e6)
        time.sleep(0.002)
    return statistics.median(spent)


def row(what, us):
    print(f"| {what} | {us:,.1f} µs |" if us < 1000 else f"| {what} | {us / 1000:,.1f} ms |", flush=True)


def calls(daemon):
    counts = np.random.default_rng(0).integers(0, ROWS, D_SAE, dtype=np.int64)
    acts = np.maximum(np.random.default_rng(1).standard_normal((ROWS, D_SAE), dtype=np.float32) - 2.5, 0)
    x = np.random.default_rng(2).standard_normal((ROWS, D_IN), dtype=np.float32)

    def begin(**more):
        return sae_metrics.init(project="bench", d_sae=D_SAE, train_batch_size=ROWS, socket=str(daemon.socket), **more)

    runs = []
    row("`init`, a daemon being there", median_us(lambda step: runs.append(begin()), 9))
    for run in runs[1:]:
        run.finish()
    run = runs[0]
    row("`log_step`, six numbers alone", median_us(lambda step: run.log_step(step, n_rows=ROWS, **LOSSES), STEPS))
    row(f"`log_step` with the counts of {D_SAE:,} features", median_us(lambda step: run.log_step(step + STEPS, fired=counts, **LOSSES), STEPS))
    row("`log` of three numbers", median_us(lambda step: run.log({"a": 1.0, "b": 2.0, "c": step}, step=2 * STEPS), STEPS))
    row("`should_stop`", median_us(lambda step: run.should_stop, STEPS))
    row(f"`log_activations` of {ROWS:,} × {D_SAE:,} numpy floats, counting included",
        median_us(lambda step: run.log_activations(3 * STEPS + step, acts, x, x), 5))
    row("`state_dict`", median_us(lambda step: run.state_dict(), 5))
    row("`finish`, until all is on disk", median_us(lambda step: run.finish(), 1))


def starts():
    """An import and an init that has to start the daemon; each with a user of its own."""
    spent = []
    for _ in range(5):
        user = OwnUser()
        try:
            spent.append([float(word) for word in user.python(START).stdout.split()])
        finally:
            user.close()
    row("`import sae_metrics`", statistics.median(first for first, _ in spent) * 1e6)
    row("`init` that starts the daemon", statistics.median(second for _, second in spent) * 1e6)


if __name__ == "__main__":
    with Daemon() as daemon:
        wait_until(daemon.answers, "the daemon")
        calls(daemon)
    starts()
