"""What a run is opened with: the table of ``init``'s arguments, checked, defaulted from the config, made C."""

import ctypes
import dataclasses
import json
import math
import numbers
import os
import sys

from . import native, wandb_key
from .errors import complain

TEXT, COUNT, REAL, FLAG = "text", "a whole number", "a number", "True or False"

U32 = 2**32 - 1
I64 = 2**63 - 1

CONFIG_BYTES_MAX = 190000  # the wire takes 196,608 of one text
CONFIG_DEPTH_MAX = 32
THRESHOLDS_MAX = 16
WAIT_S_MAX = 3600
GRACE_S_MAX = 86400

# The scalars whose meaning the daemon knows (PROTOCOL.md 3.3): every run declares them, in this order.
KNOWN_SCALARS = (
    "mse_loss",
    "l1_loss",
    "l1_coefficient",
    "ghost_grad_loss",
    "overall_loss",
    "aux_reconstruction_loss",
    "explained_variance",
    "explained_variance_std",
    "l0",
    "current_learning_rate",
    "ev_count",
    "ev_mean",
    "ev_m2",
    "l2_sum",
    "tv_sum",
    "mse_num",
    "mse_den",
    "lp_sum",
    "aux_sum",
    "n_nan_acts",
)


class Option:
    """One argument of a kind and range. With `from_config` it defaults to the config's attribute of that name."""

    def __init__(self, name, kind, low=None, high=None, from_config=False):
        self.name, self.kind, self.low, self.high, self.from_config = name, kind, low, high, from_config

    def check(self, value):
        """The value as its kind; else TypeError or ValueError in one sentence."""
        types = {TEXT: str, COUNT: numbers.Integral, REAL: numbers.Real, FLAG: bool}[self.kind]
        if not isinstance(value, types) or (isinstance(value, bool) and self.kind is not FLAG):
            raise TypeError("%s: expected %s, got %r (%s)" % (self.name, self.kind, value, type(value).__name__))
        if self.kind is TEXT:
            if "\0" in value:
                raise ValueError("%s: holds a NUL character" % self.name)
            return value
        value = {COUNT: int, REAL: float, FLAG: bool}[self.kind](value)
        if (self.low is not None and not value >= self.low) or (self.high is not None and not value <= self.high):
            raise ValueError("%s: expected %s ... %s, got %r" % (self.name, self.low, self.high, value))
        return value

    def find(self, config):
        """The config's value where it has one that would do: a config describes a training, it is not refused."""
        value = attribute_of(config, self.name) if self.from_config else None
        try:
            return None if value is None else self.check(value)
        except (TypeError, ValueError):
            return None


OPTIONS = (
    Option("project", TEXT),
    Option("name", TEXT),
    Option("id", TEXT),
    Option("group", TEXT),
    Option("notes", TEXT),
    Option("job_type", TEXT),
    Option("entity", TEXT),
    Option("profile", TEXT),
    Option("architecture", TEXT, from_config=True),
    Option("key_suffix", TEXT),
    Option("d_sae", COUNT, 1, native.D_SAE_MAX, from_config=True),
    Option("d_in", COUNT, 1, U32, from_config=True),
    Option("wandb_log_frequency", COUNT, 1, U32, from_config=True),
    Option("feature_sampling_window", COUNT, 2, U32, from_config=True),
    Option("dead_feature_window", COUNT, 0, U32, from_config=True),
    Option("train_batch_size", COUNT, 1, U32, from_config=True),
    Option("context_size", COUNT, 1, U32, from_config=True),
    Option("total_training_tokens", COUNT, 1, I64, from_config=True),
    Option("total_training_steps", COUNT, 1, I64, from_config=True),
    Option("num_images", COUNT, 1, I64, from_config=True),
    Option("num_epochs", COUNT, 1, I64, from_config=True),
    Option("tokens_per_image", COUNT, 1, I64, from_config=True),
    Option("min_l0", REAL, from_config=True),
    Option("min_explained_variance", REAL, from_config=True),
    Option("l1_coefficient", REAL, from_config=True),
    Option("lp_norm", REAL, 0, math.inf, from_config=True),
    Option("log_to_wandb", FLAG, from_config=True),
    Option("private", FLAG),
    Option("resume", TEXT),
    Option("rank", COUNT, 0, 63),
    Option("world_size", COUNT, 1, 64),
    Option("launch", TEXT),
    Option("rank_grace", REAL, 0.001, GRACE_S_MAX),
    Option("outbox_bytes", COUNT, 1, I64),
    Option("socket", TEXT),
    Option("source", TEXT),
)


