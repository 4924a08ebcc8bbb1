"""The means of a window against the same computed here from the steps that are stored: equal to the last bit, for windows of all
kinds of runs."""
import json
import math
import sqlite3
import unittest

from harness import Daemon
import workload

import tap

PER_ROW = {"l2_per_row": "l2_sum", "tv_per_row": "tv_sum", "mse_num_per_row": "mse_num", "mse_den_per_row": "mse_den",
           "lp_per_row": "lp_sum", "aux_per_row": "aux_sum"}
NO_METRICS = {"run", "attempt", "window", "step_first", "step_last", "complete", "n_steps", "n_tokens_folded", "not_finite", "extra",
              "mse_ratio", "weighted_lp_per_row", *PER_ROW}


def dictionaries(daemon, query, *parameters):
    connection = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(query, parameters)]
    finally:
        connection.close()


def value_of(step, name):
    """A number of a step, NaN where it is none; None: it has none."""
    if step[name] is None and name in json.loads(step["non_finite"] or "{}"):
        return math.nan
    return step[name]


def quotient(factors, over):
    if any(factor is None for factor in factors) or over is None:
        return None
    product = 1.0
    for factor in factors:
        product = product * factor
    return product / over


def values_of(step, names):
    """What is averaged of a step, and its extras."""
    values = {name: value_of(step, name) for name in names}
    for name, column in PER_ROW.items():
        values[name] = quotient([value_of(step, column)], step["n_rows"])
    values["mse_ratio"] = quotient([value_of(step, "mse_num")], value_of(step, "mse_den"))
    values["weighted_lp_per_row"] = quotient([value_of(step, "l1_coefficient"), value_of(step, "lp_sum")], step["n_rows"])
    extras = {name: math.nan if isinstance(value, str) else value for name, value in json.loads(step["extra"] or "{}").items()}
    return values, extras


def mean(values):
    """Over the finite ones, added up in their order; and how many were not."""
    total, n, n_not_finite = 0.0, 0, 0
    for value in values:
        if value is not None and math.isfinite(value):
            total += value
            n += 1
        elif value is not None:
            n_not_finite += 1
    return (total / n if n else None), n_not_finite


def standing(daemon, run, window):
    """Of each step of a window the row that stood when it closed."""
    first = {row["attempt"]: row["step_first"] for row in dictionaries(daemon, "SELECT * FROM attempts WHERE run = ?", run)}
    found = {}
    for step in dictionaries(daemon, "SELECT * FROM steps WHERE run = ? AND step BETWEEN ? AND ? AND attempt <= ? ORDER BY step, attempt",
                             run, window["step_first"], window["step_last"], window["attempt"]):
        left = any(step["attempt"] < attempt <= window["attempt"] and first[attempt] <= step["step"] for attempt in first)
        if not left:
            found[step["step"]] = step
    return [found[step] for step in sorted(found)]


class WindowMeans(unittest.TestCase):
    def check(self, daemon, run, n_complete):
        windows = dictionaries(daemon, "SELECT * FROM window_means WHERE run = ? ORDER BY attempt, window", run)
        self.assertEqual(n_complete, sum(window["complete"] for window in windows))
        whole = daemon.rows("SELECT attempt, window FROM windows w WHERE run = ? AND NOT EXISTS (SELECT 1 FROM json_each(w.flaws) "
                            "WHERE value = 'partial') ORDER BY 1, 2", run)
        self.assertEqual(whole, [(window["attempt"], window["window"]) for window in windows])
        for window in windows:
            steps = standing(daemon, run, window)
            names = [name for name in window if name not in NO_METRICS]
            rows = [values_of(step, names) for step in steps]
            not_finite, extras = {}, {}
            for name in rows[0][0]:
                value, count = mean(row[0][name] for row in rows)
                self.assertEqual(value, window[name], f"{name} of window {window['window']}")
                not_finite.update({name: count} if count else {})
            for name in {name for row in rows for name in row[1]}:
                value, count = mean(row[1].get(name) for row in rows)
                extras.update({} if value is None else {name: value})
                not_finite.update({name: count} if count else {})
            self.assertEqual(not_finite, json.loads(window["not_finite"] or "{}"))
            self.assertEqual(extras, json.loads(window["extra"] or "{}"))
            self.assertEqual(len(steps), window["n_steps"])
            self.assertEqual(steps[-1]["n_tokens_folded"], window["n_tokens_folded"])
        return windows

    def test_of_every_profile_a_window_has_all_its_steps_the_one_it_closes_with_too(self):
        with Daemon() as daemon:
            for profile in ("prisma", "saelens", "saelens-legacy", "native"):
                handle = workload.begin(daemon.socket, f"of-{profile}", profile=profile)
                for step in range(170):
                    workload.log_step(handle, f"of-{profile}", 0, step)
                handle.finish(timeout=60)
                for window in self.check(daemon, f"of-{profile}", 3):
                    n_steps, = daemon.rows("SELECT n_steps FROM windows WHERE run = ? AND window = ?", window["run"], window["window"])[0]
                    self.assertEqual(n_steps, window["n_steps"])
                    self.assertIsNotNone(window["mse_loss"])

    def test_what_is_no_number_is_counted(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "wild", wandb_log_frequency=7)
            for step in range(110):
                fired, n_rows = workload.counts_at("wild", 0, step)
                scalars = workload.scalars_at(0, step)
                if step % 9 == 4:
                    scalars.update(mse_loss=math.nan, tv_sum=math.inf)
                extra = {} if step % 4 else {"grad_norm": -math.inf if step % 8 else 0.1 * step}
                handle.log_step(step, fired=fired, n_rows=n_rows, **scalars, **extra)
            handle.finish(timeout=60)
            windows = self.check(daemon, "wild", 2)
            self.assertEqual(5, json.loads(windows[0]["not_finite"])["mse_loss"])

    def test_where_a_run_went_back_inside_a_window_the_rows_that_stand_count(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "back")
            for step in range(80):
                workload.log_step(handle, "back", 0, step)
                if step == 59:
                    handle.mark(step, "checkpoint")
            handle.flush(30)
            del handle
            again = workload.begin(daemon.socket, "back", launch="second")
            for step in range(60, 130):
                fired, n_rows = workload.counts_at("other", 0, step)
                again.log_step(step, fired=fired, n_rows=n_rows, **workload.scalars_at(1, step))
            again.finish(timeout=60)
            windows = self.check(daemon, "back", 2)
            self.assertIn((2, 49), [(window["attempt"], window["step_first"]) for window in windows])

    def test_of_all_ranks_together(self):
        with Daemon() as daemon:
            handles = [workload.begin(daemon.socket, "ranks", rank, 3) for rank in range(3)]
            for step in range(120):
                for rank, handle in enumerate(handles):
                    workload.log_step(handle, "ranks", rank, step)
            for handle in handles:
                handle.finish(timeout=60)
            self.check(daemon, "ranks", 2)


if __name__ == "__main__":
    tap.main()
