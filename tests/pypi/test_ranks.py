"""Ranks: real processes of torch.distributed that log one run, on one host and on several (each with a daemon of its own)."""
import json
import os
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("system", "unit/python")]
from harness import PATIENCE_S, Daemon, everything, same

import tap
import torch
from fake_library import FakeLibrary
from rank_trainer import N_ROWS

import sae_metrics
from sae_metrics import rank_merge, ranks

TRAINER = Path(__file__).resolve().parent / "rank_trainer.py"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Job:
    """The processes of a job, one a daemon given; or one that has the whole batch."""

    def __init__(self, plan, daemons, world_size=None):
        self.plan, port = plan, free_port()
        self.processes = [self._start(rank, world_size or len(daemons), port, daemon) for rank, daemon in enumerate(daemons)]

    def _start(self, rank, world_size, port, daemon):
        environment = {**daemon.environment(), "RANK": str(rank), "WORLD_SIZE": str(world_size), "SAE_METRICS_QUIET": "0",
                       "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
        return subprocess.Popen([sys.executable, TRAINER, json.dumps(self.plan)], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def finish(self):
        """What each of them said."""
        said = [process.communicate(timeout=PATIENCE_S)[1] for process in self.processes]
        assert all(process.returncode == 0 for process in self.processes), said
        return said


def run_of(daemon):
    (run,), = daemon.rows("SELECT id FROM runs")
    return run


def contents(daemon):
    return everything(daemon.database, run_of(daemon))


class Equal(unittest.TestCase):
    """Unequal parts of a batch on three ranks (5, 1 and 6 rows) against one process with all of it."""

    def assert_equal_rows(self, wanted, got):
        for view, rows in wanted.items():
            self.assertEqual(len(rows), len(got[view]), view)
            for row, other in zip(rows, got[view]):
                self.assertTrue(all(same(_plain(a), _plain(b), 1e-6) for a, b in zip(row, other)), (view, row, other))

    def compare(self, **plan):
        plan = {"n_steps": 50, "profile": "prisma", **plan}
        with Daemon() as alone, Daemon() as one_host, Daemon() as first, Daemon() as second:
            with Job({**plan, "whole": True}, [alone]) as job:
                job.finish()
            wanted = contents(alone)
            self.assertEqual(N_ROWS, plan["n_steps"] and alone.rows("SELECT max(n_rows) FROM steps")[0][0])
            for where, daemons in (("one host", [one_host] * 3), ("two hosts", [first, first, second])):
                with self.subTest(where, **plan), Job(plan, daemons) as job:
                    self.assertEqual(["", ""], job.finish()[1:])
                    self.assert_equal_rows(wanted, contents(daemons[0]))
                    document = daemons[0].status(run_of(daemons[0]))
                    self.assertEqual(("finished", []), (document["state"], document["alerts"]))
                    self.assertEqual(3 if where == "one host" else 1, document["world_size"])
            self.assertEqual([(0,)], second.rows("SELECT count(*) FROM runs"))

    def test_relu_with_prismas_metrics(self):
        self.compare(kind="relu", profile="prisma")

    def test_signed_activations_with_saelens_metrics(self):
        self.compare(kind="signed", profile="saelens")

    def test_topk_with_our_own_metrics(self):
        self.compare(kind="topk", profile="native")

    def test_numpy_arrays(self):
        self.compare(kind="signed", profile="prisma", numpy=True, n_steps=25)

    def test_counts_and_losses_that_the_trainer_has_itself(self):
        self.compare(kind="raw", profile="prisma", n_steps=25)


def _plain(value):
    """JSON of numbers as numbers."""
    if isinstance(value, str) and value.startswith("{"):
        return sum(json.loads(value).values())
    return value


class Arguments(unittest.TestCase):
    def setUp(self):
        self.library = FakeLibrary().install(self)

    def test_what_does_not_go_together_is_refused_in_words(self):
        for arguments, words in (
            (dict(ranks="torch"), "call torch.distributed.init_process_group first"),
            (dict(ranks="mpi"), "ranks: expected \"torch\" or nothing, got 'mpi'"),
            (dict(ranks="torch", rank=0, world_size=2), "finds out the rank and the world size"),
            (dict(rank_grace=3), "rank_grace: goes with ranks=\"torch\""),
            (dict(ranks="torch", rank_grace=0), "rank_grace: expected 0.001 ... 86400, got 0"),
        ):
            with self.assertRaisesRegex(ValueError, words):
                sae_metrics.init(d_sae=4, **arguments)

    def test_a_world_of_one_is_a_run_like_any_other(self):
        torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
        try:
            run = sae_metrics.init(d_sae=4, train_batch_size=4, ranks="torch")
            run.log_step(0, [1, 2, 3, 4])
        finally:
            torch.distributed.destroy_process_group()
        self.assertEqual(1, len(self.library.of("log_step")))


class Merging(unittest.TestCase):
    """The rules of PROTOCOL.md 3.3; the daemon's are tried in C."""

    def merge(self, names, *parts, rows=(1, 3)):
        values = torch.tensor([[part.get(name, 0.0) for name in names] for part in parts], dtype=torch.float64)
        known = rank_merge.merge(names, values, [[name in part for name in names] for part in parts], list(rows))
        return {name: value.item() for name, value in known.items()}

    def test_a_mean_is_weighted_by_rows_and_over_those_that_gave_it(self):
        names = ["mse_loss", "own", *rank_merge.OF_MOMENTS]
        self.assertEqual({"mse_loss": 2.5, "own": 4.0}, self.merge(names, {"mse_loss": 1.0}, {"mse_loss": 3.0, "own": 4.0}))

    def test_equal_means_stay_as_they_are_bit_for_bit(self):
        names = ["mse_loss", *rank_merge.OF_MOMENTS]
        self.assertEqual({"mse_loss": 0.1}, self.merge(names, *[{"mse_loss": 0.1}] * 3, rows=(5, 1, 7)))

    def test_a_sum_that_one_rank_did_not_give_is_not_known_and_a_number_of_nans_is(self):
        names = ["l2_sum", "n_nan_acts", *rank_merge.OF_MOMENTS]
        self.assertEqual({"n_nan_acts": 2.0}, self.merge(names, {"l2_sum": 1.0, "n_nan_acts": 2.0}, {}))
        self.assertEqual({"l2_sum": 4.0}, self.merge(names, {"l2_sum": 1.0}, {"l2_sum": 3.0}))

    def test_the_first_ones_coefficient_counts(self):
        names = ["l1_coefficient", *rank_merge.OF_MOMENTS]
        self.assertEqual({"l1_coefficient": 2.0}, self.merge(names, {"l1_coefficient": 2.0}, {"l1_coefficient": 3.0}))
        self.assertEqual({"l1_coefficient": 3.0}, self.merge(names, {}, {"l1_coefficient": 3.0}))

    def test_moments_are_those_of_all_values(self):
        names = list(rank_merge.OF_MOMENTS)
        parts = [torch.tensor(part, dtype=torch.float64) for part in ([1.0, 5.0], [2.0], [7.0, -1.0, 4.0])]
        whole = torch.cat(parts)

        def of(part):
            return {"ev_count": float(len(part)), "ev_mean": float(part.mean()), "ev_m2": float(((part - part.mean())**2).sum())}

        got = self.merge(names, *map(of, parts), rows=(2, 1, 3))
        for name, value in of(whole).items():
            self.assertAlmostEqual(value, got[name], places=12)
        self.assertEqual({}, self.merge(names, of(whole), {}))

    def test_an_infinite_mean_is_what_the_sum_over_all_would_be_and_has_no_spread(self):
        names = list(rank_merge.OF_MOMENTS)
        got = self.merge(names, {"ev_count": 2.0, "ev_mean": 1.0, "ev_m2": 0.5}, {"ev_count": 1.0, "ev_mean": float("-inf"), "ev_m2": 0.0})
        self.assertEqual((3.0, float("-inf")), (got["ev_count"], got["ev_mean"]))
        self.assertNotEqual(got["ev_m2"], got["ev_m2"])


class Places(unittest.TestCase):
    def test_the_same_path_is_another_daemon_where_it_is_named_otherwise(self):
        self.assertEqual(ranks.where("/a/b"), ranks.where("/a/../a/b"))
        self.assertNotEqual(ranks.where("/a/b"), ranks.where("/a/c"))

    def test_ranks_in_words(self):
        self.assertEqual(["rank 3", "ranks 1 and 2", "ranks 0, 4 and 7"],
                         [ranks.ranks_in_words(some) for some in ([3], [1, 2], [0, 4, 7])])


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    tap.main()
