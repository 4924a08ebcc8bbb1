"""The parts of a step, made one over the ranks of a job.

Two things need all ranks. The mean of a batch's inputs, from which each row's variance is taken: a rank's own is another one.
And, where several daemons would see a part each, the step as a whole, which the first rank then pushes.
"""

import collections

import torch

from . import tensors
from .rank_group import ON_DEVICE, ON_HOST
from .rank_merge import drop_what_is_computed, merge

Step = collections.namedtuple("Step", "n_rows fired positive scalars")

WINDOW_DEFAULT = 1000  # the daemon's
BITS = 48  # of a set of names, in one float64
INT32_MAX = 2**31 - 1
NOT_GIVEN, GIVEN, GIVEN_WITH_POSITIVE, BAD = 0.0, 1.0, 2.0, 3.0


class NoStep(Exception):
    """There are no statistics of a step, and words say why: on all ranks alike."""


class RankSums:
    """Of one run, on one rank. The calls come at the same steps on all ranks."""

    def __init__(self, group, settings, is_whole=True):
        self.group = group
        self._is_whole = is_whole  # no rank was missing from the beginning
        self._window = settings.feature_sampling_window or WINDOW_DEFAULT
        self._n_lacking = 0
        self._names = settings.scalars
        self._d_sae = settings.d_sae
        self._is_ratio_of_means = settings.profile not in (None, "prisma")

    def mean_of(self, step, statistics, rows, stop):
        """The mean of all ranks' `rows` [rows, d]; None where it is the own ones', or there are none (also `rows` is None)."""
        sums = None if rows is None else _as_tensor(statistics.column_sums(rows))
        kind = ON_HOST if sums is None else self.group.kind_of(sums)
        width = 0 if sums is None else len(sums)
        roll = self.group.call_roll(step, [0 if rows is None else len(rows), width, kind], stop)
        if roll is None or not any(line[1] for line in roll):
            return None
        for rank, line in zip(self.group.members, roll):
            if line[1] != width:
                self.group.leave("rank %d gave sae_in of another width than the others" % rank)
                return None
        total = self.group.add_up(sums, min(line[2] for line in roll))
        if total is None:
            return None
        mean = total / sum(line[0] for line in roll)
        return mean if tensors.is_tensor(rows) else mean.numpy()

    @torch.no_grad()
    def whole_step(self, step, part, stop):
        """The `Step` of all ranks on the first one, None on the others. Without them, and from then on, the first one's own.

        `NoStep` where a rank's counts are none."""
        numbers, further = self._numbers(part.scalars)
        counts, state = self._counts(part)
        first_tensor = next((thing for thing in (counts, *numbers.values()) if tensors.is_tensor(thing) and _is_far(thing)), None)
        kind = ON_HOST if first_tensor is None else self.group.kind_of(first_tensor)
        fields = [part.n_rows, state, kind, *_as_bits(numbers, len(self._names))]
        roll = self.group.call_roll(step, fields, stop)
        if roll is None:
            return part if self.group.is_first else None
        rows = [int(line[0]) for line in roll]
        bad = [rank for rank, line in zip(self.group.members, roll) if line[1] == BAD]
        if bad:
            raise NoStep("the counts of rank %d are not whole numbers from 0 to its n_rows" % bad[0])
        kind = min(line[2] for line in roll)
        device = first_tensor.device if kind == ON_DEVICE else torch.device("cpu")
        has = [_from_bits(line[3:], len(self._names)) for line in roll]

        table = self._add_up_numbers(numbers, has, device, kind)
        fired = positive = None
        if table is not None and all(line[1] != NOT_GIVEN for line in roll):
            has_positive = any(line[1] == GIVEN_WITH_POSITIVE for line in roll)
            fired, positive = self._add_up_counts(counts, has_positive, sum(rows), device, kind)
        if self.group.broken is not None:
            return part if self.group.is_first else None
        if not self.group.is_first:
            return None
        known = merge(self._names, table, has, rows)
        drop_what_is_computed(known, fired is not None, self._is_ratio_of_means)
        if kind == ON_HOST:
            known = {name: value.item() for name, value in known.items()}
        return Step(sum(rows), fired, positive, {**known, **further})

    def is_to_be_marked(self):
        """Whether a step that lacks other ranks' parts is to be skipped, so that its window is marked: one in each is enough."""
        if self._is_whole and self.group.broken is None:
            return False
        self._n_lacking += 1
        return self._n_lacking % self._window == 1

    def _numbers(self, scalars):
        """(those with a place in a step by column, the others by name)."""
        places = {name: column for column, name in enumerate(self._names)}
        numbers, further = {}, {}
        for name, value in scalars.items():
            if value is None:
                continue
            if name not in places:
                further[name] = value
            elif tensors.is_tensor(value):
                if value.numel() != 1:
                    raise ValueError("%s: expected a number, got a tensor of shape %s" % (name, tuple(value.shape)))
                numbers[places[name]] = tensors.plain(value).reshape(())
            else:
                numbers[places[name]] = _as_number(name, value)
        return numbers, further

    def _counts(self, part):
        """([1 or 2, d_sae] or None, what the others are to know of it)."""
        if part.fired is None:
            return None, NOT_GIVEN
        given = [counts for counts in (part.fired, part.positive) if counts is not None]
        counts = torch.stack([_as_counts(one) for one in given])
        if not _is_far(counts) and bool(((counts < 0) | (counts > part.n_rows)).any()):
            return None, BAD
        return counts, GIVEN if part.positive is None else GIVEN_WITH_POSITIVE

    def _add_up_numbers(self, numbers, has, device, kind):
        """values[ranks, names] of all ranks, on the first one."""
        row = torch.zeros(len(self._names), dtype=torch.float64)
        far = {}
        for column, value in numbers.items():
            if kind == ON_DEVICE and tensors.is_tensor(value) and value.device == device:
                far[column] = value
            else:
                row[column] = float(value)
        row = row.to(device)
        if far:
            columns = torch.tensor(list(far), device=device)
            row = row.index_copy(0, columns, torch.stack([value.double() for value in far.values()]))
        table = torch.zeros(len(self.group), len(self._names), dtype=torch.float64, device=device)
        table[self.group.index] = row
        return self.group.add_up(table, kind, to_first=True)

    def _add_up_counts(self, counts, has_positive, n_rows, device, kind):
        if has_positive and len(counts) == 1:
            counts = counts.repeat(2, 1)  # until now they were the same
        dtype = torch.int32 if n_rows <= INT32_MAX else torch.int64
        total = self.group.add_up(counts.to(device, dtype).contiguous(), kind, to_first=True)
        if total is None:
            return None, None
        return total[0], total[1] if has_positive else None


def _as_number(name, value):
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError("log_step: %s: expected a number, got %s" % (name, type(value).__name__)) from None
    except OverflowError:
        raise ValueError("log_step: %s: expected a number that a float can hold" % name) from None


def _is_far(tensor):
    return tensor.device.type != "cpu"


def _as_tensor(sums):
    return sums if tensors.is_tensor(sums) else torch.from_numpy(sums)


def _as_counts(counts):
    """As int64, wherever they are; what is no count becomes -1."""
    if not tensors.is_tensor(counts):
        try:
            import numpy

            counts = torch.from_numpy(numpy.asarray(counts).astype(numpy.float64))
        except ImportError:
            counts = torch.tensor([float(count) for count in counts], dtype=torch.float64)
    counts = tensors.plain(counts)
    if counts.is_floating_point():
        counts = torch.where(counts == counts.floor(), counts, -1.0)
    return counts.long()


def _as_bits(columns, n_names):
    words = [0] * (-(-n_names // BITS))
    for column in columns:
        words[column // BITS] |= 1 << column % BITS
    return [float(word) for word in words]


def _from_bits(words, n_names):
    words = [int(word) for word in words]
    return [bool(words[column // BITS] >> column % BITS & 1) for column in range(n_names)]