OF_ONE_RANK = ("rank", "world_size", "rank_grace", "outbox_bytes", "socket")
SHARED = tuple(option.name for option in OPTIONS if option.name not in OF_ONE_RANK) + ("tags", "thresholds", "scalars")


class Settings:
    """A run's arguments, checked and completed: an attribute each (None: not given); `as_options` for the library."""

    def __init__(self, given):
        self.config = given.pop("config")
        for option in OPTIONS:
            value = given.pop(option.name)
            setattr(self, option.name, option.find(self.config) if value is None else option.check(value))
        self.tags = check_tags(given.pop("tags"))
        self.thresholds = _check_thresholds(given.pop("thresholds"))
        self.scalars = _check_scalars(given.pop("scalars"))
        self.when_full, self.when_full_wait_ms = _check_when_full(given.pop("when_full"))
        self.wandb_key = wandb_key.check(given.pop("wandb_key"))
        self.ranks = given.pop("ranks")
        self.global_rank = self.global_world_size = None
        self._check_together()
        self._check_ranks()

    def _check_together(self):
        if self.resume not in (None, "never", "allow", "must"):
            raise ValueError('resume: expected "never", "allow" or "must", got %r' % self.resume)
        if self.resume == "must" and self.id is None:
            raise ValueError('resume="must" needs the id of the run to go on with')
        if (self.rank or 0) >= (self.world_size or 1):
            raise ValueError(
                "rank: expected 0 ... world_size - 1 = %d, got %d" % ((self.world_size or 1) - 1, self.rank)
            )

    def _check_ranks(self):
        if self.ranks not in (None, "torch"):
            raise ValueError('ranks: expected "torch" or nothing, got %r' % (self.ranks,))
        if self.ranks is None and self.rank_grace is not None:
            raise ValueError('rank_grace: goes with ranks="torch"')
        if self.ranks is not None and not (self.rank is None and self.world_size is None):
            raise ValueError('ranks="torch" finds out the rank and the world size: give neither')

    def shared(self):
        """What all ranks of a run have in common, as JSON has words for it."""
        return {name: getattr(self, name) for name in SHARED}

    def share(self, shared):
        """Takes over what `shared` gave on another rank."""
        for name in SHARED:
            setattr(self, name, shared[name])

    def _key_to_hand_over(self):
        """(the key, whose it is): a key that was given is for the daemon's W&B, one that was found for that it was found for."""
        if not self.log_to_wandb or self.wandb_key is False:
            return None, None
        if isinstance(self.wandb_key, str):
            return self.wandb_key.encode(), None
        base_url = wandb_key.base_url()
        key, why = wandb_key.find(base_url)
        if key is None and self.wandb_key:
            complain("wandb_key: no key was found (%s): the daemon uses its own, if it has one" % why)
        return (None, None) if key is None else (key.encode(), base_url.encode())

    def as_options(self):
        """(the C structure, what it points into)."""
        options = native.Options()
        options.size = ctypes.sizeof(native.Options)
        for option in OPTIONS:
            value = getattr(self, option.name)
            if value is None or option.name in ("id", "private", "l1_coefficient", "lp_norm", "rank_grace"):
                continue
            setattr(options, option.name, value.encode() if option.kind is TEXT else value)
        options.run = None if self.id is None else self.id.encode()
        if self.global_world_size is not None:
            options.global_rank, options.global_world_size = self.global_rank, self.global_world_size
        options.is_private = 0 if self.private is None else 1 if self.private else -1
        options.has_dead_feature_window = self.dead_feature_window is not None
        # As in ViT-Prisma: a bound of 0 is no bound.
        options.has_min_l0 = bool(self.min_l0)
        options.has_min_explained_variance = bool(self.min_explained_variance)
        options.program = os.fsencode(sys.argv[0]) if getattr(sys, "argv", None) else None
        options.config_json = config_json(self.config)
        options.when_full, options.when_full_wait_ms = self.when_full, self.when_full_wait_ms
        options.wandb_key, options.wandb_base_url = self._key_to_hand_over()
        options.wandb_key_any_user = bool(self.wandb_key)

        names, tags, thresholds = native.text_list(self.scalars), native.text_list(self.tags), None
        options.scalars, options.n_scalars = names, len(self.scalars)
        options.tags = tags
        if self.thresholds:
            thresholds = native.doubles(self.thresholds)
            options.thresholds, options.n_thresholds = thresholds, len(thresholds)
        return options, (names, tags, thresholds)


def check_tags(tags):
    if isinstance(tags, str):
        tags = [tags]
    tags = list(tags or ())
    for tag in tags:
        if not isinstance(tag, str):
            raise TypeError("tags: expected texts, got %r (%s)" % (tag, type(tag).__name__))
    return tags


