"""``wandb.config``: the run's config, by item and by attribute; what changes is told."""

import json

from ..errors import complain
from ..options import plain_config
from ._values import friendly
from .errors import ConfigError, UsageError


class Config:
    """As the SDK's: ``config.lr``, ``config["lr"]``, ``update``, ``setdefaults``, ``get``. Names lose leading and
    trailing "-". An entry gets another value only with ``update(..., allow_val_change=True)``, or where init was told
    so; else ConfigError.

    `changed` is called without arguments after each change."""

    def __init__(self, items=None, changed=lambda: None, allow_val_change=False):
        object.__setattr__(self, "_items", {})
        object.__setattr__(self, "_changed", lambda: None)
        object.__setattr__(self, "_allow_val_change", allow_val_change)
        self.update(items or {}, allow_val_change=True)
        object.__setattr__(self, "_changed", changed)

    def update(self, d, allow_val_change=None):
        """d: a dict, a Namespace or an object with attributes."""
        self._put(parse(d), allow_val_change)

    def setdefaults(self, d):
        """Adds what is not there yet."""
        self._put({key: value for key, value in parse(d).items() if key.strip("-") not in self._items})

    def __setitem__(self, key, value):
        self._put({key: value})

    __setattr__ = __setitem__

    def _put(self, entries, allow_val_change=None):
        entries = {str(key).strip("-"): friendly(value) for key, value in entries.items()}
        if not (self._allow_val_change if allow_val_change is None else allow_val_change):
            for key, value in entries.items():
                if key in self._items and not _same(self._items[key], value):
                    raise ConfigError(
                        'Attempted to change value of key "%s" from %s to %s\nIf you really want to do this, pass '
                        "allow_val_change=True to config.update()" % (key, self._items[key], value)
                    )
        if entries:
            self._items.update(entries)
            self._changed()

    def __getitem__(self, key):
        return self._items[key]

    def __getattr__(self, key):
        try:
            return self._items[key]
        except KeyError:
            raise AttributeError("the config has no %r" % key) from None

    def get(self, *args):
        return self._items.get(*args)

    def keys(self):
        return [key for key in self._items if not key.startswith("_")]

    def values(self):
        return [self._items[key] for key in self.keys()]

    def items(self):
        return [(key, self._items[key]) for key in self.keys()]

    def as_dict(self):
        return dict(self._items)

    _as_dict = as_dict

    def persist(self):
        self._changed()

    def __contains__(self, key):
        return key in self._items

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def __repr__(self):
        return str(self._items)

    def __reduce__(self):
        return dict, (friendly(self._items),)


def _same(one, other):
    try:
        return one is other or bool(one == other)
    except Exception:  # what is compared is any object of the trainer's
        return False


def parse(config, exclude=None, include=None):
    """What init was given, as a dict: a dict, a Namespace, an object with attributes, flags of absl, or a file."""
    if exclude and include:
        raise UsageError("Expected at most only one of exclude or include")
    if config is None:
        config = {}
    elif isinstance(config, str):
        config = _read(config)
    elif isinstance(config, Config):
        config = config.as_dict()
    elif hasattr(config, "flag_values_dict"):
        config = config.flag_values_dict()
    elif hasattr(config, "keys") and hasattr(config, "__getitem__"):
        config = {key: config[key] for key in config.keys()}
    elif hasattr(config, "__dict__"):
        config = plain_config(config)
    else:
        raise TypeError("config must be a dict or have a __dict__ attribute.")
    if include:
        config = {key: value for key, value in config.items() if key in include}
    return {key: value for key, value in config.items() if not exclude or key not in exclude}


def _read(path):
    """A YAML file as W&B writes it ({name: {value: ...}}) or a plain one; JSON needs no package."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        try:
            read = json.loads(text)
        except ValueError:
            import yaml

            read = yaml.safe_load(text)
        entries = dict(read or {})
    except Exception as problem:  # a missing file, a missing package, or whatever the parser found
        complain("config: %s was not read: %s" % (path, problem))
        return {}
    return {
        key: value["value"] if isinstance(value, dict) and "value" in value else value
        for key, value in entries.items()
        if key not in ("wandb_version", "_wandb")
    }
