"""A trainer that trains nothing: numbers that depend on (run, rank, step) alone.

As a program it is one rank's process:
    workload.py SOCKET RUN --rank 0 --world-size 3 --steps 1000 [--from-step 0] [--launch first] [--step-ms 0.5] [--project P]
It prints "at STEP" as it goes, and ends with a line of its stats.
"""
import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "client" / "python")]

import numpy
import sae_metrics

D_SAE = 257
WINDOW, LOG_EVERY, DEAD_WINDOW, BATCH = 50, 10, 60, 96


def counts_at(run, rank, step):
    """uint32[D_SAE]: some features fire often, some for a while only, some never; and n_rows."""
    random = numpy.random.default_rng([sum(map(ord, run)), rank, step])
    n_rows = BATCH if step % 7 else BATCH // 2  # short batches now and then
    rates = 10.0 ** -(numpy.arange(D_SAE) % 7)
    rates[numpy.arange(D_SAE) % 5 == step // 80 % 5] = 0
    rates[-9:] = 0
    return random.binomial(n_rows, rates).astype(numpy.uint32), n_rows


def scalars_at(rank, step):
    wave = 1.0 + ((step * 37 + rank * 11) % 101) / 101
    return dict(mse_loss=0.5 * wave, l1_loss=3.0 * wave, l1_coefficient=0.25, ghost_grad_loss=0.0,
                overall_loss=1.25 * wave, l2_sum=7.0 * wave, tv_sum=90.0 + wave, ev_count=float(BATCH), ev_mean=0.9 - 0.01 * wave,
                ev_m2=0.3 * wave, current_learning_rate=1e-3 * 0.999 ** step)


def begin(socket, run, rank=0, world_size=1, launch="first", **more):
    options = dict(d_sae=D_SAE, feature_sampling_window=WINDOW, wandb_log_frequency=LOG_EVERY,
                   dead_feature_window=DEAD_WINDOW, train_batch_size=BATCH * world_size, context_size=4,
                   thresholds=[1e-3], scalars=["grad_norm"], when_full=60)
    options.update(more)
    return sae_metrics.init(id=run, rank=rank, world_size=world_size, launch=launch, socket=str(socket), **options)


def log_step(handle, run, rank, step):
    fired, n_rows = counts_at(run, rank, step)
    handle.log_step(step, fired=fired, n_rows=n_rows, grad_norm=1.0 / (1 + step), **scalars_at(rank, step))
    if step % 25 == 3:
        handle.log({"eval/score": step / 7, f"rank{rank}/note": f"at {step}"}, step=step)


def push(handle, run, steps):
    """Seconds of each log call."""
    took = []
    for step in steps:
        fired, n_rows = counts_at(run, 0, step)
        scalars = scalars_at(0, step)
        start = time.perf_counter()
        handle.log_step(step, fired=fired, n_rows=n_rows, grad_norm=0.0, **scalars)
        took.append(time.perf_counter() - start)
    return sorted(took)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("run")
    for name, default in (("rank", 0), ("world-size", 1), ("steps", 1000), ("from-step", 0)):
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--launch", default="first")
    parser.add_argument("--step-ms", type=float, default=0.0)
    parser.add_argument("--resume-state", help="a file with a state to go on from")
    parser.add_argument("--hang-at", type=int, default=-1, help="stop logging at this step and wait to be killed")
    parser.add_argument("--project", help="forward it there, with the daemon's own key")
    arguments = parser.parse_args()

    more = dict(project=arguments.project, log_to_wandb=True, wandb_key=False) if arguments.project else {}
    handle = begin(arguments.socket, arguments.run, arguments.rank, arguments.world_size, arguments.launch, **more)
    if arguments.resume_state:
        handle.load_state_dict({"run": arguments.run, "step": arguments.from_step - 1,
                                "state": Path(arguments.resume_state).read_bytes()})
    for step in range(arguments.from_step, arguments.steps):
        if step == arguments.hang_at:
            handle.flush(30)
            print("hanging", flush=True)
            time.sleep(3600)
        log_step(handle, arguments.run, arguments.rank, step)
        if step % 50 == 0:
            print(f"at {step}", flush=True)
        time.sleep(arguments.step_ms / 1000)
    handle.finish(timeout=float(os.environ.get("WORKLOAD_FINISH_S", "60")))
    print(handle.stats, flush=True)
    return 0 if handle.stats.dropped == 0 and handle.stats.acked == handle.stats.messages else 3


if __name__ == "__main__":
    sys.exit(main())
