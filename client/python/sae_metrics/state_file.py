"""A run's state beside a trainer's checkpoint: one line of JSON, then bytes."""

import contextlib
import json
import os
import re

from .errors import complain

VERSION = 1
HEADER_BYTES_MAX = 4096


def save(path, state):
    """Writes what `Run.state_dict` gave, or, where that cannot be, says why. Whole or not at all."""
    blob = state["state"]
    header = {"sae_metrics_state": VERSION, "run": state["run"], "step": state["step"], "has_state": blob is not None}
    beside = "%s.%d.tmp" % (path, os.getpid())
    try:
        with open(beside, "wb") as file:
            file.write(json.dumps(header).encode() + b"\n" + (blob or b""))
        os.replace(beside, path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            os.remove(beside)
        complain("the state of the metrics was not written beside the checkpoint: %s" % problem)


def load(path):
    """What was saved, or None where there is no such file. A file that is none of ours is said."""
    try:
        with open(path, "rb") as file:
            line = file.readline(HEADER_BYTES_MAX)
            blob = file.read()
        header = json.loads(line)
        if header.pop("sae_metrics_state") != VERSION:
            raise ValueError("it is of another version")
        run, step = header["run"], header["step"]
        if not re.fullmatch("[A-Za-z0-9_-]{1,64}", run) or not (step is None or (type(step) is int and step >= 0)):
            raise ValueError("it is of no run")
        return {"run": run, "step": step, "state": blob if header["has_state"] else None}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as problem:
        complain("%s holds no state of the metrics (%s): the run is marked resumed" % (path, problem))
        return None
