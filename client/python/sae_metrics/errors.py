"""What the package says, and when it raises.

A trainer must not die of its metrics: what goes wrong in the environment (no daemon, no library, no room, data that
the daemon refuses) is one line on stderr and a number in ``run.stats``. Arguments of a wrong type or shape raise
TypeError and ValueError, always, because they are wrong on every step and show on the first one.
"""

import os
import sys


class Error(RuntimeError):
    """Something in the environment failed. Raised only under ``SAE_METRICS_STRICT=1``."""


def switched_off():
    return os.environ.get("SAE_METRICS", "").lower() == "off"


def is_strict():
    return os.environ.get("SAE_METRICS_STRICT", "") not in ("", "0")


def is_quiet():
    return os.environ.get("SAE_METRICS_QUIET", "") not in ("", "0")


def say(sentence):
    """One line on stderr, unless the user asked for quiet or stderr is gone."""
    if is_quiet() or sys.stderr is None:
        return
    try:
        sys.stderr.write("sae-metrics: " + sentence + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # a closed or full stderr is no reason to stop a training


def complain(sentence):
    """Trouble in the environment: raised for tests that ask for it, said otherwise."""
    if is_strict():
        raise Error(sentence)
    say(sentence)
