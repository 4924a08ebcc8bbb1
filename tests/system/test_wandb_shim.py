"""A trainer that logs with wandb, run as it is, with sae_metrics.wandb in wandb's place."""
import json
import subprocess
import sys
import unittest

from fake_wandb import FakeWandb
from harness import Daemon, PATIENCE_S, ROOT, number, wait_until
from wandb_normal import rows

import tap

IN_ITS_PLACE = "import sys, sae_metrics.wandb; sys.modules['wandb'] = sae_metrics.wandb\n"

# What follows knows of wandb alone.
TRAINER = """
import argparse
import math

import wandb
from wandb import Histogram

config = argparse.Namespace(lr=4e-4, d_sae=64, sizes=(1, 2))
run = wandb.init(project="sae", name="l9-x16", group="sweep", tags=["relu"], notes="words", job_type="train", config=config)
wandb.config.update({"found": 3})
wandb.define_metric("losses/*", step_metric="step")
wandb.watch(None)
for step in range(30):
    row = {"losses": {"mse": 1 / (step + 1), "nan": math.nan if step == 7 else 0.5}, "step": step}
    wandb.log(row, step=step)
    if step % 10 == 9:
        wandb.log({"hist": Histogram([step, step + 1.0]), "bad": Histogram([math.nan])}, step=step)
        wandb.log({"eval/score": step})
wandb.log({"late": 1}, step=5)
artifact = wandb.Artifact("weights", type="model")
artifact.add_file("weights.pt")
wandb.log_artifact(artifact)
wandb.run.summary["best"] = 0.25
wandb.run.name = "renamed"
wandb.alert("dead", "312 features", level=wandb.AlertLevel.WARN)
wandb.finish(EXIT)
"""

RUNS = """
import wandb

one = wandb.init(project="sae", id="one", config={"lr": 1}, tags=["a"])
two = wandb.init(project="sae", id="two", reinit="create_new")
off = wandb.init(project="sae", id="off", reinit="create_new", mode="offline")
one.config.later = 2
one.tags += ("b",)
for step in range(5):
    one.log({"x": step}, commit=False)
    two.log({"x": step}, step=10 * step)
    off.log({"x": step})
    one.log({"deep": {"er": -step}})
one.summary["best"] = 7
for run in (one, two, off):
    run.finish()
"""

AGAIN = """
import wandb

with wandb.init(project="sae", id="again") as run:
    for step in range(10):
        run.log({"loss": step}, step=step)
        run.log({"joins": step})
    run.log({"eval": 0.5}, step=8)
    for step in range(6, 14):
        run.log({"loss": 100 + step}, step=step)
        run.log({"joins": 100 + step})
        if step == 12:
            run.log({"eval": 0.25}, step=9)
"""


def train(daemon, text=TRAINER.replace("EXIT", "3"), **variables):
    done = subprocess.run([sys.executable, "-c", IN_ITS_PLACE + text], capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S, env={**daemon.trainer_environment(), "PYTHONPATH": str(ROOT / "client" / "python"),
                                                   "SAE_METRICS_QUIET": "0", "NETRC": "/nowhere/netrc", **variables})
    assert done.returncode == 0, done.stderr
    return done.stderr


