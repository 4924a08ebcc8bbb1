"""Artifacts and media, which the daemon does not take.

Their classes are the real wandb's where it is installed, imported when the first of them is asked for; else, and where
``sys.modules["wandb"]`` is ourselves, so that the real one cannot be imported beside us, they are stand-ins that accept
everything and keep nothing. To log one takes a run of the real SDK. There is none unless the user himself has opened
one (``wandb.run`` of the real wandb): none is ever opened here, because W&B would then have two of the training.
"""

import importlib
import os
import sys

from .errors import UnsupportedError

CLASSES = (
    "Artifact", "ArtifactTTL", "Audio", "Classes", "EvalTable", "Graph", "Html", "Image", "JoinedTable", "Molecule",
    "Object3D", "Plotly", "Table", "Video", "box3d",
)  # fmt: skip
FUNCTIONS = ("plot", "plot_table", "visualize")
REAL_ONLY = ("Api", "agent", "api", "controller", "sweep")  # they ask W&B's servers: nobody can stand in for that
NAMES = CLASSES + FUNCTIONS + REAL_ONLY

WORDS = {
    "artifacts": "artifacts go to no daemon, and no run of the real wandb is open: %s was not kept",
    "media": "media go to no daemon, and no run of the real wandb is open: %s was not kept",
}


def real():
    """The real wandb, imported if need be; None where there is none or we stand in its place."""
    module = sys.modules.get("wandb")
    if module is None:
        try:
            module = importlib.import_module("wandb")
        except Exception:  # not installed, or broken: both are no reason to end a training
            return None
    return None if getattr(module, "is_sae_metrics", False) or not hasattr(module, "sdk") else module


def real_run():
    """A run that the user has open with the real wandb, or None. Imports nothing."""
    module = sys.modules.get("wandb")
    if module is None or getattr(module, "is_sae_metrics", False):
        return None
    return getattr(module, "run", None)


def find(name):
    """What ``wandb.<name>`` is: the real one, or a stand-in. AttributeError for what is no such thing."""
    if name not in NAMES:
        raise AttributeError("sae_metrics.wandb has no %s: it stands in for what trainers log with" % name)
    found = getattr(real(), name, None)
    if found is not None:
        return found
    if name in REAL_ONLY:
        raise AttributeError("wandb.%s needs the real wandb, beside sae_metrics.wandb" % name)
    if name in CLASSES:
        return {"Artifact": StandInArtifact, "Table": StandInTable}.get(name) or _stand_in(name)
    return StandIn()


def is_media(value):
    """Whether a logged value is one of them, or a figure that the SDK would make one of, or a list of them."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(is_media, value))
    if isinstance(value, StandIn):
        return True
    if hasattr(value, "histogram") and hasattr(value, "bins"):
        return False
    module = type(value).__module__ or ""
    if module.partition(".")[0] in ("matplotlib", "plotly"):
        return True
    if module.partition(".")[0] == "pandas" and type(value).__name__ == "DataFrame":
        return True
    return module.partition(".")[0] == "wandb"


class StandIn:
    """Takes any arguments, any attribute and any method; keeps nothing. Methods return None."""

    def __init__(self, *args, **kwargs):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _accept

    def __call__(self, *args, **kwargs):
        return StandIn()


def _accept(*args, **kwargs):
    return StandIn()


_stand_ins = {}


def _stand_in(name):
    if name not in _stand_ins:
        _stand_ins[name] = type(name, (StandIn,), {"__module__": __name__})
    return _stand_ins[name]


class StandInTable(StandIn):
    def __init__(self, columns=None, data=None, *args, **kwargs):
        self.columns, self.data = list(columns or ()), list(data or ())

    def add_data(self, *row):
        """Kept by nobody: a table that grows for the length of a training is not to grow here."""


class StandInArtifact(StandIn):
    """Files added to it stay where they are; what it would have downloaded it cannot give: `UnsupportedError`."""

    def __init__(self, name=None, type=None, description=None, metadata=None, *args, **kwargs):
        self.name, self.type, self.description = name, type, description
        self.metadata = dict(metadata or {})
        self.aliases, self.tags, self.version, self.id = [], [], None, None

    def new_file(self, name, mode="x", encoding=None):
        """A file that goes nowhere."""
        binary = "b" in mode
        return open(os.devnull, "wb" if binary else "w", encoding=None if binary else encoding or "utf-8")

    def wait(self, timeout=None):
        return self

    def _nothing(self, *args, **kwargs):
        raise UnsupportedError("artifact %s: only the real wandb can fetch one" % self.name)

    download = checkout = get = get_entry = get_path = file = files = verify = _nothing


def stand_in_for(artifact, name=None, kind=None):
    """What log_artifact returns for one that was refused: it can be waited for."""
    if isinstance(artifact, StandInArtifact):
        return artifact
    return StandInArtifact(
        name or getattr(artifact, "name", None) or str(artifact), kind or getattr(artifact, "type", None)
    )
