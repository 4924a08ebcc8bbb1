"""What the log calls are given, checked: TypeError and ValueError in one sentence that says what was expected."""

import operator

from . import native

TIMEOUT_S_MAX = 4000000.0  # of what C counts in milliseconds


def check_step(step):
    try:
        step = operator.index(step)
    except TypeError:
        raise TypeError("step: expected a whole number, got %r (%s)" % (step, type(step).__name__)) from None
    if not 0 <= step <= native.STEP_MAX:
        raise ValueError("step: expected 0 ... %d, got %d" % (native.STEP_MAX, step))
    return step


def check_n_rows(n_rows):
    if n_rows is None:
        raise ValueError("n_rows: how many rows had this batch? (init was not told train_batch_size)")
    try:
        n_rows = operator.index(n_rows)
    except TypeError:
        raise TypeError("n_rows: expected a whole number, got %r (%s)" % (n_rows, type(n_rows).__name__)) from None
    if not 1 <= n_rows <= native.N_ROWS_MAX:
        raise ValueError("n_rows: expected 1 ... %d, got %d" % (native.N_ROWS_MAX, n_rows))
    return n_rows


def encode(text, what):
    """The text for C; `what` it is, for the words."""
    if not isinstance(text, str):
        raise TypeError("%s: expected text, got %s" % (what, type(text).__name__))
    return text.encode("utf-8", "replace").replace(b"\0", b"")


def milliseconds(timeout_s):
    return int(min(max(0.0, float(timeout_s)), TIMEOUT_S_MAX) * 1000)