class Shim(unittest.TestCase):
    maxDiff = 4000

    def test_what_a_trainer_logs_with_wandb_is_in_the_database(self):
        with Daemon() as daemon:
            said = train(daemon)
            run, = daemon.rows("SELECT id FROM runs")
            self.assertEqual([("renamed", "sae", "sweep", "words", "failed", 3)],
                             daemon.rows("SELECT name, project, group_name, notes, state, exit_code FROM runs"))
            config, = daemon.rows("SELECT config FROM runs")
            self.assertEqual({"lr": 4e-4, "d_sae": 64, "sizes": [1, 2], "found": 3}, json.loads(*config))
            lines = daemon.rows("SELECT step, key, value, kind FROM history WHERE line IS NOT NULL")
            got = {(step, key): number(value, kind) for step, key, value, kind in lines}
            expected = {}
            for step in range(30):
                expected[step, "losses.mse"], expected[step, "step"] = 1 / (step + 1), step
                expected[step, "losses.nan"] = 0.5
            expected.update({(step, "eval/score"): step for step in (9, 19, 29)})
            nan = got.pop((7, "losses.nan"))
            del expected[7, "losses.nan"]
            self.assertNotEqual(nan, nan)
            self.assertEqual(expected, got)
            self.assertEqual([(5, "late", 1)], daemon.rows("SELECT step, key, value FROM history WHERE line IS NULL"))
            histograms = [(step, key, json.loads(counts), json.loads(edges)[0], json.loads(edges)[-1]) for step, key, counts, edges
                          in daemon.rows('SELECT step, key, "values", bins FROM histograms ORDER BY step')]
            self.assertEqual([(step, "hist", [1] + [0] * 62 + [1], step, step + 1) for step in (9, 19, 29)], histograms)
            summary, = daemon.rows("SELECT summary FROM runs")
            self.assertEqual(0.25, json.loads(*summary)["best"])
            events = dict(daemon.rows("SELECT kind, text FROM events WHERE kind IN ('alert', 'left_out')"))  # the last of each
            self.assertEqual({"alert": "WARN dead: 312 features", "left_out": "3 histograms, 1 artifact"}, events)
            self.assertEqual(1, said.count("'bad' was left out"), said)
            self.assertEqual(1, said.count("'weights' was not kept"), said)
            self.assertEqual(1, said.count("step 5 lies behind step"), said)

    def test_it_is_forwarded_as_the_sdk_would_have_sent_it_and_not_when_offline(self):
        with FakeWandb() as w, Daemon(variables={"WANDB_BASE_URL": w.base_url, "WANDB_API_KEY": "a" * 40}) as daemon:
            train(daemon, RUNS, WANDB_BASE_URL=w.base_url)
            wait_until(lambda: sum(run.complete for run in w.runs.values()) == 2, "two runs to be forwarded")
            self.assertEqual({"fake-entity/sae/one", "fake-entity/sae/two"}, set(w.runs))
            one, two = w.runs["fake-entity/sae/one"], w.runs["fake-entity/sae/two"]
            self.assertEqual([[step, {"x": step, "deep.er": -step}] for step in range(5)], rows(one))
            self.assertEqual([[10 * step, {"x": step}] for step in range(5)], rows(two))
            self.assertEqual(({"lr": 1, "later": 2}, 7, ["a", "b"]),
                             ({key: each["value"] for key, each in one.config.items() if key != "_wandb"}, one.summary["best"], one.tags))
            self.assertEqual([], w.violations)
            self.assertEqual([("off", 5)], daemon.rows("SELECT run, count(*) FROM history WHERE run = 'off'"))

    def test_a_loop_that_begins_again_is_another_attempt_and_a_straggler_is_none(self):
        with FakeWandb() as w, Daemon(variables={"WANDB_BASE_URL": w.base_url, "WANDB_API_KEY": "a" * 40}) as daemon:
            said = train(daemon, AGAIN, WANDB_BASE_URL=w.base_url)
            first, second = [*range(10)], [*range(6, 14)]
            self.assertEqual([(1, step, step) for step in first] + [(2, step, 100 + step) for step in second],
                             daemon.rows("SELECT attempt, step, value FROM history WHERE key = 'loss' ORDER BY line"))
            self.assertEqual([(1, 8, 0.5), (2, 9, 0.25)],
                             daemon.rows("SELECT attempt, step, value FROM history WHERE line IS NULL ORDER BY attempt"))
            self.assertEqual([(1, 0, 0, "start"), (2, 1, 6, "start")],
                             daemon.rows("SELECT attempt, lap, step_first, restored_from FROM attempts ORDER BY attempt"))
            self.assertEqual([(2, 0, 0)], daemon.rows("SELECT attempt, refused, late FROM runs"))
            run, = daemon.status()["runs"]
            self.assertEqual((2, False), (run["attempt"], run["resumed"]))
            self.assertIn("step 6 comes again, behind step 9: another attempt begins with it", said)
            wait_until(lambda: w.runs and w.runs["fake-entity/sae/again"].complete, "the run to be forwarded")
            run = w.runs["fake-entity/sae/again"]  # what W&B would have of the SDK: each step once
            self.assertEqual([[step, {"loss": step, "joins": step}] for step in first] +
                             [[step, {"loss": 100 + step, "joins": 100 + step}] for step in second if step > 9], rows(run))
            self.assertEqual([], w.violations)

    def test_a_run_that_goes_on_in_another_process_is_one_run_also_without_steps(self):
        with Daemon() as daemon:
            for first in (0, 3, 6):
                train(daemon, """if True:
                    import wandb
                    with wandb.init(id="again", resume="allow") as run:
                        assert (run.resumed, run.step) == (FIRST > 0, FIRST), (run.resumed, run.step)
                        for step in range(FIRST, FIRST + 3):
                            run.log({"x": step})
                """.replace("FIRST", str(first)))
            self.assertEqual([(9, 3)], daemon.rows("SELECT count(*), max(attempt) FROM history"))
            self.assertEqual([(step, step) for step in range(9)],
                             daemon.rows("SELECT step, value FROM history WHERE line IS NOT NULL ORDER BY line"))

    def test_a_row_that_is_open_when_the_trainer_is_killed_is_there_when_the_run_goes_on(self):
        with Daemon() as daemon:
            with self.assertRaises(AssertionError):
                train(daemon, """if True:
                    import os, wandb
                    run = wandb.init(id="killed")
                    run.log({"x": 1}, step=0)
                    run.log({"y": 2}, step=0)
                    run.sae.flush()
                    os.kill(os.getpid(), 9)
                """)
            wait_until(lambda: daemon.rows("SELECT state FROM runs") == [("crashed",)], "the run to be seen as crashed")
            train(daemon, "import wandb; wandb.init(id='killed').log({'z': 3}, step=1); wandb.finish()")
            self.assertEqual([(0, "x", 1), (0, "y", 2), (1, "z", 3)],
                             daemon.rows("SELECT step, key, value FROM history ORDER BY line, key"))

    def test_steps_that_are_pushed_beside_it_are_the_rows_a_session_joins(self):
        with Daemon() as daemon:
            train(daemon, """if True:
                import sae_metrics
                run = sae_metrics.init(id="beside", d_sae=4, train_batch_size=2, wandb_log_frequency=1)
                wandb = sae_metrics.wandb.Session(run=run)
                wandb.init(project="ignored", config={"lr": 1})
                for step in range(3):
                    run.log_step(step, [1, 0, 2, 0], mse_loss=0.5)
                    wandb.log({"given": step}, step=step)
                    wandb.log({"not given": step})
                wandb.finish()
                assert not run.stats.dropped
                run.finish()
            """)
            self.assertEqual([("beside",)], daemon.rows("SELECT id FROM runs"))
            got = daemon.rows("SELECT step, key, value FROM history WHERE line IS NOT NULL AND key LIKE '%given' ORDER BY step, key")
            self.assertEqual([(step, key, step) for step in range(3) for key in ("given", "not given")], got)


if __name__ == "__main__":
    tap.main()
