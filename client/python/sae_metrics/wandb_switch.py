"""The name `wandb` in a trainer's modules while something is attached to it.

A trainer calls ``wandb.log`` of its module, and several trainers share the module. So the module gets a `Switch`, which
passes each call on to the face of whoever is on stage: the attachment whose trainer is running in this thread.
"""

import contextlib
import sys
import threading


class Switch:
    """Stands for a module's `wandb`; `_real` is what stood there."""

    def __init__(self, real):
        self._real = real
        self._faces = []  # of those attached, the newest last

    def __getattr__(self, name):
        return getattr(self._face(), name)

    def _face(self):
        # Where nobody is, a helper of the trainer's module was called from outside: of the one that was last, or the only one.
        for face in (*reversed(_stage.faces), _stage.last):
            if face in self._faces:
                return face(self._real)
        return self._faces[0](self._real) if len(self._faces) == 1 else self._real


class _Stage(threading.local):
    def __init__(self):
        self.faces = []
        self.last = None


_stage = _Stage()


@contextlib.contextmanager
def on_stage(face):
    """While it lasts, this thread's calls go to `face(real)`."""
    _stage.faces.append(face)
    try:
        yield
    finally:
        _stage.faces.remove(face)
        _stage.last = face


def place(modules, face):
    """Puts a switch into each of the modules (by name) that has a `wandb`, and `face` into the switch: a function of what
    stood there, of whose result the calls are made."""
    for module in map(sys.modules.get, modules):
        there = vars(module).get("wandb") if module is not None else None
        if there is not None:
            if not isinstance(there, Switch):
                there = module.wandb = Switch(there)
            there._faces.append(face)


def take_back(modules, face):
    """Undoes `place`: a module with nobody left has its own `wandb` again."""
    for module in map(sys.modules.get, modules):
        switch = vars(module).get("wandb") if module is not None else None
        if isinstance(switch, Switch) and face in switch._faces:
            switch._faces.remove(face)
            if not switch._faces:
                module.wandb = switch._real


class Rows:
    """A session whose rows pass through row(data, step), which returns both as they are to be kept."""

    def __init__(self, session, row):
        self._session, self._row = session, row

    def __getattr__(self, name):
        return getattr(self._session, name)

    def log(self, data, step=None, commit=None, sync=None):
        data, step = self._row(data, step)
        self._session.log(data, step=step, commit=commit)


class Tee:
    """The trainer's own wandb, untouched; what it logs is heard, but for media, which its own run has."""

    def __init__(self, real, session, guard):
        self._real, self._session, self._guard = real, session, guard

    def __getattr__(self, name):
        return getattr(self._real, name)

    def log(self, data, *args, **kwargs):
        self._guard(lambda: self._session.log(_without_media(data), *args, **kwargs))
        if getattr(self._real, "run", None) is not None:  # a trainer may log a row though its logging is off
            self._real.log(data, *args, **kwargs)


def _without_media(data):
    from .wandb._media import is_media

    return {
        key: _without_media(value) if isinstance(value, dict) else value for key, value in data.items() if not is_media(value)
    }


class After:
    """What the modules of a training that is over see: what it still logs is its own, but a run that is begun now, or is
    open, is that of somebody who is not attached."""

    def __init__(self, real, session):
        self._real, self._session = real, session

    def __getattr__(self, name):
        is_of_another = name == "init" or getattr(self._real, "run", None) is not None
        return getattr(self._real if is_of_another else self._session, name)
