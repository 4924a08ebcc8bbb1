"""What a trainer hands to `wandb.log`, as W&B's rows, and the same read from the daemon."""
import json
import math

import numpy


class Capture:
    """Stands for a module's `wandb`: keeps what is logged. `rows` is {step: {key: value}}, nested dicts joined with ".";
    what is logged without a step is in `stepless`."""

    def __init__(self):
        self.rows, self.stepless, self.inits, self.finished, self.run = {}, [], [], 0, None

    def init(self, **arguments):
        self.inits.append(arguments)
        self.run = self

    def finish(self):
        self.finished += 1

    def log(self, data, step=None):
        flat = dict(_flatten(data))
        if step is None:
            self.stepless.append(flat)
        else:
            self.rows.setdefault(step, {}).update(flat)

    class Histogram:
        def __init__(self, sequence):
            counts, edges = numpy.histogram(numpy.asarray(sequence), bins=64)
            self.histogram, self.bins = counts.tolist(), edges.tolist()

    class Artifact:
        def __init__(self, *_, **__):
            pass

        def add_file(self, _):
            pass

    def log_artifact(self, *_, **__):
        pass


def _flatten(data, prefix=""):
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flatten(value, prefix + key + ".")
        elif isinstance(value, Capture.Histogram):
            yield prefix + key, (value.histogram, value.bins)
        else:
            yield prefix + key, value.item() if hasattr(value, "item") else value


def rows_of(daemon, run):
    """{step: {key: value}} of the last attempt at each step."""
    rows = {}
    for step, key, value, kind, text in daemon.rows(
        "SELECT step, key, value, kind, text FROM history WHERE run = ? ORDER BY attempt, line", run
    ):
        special = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "text": text}
        if kind != "histogram":
            rows.setdefault(step, {})[key] = special.get(kind, value)
    for step, key, bins, values in daemon.rows(
        'SELECT step, key, bins, "values" FROM histograms WHERE run = ? ORDER BY attempt, line', run
    ):
        rows.setdefault(step, {})[key] = (json.loads(values), json.loads(bins))
    return rows


def differences(wanted, got, tolerance=2e-6, keys=None):
    """Sentences; none where every row of `wanted` is in `got`: integers, texts and counts equal, floats to `tolerance`."""
    found = []
    for step, row in sorted(wanted.items()):
        for key, value in row.items():
            if keys is not None and not key.startswith(keys):
                continue
            if key not in got.get(step, {}):
                found.append("step %d has no %s" % (step, key))
            elif not _same(value, got[step][key], tolerance, 1 if "explained_variance" in key else 0):
                found.append("step %d: %s is %r, logged as %r" % (step, key, got[step][key], value))
    return found


def _same(wanted, got, tolerance, least=0):
    """least: of what the tolerance is a share, at least. An explained variance is 1 less a ratio: its error is that ratio's."""
    if isinstance(wanted, tuple):
        return wanted[0] == got[0] and all(_same(*pair, tolerance) for pair in zip(wanted[1], got[1]))
    if isinstance(wanted, float) and isinstance(got, (int, float)):
        if math.isnan(wanted) or math.isnan(got):
            return math.isnan(wanted) and math.isnan(got)
        return wanted == got or abs(wanted - got) <= tolerance * max(abs(wanted), abs(got), least)
    return type(wanted) is type(got) and wanted == got
