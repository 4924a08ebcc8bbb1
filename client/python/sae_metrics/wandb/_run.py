"""``wandb.run``: the face of W&B's run over one `sae_metrics.Run`."""

import datetime
import enum
import operator
import os
import tempfile
import threading
import time
import types
from collections.abc import Mapping

from .. import native
from ..errors import say
from ..options import plain_config
from ..process import exit_code_of, words_of
from . import _media
from ._config import Config
from ._left_out import LeftOut
from ._rows import Rows
from ._settings import Settings, in_notebook
from ._summary import Summary, as_last
from ._values import Unsupported, check_key, flatten, keep

ALERT_WAIT_S = 60.0  # as in the SDK: the same title again within that time is not said again
ALERT_TITLES_MAX = 256  # remembered for that
EVENT_BYTES_MAX = 4096  # of the protocol
PLAIN = frozenset((float, bool, str))  # types of values that are kept as they are
KEYS_REMEMBERED = 4096  # that were found good: most trainers have some dozens


class AlertLevel(enum.Enum):
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Run:
    """As wandb.Run. `sae` is the `sae_metrics.Run` underneath, `left_out` counts what could not be kept.

    Log calls send at once: nothing waits here for a row to be complete. Any thread may call. In a forked child every
    method does nothing. TypeError and ValueError are raised for what wandb itself raises them for; a value that cannot
    be kept is said once, and the rest of the row is kept.
    """

    def __init__(self, sae, settings=None, *, owned=True, on_finish=lambda run: None, config=None, step=0):
        self.sae = sae
        self.left_out = LeftOut(lambda sentence: self._event("left_out", sentence))
        self.settings = settings or Settings(mode="online")
        self.settings.run_id = sae.id
        self._owned = owned
        self._on_finish = on_finish
        self._rows = Rows(step)
        self._lock = threading.RLock()  # a row's place is taken, and the row sent, by one thread at a time
        self._pid = os.getpid()
        self._finished = self._preempting = self._said_behind = False
        self._alerted = {}
        self._known_keys = set()
        self._directory = None
        self._start_time = time.time()
        self._name = sae.name
        self._notes, self._tags = self._begun_with("notes"), tuple(self._begun_with("tags") or ())
        known = config if config is not None else plain_config(sae.config) or {}
        self._config = Config(known, self._tell_config, bool(self.settings.allow_val_change) or in_notebook())
        self._summary = Summary(lambda entries: self._tell(summary=entries))

    # ---- logging ----

    def log(self, data, step=None, commit=None, sync=None):
        """As wandb.Run.log; see `_rows.Rows` for which row it is, and for a step that lies behind. None is no value."""
        if not isinstance(data, Mapping):
            raise TypeError("wandb.log must be passed a dictionary")
        if any(not isinstance(key, str) for key in data):
            raise TypeError("Key values passed to `wandb.log` must be strings.")
        if step is not None:
            try:
                step = operator.index(step)
            except TypeError:
                raise TypeError("wandb.log: step: expected a whole number, got %r" % (step,)) from None
        if not self._is_active("log"):
            return
        if step is not None and not 0 <= step <= native.STEP_MAX:
            why = "run %s: log: step %d is not within 0 ... %d: the row was left out" % (self.id, step, native.STEP_MAX)
            self.left_out.note("rows", "step", why)
            return
        values, media = self._sort(data)
        with self._lock:
            self._send(values, self._place(values, step, commit))
        if media:
            self._pass_on(media, step, commit)

    def _place(self, keys, step, commit):
        """The step of a call; None, the step the run is at, where its steps are pushed beside us (`log_step`)."""
        if step is not None and self._rows.is_behind(step):
            if self.sae._rows.begin_again(keys, step):
                self._rows.begin(step)
            elif not self._said_behind:
                self._said_behind = True
                say(
                    "run %s: step %d lies behind step %d: such values are kept under their step, and not forwarded"
                    % (self.id, step, self._rows.step)
                )
        place = self._rows.place(step, commit)
        has_steps = not self._owned and self.sae._rows.unstepped is None
        return None if step is None and has_steps else place

    def _sort(self, data):
        """(what the daemon takes by key, media by key); the rest is said."""
        values, media = {}, {}
        known = self._known_keys
        for path, value in flatten(data):
            key = path[0] if len(path) == 1 else ".".join(path)
            kind = type(value)
            if key in known and (kind in PLAIN or (kind is int and value.bit_length() < 64)):  # what most rows are
                values[key] = value
                self._summary.note_logged(path, value)
                continue
            if _media.is_media(value):
                media[key] = value
                continue
            try:
                check_key(key)
                if len(known) < KEYS_REMEMBERED:
                    known.add(key)
                values[key] = keep(value)
            except Unsupported as why:
                self.left_out.note(why.kind, key, "run %s: log: %r was left out: %s" % (self.id, key, why))
            else:
                self._summary.note_logged(path, as_last(values[key]))
        return values, media

    def _send(self, values, step):
        if not values:
            return
        try:
            self.sae.log(values, step=step)
        except (TypeError, ValueError) as why:
            self.left_out.note("rows", str(why), "run %s: a row was left out: %s" % (self.id, why))

    def _pass_on(self, media, step, commit):
        """To the run that the user has open with the real wandb, with the arguments he gave."""
        run = _media.real_run()
        if run is not None:
            run.log(media, step=step, commit=commit)
            return
        for key in media:
            self._refuse("media", repr(key))

    def _refuse(self, kind, what):
        self.left_out.note(kind, "", "run %s: %s" % (self.id, _media.WORDS[kind] % what))

    def alert(self, title, text="", level=None, wait_duration=None):
        """An event of kind "alert". The same title within `wait_duration` (seconds or a timedelta; 60) is left out."""
        level = level or AlertLevel.INFO
        level = level.value if isinstance(level, AlertLevel) else level
        if level not in [each.value for each in AlertLevel]:
            raise ValueError("level must be one of 'INFO', 'WARN', or 'ERROR'")
        wait_s = wait_duration or ALERT_WAIT_S
        wait_s = wait_s.total_seconds() if isinstance(wait_s, datetime.timedelta) else wait_s
        if not isinstance(wait_s, (int, float)):
            raise TypeError("wait_duration must be an int, float, or datetime.timedelta")
        now = time.monotonic()
        if not self._is_active("alert") or now < self._alerted.get(title, now):
            return
        if len(self._alerted) >= ALERT_TITLES_MAX:
            self._alerted.clear()
        self._alerted[title] = now + wait_s
        self._event("alert", "%s %s%s" % (level, title, ": %s" % text if text else ""))

    def _event(self, kind, text):
        self.sae.event(kind, text.encode("utf-8", "replace")[:EVENT_BYTES_MAX].decode("utf-8", "ignore"))

    def is_of_this_process(self):
        """Not so in a forked child, where no lock is touched: a thread may have held it."""
        return os.getpid() == self._pid

    def _is_active(self, what):
        """Whether a call has somewhere to go."""
        if not self.is_of_this_process():
            return False
        if self._finished:
            self.left_out.note("calls", what, "run %s is finished: a call of %s was left out" % (self.id, what))
            return False
        return True

    # ---- its end ----

    def finish(self, exit_code=None, quiet=None):
        """Ends the run and waits some seconds for the daemon. An adopted run goes on: whoever began it ends it."""
        self._finish(exit_code)

    def _finish(self, exit_code, why=None):
        if self._finished or not self.is_of_this_process():
            return
        self._finished = True
        words = self.left_out.words()
        if words:
            self._event("left_out", words)
            say("run %s: left out: %s" % (self.id, words))
        self._on_finish(self)
        if self._owned:
            exit_code = exit_code or 0
            self.sae.finish(exit_code, "preempted" if self._preempting and exit_code else None, words=why)

    def mark_preempting(self):
        """A run that ends with an exit code other than 0 after this is preempted, and not failed."""
        self._preempting = True
        if self._is_active("mark_preempting"):
            self._event("preempting", "")

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, _traceback):
        self._finish(exit_code_of(exception), words_of(exception))

    # ---- what it is ----

    @property
    def id(self):
        return self.sae.id

    @property
    def name(self):
        return self._name

    @name.setter
    def name(self, name):
        self._name = name
        self._tell(name=name)

    @property
    def notes(self):
        return self._notes

    @notes.setter
    def notes(self, notes):
        self._notes = notes
        self._tell(notes=notes)

    @property
    def tags(self):
        return self._tags

    @tags.setter
    def tags(self, tags):
        self._tags = tuple(dict.fromkeys([tags] if isinstance(tags, str) else tags or ()))
        self._tell(tags=self._tags)

    @property
    def config(self):
        return self._config

    @property
    def config_static(self):
        return types.SimpleNamespace(**self._config.as_dict())

    @property
    def summary(self):
        return self._summary

    @property
    def step(self):
        """The step that the next call without one joins."""
        return self._rows.step

    @property
    def starting_step(self):
        last = self.sae.last_step
        return 0 if last is None else last + 1

    @property
    def start_time(self):
        return self._start_time

    @property
    def project(self):
        return self._begun_with("project") or ""

    @property
    def entity(self):
        return self._begun_with("entity") or ""

    @property
    def group(self):
        return self._begun_with("group") or ""

    @property
    def job_type(self):
        return self._begun_with("job_type") or ""

    @property
    def path(self):
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    @property
    def url(self):
        return self.sae.url

    project_url = sweep_url = sweep_id = None

    def get_url(self):
        return self.url

    def get_project_url(self):
        return None

    def project_name(self):
        return self.project

    @property
    def resumed(self):
        return self.sae.resumed

    @property
    def offline(self):
        """Whether the daemon does not forward it."""
        return self.settings.mode == "offline"

    @property
    def disabled(self):
        return self.settings.mode == "disabled"

    @property
    def dir(self):
        """A folder for the trainer's own files, made when it is first asked for, where the SDK would make it. Nothing
        uploads what is put there."""
        if self._directory is None:
            started = time.strftime("%Y%m%d_%H%M%S", time.localtime(self._start_time))
            wanted = os.path.join(self.settings.dir or os.curdir, "wandb", "run-%s-%s" % (started, self.id), "files")
            try:
                os.makedirs(wanted, exist_ok=True)
                self._directory = os.path.abspath(wanted)
            except OSError:
                self._directory = tempfile.mkdtemp(prefix="sae-metrics-")
        return self._directory

    @property
    def sync_dir(self):
        return os.path.dirname(self.dir)

    def __repr__(self):
        return "<sae_metrics.wandb run %s>" % self.id

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        """In another process it is inert, as the run underneath is."""
        return _in_another_process, (self.sae, self._config.as_dict())

    def _tell(self, **changes):
        if self.is_of_this_process() and not self._finished:
            self.sae.update(**changes)

    def _tell_config(self):
        self._tell(config=self._config.as_dict())

    def _begun_with(self, name):
        """An argument of the init of the run underneath; None for one that was not given."""
        return getattr(self.sae._settings, name, None)

    def adopt(self, given, config):
        """What an init says of a run that was begun by somebody else: it fills in what that one has not said."""
        for name in ("name", "notes", "tags"):
            if getattr(given, name) and not self._begun_with(name):
                setattr(self, name, getattr(given, name))
        if config:
            self._config.update(config, allow_val_change=True)

    # ---- artifacts ----

    def log_artifact(self, artifact_or_path, name=None, type=None, aliases=None, tags=None):
        """Goes to the run that the user has open with the real wandb; else it is refused, and said."""
        run = _media.real_run()
        if run is not None:
            return run.log_artifact(artifact_or_path, name=name, type=type, aliases=aliases, tags=tags)
        stand_in = _media.stand_in_for(artifact_or_path, name, type)
        self._refuse("artifacts", repr(stand_in.name))
        return stand_in

    upsert_artifact = finish_artifact = log_artifact

    def use_artifact(self, artifact_or_name, type=None, aliases=None, use_as=None):
        """As `log_artifact`; what is refused has nothing to download."""
        run = _media.real_run()
        if run is not None:
            return run.use_artifact(artifact_or_name, type=type, aliases=aliases, use_as=use_as)
        stand_in = _media.stand_in_for(artifact_or_name, kind=type)
        self._refuse("artifacts", repr(stand_in.name))
        return stand_in

    def log_model(self, path, name=None, aliases=None):
        self.log_artifact(path, name=name, type="model", aliases=aliases)

    def link_artifact(self, artifact, *args, **kwargs):
        self._refuse("artifacts", repr(getattr(artifact, "name", artifact)))

    link_model = link_artifact

    def use_model(self, name):
        return self.use_artifact(name, type="model").download()

    # ---- what means nothing here ----

    def define_metric(
        self, name, step_metric=None, step_sync=None, hidden=None, summary=None, goal=None, overwrite=None, **_
    ):
        """Accepted, and nothing more: the daemon draws over steps, and a summary is the last value."""
        return types.SimpleNamespace(
            name=name, step_metric=step_metric, step_sync=step_sync, hidden=hidden, summary=summary, goal=goal
        )

    def watch(self, models=None, criterion=None, log="gradients", log_freq=1000, idx=None, log_graph=False):
        return ()

    def save(self, glob_str=None, base_path=None, policy="live"):
        """Nothing is uploaded: an empty list of files."""
        return []

    def _nothing(self, *args, **kwargs):
        return None

    unwatch = restore = log_code = write_logs = status = display = pin_config_keys = _label = _nothing

    def to_html(self, *args, **kwargs):
        return ""


def _in_another_process(sae, config):
    return Run(sae, config=config)
