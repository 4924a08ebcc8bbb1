"""The short way of a plain step: that it takes what StepCall takes, as StepCall takes it, and declines all else."""

import ctypes
import os
import random
import sys
import types
import unittest
from array import array
from unittest import mock

import tap
from sae_metrics import native
from sae_metrics.step_call import StepCall

D_SAE, N_ROWS = 5, 7
NAMES = ("mse_loss", "l0", "l1_loss", "overall_loss")
LOG_STEP = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_uint32,
    ctypes.c_uint32,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_size_t,
)
SKIP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)
RUN = 0x4711
COUNTS = array("I", range(D_SAE))


class Odd(str):
    """A name whose comparison is interrupted: a signal's handler runs there, and raises."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        raise KeyboardInterrupt


@unittest.skipUnless(os.environ.get("SAE_METRICS_LIBRARY"), "no $SAE_METRICS_LIBRARY")
class PlainStepTest(unittest.TestCase):
    def setUp(self):
        library = native.load()
        if library._step_module is None:
            self.skipTest("it was not built: Python's headers were not there")
        self.calls, self.skipped, self.answer = [], [], 0
        self._log_step, self._skip = LOG_STEP(self._note), SKIP(lambda run, step: self.skipped.append((run, step)) or 0)
        recorder = types.SimpleNamespace(log_step=self._log_step, skip=self._skip, _step_module=library._step_module)
        self.make = lambda d_sae=D_SAE, n_rows=N_ROWS: native.Library.plain_step(
            recorder, RUN, {name: place for place, name in enumerate(NAMES)}, d_sae, n_rows
        )
        self.plain = self.make()
        settings = types.SimpleNamespace(scalars=NAMES, d_sae=D_SAE, when_full=native.DROP_NEWEST)
        self.step_call = StepCall(types.SimpleNamespace(log_step=self._log_step), settings)

    def _note(self, run, step, n_rows, fired, positive, numbers, has, n):
        counts = None
        if fired:
            fired = native.Counts.from_address(fired)
            assert fired.indices is None
            counts = fired.type, fired.data, fired.n_entries
        given = {name: ctypes.string_at(numbers + 8 * i, 8) for i, name in enumerate(NAMES) if ctypes.string_at(has + i, 1) == b"\1"}
        self.calls.append((run, step, n_rows, counts, positive, given, n))
        return self.answer

    def push(self, step=0, fired=None, n_rows=None, positive=None, **scalars):
        return self.plain.push(step, fired, n_rows, positive, scalars)

    def same(self, fired, **scalars):
        """Both ways say the same."""
        self.assertEqual(0, self.push(3, fired, 6, **scalars))
        self.assertEqual((0, None), self.step_call.push(RUN, 3, 6, fired, None, scalars))
        short, long = self.calls[-2:]
        self.assertEqual(long, short)
        return short

    def test_counts_of_every_type_are_lent_where_they_lie(self):
        kinds = set()
        for code in "BHILQilqfd":
            counts = array(code, range(D_SAE))
            for fired in (counts, memoryview(counts)):
                kind, data, n_entries = self.same(fired)[3]
                self.assertEqual((counts.buffer_info()[0], D_SAE), (data, n_entries))
                kinds.add(kind)
        kinds.add(self.same(memoryview(bytearray(D_SAE)).cast("?"))[3][0])
        kinds.add(self.same(bytearray(D_SAE))[3][0])
        self.assertEqual(set(range(1, 10)), kinds)

    def test_numbers_are_said_bit_by_bit(self):
        numbers = random.Random(4)
        special = (float("nan"), float("inf"), -0.0, 5e-324, 2**53 + 1, -3, None)
        for _ in range(300):
            scalars = {}
            for name in numbers.sample(NAMES, numbers.randrange(len(NAMES) + 1)):
                scalars[name] = numbers.choice((*special, numbers.gauss(0, 1e9)))
            self.same(numbers.choice((None, COUNTS)), **scalars)

    def test_a_number_of_a_kind_of_float_is_a_float(self):
        class Half(float):
            pass

        self.same(None, mse_loss=Half(0.5))

    def test_what_is_not_plain_is_declined_without_a_word(self):
        for what in (
            dict(step=-1),
            dict(step=native.STEP_MAX + 1),
            dict(step=2**70),
            dict(step=True),
            dict(step=1.0),
            dict(step="1"),
            dict(n_rows=0),
            dict(n_rows=native.N_ROWS_MAX + 1),
            dict(n_rows=2.0),
            dict(fired=COUNTS, positive=COUNTS),
            dict(positive=COUNTS),
            dict(fired=[0] * D_SAE),
            dict(fired=3),
            dict(fired=array("I", [0] * (D_SAE + 1))),
            dict(fired=array("h", [0] * D_SAE)),
            dict(fired=array("b", [0] * D_SAE)),
            dict(fired=memoryview(array("I", [0] * 2 * D_SAE))[::2]),
            dict(fired=memoryview(bytearray(4 * D_SAE)).cast("I", (1, D_SAE))),
            dict(fired=memoryview(bytearray(D_SAE)).cast("c")),
            dict(fired=types.SimpleNamespace(numpy=lambda: COUNTS)),  # a tensor lent so can never be resized again
            dict(mse_loss="0.5"),
            dict(mse_loss=10**400),
            dict(mse_loss=True),
            dict(mse_loss=COUNTS),
            dict(grad_norm=0.5),
        ):
            with self.subTest(what):
                self.assertIsNone(self.push(**what))
        self.assertEqual(([], []), (self.calls, self.skipped))

    def test_who_is_interrupted_hears_of_it(self):
        with self.assertRaises(KeyboardInterrupt):
            self.plain.push(1, None, None, None, {Odd("mse_loss"): 0.5})
        self.assertEqual([], self.calls)

    def test_where_no_such_module_can_be_loaded_there_is_none(self):
        with mock.patch("importlib.machinery.EXTENSION_SUFFIXES", [".pypy39-pp73-x86_64-linux-gnu.so"]):
            with mock.patch.dict(sys.modules, {"sae_metrics._step": None}):
                self.assertIsNone(native._load_step_module(native.load().path))

    def test_a_run_that_takes_no_counts_declines_even_none_of_them(self):
        self.plain = self.make(d_sae=None)
        self.assertIsNone(self.push(fired=array("I")))
        self.assertEqual(0, self.push(mse_loss=1.0))

    def test_rows_that_nobody_gave_are_the_runs(self):
        self.push(1)
        self.push(2, n_rows=native.N_ROWS_MAX)
        self.plain = self.make(n_rows=None)
        self.assertIsNone(self.push(3))
        self.assertEqual([(1, N_ROWS), (2, native.N_ROWS_MAX)], [call[1:3] for call in self.calls])

    def test_a_step_that_is_refused_leaves_its_place(self):
        self.answer = -22
        self.assertEqual(-22, self.push(9, COUNTS))
        self.answer = native.DROPPED
        self.assertEqual(native.DROPPED, self.push(10, COUNTS))
        self.assertEqual([(RUN, 9)], self.skipped)

    def test_a_closed_one_declines(self):
        self.plain.close()
        self.assertIsNone(self.push(fired=COUNTS))
        self.assertEqual([], self.calls)

    def test_it_keeps_nothing_of_what_it_was_lent(self):
        counts, scalars, wrong = bytearray(D_SAE), {"mse_loss": 0.25}, bytearray(D_SAE + 1)
        lent = (counts, scalars, wrong, None, scalars["mse_loss"], self.plain)
        before = [sys.getrefcount(thing) for thing in lent]
        for _ in range(1000):
            self.plain.push(1, counts, 2, None, scalars)
            self.plain.push(1, wrong, 2, None, scalars)
        self.calls.clear()
        self.assertLess(max(abs(sys.getrefcount(thing) - count) for thing, count in zip(lent, before)), 100)
        counts.append(1), wrong.append(1)  # BufferError where it still had them

    def test_the_time_it_takes_is_counted(self):
        self.push()
        self.assertLess(0.0, self.plain.seconds)
        self.assertLess(self.plain.seconds, 60)

    def test_it_is_called_in_one_way(self):
        for arguments in ((), (1, None, None, None), (1, None, None, None, None), (1, None, None, None, {}, 6)):
            with self.assertRaisesRegex(TypeError, "push: expected step, fired, n_rows, positive and a dict of scalars"):
                self.plain.push(*arguments)


if __name__ == "__main__":
    tap.main()
