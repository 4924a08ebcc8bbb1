"""``import wandb.errors`` and the like, where ``sys.modules["wandb"]`` is ourselves."""

import importlib.abc
import importlib.machinery
import sys

OURS = "sae_metrics.wandb"
HAVE = ("errors", "util")


class _Finder(importlib.abc.MetaPathFinder):
    """Gives our own modules under wandb's names, and says what is missing in words."""

    def find_spec(self, name, path=None, target=None):
        package, dot, rest = name.partition(".")
        if (
            package != "wandb"
            or not dot
            or "." in rest
            or not getattr(sys.modules.get("wandb"), "is_sae_metrics", False)
        ):
            return None
        if rest in HAVE:
            return importlib.machinery.ModuleSpec(name, _Loader(sys.modules["%s.%s" % (OURS, rest)]))
        raise ModuleNotFoundError(
            "No module named %r: sae_metrics.wandb stands in for wandb here, and has what trainers log with, no more"
            % name,
            name=name,
        )


class _Loader(importlib.abc.Loader):
    def __init__(self, module):
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec):
        return self._module

    def exec_module(self, module):
        module.__spec__ = self._spec  # it goes by its own name


def install():
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
