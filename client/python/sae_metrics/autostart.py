"""A daemon for whoever has none: ``init`` starts one, unless the user said where his is or that he wants none.

``sae-metricsd start`` does it: one however many processes ask at once, where the library looks for it, ending when nobody has
needed it for ten minutes. ``init`` waits a moment for it, so that also a short script's numbers find somebody.
"""

import json
import os
import shutil
import subprocess
import threading
import time

from .errors import complain, say

PROGRAM = "sae-metricsd"
WAIT_S = 0.5  # it listens after some 50 ms; on a machine that is busier than that the run begins without
TRY_AGAIN_S = 60.0  # after a failure: a sweep of a hundred runs shall not wait for each

_lock = threading.Lock()  # two threads' runs wait for one start
_not_before = 0.0
_starting = []  # one that took longer than was waited for


def ensure_daemon(library, socket=None):
    """Starts a daemon where none answers, and waits at most `WAIT_S` for it. Never raises but for tests (`Error`)."""
    global _not_before
    if not _is_wanted(socket) or library.daemon_answers():
        return
    program = find_program()
    if program is None:
        return  # the library says that nobody answers
    with _lock:
        if time.monotonic() < _not_before or library.daemon_answers():
            return
        _not_before = time.monotonic() + TRY_AGAIN_S
        if _start(program):
            _not_before = 0.0


def find_program():
    """The daemon's program: beside these modules, as in a wheel, else on PATH. None: there is none."""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), PROGRAM)
    return beside if os.access(beside, os.X_OK) and os.path.isfile(beside) else shutil.which(PROGRAM)


def _is_wanted(socket):
    refused = os.environ.get("SAE_METRICS_AUTOSTART", "").lower() in ("0", "no", "off", "false")
    return not (refused or socket or os.environ.get("SAE_METRICS_SOCKET"))


def _start(program):
    """Whether a daemon listens now."""
    try:
        process = subprocess.Popen(
            [program, "start", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the trainer's terminal is not for the daemon
        )
        out, err = process.communicate(timeout=WAIT_S)
    except subprocess.TimeoutExpired:
        _starting.append(process)
        say("sae-metricsd is being started for you; training goes on meanwhile")
        return False
    except OSError as problem:
        complain("%s cannot be run: %s" % (program, problem.strerror))
        return False
    return _judge(process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def _judge(status, out, err):
    try:
        said = json.loads(out)
    except ValueError:
        said = None
    if status != 0 or not isinstance(said, dict):
        why = err.strip().splitlines()[-1:] or ["it ended with %d" % status]
        complain("no daemon could be started for you (%s)" % why[0].replace("sae-metricsd start: ", "", 1))
        return False
    if said.get("started"):
        say("started sae-metricsd for you (pid %s), it ends when idle; SAE_METRICS_AUTOSTART=0 refuses" % said.get("pid"))
        if said.get("remark"):
            say(said["remark"])
    return True


def main():
    """The command ``sae-metricsd`` of an installed wheel."""
    import sys

    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), PROGRAM)
    try:
        os.execv(program, [PROGRAM] + sys.argv[1:])
    except OSError as problem:
        sys.exit("sae-metricsd: %s: %s" % (program, problem.strerror))
