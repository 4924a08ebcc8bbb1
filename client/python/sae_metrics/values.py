"""What ``run.log`` takes: numbers, truth values, text and histograms, in dicts as deep as one likes."""

import numbers

from . import native, tensors

KEY_BYTES_MAX = 256
TEXT_BYTES_MAX = 65536
I64_MAX = 2**63 - 1


def flatten(values, prefix=""):
    """[(key, value)] of a dict, nested ones joined with "." as W&B does. None is "not given" and left out."""
    if not isinstance(values, dict):
        raise TypeError("log: expected a dict of name: value, got %s" % type(values).__name__)
    pairs = []
    for key, value in values.items():
        if not isinstance(key, str):
            raise TypeError("log: names are texts, got %r (%s)" % (key, type(key).__name__))
        if isinstance(value, dict):
            pairs += flatten(value, prefix + key + ".")
        elif value is not None:
            pairs.append((prefix + key, value))
    return pairs


def to_native(pairs):
    """(an array of the library's values, what it points into); TypeError and ValueError name the key."""
    array = (native.Value * len(pairs))()
    keep = []
    for entry, (key, value) in zip(array, pairs):
        encoded = key.encode("utf-8", "replace")
        if not 0 < len(encoded) <= KEY_BYTES_MAX or not key.isprintable():
            raise ValueError("log: a name has 1 ... %d bytes and no control characters, got %r" % (KEY_BYTES_MAX, key))
        entry.key = encoded
        _fill(entry, key, value, keep)
    return array, keep


def _fill(entry, key, value, keep):
    if isinstance(value, str):
        entry.kind = native.TEXT
        entry.text = _clipped(value)
    elif isinstance(value, numbers.Integral):  # bool too: kept as 0 or 1
        _fill_integer(entry, key, int(value))
    elif isinstance(value, numbers.Real):
        entry.kind, entry.number = native.FLOAT, float(value)
    elif hasattr(value, "histogram") and hasattr(value, "bins"):
        _fill_histogram(entry, key, value.histogram, value.bins, keep)
    elif isinstance(value, tuple) and len(value) == 2:
        _fill_histogram(entry, key, value[0], value[1], keep)
    elif hasattr(value, "item") and _is_one_number(value):
        _fill(entry, key, _item(key, value), keep)  # a numpy scalar, or an array or tensor of one number
    else:
        raise TypeError(
            "log: %r is a %s; expected a number, a text, or a histogram as (counts, edges)"
            % (key, type(value).__name__)
        )


def _is_one_number(value):
    size = getattr(value, "size", None)
    count = value.numel() if hasattr(value, "numel") else size
    return count == 1 and getattr(getattr(value, "dtype", None), "kind", "f") in "biuf"


def _item(key, value):
    try:
        return tensors.number(value) if tensors.is_tensor(value) else value.item()
    except ValueError as problem:
        raise ValueError("log: %r: %s" % (key, problem)) from None


def _fill_integer(entry, key, value):
    if -I64_MAX - 1 <= value <= I64_MAX:
        entry.kind, entry.integer = native.INT, value
        return
    try:
        entry.kind, entry.number = native.FLOAT, float(value)
    except OverflowError:
        raise ValueError("log: %r: expected a number that a float can hold" % key) from None


def _fill_histogram(entry, key, counts, edges, keep):
    try:
        counts, edges = native.doubles(counts), native.doubles(edges)
    except (TypeError, ValueError):
        raise TypeError("log: %r: a histogram is (counts, edges), two sequences of numbers" % key) from None
    if not 1 <= len(counts) <= native.HISTOGRAM_BINS_MAX or len(edges) != len(counts) + 1:
        raise ValueError(
            "log: %r: a histogram has 1 ... %d counts and one edge more, got %d and %d"
            % (key, native.HISTOGRAM_BINS_MAX, len(counts), len(edges))
        )
    keep += [counts, edges]
    entry.kind = native.HISTOGRAM
    entry.counts, entry.edges, entry.n_bins = counts, edges, len(counts)


def _clipped(text):
    encoded = text.encode("utf-8", "replace").replace(b"\0", b"")
    if len(encoded) <= TEXT_BYTES_MAX:
        return encoded
    return encoded[:TEXT_BYTES_MAX].decode("utf-8", "ignore").encode()
