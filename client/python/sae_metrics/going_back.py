"""A trainer that begins again, or a value that comes late: what an older step means in a run that only logs."""

KEYS_REMEMBERED = 4096  # most trainers have some dozens


class GoingBack:
    """How far each key of a run's newest attempt has come.

    A row of an older step begins another attempt where each of its keys was logged at that step or above before: the same
    series come again, as from a loop that went back to its checkpoint. A row with a key that had not come so far is late
    (an evaluation of an earlier step, with keys of its own), and so is one with a key that is not remembered.

    A row that went back alone, the next one being above all there was before, was late after all: its keys tell nothing
    from then on. So what two parts of a trainer log under one key, each with a count of its own, does not tear a run to
    pieces: no trainer makes more attempts by mistake than it has keys.
    """

    def __init__(self):
        self.step = -1  # the newest
        self._newest = {}
        self._strays = set()
        self._turn = None  # (newest step before, step, keys) of the row that began the attempt, until one is above it

    def begins(self, keys, step):
        """Whether a row of that step begins another attempt."""
        if step >= self.step:
            return False
        telling = [key for key in keys if key not in self._strays]
        return bool(telling) and all(self._newest.get(key, -1) >= step for key in telling)

    def begin(self, keys=(), step=0):
        """Another attempt begins: with such a row, or because somebody said so."""
        self._turn = (self.step, step, tuple(keys)) if keys else None
        self.step = -1
        self._newest.clear()

    def note(self, keys, step):
        """A row of that step is kept."""
        if self._turn is not None and step > self._turn[1]:
            before, _, turned = self._turn
            self._turn = None
            if step > before and len(self._strays) < KEYS_REMEMBERED:
                self._strays.update(turned)
        newest = self._newest
        if step >= self.step:
            self.step = step
            if len(newest) + len(keys) <= KEYS_REMEMBERED:
                newest.update(dict.fromkeys(keys, step))
                return
        for key in keys:
            if newest.get(key, -1) < step and (key in newest or len(newest) < KEYS_REMEMBERED):
                newest[key] = step
