"""``python -m sae_metrics selftest``: a small run goes to the daemon and comes back, and each number is counted here, too."""

import json
import math
import os
import subprocess

from . import autostart, init, native
from .errors import Error, switched_off

PROJECT = "sae-metrics-selftest"
D_SAE, WINDOW, WINDOWS, ROWS = 64, 10, 3, 100
STEPS = WINDOW * WINDOWS  # at most 32: `status` has each step's numbers then
PATIENCE_S = 10.0
BINS_PER_DECADE, LOWEST_DECADE = 20, -10
TINY = 1e-10  # what the trainers add to a density before they take its logarithm


class Failed(Exception):
    """A check did not hold; says which, for people."""


def main():
    try:
        library = _check_library()
        daemon = _check_daemon(library)
        run = _send()
        seen = _ask(run)
        _compare(seen)
    except (Error, Failed) as problem:
        print("FAIL  %s" % problem)
        return 1
    print("all is well; `sae-metricsd status %s` shows the run, kept in %s" % (run, daemon["database"]))
    return 0


def _ok(sentence):
    print("ok    " + sentence, flush=True)


# ---- who is there ----


def _check_library():
    if switched_off():
        raise Failed("SAE_METRICS=off: the package does nothing")
    try:
        library = native.load()
    except OSError as problem:
        raise Failed(problem) from None
    _ok("library %s, %s" % (library.version().decode(), library.path))
    return library


def _check_daemon(library):
    autostart.ensure_daemon(library)
    os.environ["SAE_METRICS_QUIET"] = "1"  # from here on this says all there is to say
    if not library.daemon_answers():
        raise Failed("no daemon answers: start one with `sae-metricsd start`")
    daemon = _status().get("daemon", {})
    if not daemon.get("reachable"):
        raise Failed("the daemon does not answer `sae-metricsd status`")
    _ok("daemon %(version)s, pid %(pid)s, on %(socket)s" % daemon)
    return daemon


def _status(*arguments):
    program = autostart.find_program()
    if program is None:
        raise Failed("there is no program sae-metricsd, neither beside the package nor on PATH")
    asked = subprocess.run([program, "status", "--json", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    try:
        return json.loads(asked.stdout)
    except ValueError:
        raise Failed("`sae-metricsd status`: %s" % asked.stderr.decode("utf-8", "replace").strip()) from None


# ---- there and back ----


def fired(step):
    """On how many of the rows each feature fires: the first eight never do, some in one window alone, some on all rows."""
    counts = [0] * D_SAE
    for feature in range(8, D_SAE):
        if feature % 8 != 7 or step // WINDOW == feature % WINDOWS:
            counts[feature] = ROWS if feature == D_SAE - 2 else (feature * (step + 3) * 7) % 13
    return counts


def losses(step):
    """Powers of two and their sums: they come back as they were, to the last bit."""
    return {"mse_loss": 1.0 + step / 64, "l1_loss": 0.25 + step / 128, "overall_loss": 1.25 + 3 * step / 128}


def _send():
    run = init(project=PROJECT, name="selftest", d_sae=D_SAE, profile="native", feature_sampling_window=WINDOW,
               train_batch_size=ROWS, total_training_steps=STEPS, log_to_wandb=False, source="selftest")  # fmt: skip
    for step in range(STEPS):
        run.log_step(step, fired=fired(step), **losses(step))
    if not run.flush(PATIENCE_S):
        raise Failed("the daemon did not take the run in %g s: %s" % (PATIENCE_S, run.stats.words or "no reason was given"))
    run.finish(timeout=PATIENCE_S)
    stats = run.stats
    if stats.acked != stats.messages or stats.dropped or stats.refused:
        raise Failed("of %d messages %d are on the daemon's disk (%s)" % (stats.messages, stats.acked, stats.words))
    _ok("%d steps of %d features were sent, and are on the daemon's disk" % (STEPS, D_SAE))
    return run.id


def _ask(run):
    seen = _status(run)
    if seen.get("id") != run:
        raise Failed("the daemon does not know the run %s that it has just taken" % run)
    return seen


# ---- number by number ----


class _Comparison:
    def __init__(self):
        self.count = 0

    def same(self, what, expected, seen):
        self.count += 1
        close = isinstance(expected, float) and isinstance(seen, (int, float)) and abs(expected - seen) <= 1e-9 * abs(expected)
        if expected != seen and not close:
            raise Failed("%s is %s, and should be %s" % (what, seen, expected))


def _compare(seen):
    for part, compare in (("the run as a whole", _compare_run), ("all steps", _compare_steps), ("all sparsity windows", _compare_windows),
                          ("the density histogram", _compare_histogram)):  # fmt: skip
        comparison = _Comparison()
        try:
            compare(comparison.same, seen)
        except (KeyError, IndexError, TypeError) as problem:
            raise Failed("%s: `status` does not have %s" % (part, problem)) from None
        _ok("%s: %d numbers are what was counted here" % (part, comparison.count))


def _compare_run(same, seen):
    same("project", PROJECT, seen["project"])
    same("state", "finished", seen["state"])
    same("step", STEPS - 1, seen["step"])
    same("n_tokens_folded", STEPS * ROWS, seen["n_tokens_folded"])
    for trouble in ("dropped", "late", "refused", "lost", "missing_steps"):
        same(trouble, 0, seen["client"][trouble])


def _compare_steps(same, seen):
    series = seen["curves"]["series"]
    for step in range(STEPS):
        for name, value in losses(step).items():
            same("%s at step %d" % (name, step), value, series[name]["values"][step])
        same("l0 at step %d" % step, sum(fired(step)) / ROWS, series["l0"]["values"][step])


def densities(window):
    """Of each feature, on what share of the window's rows it fired."""
    steps = range(window * WINDOW, (window + 1) * WINDOW)
    return [sum(counts) / (WINDOW * ROWS) for counts in zip(*(fired(step) for step in steps))]


def _compare_windows(same, seen):
    for window in range(WINDOWS):
        closed, density = seen["windows"][window], densities(window)
        for name, expected in {
            "step_first": window * WINDOW,
            "step_last": (window + 1) * WINDOW - 1,
            "n_steps": WINDOW,
            "n_tokens": WINDOW * ROWS,
            "complete": True,
            "never_fired": sum(d == 0 for d in density),
            "below_1e-5": sum(d < 1e-5 for d in density),
            "below_1e-6": sum(d < 1e-6 for d in density),
            "above_1e-2": sum(d > 1e-2 for d in density),
            "above_1e-1": sum(d > 1e-1 for d in density),
            "mean_log10_feature_sparsity": sum(math.log10(d + TINY) for d in density) / D_SAE,
        }.items():
            same("%s of window %d" % (name, window), expected, closed[name])


def _compare_histogram(same, seen):
    histogram, density = seen["sparsity"]["histogram"], densities(WINDOWS - 1)
    expected = [0] * (-LOWEST_DECADE * BINS_PER_DECADE)
    for d in density:
        if d > 0:
            expected[min(int((math.log10(d) - LOWEST_DECADE) * BINS_PER_DECADE), len(expected) - 1)] += 1
    same("the histogram's bin of those that never fired", density.count(0), histogram["zero"])
    for position, count in enumerate(expected):
        same("bin %d of the histogram" % position, count, histogram["counts"][position])
