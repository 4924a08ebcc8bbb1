"""Runs the official SDK against our stand-in for its server and writes down what it sent.

    tests/pypi/record_wandb.py            prints it
    tests/pypi/record_wandb.py --write    into tests/golden/wandb/sdk-run.json

SCRIPT is what is logged, run by run. It stands in the file too, so that anybody can log the same.
"""
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "system"), str(ROOT / "tests")]
from fake_wandb import FakeWandb
from wandb_normal import normal, plain

FIXTURE = ROOT / "tests" / "golden" / "wandb" / "sdk-run.json"
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # as the file has them
PATIENCE_S = 120

# log: [step, values] a call, in order. A histogram is {"counts": […], "edges": […]}.
SCRIPT = {
    "whole": {
        "init": {
            "project": "sae", "entity": "fake-entity", "id": "whole", "name": "a whole run", "group": "layers",
            "job_type": "train", "notes": "with <angles>, \"quotes\" & ümläute", "tags": ["relu", "gpt2-small"],
            "config": {"lr": 0.0004, "d_sae": 24576, "seed": -1, "tiny": 1e-300, "large": 2**53 + 1, "model": "gpt2",
                       "resample": False, "hook": None, "betas": [0.9, 0.999],
                       "data": {"path": "a/b", "context": {"size": 128, "shuffled": True}}}},
        "define": [["tokens", None], ["loss", "tokens"], ["metrics/*", "tokens"]],
        "log": [
            [0, {"tokens": 4096, "loss": 1.0, "metrics/l0": 64.5}],
            [1, {"tokens": 8192, "loss": 0.3333333333333333}],
            [1, {"metrics/l0": 60}],
            [1, {"metrics/l0": 61.25, "epoch": 0}],  # the later one of a step counts
            [3, {"tokens": 12288, "loss": "nan", "metrics/l0": "inf", "metrics/least": "-inf"}],
            [4, {"tokens": 16384, "big": 2**60, "below": -7, "tiny": 5e-324, "huge": 1.7976931348623157e308}],
            [10, {"tokens": 20480, "metrics/density": {"counts": [3, 0, 1, 7], "edges": [-4.0, -3.0, -2.0, -1.0, 0.0]}}],
            [2, {"loss": 0.25, "late": 1}],          # behind: not sent
            [11, {"tokens": 24576, "nested": {"x": 1, "y": {"z": 0.5}}, "text": "ä <&> \"\\", "yes": True}],
        ],
        "summary": {"best": 0.125}, "exit_code": 0},
    "failed": {
        "init": {"project": "sae", "entity": "fake-entity", "id": "failed", "name": "one that fails"},
        "define": [], "log": [[0, {"loss": 2.5}]], "summary": {}, "exit_code": 3},
    "nothing": {
        "init": {"project": "sae", "entity": "fake-entity", "id": "nothing", "config": {"lr": 0.1}},
        "define": [], "log": [], "summary": {}, "exit_code": 0},
    "synced": {  # its x axis is not given with each row
        "init": {"project": "sae", "entity": "fake-entity", "id": "synced"},
        "define": [["tokens", None], ["loss", "tokens"]],
        "log": [[0, {"loss": 3.0}], [1, {"tokens": 100}], [2, {"loss": 2.0}], [3, {"other": 1}]], "summary": {}, "exit_code": 0},
    "odd": {  # what is no plain number
        "init": {"project": "sae", "entity": "fake-entity", "id": "odd"},
        "define": [],
        "log": [
            [0, {"flag": False, "beyond": 2**70, "half": 2**63, "lowest": -2**63, "empty": "", "ü \"k\\ /x y": 1,
                 "nothing": None, "list": [1, 2.5, "three"], "nested": {"x": 1}}],
            [0, {"nested": {"y": [4]}}],
            [1, {"only": None}],
            [2, {"last": 1e22}]],
        "summary": {}, "exit_code": 0},
    "axes": {  # what sae-metricsd says of its own metrics, where they are to be drawn over tokens
        "init": {"project": "sae", "entity": "fake-entity", "id": "axes"},
        "define": [["sae/n_training_tokens", None], ["sae/mse_loss", "sae/n_training_tokens"],
                   ["sae/below_1e-5", "sae/n_training_tokens"]],
        "log": [[9, {"sae/n_training_tokens": 40960, "sae/mse_loss": 0.5, "eval/score": 0.25}],
                [19, {"sae/n_training_tokens": 81920, "sae/mse_loss": 0.375, "sae/below_1e-5": 12}]],
        "summary": {}, "exit_code": 0},
    "resumed": {  # `failed` goes on
        "init": {"project": "sae", "entity": "fake-entity", "id": "failed", "resume": "must"},
        "define": [], "log": [[1, {"loss": 2.0}], [2, {"loss": 1.5}]], "summary": {}, "exit_code": 0},
}


def value_of(value):
    """A value of SCRIPT as the SDK takes it."""
    import wandb

    if isinstance(value, dict) and set(value) == {"counts", "edges"}:
        return wandb.Histogram(np_histogram=(value["counts"], value["edges"]))
    if isinstance(value, dict):
        return {key: value_of(each) for key, each in value.items()}
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value


def log_with_sdk(script):
    import wandb

    run = wandb.init(**script["init"])
    for name, step_metric in script["define"]:
        run.define_metric(name, step_metric=step_metric)
    for step, values in script["log"]:
        run.log({name: value_of(value) for name, value in values.items()}, step=step)
    for name, value in script["summary"].items():
        run.summary[name] = value
    sys.exit(script["exit_code"])  # as a program ends


def environment(base_url, home):
    """The SDK's, with nothing of the user's, and no proxy: it speaks with 127.0.0.1 alone."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("WANDB") and not name.lower().endswith("_proxy")}
    return {**kept, "WANDB_BASE_URL": base_url, "WANDB_API_KEY": "a" * 40, "HOME": home, "WANDB_DIR": home,
            "WANDB_ERROR_REPORTING": "false", "WANDB_CONSOLE": "off", "WANDB_SILENT": "true", "WANDB_DISABLE_GIT": "true",
            "WANDB__DISABLE_STATS": "true", "WANDB__DISABLE_META": "true", "WANDB__SAVE_REQUIREMENTS": "false",
            "WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "1"}


def run_sdk(w, home, name):
    """A run of SCRIPT in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--log", name], env=environment(w.base_url, home), cwd=home,
                          capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    if done.returncode != SCRIPT[name]["exit_code"]:
        raise AssertionError(f"{name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def record():
    """{"wandb": its version, "script": …, "runs": {name: what it came to}}."""
    import wandb

    runs = {}
    with FakeWandb() as w, tempfile.TemporaryDirectory(prefix="sae-metricsd-test-") as home:
        for name, script in SCRIPT.items():
            run_sdk(w, home, name)
            runs[name] = normal(w.runs[f"fake-entity/{script['init']['project']}/{script['init']['id']}"])
        if w.violations:
            raise AssertionError(f"the SDK broke what we hold to be a rule: {w.violations}")
    return {"wandb": wandb.__version__, "script": plain(SCRIPT), "runs": runs}


def text(recorded):
    return json.dumps(recorded, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"


def main(arguments):
    if arguments[:1] == ["--log"]:
        log_with_sdk(SCRIPT[arguments[1]])
    elif arguments == ["--write"]:
        FIXTURE.parent.mkdir(exist_ok=True)
        FIXTURE.write_text(text(record()), encoding="utf-8")
    elif not arguments:
        print(text(record()), end="")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
