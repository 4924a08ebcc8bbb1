"""sae_metrics.wandb beside the SDK it stands in for: the same calls make the same rows."""
import collections
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]
from harness import Daemon, PATIENCE_S, ROOT, number
from wandb_file import HISTORY, fields, records

import tap
import wandb_calls

SCRIPT = wandb_calls.__file__
OFFLINE = {"WANDB_MODE": "offline", "WANDB_CONSOLE": "off", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false",
           "WANDB__DISABLE_STATS": "true", "WANDB__DISABLE_META": "true"}
SEEDS = [1, 2, 3] if not tap.LONG else list(range(1, 31))


def run(*arguments, **variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    done = subprocess.run([sys.executable, *map(str, arguments)], env={**kept, **variables}, capture_output=True, text=True,
                          check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def rows_of_file(path):
    """{step: {key: value}} of the SDK's own file; nested keys joined, a histogram as (counts, edges)."""
    rows = {}
    for record in map(fields, records(path.read_bytes())):
        if HISTORY not in record:
            continue
        row, histograms = {}, collections.defaultdict(dict)
        for item in map(fields, fields(record[HISTORY][0])[1]):
            path_of_key, value = [part.decode() for part in item[2]], json.loads(item[16][0])
            if path_of_key[-1] in ("_type", "values", "bins"):
                histograms[".".join(path_of_key[:-1])][path_of_key[-1]] = value
            else:
                row[".".join(path_of_key)] = value
        row.update({key: (parts["values"], parts["bins"]) for key, parts in histograms.items()})
        step = row.pop("_step")
        assert step not in rows, f"the SDK has step {step} twice"
        rows[step] = {key: value for key, value in row.items() if not key.startswith("_")}
    return rows


def rows_of_daemon(daemon, name):
    """({step: {key: value}} of the lines, {(step, key): value} of what was logged behind its line)."""
    rows, behind, steps = {}, {}, {}
    values = daemon.rows("SELECT line, step, key, value, kind, text FROM history WHERE run = ?", name)
    values = [(line, step, key, text if kind == "text" else number(value, kind)) for line, step, key, value, kind, text in values]
    values += [(line, step, key, (json.loads(counts), json.loads(edges))) for line, step, key, counts, edges in
               daemon.rows('SELECT line, step, key, "values", bins FROM histograms WHERE run = ?', name)]
    for line, step, key, value in values:
        if line is None or key.startswith("behind/"):
            behind[step, key] = value
        else:
            assert steps.setdefault(line, step) == step and key not in rows.setdefault(step, {}), (line, step, key)
            rows[step][key] = value
    assert len(set(steps.values())) == len(steps), "a step has two lines"
    return rows, behind


def same(one, other):
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other and isinstance(one, str) == isinstance(other, str)


class Shim(unittest.TestCase):
    maxDiff = 2000

    def compare(self, theirs, ours):
        self.assertEqual(sorted(theirs), sorted(ours))
        for step, row in theirs.items():
            self.assertEqual(sorted(row), sorted(ours[step]), step)
            for key, value in row.items():
                self.assertTrue(same(value, ours[step][key]), (step, key, value, ours[step][key]))

    def test_the_same_calls_make_the_rows_of_the_sdk_and_what_lies_behind_is_kept(self):
        with tempfile.TemporaryDirectory(prefix="sae-metricsd-test-") as home, Daemon() as daemon:
            run(SCRIPT, *SEEDS, HOME=home, WANDB_DIR=home, **OFFLINE)
            run(SCRIPT, "--ours", *SEEDS, SAE_METRICS_SOCKET=str(daemon.socket), PYTHONPATH=str(ROOT / "client" / "python"))
            for seed in SEEDS:
                path, = Path(home).glob(f"wandb/offline-run-*/run-calls{seed}.wandb")
                theirs = rows_of_file(path)
                ours, behind = rows_of_daemon(daemon, f"calls{seed}")
                self.assertGreater(len(theirs), 100)
                self.assertGreater(sum(isinstance(value, tuple) for row in theirs.values() for value in row.values()), 30)
                self.compare(theirs, ours)

                expected = {(arguments["step"], key): value for data, arguments in wandb_calls.calls(seed)
                            for key, value in data.items() if key.startswith("behind/")}
                self.assertGreater(len(expected), 3)
                self.assertEqual(expected, behind)
                self.assertFalse(any(key.startswith("behind/") for row in theirs.values() for key in row))

    def test_of_a_loop_that_begins_again_the_sdk_has_what_is_new_and_we_have_all_of_it(self):
        trainer = """if True:
            import wandb
            run = wandb.init(project="p", id="again")
            for first, last, value in ((0, 20, 0), (12, 30, 1), (0, 35, 2)):
                for step in range(first, last):
                    wandb.log({"loss": value, "nested": {"lr": step}}, step=step)
                    if step % 5 == 4:
                        wandb.log({"eval": value}, step=step)
                    if step % 10 == 8 and value == 0:
                        wandb.log({"late": step}, step=step - 3)
                wandb.log({})  # closes the row, or the SDK mixes into it what comes for its step again
            run.finish()
        """
        with tempfile.TemporaryDirectory(prefix="sae-metricsd-test-") as home, Daemon() as daemon:
            run("-c", trainer, HOME=home, WANDB_DIR=home, **OFFLINE)
            run("-c", "import sys, sae_metrics.wandb; sys.modules['wandb'] = sae_metrics.wandb\n" + trainer,
                SAE_METRICS_SOCKET=str(daemon.socket), PYTHONPATH=str(ROOT / "client" / "python"))
            path, = Path(home).glob("wandb/offline-run-*/run-again.wandb")
            theirs = rows_of_file(path)
            attempts = collections.defaultdict(dict)
            for attempt, step, key, value in daemon.rows("SELECT attempt, step, key, value FROM history WHERE line IS NOT NULL"):
                attempts[attempt].setdefault(step, {})[key] = value
            for attempt, steps in ((1, range(20)), (2, range(12, 30)), (3, range(35))):
                expected = {step: {"loss": attempt - 1, "nested.lr": step} | ({"eval": attempt - 1} if step % 5 == 4 else {})
                            for step in steps}
                self.assertEqual(expected, attempts.pop(attempt))
            self.assertEqual({}, attempts)
            self.assertEqual([(1, 5, "late"), (1, 15, "late")],
                             daemon.rows("SELECT attempt, step, key FROM history WHERE line IS NULL ORDER BY step"))
            # What is forwarded is each attempt's rows above all before: theirs, row by row.
            forwarded = daemon.rows("SELECT step, json FROM forward_lines ORDER BY line")
            forwarded = {step: {key: value for key, value in json.loads(text).items() if not key.startswith("_")}
                         for step, text in forwarded}
            self.compare(theirs, forwarded)

    def test_histograms_are_those_of_the_sdk(self):
        import numpy as np
        import wandb

        import sae_metrics.wandb

        rng = np.random.default_rng(5)
        for _ in range(300):
            size, bins = int(rng.integers(0, 300)), int(rng.integers(1, 513))
            values = rng.normal(size=size).astype(rng.choice([np.float16, np.float32, np.float64])) * 10.0 ** rng.integers(-6, 4)
            try:
                theirs = wandb.Histogram(values, num_bins=bins)
            except ValueError as problem:
                self.assertEqual(str(problem), sae_metrics.wandb.Histogram(values, num_bins=bins).problem)
                continue
            ours = sae_metrics.wandb.Histogram(values, num_bins=bins)
            self.assertEqual((theirs.histogram, theirs.bins, theirs.to_json()), (ours.histogram, ours.bins, ours.to_json()))

    def test_the_real_classes_are_built_and_no_run_of_the_sdk_is_opened(self):
        with tempfile.TemporaryDirectory(prefix="sae-metricsd-test-") as home, Daemon() as daemon:
            done = run("-c", """if True:
                import sys
                import sae_metrics.wandb as wandb
                run = wandb.init(project="p", id="media")
                assert "wandb" not in sys.modules
                artifact = wandb.Artifact("weights", type="model")
                artifact.add_file(__import__("os").__file__)
                assert type(artifact).__module__.startswith("wandb.")
                wandb.log_artifact(artifact, aliases=["latest"]).wait()
                wandb.log({"page": wandb.Html("<p>words</p>"), "x": 1})
                wandb.log({"table": wandb.Table(columns=["a"], data=[[1]]), "x": 2})
                wandb.log({"chart": wandb.plot.line(wandb.Table(columns=["a", "b"], data=[[1, 2]]), "a", "b"), "x": 3})
                import wandb as real
                assert real.run is None and real is not wandb
                wandb.log({"theirs": real.Histogram([1, 2, 3], num_bins=2)})
                print(sorted(run.left_out.counts.items()))
                wandb.finish()
            """, HOME=home, WANDB_DIR=home, SAE_METRICS_SOCKET=str(daemon.socket), PYTHONPATH=str(ROOT / "client" / "python"),
                SAE_METRICS_QUIET="0")
            self.assertEqual("[('artifacts', 1), ('media', 3)]", done.stdout.strip())
            self.assertEqual(1, done.stderr.count("artifacts go to no daemon"), done.stderr)
            self.assertEqual(1, done.stderr.count("media go to no daemon"), done.stderr)
            self.assertEqual([], list(Path(home).glob("wandb/*run-*")))
            self.assertEqual({step: {"x": step + 1} for step in range(3)} | {3: {"theirs": ([1, 2], [1, 2, 3])}},
                             self.with_counts(daemon))
            events = [text for text, in daemon.rows("SELECT text FROM events WHERE kind = 'left_out'")]
            self.assertEqual((3, "1 artifact, 3 media"), (len(events), events[-1]), events)

    def with_counts(self, daemon):
        rows, behind = rows_of_daemon(daemon, "media")
        self.assertEqual({}, behind)
        return rows

    def test_a_run_that_the_user_has_open_takes_media(self):
        with tempfile.TemporaryDirectory(prefix="sae-metricsd-test-") as home, Daemon() as daemon:
            run("-c", """if True:
                import wandb as real
                import sae_metrics.wandb as wandb
                theirs = real.init(project="p", mode="offline")
                ours = wandb.init(project="p", id="media")
                wandb.log({"page": wandb.Html("<p>words</p>"), "x": 1}, step=7)
                artifact = wandb.Artifact("weights", type="model")
                artifact.add_file(__import__("os").__file__)
                wandb.log_artifact(artifact)
                assert not ours.left_out.counts
                wandb.finish()
                real.finish()
            """, HOME=home, WANDB_DIR=home, SAE_METRICS_SOCKET=str(daemon.socket), PYTHONPATH=str(ROOT / "client" / "python"),
                WANDB_CONSOLE="off", WANDB_SILENT="true", WANDB_ERROR_REPORTING="false")
            self.assertEqual(1, len(list(Path(home).glob("wandb/offline-run-*/files/media/html/page_*.html"))))
            self.assertEqual({7: {"x": 1}}, self.with_counts(daemon))


if __name__ == "__main__":
    tap.main()
