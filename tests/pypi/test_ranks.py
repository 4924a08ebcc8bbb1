"""Ranks: real processes of torch.distributed that log one run, on one host and on several (each with a daemon of its own)."""
import json
import os
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("system", "unit/python")]
from harness import DAEMON, PATIENCE_S, Daemon, everything, same, wait_until

import tap
import torch
from fake_library import FakeLibrary
from rank_trainer import N_ROWS, SHARES

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
                    # That most features of a top-k SAE of random numbers never fire is so, and is no matter of ranks.
                    alerts = [alert for alert in document["alerts"] if alert["kind"] != "dead"]
                    self.assertEqual(("finished", []), (document["state"], alerts))
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

    def test_tensors_of_a_device_without_a_wait_for_it(self):
        self.compare(kind="signed", profile="prisma", device=True, n_steps=25)

    def test_counts_and_losses_that_the_trainer_has_itself(self):
        self.compare(kind="raw", profile="prisma", n_steps=25)


def _plain(value):
    """JSON of numbers as numbers; and a device's number of NaNs is known where it is 0, too, the host's is left out then."""
    if value is None:
        return 0.0
    if isinstance(value, str) and value.startswith("{"):
        return sum(json.loads(value).values())
    return value


PLAN = {"kind": "relu", "profile": "prisma", "n_steps": 30}
GRACE = ("--rank-grace", "1s")


class Apart(unittest.TestCase):
    """Ranks that are missing: named, waited for no longer than told, and the training goes on."""

    def alerts(self, daemon):
        return {alert["kind"]: alert["words"] for alert in daemon.status(run_of(daemon))["alerts"]}

    def assert_marked(self, daemon):
        self.assertEqual([(0,)], daemon.rows("SELECT DISTINCT complete FROM windows"))

    def test_logging_on_rank_0_alone_waits_once_and_then_goes_on(self):
        plan = {**PLAN, "log_on": [0], "init": {"rank_grace": 1.5}}
        words = "ranks 1 and 2 did not log step 0 within 1.5 s"
        with Daemon(arguments=GRACE) as daemon, Job(plan, [daemon] * 3) as job:
            said = job.finish()
            self.assertIn(words + ": from now on explained variance is of each rank's own rows", said[0])
            self.assertEqual(["", ""], said[1:])
            self.assertEqual([(30, 5)], daemon.rows("SELECT count(*), max(n_rows) FROM steps"))
            self.assert_marked(daemon)
            self.assertIn("30 steps", self.alerts(daemon)["missing"])
            text, = [text for text, in daemon.rows("SELECT text FROM events WHERE kind = 'ranks'")]
            self.assertIn(words, text)
            self.assertEqual("finished", daemon.status(run_of(daemon))["state"])

    def test_on_several_hosts_too(self):
        plan = {**PLAN, "log_on": [0], "init": {"rank_grace": 1.5}}
        with Daemon() as daemon, Daemon() as other, Job(plan, [daemon, other, other]) as job:
            said = job.finish()
            self.assertIn("ranks 1 and 2 did not log step 0 within 1.5 s: from now on rank 0's part of the batch is all", said[0])
            # One step of each window is left out, which marks it.
            self.assertEqual([(28, 5)], daemon.rows("SELECT count(*), max(n_rows) FROM steps"))
            self.assert_marked(daemon)
            self.assertEqual([(0,)], other.rows("SELECT count(*) FROM runs"))

    def test_a_rank_that_never_calls_init_is_waited_for_no_longer_than_told(self):
        plan = {**PLAN, "never": 1, "init": {"rank_grace": 4}, "lives_through": False}
        for hosts in (1, 2):
            with self.subTest(hosts=hosts), Daemon(arguments=GRACE) as daemon, Daemon() as other:
                with Job(plan, [daemon, daemon, daemon if hosts == 1 else other]) as job:
                    said = [job.processes[rank].communicate(timeout=PATIENCE_S)[1] for rank in (0, 2)]
                self.assertIn("rank 1 did not call init within 4 s: the others go on", said[0])
                rows = SHARES[0] + SHARES[2]
                self.assertEqual([(rows,)], daemon.rows("SELECT DISTINCT n_rows FROM steps"))
                self.assert_marked(daemon)

    def test_a_rank_that_is_killed_is_named_and_the_others_go_on(self):
        plan = {**PLAN, "die_at": [1, 10], "init": {"rank_grace": 60}, "lives_through": False}
        with Daemon(arguments=GRACE) as daemon, Job(plan, [daemon] * 3) as job:
            said = [process.communicate(timeout=PATIENCE_S)[1] for process in job.processes]
            self.assertEqual([0, -9, 0], [process.returncode for process in job.processes], said)
            self.assertIn("rank 1 did not log step 10 within", said[0])
            self.assertIn(f"rank 1 (its process {job.processes[1].pid} is dead", daemon.words())
            whole, = daemon.rows("SELECT count(*), max(step) FROM steps WHERE n_rows = ?", N_ROWS)
            self.assertIn(whole, ((10, 9), (9, 8)))  # its last frame may be lost with it
            self.assertEqual([(30 - whole[0], N_ROWS - SHARES[1])],
                             daemon.rows("SELECT count(*), min(n_rows) FROM steps WHERE step > ?", whole[1]))

    def test_ranks_that_log_different_steps_are_told_so(self):
        plan = {**PLAN, "ahead": {"2": 3}, "init": {"rank_grace": 5}, "n_steps": 5}
        with Daemon(arguments=GRACE) as daemon, Job(plan, [daemon] * 3) as job:
            for said in job.finish():
                self.assertIn("rank 2 logs step 3 where rank 0 logs step 0", said)

    def test_a_rank_that_is_switched_off_is_left_out_and_said_to_be(self):
        plan = {**PLAN, "off": [2]}
        with Daemon() as daemon, Job(plan, [daemon] * 3) as job:
            said = job.finish()
            self.assertIn("rank 2 logs nothing (switched off, or without the library)", said[0])
            self.assertEqual([(30, SHARES[0] + SHARES[1])], daemon.rows("SELECT count(*), max(n_rows) FROM steps"))


