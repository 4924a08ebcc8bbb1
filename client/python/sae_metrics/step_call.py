"""A step as the library takes it: its structures, made once a run and filled anew for each call."""

import ctypes
from array import array

from . import native, tensors, values


class StepCall:
    """Not for two threads at once."""

    def __init__(self, library, settings):
        names = settings.scalars
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
        keep = self._lend(fired, positive)
        further = self._fill(scalars)
        result = self._log_step(
            handle,
            step,
            n_rows,
            None if fired is None else self._fired_at,
            None if positive is None else self._positive_at,
            self._numbers_at,
            self._has_at,
            len(self._none),
        )
        del keep
        return result, further

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
        if self._d_sae is None:
            raise ValueError("%s: init was not told d_sae, the number of features" % what)
        if counts is None:
            return self._d_sae
        shape = tuple(getattr(counts, "shape", None) or (len(counts),))
        if shape != (self._d_sae,):
            got = "x".join(map(str, shape))
            raise ValueError("%s: expected a count for each of d_sae = %d features, got %s" % (what, self._d_sae, got))
        if tensors.is_tensor(counts) and counts.is_complex():
            raise TypeError("%s: expected numbers, got a tensor of %s" % (what, counts.dtype))
        return self._d_sae

    def _lend(self, fired, positive):
        if fired is None:
            if positive is not None:
                raise ValueError("log_step: positive counts without fired")
            return None
        length = self.check_counts("fired")
        keep = native.lend(self._fired, "fired", fired, length)
        if positive is None:
            return keep
        return keep, native.lend(self._positive, "positive", positive, length)

    def _fill(self, scalars):
        further = None
        has, numbers, positions = self._has, self._numbers, self._positions
        has[:] = self._none
        for name, value in scalars.items():
            if value is None:
                continue
            position = positions.get(name)
            if position is None:
                further = further or {}
                further[name] = value
                continue
            if type(value) is not float:
                value = _checked_number(name, value)
            numbers[position] = value
            has[position] = 1
        return further


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
