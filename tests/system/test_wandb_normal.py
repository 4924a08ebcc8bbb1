"""Comparing what two sent to W&B: what must not matter does not, and what matters is seen."""
import copy
import json
import math
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
import tap
from fake_wandb.runs import HISTORY, SUMMARY, Run
from wandb_normal import differences, normal

M = [{"1": "tokens", "6": [3], "7": []}, {"1": "loss", "5": 1, "6": [3, 1], "8": 1}, {"2": "eval/*", "5": 1, "6": [1]}]
ROWS = [{"_step": 0, "loss": 1.0, "tokens": 10, "_timestamp": 5.5, "_runtime": 0.1},
        {"_step": 2, "loss": math.nan, "eval/x": {"y": 2}, "other": math.inf, "_timestamp": 6.5, "_runtime": 1.1}]


def sent(rows=ROWS, batches=(2,), metrics=M, config=None, summary=None, exit_code=0, **told):
    """A Run as FakeWandb keeps it."""
    run = Run("e", "p", "r")
    ours = {"value": {"t": {"5": "1.0"}, "m": metrics, "cli_version": "1.0"}}
    run.config_json = json.dumps({**(config or {"lr": {"value": 0.1}}), "_wandb": ours})
    run.upserts = [{"groupName": "g", "tags": ["a"], **told}, {"name": "r", "config": run.config_json}]
    lines, offset = [json.dumps(row) for row in rows], 0
    bodies = []
    for size in batches:
        bodies.append({"files": {HISTORY: {"offset": offset, "content": lines[offset:offset + size]}}})
        offset += size
    last = json.dumps({"_step": 2, "loss": math.nan, "_wandb": {"runtime": 7}, **(summary or {})})
    bodies += [{"files": {SUMMARY: {"offset": 0, "content": [last]}}}, {"complete": True, "exitcode": exit_code}]
    for number, body in enumerate(bodies):
        run.apply(body, number, 0.0, True, lambda kind, words: None)
    return run


class Normal(unittest.TestCase):
    def differ(self, run, expected=None):
        return differences(normal(expected or sent()), normal(run))

    def test_what_must_not_matter_does_not(self):
        later = copy.deepcopy(ROWS)
        for row in later:
            row["_timestamp"] += 1000
        joined = {**ROWS[1], "eval/x.y": 2}
        del joined["eval/x"]
        reordered = [dict(reversed(row.items())) for row in ROWS]
        turned = [{"1": "loss", "5": 2, "6": [1, 3], "8": 1}, {"1": "tokens", "6": [3]}, {"2": "eval/*", "5": 2, "6": [1], "7": []}]
        for run in (sent(later), sent(reordered), sent(batches=(1, 1)), sent(metrics=turned),
                    sent([{**ROWS[0], "loss": 1}, ROWS[1]]), sent([ROWS[0], joined]),
                    sent(config={"lr": {"value": 0.1, "desc": None}}), sent(host="elsewhere", jobProgram="x.py"),
                    sent(summary={"_wandb": {"runtime": 9}})):
            self.assertEqual([], self.differ(run))

    def test_what_matters_is_seen(self):
        other_axis = [*M[:1], {"1": "loss", "6": [3, 1], "8": 1}, *M[2:]]
        for run, where in ((sent([ROWS[0], {**ROWS[1], "_step": 3}]), "rows[1][0]"),
                           (sent([{**ROWS[0], "loss": 1.5}, ROWS[1]]), "rows[0][1].loss"),
                           (sent([ROWS[0], {**ROWS[1], "loss": None}]), "rows[1][1].loss"),
                           (sent([ROWS[0], {**ROWS[1], "loss": -math.inf}]), "rows[1][1].loss"),
                           (sent([ROWS[0], {**ROWS[1], "surplus": 1}]), "rows[1][1].surplus"),
                           (sent([{k: v for k, v in row.items() if k != "_runtime"} for row in ROWS]), "reserved.history"),
                           (sent(ROWS[:1], (1,)), "rows"), (sent(metrics=other_axis), "axes.loss"),
                           (sent(config={"lr": {"value": 0.2}}), "config.lr"), (sent(summary={"best": 1}), "summary.best"),
                           (sent(exit_code=1), "exit_code"), (sent(tags=["b"]), "tags"), (sent(groupName=None), "group"),
                           (sent(notes="n"), "notes")):
            found = self.differ(run)
            self.assertTrue(any(said.startswith(f"{where}: ") or said.startswith(where + "[") for said in found), (where, found))

    def test_globs_and_names_come_to_the_same_axes(self):
        by_name = [*M[:2], {"1": "eval/x.y", "5": 1, "6": [1]}]
        self.assertEqual({"loss": "tokens", "eval/x.y": "tokens"}, normal(sent())["axes"])
        self.assertEqual(normal(sent())["axes"], normal(sent(metrics=by_name))["axes"])
        self.assertRaises(AssertionError, normal, sent(metrics=[*M, M[1]]))

    def test_a_tolerance_is_for_floats_and_ignoring_for_the_top(self):
        self.assertEqual([], differences({"a": 1.0, "b": 2}, {"a": 1.0000001, "b": 2}, tolerance=1e-6))
        self.assertEqual(1, len(differences({"a": 1.0}, {"a": 1.1}, tolerance=1e-6)))
        self.assertEqual(1, len(differences({"a": 10**9}, {"a": 10**9 + 1}, tolerance=1e-6)))
        self.assertEqual(1, len(differences({"a": "1"}, {"a": 1})))
        self.assertEqual(["b.a: 2, expected 1"], differences({"a": 1, "b": {"a": 1}}, {"a": 2, "b": {"a": 2}}, ignore=("a",)))


if __name__ == "__main__":
    tap.main()
