"""``wandb.Histogram``: the same counts and edges, but a NaN among the values does not end the training."""

import math
import operator


class Histogram:
    """Counts over bins, of a sequence of numbers or as numpy.histogram gave them.

    sequence      numbers: a list, an array, or a tensor on any device
    np_histogram  (counts, edges), with one edge more than counts
    num_bins      of a sequence: 64, at most 512

    `histogram` and `bins` are the counts and the edges, as lists. ValueError and TypeError as from wandb.Histogram,
    except for values that cannot be put into bins (NaN, infinities, a range too narrow for so many bins): then both
    lists are empty, `problem` says why, and logging it says so once and leaves the key out.
    """

    MAX_LENGTH = 512
    _log_type = "histogram"

    def __init__(self, sequence=None, np_histogram=None, num_bins=64):
        self.problem = None
        if np_histogram:
            if len(np_histogram) != 2:
                raise ValueError(
                    "Expected np_histogram to be a tuple of (values, bin_edges) or sequence to be specified"
                )
            self.histogram, self.bins = (
                part.tolist() if hasattr(part, "tolist") else list(part) for part in np_histogram
            )
        else:
            self._count(sequence, operator.index(num_bins))
            if self.problem is not None:
                return
        if len(self.histogram) > self.MAX_LENGTH:
            raise ValueError("The maximum length of a histogram is %d" % self.MAX_LENGTH)
        if len(self.histogram) + 1 != len(self.bins):
            raise ValueError("len(bins) must be len(histogram) + 1")

    def _count(self, sequence, num_bins):
        if num_bins < 1:
            raise ValueError("`bins` must be positive, when an integer")
        if num_bins > self.MAX_LENGTH:
            raise ValueError("The maximum length of a histogram is %d" % self.MAX_LENGTH)
        self.histogram, self.bins = [], []
        numbers = _on_this_side(sequence)
        try:
            import numpy
        except ImportError:
            counts, edges, self.problem = _count_plainly(numbers, num_bins)
            self.histogram, self.bins = counts, edges
            return
        try:
            counts, edges = numpy.histogram(numbers, bins=num_bins)
        except ValueError as problem:
            self.problem = str(problem)
        else:
            self.histogram, self.bins = counts.tolist(), edges.tolist()

    def to_json(self, run=None):
        return {"_type": self._log_type, "values": self.histogram, "bins": self.bins}

    def __repr__(self):
        return "<Histogram of %d bins>" % len(self.histogram)


def _on_this_side(sequence):
    """A tensor without its gradient, in the machine's own memory, and of a type that numpy knows."""
    if hasattr(sequence, "detach") and hasattr(sequence, "cpu"):
        sequence = sequence.detach().cpu()
        if str(getattr(sequence, "dtype", "")) == "torch.bfloat16":
            sequence = sequence.float()
    return sequence


def _count_plainly(sequence, num_bins):
    """(counts, edges, what is wrong with them) of a sequence of floats, without numpy and with its numbers."""
    numbers = [float(number) for number in _flat(sequence)]
    if not all(map(math.isfinite, numbers)):
        return [], [], "autodetected range of [%s, %s] is not finite" % (min(numbers), max(numbers))
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / num_bins
    edges = [low + number * width for number in range(num_bins)] + [high]
    if any(left >= right for left, right in zip(edges, edges[1:])):
        return [], [], "Too many bins for data range. Cannot create %d finite-sized bins." % num_bins
    counts = [0] * num_bins
    for number in numbers:
        at = min(int((number - low) / (high - low) * num_bins), num_bins - 1)
        if number < edges[at]:
            at -= 1
        elif number >= edges[at + 1] and at != num_bins - 1:
            at += 1
        counts[at] += 1
    return counts, edges, None


def _flat(sequence):
    if hasattr(sequence, "tolist"):
        sequence = sequence.tolist()
    if not isinstance(sequence, (list, tuple, range)):
        return [sequence]
    return [number for part in sequence for number in _flat(part)]
