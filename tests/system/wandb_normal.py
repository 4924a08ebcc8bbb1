"""What a run amounts to on W&B, whoever sent it: for comparing the official SDK with us.

Left out is what may differ between two who mean the same: times, versions, hosts, how lines were cut into requests, the
order of keys, how numbers are spelled. What is not finite is "nan", "inf" or "-inf", so that it is JSON and equals itself.
"""
import math

from fake_wandb import EVENTS, HISTORY

TIMES = ("_timestamp", "_runtime")
OPTIONS = {1: "step_sync", 2: "hidden", 3: "defined"}
SUMMARIES = {1: "min", 2: "max", 3: "mean", 4: "best", 5: "last", 6: "none", 7: "copy", 8: "first"}
GOALS = {1: "minimize", 2: "maximize"}
TOLD_BY_NAME = {"groupName": "group", "jobType": "job_type", "displayName": "display_name", "notes": "notes", "tags": "tags"}


def plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def flat(row):
    """Nested objects joined with ".", as W&B names them; a histogram (any `_type`) is one value."""
    out = {}
    for key, value in row.items():
        if isinstance(value, dict) and "_type" not in value:
            out.update({f"{key}.{inner}": each for inner, each in flat(value).items()})
        else:
            out[key] = plain(value)
    return out


def rows(run):
    """[[step, {name: value}]] in the order of lines."""
    return [[row["_step"], flat({key: value for key, value in row.items() if key not in (*TIMES, "_step")})]
            for row in run.history]


def reserved(run):
    """The reserved keys that all the lines have, and those of the summary."""
    every = [{key for key in row if key.startswith("_")} for row in run.history]
    return {"history": sorted(set.intersection(*every)) if every else [],
            "summary": sorted(key for key in run.summary or {} if key.startswith("_"))}


def metrics(run):
    """{name or glob*: {"step_metric": …, "options": […], …}}: `m` of the config, with names for numbers."""
    listed, out = run.config.get("_wandb", {}).get("value", {}).get("m", []), {}
    for entry in listed:
        metric = {"options": sorted(OPTIONS[k] for k in entry.get("6", [])),
                  "summary": sorted(SUMMARIES[k] for k in entry.get("7", []))}
        metric = {name: value for name, value in metric.items() if value}
        if "5" in entry:
            metric["step_metric"] = listed[entry["5"] - 1]["1"]
        if "8" in entry:
            metric["goal"] = GOALS[entry["8"]]
        name = entry["1"] if "1" in entry else entry["2"]
        if name in out:
            raise AssertionError(f"{name} is defined twice")
        out[name] = metric
    return out


def axes(run):
    """{name: its x axis} of what was logged: what metrics() comes to, globs or not."""
    defined, out = metrics(run), {}
    for name in sorted({key for _, row in rows(run) for key in row}):
        glob = max((each for each in defined if each.endswith("*") and name.startswith(each[:-1])), key=len, default=None)
        metric = defined.get(name, defined.get(glob, {}))
        if "step_metric" in metric:
            out[name] = metric["step_metric"]
    return out


def normal(run):
    """Everything of a run of FakeWandb that two senders should agree on."""
    config, summary = dict(run.config), dict(run.summary or {})
    ours = config.pop("_wandb", {}).get("value", {})
    told = {name: run.upserts[0].get(key) for key, name in TOLD_BY_NAME.items()}
    return {
        "path": run.key, **told,
        "config": {key: plain(value["value"]) for key, value in config.items()},
        "metrics": metrics(run), "axes": axes(run), "reserved": reserved(run),
        "can_be_resumed": "t" in ours,
        "rows": rows(run), "n_events": run.files[EVENTS].count, "first_line": first_line(run),
        "summary": flat({key: value for key, value in summary.items() if not key.startswith("_") or key == "_step"}),
        "later_upserts_say": sorted({name for each in run.upserts[1:] for name, value in each.items() if value is not None}),
        "complete": run.complete, "exit_code": run.exit_code}


def first_line(run):
    """The lowest number of a line of history that was written."""
    return min((write.offset for write in run.files[HISTORY].writes), default=None)


def differences(expected, got, ignore=(), tolerance=0.0, at=""):
    """Sentences; none: they agree. `ignore`: members of the top. Floats may differ by `tolerance`, relative."""
    if isinstance(expected, dict) and isinstance(got, dict):
        out = []
        for key in sorted({*expected, *got} - set(ignore)):
            where = f"{at}.{key}" if at else key
            if key not in got:
                out.append(f"{where}: {expected[key]!r} was expected, and is not there")
            elif key not in expected:
                out.append(f"{where}: {got[key]!r} was not expected")
            else:
                out += differences(expected[key], got[key], (), tolerance, where)
        return out
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [said for i, pair in enumerate(zip(expected, got)) for said in differences(*pair, (), tolerance, f"{at}[{i}]")]
    return [] if _same(expected, got, tolerance) else [f"{at}: {got!r}, expected {expected!r}"]


def _same(expected, got, tolerance):
    numbers = all(isinstance(each, (int, float)) for each in (expected, got))  # true is 1, as in arithmetic
    if numbers and tolerance and isinstance(expected, float):
        return abs(expected - got) <= tolerance * max(abs(expected), abs(got))
    return expected == got if numbers else type(expected) is type(got) and expected == got