class Together(unittest.TestCase):
    def test_ranks_of_different_models_are_refused_on_all_of_them(self):
        plan = {**PLAN, "d_in_by_rank": [6, 6, 7]}
        with Daemon() as daemon, Job(plan, [daemon] * 3) as job:
            said = [process.communicate(timeout=PATIENCE_S)[1] for process in job.processes]
            for words in said:
                self.assertIn("ValueError: d_in: rank 0 has 6, rank 2 7", words)

    def test_what_rank_0_calls_it_counts_and_the_worst_exit_code_is_the_runs(self):
        plan = {**PLAN, "named": True, "exit_codes": [0, 3, 0], "n_steps": 3}
        with Daemon() as daemon, Job(plan, [daemon] * 3) as job:
            job.finish()
            self.assertEqual([("of rank 0", "failed", 3)], daemon.rows("SELECT project, state, exit_code FROM runs"))

    def test_all_ranks_stop_at_the_same_step(self):
        plan = {**PLAN, "n_steps": 5000, "step_s": 0.02}
        for hosts in (1, 2):
            with self.subTest(hosts=hosts), Daemon() as daemon, Daemon() as other:
                with Job(plan, [daemon, daemon, daemon if hosts == 1 else other]) as job:
                    wait_until(lambda: daemon.rows("SELECT count(*) > 5 FROM steps") == [(1,)], "some steps")
                    subprocess.run([DAEMON, "stop", run_of(daemon), "--reason", "enough"], env=daemon.environment(), check=True,
                                   capture_output=True)
                    heard = [process.communicate(timeout=PATIENCE_S)[0] for process in job.processes]
                steps = {line.split(":")[0] for line in heard}
                self.assertEqual(1, len(steps), heard)
                self.assertRegex(heard[0], "stopped at [0-9]+: .*enough")

    def test_a_state_that_every_rank_loads_makes_the_windows_of_a_training_that_was_never_interrupted(self):
        with Daemon() as alone, Job({**PLAN, "n_steps": 50, "whole": True}, [alone]) as job:
            job.finish()
            ask = "SELECT step_first, step_last, complete, never_fired, dead_features, revived, newly_dead, n_tokens FROM windows"
            wanted = alone.rows(ask + " WHERE step_last > 29")
        for hosts in (1, 2):
            with self.subTest(hosts=hosts), Daemon() as daemon, Daemon() as other:
                daemons = [daemon, daemon, daemon if hosts == 1 else other]
                plan = {**PLAN, "save_at": 29, "checkpoint": str(daemon.directory / "checkpoint"), "init": {"id": "resumed1"}}
                for n_steps in (30, 50):
                    with Job({**plan, "n_steps": n_steps}, daemons) as job:
                        job.finish()
                self.assertEqual([("resumed1", "finished", 2)], daemon.rows("SELECT id, state, attempt FROM runs"))
                self.assertEqual(wanted, daemon.rows(ask + " WHERE attempt = 2"))

    def torchrun(self, plan, daemon, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=3", *arguments, TRAINER,
             json.dumps(plan)], env={**daemon.environment(), "GLOO_SOCKET_IFNAME": "lo", "SAE_METRICS_QUIET": "1"},
            capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def test_without_ranks_every_process_is_a_run_whatever_the_launcher_says(self):
        with Daemon() as daemon:
            done = self.torchrun({**PLAN, "unranked": True, "n_steps": 3}, daemon)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual([(3, 3, 1)], daemon.rows("SELECT count(*), count(DISTINCT id), max(world_size) FROM runs"))

    def test_an_elastic_restart_is_a_new_attempt_and_counts_nothing_twice(self):
        plan = {**PLAN, "n_steps": 50, "die_at": [1, 33], "save_at": 29}
        with Daemon() as alone, Daemon() as daemon:
            with Job({**plan, "whole": True}, [alone]) as job:
                job.finish()
            plan["checkpoint"] = str(daemon.directory / "checkpoint")
            done = self.torchrun(plan, daemon, "--max-restarts=1")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual([("finished", 2)], daemon.rows("SELECT state, attempt FROM runs"))
            self.assertEqual([(20, 30, 49, N_ROWS * 20)], daemon.rows(
                "SELECT count(*), min(step), max(step), sum(n_rows) FROM steps WHERE attempt = 2"))
            # What was saved amid a window and gone on with gives the windows of a training that nothing happened to.
            ask = "SELECT step_first, step_last, complete, never_fired, dead_features, revived, newly_dead, n_tokens FROM windows"
            self.assertEqual(alone.rows(ask + " WHERE step_last > 29"), daemon.rows(ask + " WHERE attempt = 2"))


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