def _check_thresholds(thresholds):
    thresholds = [float(threshold) for threshold in thresholds or ()]
    if len(thresholds) > THRESHOLDS_MAX:
        raise ValueError("thresholds: at most %d, got %d" % (THRESHOLDS_MAX, len(thresholds)))
    for threshold in thresholds:
        if not 0 < threshold <= 1:
            raise ValueError("thresholds: a density is above 0 and at most 1, got %r" % threshold)
    return thresholds


def _check_scalars(names):
    names = [names] if isinstance(names, str) else list(names or ())
    for name in names:
        if not isinstance(name, str):
            raise TypeError("scalars: expected names, got %r (%s)" % (name, type(name).__name__))
        if not 0 < len(name.encode()) <= 128 or not name.isprintable():
            raise ValueError("scalars: a name has 1 ... 128 bytes and no control characters, got %r" % name)
    further = [name for name in dict.fromkeys(names) if name not in KNOWN_SCALARS]
    if len(KNOWN_SCALARS) + len(further) > native.SCALARS_MAX:
        raise ValueError("scalars: at most %d further names" % (native.SCALARS_MAX - len(KNOWN_SCALARS)))
    return list(KNOWN_SCALARS) + further


def _check_when_full(when_full):
    """(the policy's number, milliseconds)."""
    if when_full == "drop_newest":
        return native.DROP_NEWEST, 0
    if when_full == "drop_oldest":
        return native.DROP_OLDEST, 0
    if isinstance(when_full, numbers.Real) and not isinstance(when_full, bool):
        if not 0 <= when_full <= WAIT_S_MAX:
            raise ValueError("when_full: expected 0 ... %d seconds, got %r" % (WAIT_S_MAX, when_full))
        return native.WAIT, int(when_full * 1000)
    raise ValueError('when_full: expected "drop_newest", "drop_oldest" or seconds to wait, got %r' % (when_full,))


# ---- the user's config ----


def attribute_of(config, name):
    if isinstance(config, dict):
        return config.get(name)
    try:
        return getattr(config, name, None)
    except Exception:  # a property of the user's own may fail in any way
        return None


def plain_config(config, what="config"):
    """The config as a dict of what JSON has words for, or None. What it has none for is kept as text."""
    if config is None:
        return None
    plain = _plain(config, CONFIG_DEPTH_MAX)
    if not isinstance(plain, dict):
        raise TypeError(
            "%s: expected a dict, a dataclass or an object with attributes, got %s" % (what, type(config).__name__)
        )
    return plain


def config_json(config, what="config"):
    """The config as a JSON object, as much of it as the wire takes, or None."""
    plain = plain_config(config, what)
    if plain is None:
        return None
    text = json.dumps(plain).encode()
    if len(text) <= CONFIG_BYTES_MAX:
        return text
    return _shortened(plain)


def _shortened(plain):
    """The smallest entries first, as many as the wire takes, and the names of those left out."""
    sizes = {key: len(json.dumps({key: value})) + 2 for key, value in plain.items()}
    kept, room = {}, CONFIG_BYTES_MAX - 8192
    for key in sorted(sizes, key=sizes.get):
        room -= sizes[key]
        if room < 0:
            break
        kept[key] = plain[key]
    left_out = [str(key)[:64] for key in plain if key not in kept]
    kept["_left_out"] = left_out[:100]
    return json.dumps({key: kept[key] for key in list(plain) + ["_left_out"] if key in kept}).encode()


def _plain(thing, depth):
    if thing is None or isinstance(thing, (bool, str)):
        return thing
    if isinstance(thing, numbers.Integral):
        return int(thing)
    if isinstance(thing, numbers.Real):
        return float(thing) if math.isfinite(thing) else str(float(thing))
    if depth == 0:
        return str(thing)[:1000]
    if isinstance(thing, dict):
        return {str(key): _plain(value, depth - 1) for key, value in thing.items()}
    if isinstance(thing, (list, tuple, set, frozenset)):
        return [_plain(value, depth - 1) for value in thing]
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {field.name: _plain(getattr(thing, field.name, None), depth - 1) for field in dataclasses.fields(thing)}
    if depth == CONFIG_DEPTH_MAX and hasattr(thing, "__dict__"):
        return {key: _plain(value, depth - 1) for key, value in _attributes(thing).items()}
    return str(thing)[:1000]


def _attributes(thing):
    """An object's public attributes, those its class gives it included, without methods and properties."""
    found = {}
    for part in list(reversed(type(thing).__mro__[:-1])) + [thing]:
        for key, value in vars(part).items():
            if not key.startswith("_") and not callable(value) and not hasattr(value, "__get__"):
                found[key] = value
    return found
