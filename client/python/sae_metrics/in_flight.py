"""What a run was given as tensors of a device, on its way to the host: see ring.py."""

import atexit
import functools
import os
import time
import weakref

from . import tensors
from .errors import complain, say
from .ring import Ring

EXIT_BUDGET_S = 2.0  # for what is on its way when the process ends, of all runs together


class InFlight:
    """Takes a run's calls in their order while some of them wait for a device. True while there are such."""

    def __init__(self, handle):
        self._handle = handle
        self._device = self.ring = None  # those of the first tensor of a device; None: nothing can be on its way
        self._said = False

    def __len__(self):
        return 0 if self.ring is None else len(self.ring)

    def forget(self):
        self._device = self.ring = None

    def is_capturing(self, device):
        """Whether a graph is being captured, when nothing is done and nothing may be asked. Says so once."""
        device = device or self._device
        if device is None or not device.is_capturing():
            return False
        if not self._said:
            self._said = True
            say("run %s: a log call while a CUDA graph is captured logs nothing: log after each replay" % self._handle.id)
        return True

    def _ring_of(self, device):
        with self._handle.lock:
            if self.ring is None:
                self._device, self.ring = device, Ring(device, functools.partial(_say_lost, self._handle.id))
                _all.add(self)
            return self.ring

    def log_step(self, device, fired, positive, scalars, push, if_lost):
        """Calls push(fired, positive, scalars) with everything on the host, later; if_lost() where the device fails before."""
        import torch

        with torch.no_grad():
            counts = [self._counts(torch, counts) for counts in (fired, positive) if counts is not None]
            given, names, stacks = self._stack(torch, scalars)
        n_counts = len(counts)  # and not they: what waits its turn keeps no tensor of the trainer's alive, nor its history

        def deliver(arrays):
            fired, positive = (arrays[:n_counts] + [None, None])[:2]
            numbers = [number for array in arrays[n_counts:] for number in array.tolist()]
            if positive is not None and torch.equal(fired, positive):
                positive = None
            push(fired, positive, {**given, **dict(zip(names, numbers))})

        self._ring_of(device).put(counts + stacks, deliver, if_lost)

    def log(self, device, pairs, log):
        """Calls log(pairs) with numbers for tensors, later."""
        import torch

        with torch.no_grad():
            given, names, stacks = self._stack(torch, dict(pairs))
        order = list(dict(pairs))

        def deliver(arrays):
            numbers = dict(zip(names, [number for array in arrays for number in array.tolist()]))
            log([(name, numbers[name] if name in numbers else given[name]) for name in order])

        self._ring_of(device).put(stacks, deliver)

    def call(self, function):
        """Calls it in its turn: at once where nothing is on its way."""
        ring = self.ring
        if ring:
            ring.call(function)
        else:
            function()

    def hand_over(self, timeout_s):
        """Whether everything was, in that time."""
        ring = self.ring
        return ring is None or ring.drain(timeout_s)

    def drain(self, timeout_s):
        """Waits until everything was handed over. What is left of the time."""
        if not self:
            return timeout_s
        begun = time.monotonic()
        if not self.hand_over(timeout_s):
            complain("run %s: %d steps had not come from the device after %g s" % (self._handle.id, len(self), timeout_s))
        return max(0.0, timeout_s - (time.monotonic() - begun))

    def _counts(self, torch, counts):
        if not tensors.is_tensor(counts):
            return torch.as_tensor(counts, device="cpu")
        counts = tensors.plain(counts)
        # No wider than it must be: this is what travels. What does not fit is no count, and is refused as one.
        return counts.clamp(-1, 2**31 - 1).int() if counts.dtype is torch.int64 else counts.contiguous()

    def _stack(self, torch, scalars):
        """(numbers already here by name, names, stacks of numbers of one type in their order)."""
        given, by_type = {}, {}
        for name, value in scalars.items():
            if not tensors.is_tensor(value):
                given[name] = value
            elif tensors.device_of(value) is None:
                given[name] = tensors.number(value)  # the trainer may change it before its turn comes
            elif value.numel() != 1:
                raise ValueError("%s: expected a number, got a tensor of shape %s" % (name, tuple(value.shape)))
            elif value.is_complex():
                raise TypeError("%s: expected a number, got a tensor of %s" % (name, value.dtype))
            else:
                by_type.setdefault((value.dtype, value.device), []).append((name, tensors.plain(value).reshape(())))
        names = [name for part in by_type.values() for name, _ in part]
        return given, names, [torch.stack([value for _, value in part]) for part in by_type.values()]


def _say_lost(run, count, problem):
    complain("run %s: what %d calls logged never came from the device: %s" % (run, count, problem))


_all = weakref.WeakSet()
_pid = os.getpid()


def drain_all(timeout_s):
    if os.getpid() == _pid:
        under_way = [flight for flight in list(_all) if flight]
        for flight in under_way:
            flight.hand_over(timeout_s / len(under_way))


def _drain_at_exit():
    drain_all(EXIT_BUDGET_S)


atexit.register(_drain_at_exit)
