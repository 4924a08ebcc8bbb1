"""What a log call is given, made into what ``sae_metrics.Run.log`` takes; what is neither is named, with the reason."""

import datetime
import enum
import math
import numbers

from .. import native, tensors, values
from ._histogram import Histogram

DEPTH_MAX = 32  # of dicts in dicts
ARRAY_ITEMS_MAX = 32  # as in the SDK: a larger array is logged as a histogram
ARRAY_BINS = 32  # of that many bins
RESERVED = ("_step", "_timestamp", "_runtime")  # W&B's own: the daemon says them


class Unsupported(Exception):
    """Its text is why a value cannot be kept."""

    def __init__(self, why, kind="values"):
        super().__init__(why)
        self.kind = kind


def flatten(data, above=()):
    """(path, value) of a dict and those in it; None, which is no value, is left out."""
    for key, value in data.items():
        path = above + (key if isinstance(key, str) else str(key),)
        if isinstance(value, dict) and len(path) < DEPTH_MAX:
            yield from flatten(value, path)
        elif value is not None and path[0] not in RESERVED:
            yield path, value


def check_key(key):
    if not 0 < len(key.encode("utf-8", "replace")) <= values.KEY_BYTES_MAX or not key.isprintable():
        raise Unsupported("a name has 1 ... %d bytes and no control characters" % values.KEY_BYTES_MAX)


def keep(value):
    """The value as an int, a float, a text, (counts, edges), or a number that is still on a device, as a tensor. Raises
    `Unsupported`, and nothing else."""
    try:
        return _keep(value)
    except Unsupported:
        raise
    except Exception as problem:  # a value is any object of the trainer's, and may fail in any way
        raise Unsupported("%s: %s" % (type(problem).__name__, problem)) from None


def _keep(value):
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, str):
        return value
    if isinstance(value, numbers.Integral):
        return _whole(int(value))
    if isinstance(value, numbers.Real):
        return float(value)
    if hasattr(value, "histogram") and hasattr(value, "bins"):
        return _bins(value)
    if hasattr(value, "item"):
        return _of_array(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    raise Unsupported("%s is none of numbers, texts and histograms" % _a(value))


def _whole(value):
    try:
        float(value)
    except OverflowError:
        raise Unsupported("no float can hold it") from None
    return value


def _bins(value):
    if getattr(value, "problem", None):
        raise Unsupported(value.problem, "histograms")
    counts, edges = list(map(float, value.histogram)), list(map(float, value.bins))
    if not all(map(math.isfinite, counts + edges)):
        raise Unsupported("its counts and edges are not all finite", "histograms")
    if not 1 <= len(counts) <= native.HISTOGRAM_BINS_MAX or len(edges) != len(counts) + 1:
        raise Unsupported("it has %d counts and %d edges" % (len(counts), len(edges)), "histograms")
    return counts, edges


def _of_array(value):
    """An array or tensor: the number in it, or, as in the SDK, a histogram of many."""
    count = value.numel() if hasattr(value, "numel") else getattr(value, "size", 1)
    if count == 1:
        is_away = tensors.is_tensor(value) and not value.is_complex() and tensors.device_of(value) is not None
        return value.detach() if is_away else _keep(value.item())
    if count > ARRAY_ITEMS_MAX:
        return _bins(Histogram(value, num_bins=ARRAY_BINS))
    raise Unsupported("it is an array of %d numbers; a wandb.Histogram can be kept, and single numbers" % count)


def _a(value):
    name = type(value).__name__
    return "%s %s" % ("an" if name[:1].lower() in "aeiou" else "a", name)


# ---- for config and summary, which hold any JSON ----


def friendly(value, depth=DEPTH_MAX):
    """A value of the config as the SDK gives it back: a list for a tuple, numbers for arrays of one, else a text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if depth == 0:
        return str(value)
    if isinstance(value, dict):
        return {key: friendly(each, depth - 1) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [friendly(each, depth - 1) for each in value]
    if isinstance(value, enum.Enum):
        return value.name
    if hasattr(value, "tolist"):
        return friendly(value.tolist(), depth - 1)
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {name: friendly(getattr(value, name, None), depth - 1) for name in value.__dataclass_fields__}
    if callable(value) and hasattr(value, "__qualname__"):
        return "%s.%s" % (value.__module__, value.__qualname__)
    try:
        return _keep(value)
    except Unsupported:
        return str(value)


def without_non_finite(value):
    """NaN and infinities as W&B's JSON has them, in words."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: without_non_finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_non_finite(each) for each in value]
    return value
