"""``import wandb.errors`` and the like, where ``sys.modules["wandb"]`` is ourselves."""

import importlib.abc
import importlib.machinery
import sys
import types

from . import errors, util
from ._config import Config
from ._run import Run
from ._settings import Settings


class RunDisabled:
    """As wandb.sdk.lib.RunDisabled: nothing is one. A disabled run is a `Run`."""


# What trainers and their frameworks import from inside the SDK: Hugging Face's Trainer, Lightning, Accelerate.
INSIDE = {
    "sdk": {},
    "sdk.lib": {"RunDisabled": RunDisabled},
    "sdk.lib.config_util": {"ConfigError": errors.ConfigError},
    "sdk.lib.runid": {"generate_id": util.generate_id},
    "sdk.wandb_config": {"Config": Config},
    "sdk.wandb_run": {"Run": Run},
    "sdk.wandb_settings": {"Settings": Settings},
    "wandb_run": {"Run": Run},
}


class _Finder(importlib.abc.MetaPathFinder):
    """Gives our own modules under wandb's names, and says what is missing in words."""

    def find_spec(self, name, path=None, target=None):
        package, dot, rest = name.partition(".")
        if package != "wandb" or not dot or not _is_ours(name.rpartition(".")[0]):
            return None
        if rest in ("errors", "util"):
            return importlib.machinery.ModuleSpec(name, _Loader(sys.modules["sae_metrics.wandb." + rest]))
        if rest in INSIDE:
            module = types.ModuleType(name, "Of sae_metrics.wandb, in the place of W&B's SDK.")
            module.__dict__.update(INSIDE[rest], is_sae_metrics=True)
            return importlib.machinery.ModuleSpec(name, _Loader(module), is_package=True)
        raise ModuleNotFoundError(
            "No module named %r: sae_metrics.wandb stands in for wandb here, and has what trainers log with, no more"
            % name,
            name=name,
        )


def _is_ours(module):
    return getattr(sys.modules.get(module), "is_sae_metrics", False)


class _Loader(importlib.abc.Loader):
    def __init__(self, module):
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec):
        return self._module

    def exec_module(self, module):
        if self._spec is not None:
            module.__spec__ = self._spec  # it goes by its own name


def install():
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
