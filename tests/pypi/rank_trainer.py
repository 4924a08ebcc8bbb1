"""One rank of a job of torch.distributed with gloo, or the whole of it in one process: a trainer that trains nothing.

Batches depend on the step alone; each rank has its share of the rows: 5, 1 and 6 of 12, and so on. What is to happen is said in
one JSON object, the only argument: see `tests/pypi/test_ranks.py`.
"""
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "client" / "python")]

import torch
import torch.distributed as distributed

import sae_metrics

D_IN, D_SAE, K, N_ROWS = 6, 48, 4, 12
SHARES = (5, 1, 6)
WINDOW, LOG_EVERY, DEAD = 20, 5, 8


def batch_at(step, kind):
    """x, y, acts (or indices and values) of all rows: some features fire often, some for a while, some never."""
    generator = torch.Generator().manual_seed(1000 + step)
    x = torch.randn(N_ROWS, D_IN, generator=generator) + 3
    y = x + 0.2 * torch.randn(N_ROWS, D_IN, generator=generator)
    acts = torch.randn(N_ROWS, D_SAE, generator=generator) - torch.arange(D_SAE) / 12
    acts[:, torch.arange(D_SAE) % 5 == step // 15 % 5] = 0
    if kind == "topk":
        values, indices = acts.relu().topk(K)
        return x, y, (indices, values)
    return x, y, acts if kind == "signed" else acts.relu()


def share(thing, rows):
    return tuple(part[rows] for part in thing) if isinstance(thing, tuple) else thing[rows]


def losses_at(step, rows):
    """Means over these rows of what is each row's own."""
    each = torch.arange(N_ROWS, dtype=torch.float64)[rows] + step
    return dict(overall_loss=float(each.mean()), ghost_grad_loss=0.0)


def log(run, plan, step, rows):
    x, y, acts = (share(thing, rows) for thing in batch_at(step, plan["kind"]))
    if plan.get("numpy"):
        x, y, acts = x.numpy(), y.numpy(), acts.numpy()
    given = dict(losses=losses_at(step, rows), lr=1e-3 * 0.9**step, l1_coefficient=0.25, grad_norm=losses_at(step, rows)["overall_loss"] / 7)
    if plan["kind"] == "topk":
        run.log_topk(step, *acts, x, y, **given)
    elif plan["kind"] == "raw":
        run.log_step(step, fired=(acts > 0).sum(0), n_rows=len(x), mse_loss=losses_at(step, rows)["overall_loss"],
                     explained_variance=0.5, current_learning_rate=1e-3)
    else:
        run.log_activations(step, acts, x, y, **given)


def begin(plan, **more):
    arguments = dict(name="job", profile=plan["profile"], d_sae=D_SAE, d_in=D_IN, feature_sampling_window=WINDOW,
                     wandb_log_frequency=LOG_EVERY, dead_feature_window=DEAD, train_batch_size=N_ROWS, context_size=2,
                     thresholds=[1e-3], scalars=["grad_norm"], when_full=60)
    return sae_metrics.init(**{**arguments, **plan.get("init", {}), **more})


def train(run, plan, rows, rank):
    for step in range(plan.get("from_step", 0), plan["n_steps"]):
        if plan.get("stop_on") == [rank, step]:
            print("hanging", flush=True)
            time.sleep(3600)
        if plan.get("log_on", [rank]) == [rank]:
            log(run, plan, step, rows)
        time.sleep(plan.get("step_s", 0))


def main():
    plan = json.loads(sys.argv[1])
    if plan.get("whole"):
        with begin(plan) as run:
            train(run, plan, slice(0, N_ROWS), 0)
        return
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    if plan.get("never") == rank:
        time.sleep(3600)
    first = sum(SHARES[:rank])
    run = begin(plan, ranks="torch", **({"project": "of rank %d" % rank} if plan.get("named") else {}))
    train(run, plan, slice(first, first + SHARES[rank]), rank)
    distributed.barrier()
    run.finish(plan.get("exit_codes", [0, 0, 0])[rank])
    distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
