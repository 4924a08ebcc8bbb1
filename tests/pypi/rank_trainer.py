"""One rank of a job of torch.distributed with gloo, or the whole of it in one process: a trainer that trains nothing.

Batches depend on the step alone; each rank has its share of the rows: 5, 1 and 6 of 12, and so on. What is to happen is said in
one JSON object, the only argument: see `tests/pypi/test_ranks.py`.
"""
import json
import os
import pickle
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "client" / "python")]

import torch
import torch.distributed as distributed

import sae_metrics
from fake_device import FakeDevice
from sae_metrics import rank_group, rank_sums, tensor_statistics

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
    if plan.get("device") and not plan.get("whole"):
        given["losses"] = {name: torch.tensor(value) for name, value in given["losses"].items()}
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
    is_first_start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
    checkpoint = Path(plan["checkpoint"]) if "checkpoint" in plan else None
    first_step = 0
    if checkpoint is not None and checkpoint.exists():
        state = pickle.loads(checkpoint.read_bytes())
        first_step = state["step"] + 1
        run.load_state_dict(state)
    for step in range(first_step, plan["n_steps"]):
        if plan.get("die_at") == [rank, step] and is_first_start:
            os.kill(os.getpid(), signal.SIGKILL)
        if rank in plan.get("log_on", [rank]):
            log(run, plan, step + plan.get("ahead", {}).get(str(rank), 0), rows)
        if checkpoint is not None and step == plan["save_at"]:
            state = run.state_dict(timeout=30)
            if rank == 0:
                checkpoint.write_bytes(pickle.dumps(state))
        if run.should_stop:
            print("stopped at %d: %s" % (step, run.stop_reason), flush=True)
            break
        time.sleep(plan.get("step_s", 0))


def pretend_device():
    """Tensors of the host are said to be a device's, with collectives of its own; whoever waits for it is found out."""
    def refuse(*_):
        raise AssertionError("a wait for the device")

    device = FakeDevice(lag=3).install(unittest.TestCase())
    rank_group._accelerators = lambda _: {"cpu"}
    rank_sums._is_far = lambda _: True
    tensor_statistics._on_host = lambda _: False
    torch.Tensor.item = torch.Tensor.__bool__ = refuse
    add_up = rank_group.RankGroup.add_up
    rank_group.RankGroup.add_up = lambda self, tensor, kind, **how: (
        add_up(self, tensor, kind, **how) if kind == rank_group.ON_DEVICE else refuse())
    return device


def join_job():
    """Of torchrun's processes all starts share one store, and PyTorch may find there where those before listened."""
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT")
    if start is None:
        return distributed.init_process_group("gloo")
    store = distributed.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
    rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    return distributed.init_process_group("gloo", store=distributed.PrefixStore(start, store), rank=rank, world_size=world_size)


def main():
    plan = json.loads(sys.argv[1])
    if plan.get("whole"):
        with begin(plan) as run:
            train(run, plan, slice(0, N_ROWS), 0)
        return
    if plan.get("unranked"):
        rank = int(os.environ["RANK"])
        with begin(plan) as run:
            train(run, plan, slice(0, N_ROWS), rank)
        return
    device = pretend_device() if plan.get("device") else None
    join_job()
    rank = distributed.get_rank()
    if rank in plan.get("off", []):
        os.environ["SAE_METRICS"] = "off"
    if plan.get("never") == rank:
        time.sleep(3600)
    first = sum(SHARES[:rank])
    own = {"project": "of rank %d" % rank} if plan.get("named") else {}
    run = begin(plan, ranks="torch", **own, **({"d_in": plan["d_in_by_rank"][rank]} if "d_in_by_rank" in plan else {}))
    train(run, plan, slice(first, first + SHARES[rank]), rank)
    if plan.get("lives_through", True):
        distributed.barrier()
    if device is not None:
        device.lag = 0
        device.record()
    run.finish(plan.get("exit_codes", [0, 0, 0])[rank])
    distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
