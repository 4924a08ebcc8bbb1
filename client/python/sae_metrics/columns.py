"""Rows made columns, some thousands at a time: a million steps are never a million Python objects at once."""

import json
import math
from itertools import islice

ROWS_AT_ONCE = 8192
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def import_numpy():
    try:
        import numpy
    except ImportError as problem:
        raise ImportError("sae_metrics.open needs numpy: pip install numpy") from problem
    return numpy


# Whatever a run has of them: a column of which nothing is there is no other kind of array than one that is full.
TEXTS = frozenset(
    "id name project entity group_name job_type user state profile architecture notes waiting_for launch host program git_commit "
    "git_remote sweep_id source key_suffix end_words name_by tags_by run key kind text what".split()
)
REALS = frozenset(("value",))  # logged as an integer or not
INTEGERS = frozenset(  # that are never missing
    "attempt step lap window step_first step_last step_close n_steps n_steps_expected complete n_tokens d_sae since feature "
    "last_fired".split()
)


class Columns:
    """parsed: names of columns that are JSON."""

    def __init__(self, names, parsed):
        self._numpy = import_numpy()
        self._names = names
        self._parsed = parsed
        self._memory = {}  # texts of a column are often the same again and again
        self._pieces = [[] for _ in names]

    def take(self, rows):
        rows = iter(rows)
        while True:
            some = list(islice(rows, ROWS_AT_ONCE))
            if not some:
                break
            self._take(some)
        return {name: self._join(name, pieces) for name, pieces in zip(self._names, self._pieces)}

    def _take(self, rows):
        for name, values, pieces in zip(self._names, zip(*rows), self._pieces):
            pieces.append(self._piece(name, values))

    def _piece(self, name, values):
        if name in self._parsed:
            return self._objects([self._parse(value) for value in values])
        kinds = set(map(type, values))
        if name in TEXTS or not kinds <= {int, float, type(None)}:
            return self._objects(values)
        return self._numbers(values, kinds == {int} and name not in REALS)

    def _parse(self, text):
        if not isinstance(text, str):
            return text
        if text not in self._memory:
            if len(self._memory) > 1024:
                self._memory.clear()
            self._memory[text] = json.loads(text)
        return self._memory[text]

    def _objects(self, values):
        array = self._numpy.empty(len(values), dtype=object)
        array[:] = values
        return array

    def _numbers(self, values, are_integers):
        if are_integers:
            try:
                return self._numpy.array(values, dtype=self._numpy.int64)
            except OverflowError:
                pass
        return self._numpy.array(values, dtype=self._numpy.float64)

    def _join(self, name, pieces):
        numpy = self._numpy
        if not pieces:
            kind = object if name in self._parsed or name in TEXTS else numpy.int64 if name in INTEGERS else numpy.float64
            return numpy.empty(0, dtype=kind)
        # Of a column that is not known to be texts, what is missing for some thousand rows is so among texts, too.
        if any(piece.dtype == object for piece in pieces):
            pieces = [self._texts(piece) for piece in pieces]
        return numpy.concatenate(pieces)

    def _texts(self, piece):
        if piece.dtype == object:
            return piece
        return self._objects([None if value != value else value for value in piece.tolist()])
