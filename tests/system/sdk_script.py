"""The runs that W&B's own SDK was recorded with (tests/golden/wandb/sdk-run.json), logged with our client; and what of them
has no counterpart with us, each by its name and with the reason.

    sdk_script.py SOCKET RUN    logs it in a process of its own, which ends as a program ends
"""
import copy
import json
import math
import sys

from harness import ROOT
import sae_metrics

GOLDEN = ROOT / "tests" / "golden" / "wandb" / "sdk-run.json"
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # as the file has them
HISTOGRAM = {"counts", "edges"}

# What normal() says of a run and is not compared:
IGNORED = {
    "later_upserts_say": "when a run is introduced again, and whether its config and host are said again, is each one's own",
    "metrics": "define_metric is not ours to offer: the daemon says of its own metrics what they are drawn over",
    "axes": "the same",
}
# And what of_ours() takes out of a recording:
LACKING = {
    "step_sync": "a value of the x axis, put into rows that were logged without it, is what define_metric asks for",
    "summary": "run.summary is not ours to offer",
    "None": "it stands for what is not given: it is left out, not sent as null",
    "list": "it is refused: there is nothing to be drawn of it",
    "no name": "a run without one is called by its id, at W&B as in `status`",
}


def load():
    """{"script": {name: …}, "runs": {name: …}}."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


# ---- logging ----

def value_of(value):
    """A value of a script as our client takes it."""
    if isinstance(value, dict) and set(value) == HISTOGRAM:
        return value["counts"], value["edges"]
    if isinstance(value, dict):
        return {key: value_of(each) for key, each in value.items()}
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value


def without_lists(values):
    out = {}
    for key, value in values.items():
        if isinstance(value, dict):
            value = value if set(value) == HISTOGRAM else without_lists(value)
        if not isinstance(value, list) and value != {}:
            out[key] = value
    return out


def log_call(run, step, values):
    allowed = without_lists(values)
    if allowed != values:
        try:
            run.log(value_of(values), step=step)
        except TypeError as error:
            assert "a list; expected a number" in str(error), error
        else:
            raise AssertionError(f"{values} was taken")
    run.log(value_of(allowed), step=step)


def begin(script, socket, **init):
    return sae_metrics.init(**{**script["init"], "profile": "native", "log_to_wandb": True, "wandb_key": False,
                               "socket": str(socket), **init})


def log(run, script):
    for step, values in script["log"]:
        log_call(run, step, values)


# ---- what W&B is to have of it ----

def _names(values, prefix=""):
    """{name as W&B has it: value}."""
    out = {}
    for key, value in values.items():
        if isinstance(value, dict) and set(value) != HISTOGRAM:
            out.update(_names(value, f"{prefix}{key}."))
        else:
            out[prefix + key] = value
    return out


def _logged(script):
    """{step: the names logged at it}."""
    by_step = {}
    for step, values in script["log"]:
        by_step.setdefault(step, set()).update(_names(values))
    return by_step


def _why_not(name, value, logged, script):
    """Which of LACKING keeps a value from us; None: nothing."""
    if value is None:
        return "None"
    if isinstance(value, list):
        return "list"
    if name in script["summary"]:
        return "summary"
    return "step_sync" if name not in logged else None


def of_ours(script, recorded):
    """(what a recorded run is without what we lack, which of LACKING that was)."""
    run, by_step, lacking = copy.deepcopy(recorded), _logged(script), set()

    def ours(values, logged):
        found = {name: _why_not(name, value, logged, script) for name, value in values.items()}
        lacking.update(found.values())
        return {name: value for name, value in values.items() if found[name] is None}

    # Rows of no step of the script are those of the run that this one goes on with.
    run["rows"] = [[step, ours(row, by_step.get(step, row))] for step, row in run["rows"]]
    run["rows"] = [row for row in run["rows"] if row[1]]
    run["summary"] = ours(run["summary"], run["summary"])
    if run["display_name"] is None:
        lacking.add("no name")
        run["display_name"] = script["init"]["id"]
    return run, lacking - {None}


if __name__ == "__main__":
    of_argument = load()["script"][sys.argv[2]]
    log(begin(of_argument, sys.argv[1]), of_argument)
    sys.exit(of_argument["exit_code"])
