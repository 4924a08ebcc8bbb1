"""The face of the module ``wandb`` as an object: `Session`."""

import inspect

from .. import init as begin
from ..errors import say
from ..options import Settings as _SaeSettings
from ..run import Run as _SaeRun
from . import _media, errors, util
from ._config import Config, parse
from ._histogram import Histogram
from ._run import AlertLevel, Run
from ._settings import Settings, complete, in_notebook
from .errors import CommError, Error, UsageError

SDK_VERSION = "0.31.0"  # whose face this is: trainers compare it


class Session:
    """Everything that trainers use of the module ``wandb``: ``wandb = Session()``.

    run             an existing `sae_metrics.Run`, which all of it goes to. Its `run` is there at once; `init` begins no
                    other one, and fills in what that run has not said of itself (name, notes, tags) and the config;
                    `finish` leaves it running, unless owns_run is true
    log_to_wandb    whether runs that init begins are forwarded: True, except in mode "offline" and "disabled"
    """

    is_sae_metrics = True
    __version__ = SDK_VERSION

    Histogram, Settings, AlertLevel, Config, Run = Histogram, Settings, AlertLevel, Config, Run
    Error, CommError, UsageError = Error, CommError, UsageError
    errors, util = errors, util

    def __init__(self, run=None, *, owns_run=False, log_to_wandb=True):
        self._adopted, self._owns_adopted = run, owns_run
        self._log_to_wandb = log_to_wandb
        self._active = []  # the newest last
        self._current = None
        if run is not None:
            self._begin_adopted()

    # ---- runs ----

    def init(
        self,
        entity=None,
        project=None,
        dir=None,
        id=None,
        name=None,
        notes=None,
        tags=None,
        config=None,
        config_exclude_keys=None,
        config_include_keys=None,
        allow_val_change=None,
        group=None,
        job_type=None,
        mode=None,
        force=None,
        reinit=None,
        resume=None,
        resume_from=None,
        fork_from=None,
        save_code=None,
        tensorboard=None,
        sync_tensorboard=None,
        monitor_gym=None,
        settings=None,
        anonymous=None,
        magic=None,
    ):
        """Begins a run, with the arguments of wandb.init. Returns at once; with an id, after the daemon's word on
        whether that run exists already (2 s at most).

        What is not given here or in settings is taken from $WANDB_PROJECT and the like. mode "offline": the run is not
        forwarded; "disabled": nothing is kept. An id goes on with the run of that id, also without resume: nothing is
        ever written over. While a run is active it is returned, unless reinit is "finish_previous" (or True) or
        "create_new". save_code, tensorboard, monitor_gym, force, anonymous, resume_from, fork_from: ignored.
        """
        given = complete({name: value for name, value in locals().items() if name != "self"}, settings)
        config = parse(config, config_exclude_keys, config_include_keys)
        if self._adopted is not None:
            run = self._active[-1] if self._active else self._begin_adopted()
            run.adopt(given, config)
            return run
        self._active = [run for run in self._active if run.is_of_this_process()]  # a forked child begins its own
        if self._active and not self._makes_room(given.reinit):
            return self._active[-1]
        run = self._begin(given, config)
        self._active.append(run)
        if given.reinit != "create_new":
            self._current = run
        return run

    def _makes_room(self, reinit):
        """Whether there may be another run beside those there are, which may have been finished for that."""
        if reinit == "create_new":
            return True
        if reinit in (True, "True", "true", "finish_previous") or (reinit in (None, "default") and in_notebook()):
            for run in list(self._active):
                run.finish()
            return True
        say("wandb.init: run %s is active, and is returned; reinit says what else to do" % self._active[-1].id)
        return False

    def _begin(self, given, config):
        arguments = dict(
            project=given.project, entity=given.entity, name=given.name, id=given.id, group=given.group,
            tags=given.tags, notes=given.notes, job_type=given.job_type, config=config,
            resume=given.resume, source="wandb",
        )  # fmt: skip
        if given.mode == "disabled":
            return Run(inert(arguments), given, on_finish=self._forget, config=config)
        sae = begin(log_to_wandb=self._log_to_wandb and given.mode != "offline", **arguments)
        last = sae.last_step if given.id else None
        return Run(sae, given, on_finish=self._forget, config=config, step=0 if last is None else last + 1)

    def _begin_adopted(self):
        run = Run(self._adopted, owned=self._owns_adopted, on_finish=self._forget)
        self._active.append(run)
        self._current = run
        return run

    def _forget(self, run):
        if run in self._active:
            self._active.remove(run)
        if self._current is run:
            self._current = None

    def finish(self, exit_code=None, quiet=None):
        """Of the current run. Without one: nothing."""
        if self._current is not None:
            self._current.finish(exit_code)

    join = finish

    @property
    def run(self):
        """The current run, or None before init and after finish."""
        return self._current

    def _need(self, what):
        if self._current is None:
            raise Error("You must call wandb.init() before wandb.%s()" % what)
        return self._current

    @property
    def config(self):
        return _BeforeInit("config") if self._current is None else self._current.config

    @property
    def summary(self):
        return _BeforeInit("summary") if self._current is None else self._current.summary

    # ---- of the current run ----

    def log(self, data, step=None, commit=None, sync=None):
        """As `Run.log`, to the current run. `Error` before init."""
        self._need("log").log(data, step=step, commit=commit)

    def define_metric(self, *args, **kwargs):
        return self._need("define_metric").define_metric(*args, **kwargs)

    def alert(self, *args, **kwargs):
        self._need("alert").alert(*args, **kwargs)

    def log_artifact(self, *args, **kwargs):
        return self._need("log_artifact").log_artifact(*args, **kwargs)

    def use_artifact(self, *args, **kwargs):
        return self._need("use_artifact").use_artifact(*args, **kwargs)

    def log_model(self, *args, **kwargs):
        self._need("log_model").log_model(*args, **kwargs)

    def use_model(self, *args, **kwargs):
        return self._need("use_model").use_model(*args, **kwargs)

    def link_model(self, *args, **kwargs):
        self._need("link_model").link_model(*args, **kwargs)

    def mark_preempting(self):
        self._need("mark_preempting").mark_preempting()

    def watch(self, *args, **kwargs):
        return self._need("watch").watch(*args, **kwargs)

    def save(self, *args, **kwargs):
        return self._need("save").save(*args, **kwargs)

    def unwatch(self, *args, **kwargs):
        """Nothing is watched."""

    def pin_config_keys(self, *args, **kwargs):
        """Nothing is shown in W&B's order here."""

    # ---- what means nothing here ----

    def restore(self, *args, **kwargs):
        """No file: None."""

    def login(self, *args, **kwargs):
        """Nobody needs to: True."""
        return True

    def setup(self, settings=None):
        return self

    def teardown(self, exit_code=None):
        """Finishes all runs."""
        for run in list(self._active):
            run.finish(exit_code)

    def require(self, *args, **kwargs):
        """Nothing is required."""

    def ensure_configured(self):
        """Nothing is to be configured."""

    def termlog(self, string="", newline=True, repeat=True):
        say(string)

    termwarn = termerror = termlog

    def __getattr__(self, name):
        """Artifacts and media: see `_media`."""
        return _media.find(name)


class _BeforeInit:
    """wandb.config and wandb.summary while there is no run."""

    def __init__(self, name):
        object.__setattr__(self, "_name", name)

    def _refuse(self, *_):
        raise Error("You must call wandb.init() before wandb.%s" % self._name)

    def __getattr__(self, key):
        if key.startswith("__"):
            raise AttributeError(key)
        self._refuse()

    __setattr__ = __getitem__ = __setitem__ = __contains__ = __iter__ = _refuse


def inert(arguments):
    """A `sae_metrics.Run` that does nothing."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(begin).parameters.items()}
    return _SaeRun(_SaeSettings({**defaults, **arguments}), None)
