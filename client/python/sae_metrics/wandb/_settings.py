"""What a run is begun with: init's arguments, over those of its Settings, over the environment's ($WANDB_...)."""

import hashlib
import os
import re

from ..errors import say

ID_BYTES_MAX = 64  # of the protocol: [A-Za-z0-9_-]

# An argument of init: its name among the settings, and its variable.
SOURCES = {
    "entity": ("entity", "WANDB_ENTITY"),
    "project": ("project", "WANDB_PROJECT"),
    "id": ("run_id", "WANDB_RUN_ID"),
    "name": ("run_name", "WANDB_NAME"),
    "notes": ("run_notes", "WANDB_NOTES"),
    "tags": ("run_tags", "WANDB_TAGS"),
    "group": ("run_group", "WANDB_RUN_GROUP"),
    "job_type": ("run_job_type", "WANDB_JOB_TYPE"),
    "mode": ("mode", "WANDB_MODE"),
    "resume": ("resume", "WANDB_RESUME"),
    "reinit": ("reinit", "WANDB_REINIT"),
    "dir": ("root_dir", "WANDB_DIR"),
    "allow_val_change": ("allow_val_change", None),
}
MODES = ("online", "offline", "disabled", "shared")


class Settings:
    """As wandb.Settings: takes anything by name. Those of `SOURCES` mean something here; others are kept, and read as
    None where they were not given."""

    def __init__(self, **given):
        self.__dict__.update(given)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def update_from_dict(self, entries):
        self.__dict__.update(entries)

    def __repr__(self):
        return "Settings(%s)" % ", ".join("%s=%r" % item for item in self.__dict__.items())


def complete(given, settings):
    """A `Settings` in which each argument of `SOURCES` has its last word, under init's name for it."""
    if isinstance(settings, dict):
        settings = Settings(**settings)
    result = Settings(**(vars(settings) if hasattr(settings, "__dict__") else {}))
    for name, (setting, variable) in SOURCES.items():
        value = given.get(name)
        if value is None:
            value = getattr(settings, setting, None)
        if value is None and variable:
            value = os.environ.get(variable) or None
        setattr(result, name, value)
        setattr(result, setting, value)
    result.mode = _mode(result.mode)
    result.resume = _resume(result.resume)
    result.id = clean_id(result.id)
    result.run_id = result.id
    result.tags = _tags(result.tags)
    return result


def _mode(mode):
    if mode is None:
        off = os.environ.get("WANDB_DISABLED", "").lower() in ("true", "1", "yes")
        return "disabled" if off else "online"
    mode = {"dryrun": "offline", "run": "online"}.get(mode, mode)
    if mode not in MODES:
        raise ValueError("mode: expected one of %s, got %r" % (", ".join(MODES), mode))
    return mode


def _resume(resume):
    """As init of sae_metrics has it; "auto" needs a file of the SDK's, and a run that goes on does no harm."""
    if isinstance(resume, str) and resume.lower() in ("false", "none", "0", ""):
        return None
    if resume in (True, "True", "true", "auto", "allow"):
        return "allow"
    return resume or None


def _tags(tags):
    if tags is None:
        return None
    if isinstance(tags, str):
        tags = [tag.strip() for tag in tags.split(",")]
    return tuple(dict.fromkeys(str(tag) for tag in tags if str(tag)))


def clean_id(run_id):
    """An id of W&B's, which may hold more than the protocol's, as one of its; another one has another result."""
    if run_id is None:
        return None
    run_id = str(run_id)
    if re.fullmatch("[A-Za-z0-9_-]{1,%d}" % ID_BYTES_MAX, run_id):
        return run_id
    ending = hashlib.sha256(run_id.encode("utf-8", "replace")).hexdigest()[:8]
    cleaned = "%s-%s" % (re.sub("[^A-Za-z0-9_-]", "-", run_id)[: ID_BYTES_MAX - 9], ending)
    say("run %r is called %s here: an id is 1 ... %d of [A-Za-z0-9_-]" % (run_id, cleaned, ID_BYTES_MAX))
    return cleaned


def in_notebook():
    """As the SDK has it: there a second init finishes the run before."""
    import sys

    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPKernelApp" in (getattr(shell, "config", None) or ())
