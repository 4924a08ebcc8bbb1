"""The whole road, Python call to SQL view, against what the reference trainers would have logged."""
import json
import math
import unittest

import harness
from harness import Daemon, ROOT, number, same

import numpy
import sae_metrics
import tap

ORACLE = sorted((ROOT / "tests" / "golden" / "oracle").glob("*.json"))
OUR_HISTOGRAM = "log10_density_histogram"
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def plain(value):
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value


def dense(vector, d_sae):
    counts = numpy.zeros(d_sae, numpy.uint32)
    if "indices" in vector:
        counts[vector["indices"]] = vector["counts"]
    else:
        counts[:] = vector["counts"]
    return counts


def begin(daemon, run_id, case, rank):
    fields = dict(case["open"])
    fields["scalars"] = [name for name in fields["scalars"] if name not in sae_metrics.KNOWN_SCALARS]
    world_size = fields.pop("world_size", 1)
    return sae_metrics.init(id=run_id, rank=rank, world_size=world_size, launch="first",
                            socket=str(daemon.socket), **fields)


def push(daemon, run_id, case):
    """Every rank of the run from this process, step by step; with raw matrices through log_activations."""
    names = case["open"]["scalars"]
    d_sae = case["open"]["d_sae"]
    runs = [begin(daemon, run_id, case, rank) for rank in range(case["open"].get("world_size", 1))]
    for step in case["steps"]:
        for part in step["ranks"]:
            run = runs[part["rank"]]
            scalars = {name: plain(value) for name, value in zip(names, part["scalars"]) if value is not None}
            positive = part["positive"] and dense(part["positive"], d_sae)
            run.log_step(step["step"], fired=dense(part["nonzero"], d_sae), n_rows=part["n_rows"],
                         positive=positive, **scalars)
    stopped = [run.should_stop for run in runs if run.flush(10) or True]
    for run in runs:
        run.finish(timeout=20)
        assert run.stats.dropped == 0 and run.stats.acked == run.stats.messages, run.stats
    return any(stopped)


def logged(daemon, run_id):
    """step -> key -> value, step -> key -> (counts, edges), and the keys that are ours, as the views have them."""
    values, histograms, ours = {}, {}, set()
    for step, key, value, kind, text, source in daemon.rows(
            "SELECT step, key, value, kind, text, source FROM history WHERE run = ?", run_id):
        if source == "ours":
            ours.add((step, key))
        assert key not in values.setdefault(step, {}), f"{key} twice at step {step}"
        values[step][key] = text if kind == "text" else number(value, kind)
    for step, key, bins, counts in daemon.rows(
            'SELECT step, key, bins, "values" FROM histograms WHERE run = ?', run_id):
        histograms.setdefault(step, {})[key] = {"counts": json.loads(counts), "edges": json.loads(bins)}
    return values, histograms, ours


class Oracle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop()
        words = cls.daemon.words()
        cls.daemon.__exit__()
        assert status == 0, words

    def compare(self, run_id, case):
        """Steps, keys, integers and histogram counts identical, floats within 2e-6; our own keys apart."""
        values, histograms, ours = logged(self.daemon, run_id)
        expected_keys = {}
        rows = 0
        for row in case["rows"] + [{**row, "ours": True} for row in case["ours"]]:
            if row["step"] == case["stopped_at"] and row.get("kind") != "sparsity":
                continue
            for key, expected in row["values"].items():
                where = f"step {row['step']} {key}"
                if "ours" in row:
                    self.assertIn((row["step"], key), ours)
                else:
                    expected_keys.setdefault(row["step"], set()).add(key)
                rows += 1
                if isinstance(expected, dict):
                    self.assertEqual(expected, histograms[row["step"]].get(key), where)
                    continue
                got = values.get(row["step"], {}).get(key)
                self.assertTrue(same(plain(expected), got), f"{where}: expected {expected!r}, got {got!r}")
        got_keys = {}
        for step, keys in values.items():
            theirs = {key for key in keys if (step, key) not in ours}
            if theirs:
                got_keys[step] = theirs
        for step, keys in histograms.items():
            got_keys.setdefault(step, set()).update(key for key in keys if OUR_HISTOGRAM not in key)
        self.assertEqual(expected_keys, got_keys)
        return rows

    def check(self, path):
        case = json.loads(path.read_text())
        run_id = f"run{path.name[:3]}"
        stopped = push(self.daemon, run_id, case)
        self.assertEqual(case["stopped_at"] is not None, stopped, "asked to stop")
        self.compare(run_id, case)


def add(path):
    def test(self):
        self.check(path)
    setattr(Oracle, "test_" + path.stem.replace("-", "_"), test)


for one in ORACLE:
    add(one)


class Matrices(unittest.TestCase):
    """log_activations: the sums are taken in the trainer by sae_metrics.statistics."""

    def test_raw_activations_give_the_rows_of_the_reference(self):
        cases = [path for path in ORACLE if "raw" in path.name or "golden" in path.name]
        self.assertGreater(len(cases), 0)
        with Daemon() as daemon:
            for path in cases:
                case = json.loads(path.read_text())
                if case["open"].get("world_size", 1) > 1:
                    continue
                names = case["open"]["scalars"]
                run = begin(daemon, "raw" + path.name[:3], case, 0)
                for step in case["steps"]:
                    part = step["ranks"][0]
                    raw = {key: numpy.array(value, numpy.float32) for key, value in part["raw"].items()}
                    given = {name: plain(value) for name, value in zip(names, part["scalars"]) if value is not None}
                    own = {name: given[name] for name in
                           ("l1_coefficient", "ghost_grad_loss", "aux_sum") if name in given}
                    run.log_activations(step["step"], raw["feature_acts"], raw["sae_in"], raw["sae_out"],
                                        target=raw.get("target"), lr=given.get("current_learning_rate"), **own)
                run.finish(timeout=20)
                oracle = Oracle()
                oracle.daemon = daemon
                with self.subTest(path.stem):
                    self.assertGreater(oracle.compare("raw" + path.name[:3], case), 0)


if __name__ == "__main__":
    tap.main()
