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


class Columns:
    """parsed: names of columns that are JSON."""

    def __init__(self, names, parsed):
        self._numpy = import_numpy()
        self._names = names
        self._parsed = [name in parsed for name in names]
        self._memory = {}  # texts of a column are often the same again and again
        self._pieces = [[] for _ in names]

    def take(self, rows):
        rows = iter(rows)
        while True:
            some = list(islice(rows, ROWS_AT_ONCE))
            if not some:
                break
            self._take(some)
        return {name: self._join(pieces, parsed) for name, pieces, parsed in zip(self._names, self._pieces, self._parsed)}

    def _take(self, rows):
        for values, pieces, parsed in zip(zip(*rows), self._pieces, self._parsed):
            pieces.append(self._objects([self._parse(value) for value in values]) if parsed else self._array(values))

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

    def _array(self, values):
        kinds = set(map(type, values))
        if kinds == {int}:
            try:
                return self._numpy.array(values, dtype=self._numpy.int64)
            except OverflowError:
                return self._numpy.array(values, dtype=self._numpy.float64)
        if kinds <= {int, float, type(None)}:
            return self._numpy.array(values, dtype=self._numpy.float64)
        return self._objects(values)

    def _join(self, pieces, parsed):
        numpy = self._numpy
        if not pieces:
            return numpy.empty(0, dtype=object if parsed else numpy.float64)
        # What is missing for some thousand rows is so among texts, too.
        if any(piece.dtype == object for piece in pieces):
            pieces = [self._texts(piece) for piece in pieces]
        return numpy.concatenate(pieces)

    def _texts(self, piece):
        if piece.dtype == object:
            return piece
        return self._objects([None if value != value else value for value in piece.tolist()])
