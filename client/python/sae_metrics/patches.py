"""A trainer's methods while something is attached to it, and the way back."""

import contextlib
import functools
import weakref


class Patches:
    """What was put into trainers, each in the place of what was there. Keeps none of them alive."""

    def __init__(self):
        self.active = True
        self._placed = []  # (reference to the owner, name, what it had itself under that name)

    def mark(self, owner, name):
        """Gives it a true attribute of that name."""
        self._put(owner, name, _Mark(self))

    def wrap(self, owner, name, wrapper):
        """Replaces a method by ``wrapper(original, *args, **kwargs)``."""
        self._put(owner, name, _Method(self, owner, name, wrapper))

    def _put(self, owner, name, thing):
        self._placed.append((weakref.ref(owner), name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, thing)

    def undo(self):
        """All is as it was. What somebody else has put over ours stays, and what he calls of ours passes on."""
        self.active = False
        while self._placed:
            reference, name, before = self._placed.pop()
            owner = reference()
            if owner is not None and getattr(vars(owner).get(name), "patches", None) is self:
                _restore(owner, name, before)


class _Method:
    """A copied trainer (deepcopy, pickle) has its own method instead: it is not attached, and trains itself."""

    def __init__(self, patches, owner, name, wrapper):
        original = getattr(owner, name)
        functools.update_wrapper(self, original)
        self.patches, self._owner, self._name, self._original, self._wrapper = patches, owner, name, original, wrapper

    def __call__(self, *args, **kwargs):
        if not self.patches.active:
            return self._original(*args, **kwargs)
        return self._wrapper(self._original, *args, **kwargs)

    def __reduce__(self):
        return getattr, (self._owner, self._name)


class _Mark:
    """True, and False in a copied trainer."""

    def __init__(self, patches):
        self.patches = patches

    def __reduce__(self):
        return bool, ()


_MISSING = object()


def _restore(owner, name, before):
    if before is _MISSING:
        del owner.__dict__[name]
    else:
        owner.__dict__[name] = before


@contextlib.contextmanager
def listening(owner, name):
    """A list that gets the first argument of each call of that method, while it lasts."""
    heard, original = [], getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args, **kwargs):
        result = original(*args, **kwargs)
        heard.extend([*args, *kwargs.values()][:1])
        return result

    before = vars(owner).get(name, _MISSING)
    owner.__dict__[name] = wrapped
    try:
        yield heard
    finally:
        _restore(owner, name, before)
