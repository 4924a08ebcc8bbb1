"""What the ranks of a run say to each other while it is trained: in process groups of its own, so that nothing of it comes
between the trainer's collectives.

A log call is a *roll call* first, a few numbers over gloo: it finds a rank that does not come before anything is handed to a
device, where a collective that lacks a rank would hold up the training for good. What goes wrong here never raises: it is said
once, with the missing ranks' names, and from then on every rank is on its own.
"""

import datetime
import time

import torch

from .ranks import ranks_in_words

NAMING_S = 2.0  # for the others to say, each for itself, that they were there
POLL_S = 0.01

ON_HOST, ON_DEVICE = 0.0, 1.0


class RankGroup:
    """The ranks that take part. `members`: their numbers in the job; the first one is the one that pushes where one does."""

    def __init__(self, distributed, store, members, me, grace_s, is_whole):
        self.members, self.index = members, members.index(me)
        self.broken = None  # words, once it is
        self.should_stop = None  # what all agreed on; None while they have not been asked
        self.on_broken = None  # is told the words, once
        self._distributed, self._store = distributed, store
        self._grace_s = grace_s
        self._n_calls = 0
        # Not by new_group: it keeps its addresses in the job's store, under names that processes before these had, too.
        self._host = distributed.ProcessGroupGloo(
            distributed.PrefixStore("gloo", store), self.index, len(members), datetime.timedelta(seconds=grace_s)
        )
        # With the trainer's own time limit: NCCL ends the process when one is over, and counts what is queued before, too.
        self._device_types = _accelerators(distributed) if is_whole else ()
        self._device = _device_group(distributed, members) if self._device_types else None

    def __len__(self):
        return len(self.members)

    @property
    def is_first(self):
        return self.index == 0

    # ---- who is there ----

    def call_roll(self, step, fields, stop=False):
        """Everybody's `fields` (numbers, as many on all ranks), rank by rank; None when the ranks are, or become, apart."""
        if self.broken is not None:
            return None
        self._n_calls += 1
        table = torch.zeros(len(self), 2 + len(fields), dtype=torch.float64)
        table[self.index] = torch.tensor([float(step), float(stop), *fields], dtype=torch.float64)
        try:
            self._host.allreduce([table]).wait()
        except Exception as problem:  # gloo's errors have many types
            self._break(self._name_missing(step, problem))
            return None
        rows = table.tolist()
        for rank, row in zip(self.members, rows):
            if row[0] != rows[0][0]:
                words = "rank %d logs step %d where rank %d logs step %d"
                self._break(words % (rank, row[0], self.members[0], rows[0][0]))
                return None
        self.should_stop = any(row[1] for row in rows)
        return [row[2:] for row in rows]

    def leave(self, words):
        """All ranks saw the same, and go on apart."""
        self._break(words)

    def _name_missing(self, step, problem):
        """Whoever waited in vain says so in the store; whoever has not is missing."""
        key = "waited/%d/" % self._n_calls
        try:
            self._store.set(key + str(self.members[self.index]), "")
            deadline = time.monotonic() + NAMING_S
            while True:
                missing = [rank for rank in self.members if not self._store.check([key + str(rank)])]
                if not missing or time.monotonic() >= deadline:
                    break
                time.sleep(POLL_S)
        except Exception:  # it is gone with the rank that kept it
            return "a rank is lost at step %d (%s)" % (step, _first_line(problem))
        if not missing:
            return "the ranks lost each other at step %d (%s)" % (step, _first_line(problem))
        return "%s did not log step %d within %g s" % (ranks_in_words(missing), step, self._grace_s)

    def _break(self, words):
        self.broken = words
        self.should_stop = None
        self._host = None  # closes its connections, so that the others need not wait either
        if self.on_broken is not None:
            self.on_broken(words)

    # ---- sums ----

    def kind_of(self, tensor):
        """ON_DEVICE where the collective can be done there, behind what makes the tensor and without a wait of the host's."""
        return ON_DEVICE if tensor.device.type in self._device_types else ON_HOST

    def add_up(self, tensor, kind, to_first=False):
        """The sum over the ranks of a tensor, which is used up; None when that failed. `kind`: ON_DEVICE if all ranks' are.
        to_first: the first rank alone needs it."""
        place = tensor.device
        tensor = tensor if kind == ON_DEVICE else tensor.cpu()
        try:
            if kind == ON_DEVICE and to_first:
                self._distributed.reduce(tensor, self.members[0], group=self._device)
            elif kind == ON_DEVICE:
                self._distributed.all_reduce(tensor, group=self._device)
            elif to_first:
                self._host.reduce(tensor, 0).wait()
            else:
                self._host.allreduce([tensor]).wait()
        except Exception as problem:  # a rank ended in between
            self._break(_first_line(problem))
            return None
        return tensor.to(place)


_device_groups = {}


def _device_group(distributed, members):
    """One for all runs of the process: it takes memory of the device."""
    key = (distributed.group.WORLD, tuple(members))
    if key not in _device_groups:
        _device_groups[key] = distributed.new_group(members)
    return _device_groups[key]


def _accelerators(distributed):
    """The types of device on which the default group's collectives are queued, not done by the host."""
    backends = dict(part.partition(":")[::2] for part in distributed.get_backend_config().split(","))
    return {device for device, backend in backends.items() if device != "cpu" and backend in ("nccl", "xccl")}


def _first_line(problem):
    """Without the place in the source that gloo's begin with."""
    words = (str(problem).strip() or type(problem).__name__).partition("\n")[0]
    return words.rpartition("] ")[2][:200] if words.startswith("[") else words[:200]
