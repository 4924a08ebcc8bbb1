"""What ``Run.log`` is given: rows beside a run's steps."""

import ctypes

from . import native, tensors, values
from .arguments import check_step
from .errors import say
from .going_back import GoingBack


class Rows:
    """Of one run: the attempt they are of, and what they may replace."""

    def __init__(self, handle, in_flight, may_wait):
        self._handle, self._in_flight = handle, in_flight
        self._function = "log_waiting" if may_wait else "log"
        self.going_back = GoingBack()  # None: a run with steps, where `log_step` alone goes back
        self.unstepped = set()  # names logged without a step; None: there is a step to log at, or it was said

    def log(self, values_by_name, step):
        pairs = values.flatten(values_by_name)
        step = None if step is None else check_step(step)
        if step is None:
            self._note_unstepped(pairs)
        device = tensors.find_device(value for _, value in pairs)
        if device is None:
            encoded = values.to_native(pairs)
            self._note_step(pairs, step)
            self._in_flight.call(lambda: self.push(encoded, step))
        elif not self._in_flight.is_capturing(device):
            values.to_native([(name, 0 if tensors.is_tensor(value) else value) for name, value in pairs])  # refused now or never
            self._note_step(pairs, step)
            try:
                self._in_flight.log(device, pairs, lambda arrived: self.push(values.to_native(arrived), step))
            except RuntimeError as problem:
                self._handle.say_not_taken("log of %s" % ", ".join(name for name, _ in pairs[:3]), problem)

    def push(self, encoded, step):
        """What `values.to_native` made."""
        array, _keep = encoded
        at = native.NO_STEP if step is None else step
        for first in range(0, len(array), native.LOG_ENTRIES_MAX):
            count = min(native.LOG_ENTRIES_MAX, len(array) - first)
            part = ctypes.cast(ctypes.byref(array, first * ctypes.sizeof(native.Value)), ctypes.POINTER(native.Value))
            self._handle.call("log", self._function, at, part, count)

    def begin_attempt(self):
        with self._handle.lock:
            if self.going_back is not None:
                self.going_back.begin()
        self._tell_attempt()

    def _tell_attempt(self):
        self._in_flight.call(lambda: self._handle.call("begin_attempt", "begin_attempt"))

    def _note_step(self, pairs, step):
        """Of what is logged next."""
        going_back = self.going_back
        if step is None or going_back is None:
            return
        names = [name for name, _ in pairs]
        if step < going_back.step:
            self.begin_again(names, step)
        with self._handle.lock:
            going_back.note(names, step)

    def begin_again(self, names, step):
        """Whether what is logged next begins another attempt; it has begun then."""
        with self._handle.lock:
            going_back = self.going_back
            if going_back is None or not going_back.begins(names, step):
                return False
            newest = going_back.step
            going_back.begin(names, step)
        sentence = "run %s: step %d comes again, behind step %d: another attempt begins with it"
        self._handle.say_once("again", sentence % (self._handle.id, step, newest))
        self._tell_attempt()
        return True

    def _note_unstepped(self, pairs):
        """Such a call begins a row for wandb, but not here."""
        before, names = self.unstepped, {name for name, _ in pairs}
        if before is None:
            return
        again = sorted(before & names)
        if again:
            self.unstepped = None
            say(
                "run %s: log: %r replaces what was logged without a step before, because nothing has moved the run on: "
                "give each call its step" % (self._handle.id, again[0])
            )
        else:
            before |= names
