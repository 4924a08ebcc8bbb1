"""A step as the library takes it: its structures, made once a run and filled anew for each call."""

import ctypes
from array import array

from . import native, tensors, values


class StepCall:
    """Not for two threads at once.

    Between two steps of a trainer the caches forget all of this: what `push` costs is how much code and memory it touches, a
    microsecond or two for each function. So it is one, and looks twice only at what is not plain."""

    def __init__(self, library, settings):
        names = settings.scalars
        self.is_busy = False
        self._d_sae = settings.d_sae
        self._positions = {name: position for position, name in enumerate(names)}
        self._numbers, self._has = array("d", bytes(8 * len(names))), bytearray(len(names))
        self._none = bytes(len(names))
        self._numbers_at, self._has_at = _address(self._numbers), _address(self._has)
        self._fired, self._positive = native.Counts(), native.Counts()
        self._fired_at, self._positive_at = ctypes.addressof(self._fired), ctypes.addressof(self._positive)
        waits = settings.when_full == native.WAIT
        self._log_step = library.log_step_waiting if waits else library.log_step

    def push(self, handle, step, n_rows, fired, positive, scalars):
        """(the library's answer, the scalars that have no place in a step or None). TypeError, ValueError."""
        self.is_busy = True
        try:
            fired_at = positive_at = further = None
            if fired is not None:
                fired_at, _keep = self._fired_at, native.lend(self._fired, "fired", fired, self._d_sae)
            if positive is not None:
                positive_at, _keep_too = self._positive_at, self._lend_positive(fired, positive)

            numbers, has, positions = self._numbers, self._has, self._positions
            has[:] = self._none
            for name, value in scalars.items():
                if value is None:
                    continue
                position = positions.get(name)
                if position is None:
                    further = further or {}
                    further[name] = value
                    continue
                numbers[position] = value if type(value) is float else _checked_number(name, value)
                has[position] = 1
            result = self._log_step(
                handle, step, n_rows, fired_at, positive_at, self._numbers_at, self._has_at, len(has)
            )
            return result, further
        finally:
            self.is_busy = False

    def check(self, fired, positive, scalars):
        """What is only pushed later is refused now: TypeError, ValueError. What the tensors hold nobody knows yet."""
        if fired is None and positive is not None:
            raise ValueError("log_step: positive counts without fired")
        for what, counts in (("fired", fired), ("positive", positive)):
            if counts is not None:
                self.check_counts(what, counts)
        further = {}
        for name, value in scalars.items():
            if value is None or tensors.is_tensor(value):
                continue
            if name in self._positions:
                _checked_number(name, value)
            else:
                further[name] = value
        values.to_native(values.flatten(further))

    def check_counts(self, what, counts=None):
        """d_sae. ValueError where init was not told it, or the counts (if given) are not one for each of them."""
        shape = (self._d_sae,)
        if counts is not None:
            shape = tuple(getattr(counts, "shape", None) or (len(counts),))
        if self._d_sae is None or shape != (self._d_sae,):
            raise native.wrong_shape(what, shape, self._d_sae)
        if tensors.is_tensor(counts) and counts.is_complex():
            raise TypeError("%s: expected numbers, got a tensor of %s" % (what, counts.dtype))
        return self._d_sae

    def _lend_positive(self, fired, positive):
        if fired is None:
            raise ValueError("log_step: positive counts without fired")
        return native.lend(self._positive, "positive", positive, self._d_sae)


def _checked_number(name, value):
    try:
        return tensors.number(value) if tensors.is_tensor(value) else array("d", [value])[0]
    except TypeError:
        raise TypeError("log_step: %s: expected a number, got %s" % (name, type(value).__name__)) from None
    except OverflowError:
        raise ValueError("log_step: %s: expected a number that a float can hold" % name) from None
    except ValueError as problem:
        raise ValueError("log_step: %s: %s" % (name, problem)) from None


def _address(buffer):
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
