"""What a trainer logged and we could not keep: said once, counted, and never raised but for tests."""

import collections
import threading

from ..errors import complain, is_strict, say

SAID_MAX = 64  # sentences of one run: a trainer whose keys are new at each step does not fill its log with them


class LeftOut:
    """Of one run. `counts` has a number a kind: "values", "histograms", "media", "artifacts", "rows", "calls".

    `tell` is called with the first sentence of each kind: the database has it, however the process ends."""

    def __init__(self, tell=lambda sentence: None):
        self.counts = collections.Counter()
        self._tell = tell
        self._said = set()
        self._lock = threading.RLock()  # a signal's handler may log, too

    def note(self, kind, about, sentence):
        """One of `kind` was left out. The sentence is said once for each `about`; under strict it is raised."""
        with self._lock:
            self.counts[kind] += 1
            is_first = self.counts[kind] == 1
            is_new = (kind, about) not in self._said and len(self._said) < SAID_MAX
            if is_new:
                self._said.add((kind, about))
            is_last = is_new and len(self._said) == SAID_MAX
        if is_first:
            self._tell(sentence)
        if is_strict():
            complain(sentence)
        elif is_new:
            say(sentence + (" (from here on such things are counted only)" if is_last else ""))

    def words(self):
        """ "12 values, 3 artifacts", or "" when there is nothing."""
        return ", ".join(
            "%d %s" % (count, kind if count > 1 else kind.rstrip("s")) for kind, count in self.counts.items()
        )