class Meeting(unittest.TestCase):
    """Threads for ranks."""

    def meet(self, store, present, world_size=3, grace_s=PATIENCE_S):
        def one(rank):
            met[rank] = ranks.meet(store, "meeting/", rank, world_size, {"of": "%s %d" % (word, rank)}, grace_s)

        met, word = {}, os.urandom(4).hex()
        threads = [threading.Thread(target=one, args=(rank,)) for rank in present]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return word, met

    def assert_met(self, word, met, wanted):
        self.assertEqual(1, len({meeting for meeting, _ in met.values()}))
        for _, cards in met.values():
            self.assertEqual({rank: "%s %d" % (word, rank) for rank in wanted}, {rank: card["of"] for rank, card in cards.items()})

    def test_what_earlier_processes_left_in_the_store_is_taken_for_nobody(self):
        store, words = torch.distributed.HashStore(), set()
        for _ in range(5):
            word, met = self.meet(store, [2, 1, 0])
            self.assert_met(word, met, [0, 1, 2])
            words.add(met[0][0])
        self.assertEqual(5, len(words))
        word, met = self.meet(store, [0, 2], grace_s=0.5)
        self.assert_met(word, met, [0, 2])

    def test_without_rank_0_there_is_no_meeting(self):
        with mock.patch.object(ranks, "ANSWER_S", 0.1):
            _, met = self.meet(torch.distributed.HashStore(), [1, 2], grace_s=0.1)
        self.assertEqual([(None, {})] * 2, list(met.values()))


class Places(unittest.TestCase):
    def test_the_same_path_is_another_daemon_where_it_is_named_otherwise(self):
        self.assertEqual(ranks.where("/a/b"), ranks.where("/a/../a/b"))
        self.assertNotEqual(ranks.where("/a/b"), ranks.where("/a/c"))

    def test_more_ranks_than_a_daemon_takes_are_reduced_to_the_first(self):
        for n_ranks, wanted in ((64, (63, 64, True, False)), (65, (0, 1, False, True))):
            cards = {rank: {"where": "here"} for rank in range(n_ranks)}
            place = ranks._place(cards, list(cards), [], n_ranks - 1, n_ranks)
            self.assertEqual(wanted, place[:4])

    def test_a_rank_that_did_not_come_keeps_its_place_in_what_the_daemon_waits_for(self):
        cards = {rank: {"where": "here"} for rank in (0, 2)}
        self.assertEqual((2, 3, True, False, [1]), tuple(ranks._place(cards, [0, 2], [1], 2, 3)))

    def test_ranks_in_words(self):
        self.assertEqual(["rank 3", "ranks 1 and 2", "ranks 0, 4 and 7"],
                         [ranks.ranks_in_words(some) for some in ([3], [1, 2], [0, 4, 7])])


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    tap.main()
