"""A run: what ``init`` returns."""

import collections
import ctypes
import functools
import operator
import os
import random
import string
import threading
import time
import types

from . import native, process, tensors, values
from .errors import complain, is_quiet, is_strict, say
from .going_back import GoingBack
from .in_flight import InFlight
from .options import KNOWN_SCALARS, check_tags, config_json
from .step_call import StepCall

ANSWER_WAIT_S = 2.0  # for a daemon's first words about a run that may exist already
STATES = (None, "finished", "failed", "preempted", "stopped")

Stats = collections.namedtuple(
    "Stats",
    "messages acked dropped refused outbox_bytes outbox_bytes_max outbox_frames bytes_sent connects connected words "
    "seconds",
)
Stats.__doc__ = """What became of a run's messages.

messages: given so far (a log call is one). acked: of them, on the daemon's disk. dropped: had no room, or were skipped. refused: the
daemon would not have them. outbox_bytes, outbox_frames: kept until acked; outbox_bytes_max: the most there were.
bytes_sent, connects, connected: of the connection. words: the last trouble, "" when there was none. seconds: spent in
`log_step` in all, the handing over of what `log_activations` and `log_topk` have counted included."""


class Run:
    """One training run. Log calls copy what they are given and return; nothing here waits for the daemon except
    ``flush``, ``finish`` and ``state_dict``, which have a deadline.

    Log calls return None. They raise TypeError and ValueError for arguments of a wrong type or shape, and nothing
    else. Any thread may call; the steps of one run should come from one thread. In a forked child every method does
    nothing.

    With ``init(ranks="torch")`` the steps are logged on every rank, each with its part of the batch, at the same steps:
    `log_activations` and `log_topk` take the mean of the whole batch, for which the ranks wait for each other's calls (and not
    for a device, where the default group is NCCL's). A rank that does not come within `rank_grace` is named once, and the
    others go on without it.

    On one host every rank pushes, and what else is logged on any of them is kept. Where several daemons are concerned, rank 0
    alone pushes, the parts of all; there `log`, `event`, `mark` and `finish` of the others say nothing to anybody, and
    `last_step`, `resumed` and `attempt` are known on rank 0 alone. `state_dict` may be called on all ranks, and must be where
    tensors are a GPU's, before any rank waits for another: keep rank 0's. `load_state_dict` takes the same state on all of
    them, or on rank 0 alone. `should_stop` becomes true on all ranks at the same step where they log with `log_activations`
    or `log_topk`, or are on several hosts; else ask rank 0 and send it round.
    """

    def __init__(self, settings, library, meeting=None):
        self._settings = settings
        self._library = library
        self._handle = None  # None: inert (switched off, no library, finished, or a forked child's)
        # Locks that a signal's handler may take again: it may call us in the middle of a call.
        self._lock = threading.RLock()  # the handle and the scratch below; never held while waiting
        self._waiting = threading.RLock()  # one waiting call at a time, so that none outlives the handle
        self._final_stats = Stats(0, 0, 0, 0, 0, 0, 0, 0, 0, False, "", 0.0)
        self._opened = (None, False, None)  # last_step, resumed, attempt
        self._answered = False
        self._id = settings.id or "".join(random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=8))
        self._name = settings.name or self._id
        self._workspace = None
        self._said = set()
        self._unstepped = set()  # names logged without a step; None: there is a step to log at, or it was said
        self._going_back = GoingBack()  # None: a run with steps, where `log_step` alone goes back
        self._seconds = 0.0
        self._in_flight = None  # made for the first tensor of a device
        self._ranks = None  # with others: what adds up their parts and this one's
        self._reduces = False  # before they are pushed, by the first rank
        self._is_part = False  # and this is another one
        process.add(self)
        if library is not None and (meeting is None or self._take_place(meeting)):
            self._step_call = StepCall(library, self._settings)
        if library is not None and (meeting is None or (meeting.place is not None and meeting.place.pushes)):
            process.watch(library)
            self._take_over()
            self._log = library.log_waiting if self._settings.when_full == native.WAIT else library.log
            self._open()
            process.unfinished[self._key] = self

    def _take_place(self, meeting):
        """Whether it logs anything."""
        if meeting.place is None:
            self._library = None
            return False
        from .rank_sums import RankSums

        self._ranks = RankSums(meeting.group, self._settings, is_whole=not meeting.place.missing)
        self._reduces, self._is_part = meeting.place.reduces, not meeting.place.pushes
        meeting.group.on_broken = self._go_on_alone
        return True

    def _go_on_alone(self, words):
        """The ranks are apart, for good."""
        if self._reduces:
            outcome = "from now on rank %d's part of the batch is all that is logged" % self._ranks.group.members[0]
        else:
            outcome = "from now on explained variance is of each rank's own rows"
        if self._handle is not None:
            self.event("ranks", "%s: %s" % (words, outcome))
        complain("run %s: %s: %s" % (self._id, words, outcome))

    def _take_over(self):
        """Two handles of a run cannot push at once: one that was begun before in this process is finished first."""
        self._key = (self._id, self._settings.rank or 0, self._settings.socket)
        before = process.unfinished.get(self._key)
        if before is not None and before._handle is not None:
            say("run %s was begun before in this process: that one is finished first" % self._id)
            before.finish()

    def _open(self):
        options, _keep = self._settings.as_options()
        options.quiet = is_quiet()
        handle, why = ctypes.c_void_p(), ctypes.c_char_p()
        result = self._library.open(ctypes.byref(options), ctypes.byref(handle), ctypes.byref(why))
        if result == -22:  # EINVAL
            raise ValueError((why.value or b"an argument is out of its range").decode())
        if result < 0:
            complain("no run: %s" % os.strerror(-result))
            return
        self._handle = handle.value
        self._id = self._library.id(self._handle).decode()
        self._name = (self._library.name(self._handle) or b"").decode() or self._id

    # ---- what it is ----

    @property
    def id(self):
        """8 of [a-z0-9], or what ``init`` was given; a unique part of it is enough for ``sae-metricsd status``."""
        return self._id

    @property
    def name(self):
        return self._name

    @property
    def url(self):
        """The run's page on W&B, or None while it has none."""
        return None

    @property
    def config(self):
        """What ``init`` was given."""
        return self._settings.config

    @property
    def last_step(self):
        """The last step the daemon had of this run when it was opened (of one that only calls `log`: the newest it was
        called for), or None. See `resumed`."""
        return self._first_answer()[0]

    @property
    def resumed(self):
        """Whether the run existed before. Where ``init`` was given an id the first look waits, up to 2 s, for the
        daemon."""
        return self._first_answer()[1]

    @property
    def attempt(self):
        """From 1; each start and each step back makes a new one. None while no daemon has said."""
        return self._first_answer()[2]

    def _first_answer(self):
        deadline = time.monotonic() + (ANSWER_WAIT_S if self._settings.id and not self._answered else 0)
        while self._opened[2] is None:
            with self._lock:
                if self._handle is None:
                    break
                self._stats_now()
            if time.monotonic() >= deadline:
                break
            time.sleep(0.002)
        self._answered = True
        return self._opened

    # ---- logging ----

    def log_step(self, step, fired=None, n_rows=None, positive=None, **scalars):
        """One training step: how often each feature fired, and the step's numbers.

        step      the trainer's own, from 0
        fired     [d_sae], on how many of the batch's rows (tokens) each feature was nonzero: tensor on any device or
                  numpy array, of any integer, float or bool type, anything with the buffer protocol, or a list.
                  Contiguous ones in the host's memory are not copied on the way
        n_rows    rows in this batch; default train_batch_size
        positive  [d_sae], on how many rows each feature was above 0, where activations can be negative
        scalars   any number by name. These have a meaning (and are computed from the sums where not given):
                  mse_loss, l1_loss, ghost_grad_loss, overall_loss, aux_reconstruction_loss, explained_variance,
                  explained_variance_std, l0 as the trainer logs them; l1_coefficient; current_learning_rate (the one
                  this step uses); the sums of `sae_metrics.statistics`: l2_sum, tv_sum, mse_num, mse_den, ev_count,
                  ev_mean, ev_m2, lp_sum, aux_sum, n_nan_acts. NaN and infinities are values; None is "not given".
                  What is given wins, and is held against what the counts and sums say: a mse_loss of another
                  definition than the profile's shows as an alert. Names given to ``init(scalars=[...])`` are kept
                  with every step; any other name goes the way of ``log({name: number}, step)``. Tensors of one number are
                  numbers.

        Tensors of a GPU are copied on its own stream, and the step is pushed by a later call that finds them arrived: nobody
        waits, however far the host is ahead (beyond 64 steps, or 64 MiB, for the oldest). `flush`, `finish`, `state_dict`
        and the end of the process wait for all of them.
        """
        if not self._takes_steps():
            return self._unheard()
        self._unstepped = self._going_back = None
        step = _check_step(step)
        if n_rows is None:
            n_rows = self._settings.train_batch_size or (1 if fired is None else None)
        n_rows = _check_n_rows(n_rows)
        if self._reduces:
            whole = self._whole_step(step, n_rows, fired, positive, scalars)
            if whole is None:
                return None
            n_rows, fired, positive, scalars = whole
        device = tensors.find_device((fired, positive, *scalars.values()))
        if device is not None or self._in_flight:
            return self._push_later(device, step, n_rows, fired, positive, scalars)
        return self._push(step, n_rows, fired, positive, scalars)

    def _takes_steps(self):
        return self._handle is not None or self._is_part

    def _whole_step(self, step, n_rows, fired, positive, scalars):
        """What is to be pushed here, or None."""
        from .rank_sums import NoStep, Step

        self._step_call.check(fired, positive, scalars)
        device = tensors.find_device((fired, positive, *scalars.values()))
        if device is not None and self._flight_on(device).is_capturing():
            return None
        try:
            whole = self._ranks.whole_step(step, Step(n_rows, fired, positive, scalars), self._own_stop()[0])
            if whole is None or not self._ranks.is_to_be_marked():
                return whole
            self._in_turn(lambda: self._skip(step))
            return None
        except NoStep as problem:
            self._in_turn(lambda: self._skip(step))
            complain("run %s: step %d was not taken: %s" % (self._id, step, problem))
            return None

    def _mean_over_ranks(self, statistics, step, rows):
        """Of the batch's inputs; None where the rows are all there is of it."""
        if self._ranks is None:
            return None
        device = tensors.find_device((rows,))
        if device is not None and self._flight_on(device).is_capturing():
            return None
        return self._ranks.mean_of(_check_step(step), statistics, rows, self._own_stop()[0])

    def _push(self, step, n_rows, fired, positive, scalars):
        begun = time.perf_counter()
        interrupts = process.is_held(self._lock)
        with self._lock:
            if self._handle is None:
                return
            step_call = StepCall(self._library, self._settings) if interrupts else self._step_call
            result, further = step_call.push(self._handle, step, n_rows, fired, positive, scalars)
            if result < 0:
                self._library.skip(self._handle, step)
            self._seconds += time.perf_counter() - begun
        if result > native.AWAY or result < 0:
            self._trouble(result, "step %d" % step)
        if further:
            self._log_encoded(values.to_native(values.flatten(further)), step)

    def _push_later(self, device, step, n_rows, fired, positive, scalars):
        """Some of the numbers come from a device, or those of a step before do: it is pushed in its turn."""
        in_flight = self._flight_on(device)
        if in_flight.is_capturing():
            return
        self._step_call.check(fired, positive, scalars)
        skip = functools.partial(self._skip, step)
        try:
            in_flight.log_step(fired, positive, scalars, functools.partial(self._push, step, n_rows), skip)
        except RuntimeError as problem:  # the device's: it has no memory, or is lost
            in_flight.call(skip)
            self._not_taken("step %d" % step, problem)

    def _not_taken(self, what, problem):
        """Says once for each kind of call that a device had no memory for it, or is lost."""
        kind = what.split()[0]
        if is_strict() or ("device", kind) not in self._said:
            self._said.add(("device", kind))
            complain("run %s: %s was not taken: %s" % (self._id, what, problem))

    def _flight_on(self, device):
        if self._in_flight is None:
            self._in_flight = InFlight(device, self._id)
        return self._in_flight

    def _in_turn(self, function):
        """Calls it behind the steps that are on their way: at once where there are none."""
        if self._in_flight:
            self._in_flight.call(function)
        else:
            function()

    def _drain(self, timeout):
        """Waits for the steps that are on their way. What is left of the time."""
        if not self._in_flight:
            return timeout
        begun = time.monotonic()
        if not self._in_flight.drain(timeout):
            complain("run %s: %d steps had not come from the device after %g s" % (self._id, len(self._in_flight), timeout))
        return max(0.0, timeout - (time.monotonic() - begun))

    def log_activations(
        self,
        step,
        feature_acts,
        sae_in=None,
        sae_out=None,
        losses=None,
        *,
        optimizer=None,
        lr=None,
        l1_coefficient=None,
        lp_norm=None,
        target=None,
        **scalars,
    ):
        """One training step from what the trainer holds. The counts and sums are taken where it lies: of tensors with PyTorch
        on their device, without waiting for it; of anything else with numpy.

        feature_acts     [rows, d_sae] after the activation function; more leading axes are rows too. Sparse COO tensors do
        sae_in, sae_out  [rows, d_in], both or neither
        target           [rows, d_out]: what a transcoder's sae_out is to equal, instead of sae_in
        losses           dict of the trainer's own: mse_loss, l1_loss, overall_loss, ghost_grad_loss, ...
        optimizer, lr    where the learning rate of this step is: optimizer.param_groups[0]["lr"], or a number
        l1_coefficient   default: the config's
        lp_norm          default: the config's, else 1; False: no l1_loss is computed
        scalars          as in `log_step`

        Call it before the optimizer's step and the scheduler's, so that lr is the one this step uses.
        """
        statistics = self._statistics(feature_acts)
        if statistics is None:
            return None
        acts = statistics.rows_of(feature_acts, "feature_acts")
        fired, positive, n_nan = statistics.count_fired(acts, self._workspace)
        sums = _noted(n_nan)
        if lp_norm is not False and "l1_loss" not in (losses or ()) and "l1_loss" not in scalars:
            sums["lp_sum"] = statistics.lp_sum(acts, self._lp_norm(lp_norm), self._workspace)
        sums.update(self._reconstruction(statistics, step, len(acts), sae_in, sae_out, target))
        self._add_given(sums, losses, optimizer, lr, l1_coefficient, scalars)
        return self.log_step(step, fired=fired, n_rows=len(acts), positive=positive, **sums)

    def log_topk(
        self,
        step,
        indices,
        values=None,
        sae_in=None,
        sae_out=None,
        losses=None,
        *,
        optimizer=None,
        lr=None,
        l1_coefficient=None,
        target=None,
        **scalars,
    ):
        """One training step of a top-k SAE, never made dense.

        indices  [rows, k] of integers, each row's selected features
        values   [rows, k], their activations: one selected with value 0 did not fire. Without them all did

        The rest as in `log_activations`. l1_loss is 0 unless given, as ViT-Prisma logs it for top-k.
        """
        statistics = self._statistics(indices)
        if statistics is None:
            return None
        indices = statistics.rows_of(indices, "indices")
        fired, positive, n_nan = statistics.count_topk(indices, values, self._step_call.check_counts("indices"))
        sums = _noted(n_nan)
        if self._settings.profile in (None, "prisma"):
            sums["l1_loss"] = 0.0
        sums.update(self._reconstruction(statistics, step, len(indices), sae_in, sae_out, target))
        self._add_given(sums, losses, optimizer, lr, l1_coefficient, scalars)
        return self.log_step(step, fired=fired, n_rows=len(indices), positive=positive, **sums)

    def log(self, values_by_name, step=None):
        """Anything else: ``run.log({"eval/ce_loss_score": 0.97}, step=step)``.

        Values are numbers, truth values, texts, one-number arrays and tensors, and histograms: (counts, edges) with
        one edge more than counts, or an object with `histogram` and `bins` (as wandb.Histogram). Nested dicts are
        joined with ".". None is left out. Without a step they belong to the step the run is at, which `log_step` moves on:
        a run without it is logged in the order of its steps, each call with its own. There, an older step whose keys have all
        been logged at it or above before begins another attempt, beside the one there is, as `begin_attempt` does: the
        trainer went back to a checkpoint. Any other is a value that comes late, kept under its step.
        """
        if self._handle is None:
            return self._unheard()
        pairs = values.flatten(values_by_name)
        step = None if step is None else _check_step(step)
        if step is None:
            self._note_unstepped(pairs)
        device = tensors.find_device(value for _, value in pairs)
        if device is None:
            encoded = values.to_native(pairs)
            self._note_step(pairs, step)
            self._in_turn(lambda: self._log_encoded(encoded, step))
        elif not self._flight_on(device).is_capturing():
            values.to_native([(name, 0 if tensors.is_tensor(value) else value) for name, value in pairs])  # refused now or never
            self._note_step(pairs, step)
            try:
                self._in_flight.log(pairs, lambda arrived: self._log_encoded(values.to_native(arrived), step))
            except RuntimeError as problem:
                self._not_taken("log of %s" % ", ".join(name for name, _ in pairs[:3]), problem)
        return None

    def _log_encoded(self, encoded, step):
        array, _keep = encoded
        at = native.NO_STEP if step is None else step
        for first in range(0, len(array), native.LOG_ENTRIES_MAX):
            count = min(native.LOG_ENTRIES_MAX, len(array) - first)
            part = ctypes.cast(ctypes.byref(array, first * ctypes.sizeof(native.Value)), ctypes.POINTER(native.Value))
            self._call("log", self._log, at, part, count)

    def _note_step(self, pairs, step):
        """Of what is logged next."""
        going_back = self._going_back
        if step is None or going_back is None:
            return
        names = [name for name, _ in pairs]
        if step < going_back.step:
            self._begins_again(names, step)
        with self._lock:
            going_back.note(names, step)

    def _begins_again(self, names, step):
        """Whether what is logged next begins another attempt; it has begun then."""
        with self._lock:
            going_back = self._going_back
            if going_back is None or not going_back.begins(names, step):
                return False
            newest = going_back.step
            going_back.begin(names, step)
        if "again" not in self._said:
            self._said.add("again")
            say("run %s: step %d comes again, behind step %d: another attempt begins with it" % (self._id, step, newest))
        self._tell_attempt()
        return True

    def _tell_attempt(self):
        self._in_turn(lambda: self._call("begin_attempt", self._library.begin_attempt))

    def begin_attempt(self):
        """The trainer begins again: what is logged from here on is of another attempt of the run, kept beside what there
        is, whatever its steps. `log_step` sees by itself where its step goes back, `log` where its keys do; this is for another
        phase of a training with other keys, or with steps that go on. With ranks, on each of them."""
        if self._handle is None:
            return self._unheard()
        with self._lock:
            if self._going_back is not None:
                self._going_back.begin()
        return self._tell_attempt()

    def event(self, kind, text="", step=None):
        """Notes that something happened, e.g. ``run.event("resample", "312 features", step)``."""
        at = native.NO_STEP if step is None else _check_step(step)
        return self._call_text("event", "event", at, _encode(kind, "event: kind"), _encode(text, "event: text"))

    def mark(self, step, text=""):
        """The trainer wrote a checkpoint after `step`: the daemon keeps the run's state of that moment (the last
        three), so that the run can go on from there exactly."""
        return self._call_text("mark", "mark", _check_step(step), _encode(text, "mark: text"))

    def skip(self, step):
        """A step there are no statistics of: the windows it belongs to are marked incomplete."""
        if self._handle is None:
            return self._unheard()
        self._going_back = None
        step = _check_step(step)
        self._in_turn(lambda: self._skip(step))
        return None

    def _skip(self, step):
        with self._lock:
            if self._handle is not None:
                self._library.skip(self._handle, step)

    def update(self, name=None, notes=None, tags=None, config=None, summary=None):
        """Changes what the run is called, and what it says of itself. What is not given stays as it is.

        tags and config (a dict, a dataclass or an object) take the place of those before; summary, a dict, is laid over
        the run's own, key by key. `config` is still what ``init`` was given.
        """
        if self._handle is None:
            return self._unheard()
        texts = [
            None if text is None else _encode(text, "update: " + what)
            for what, text in (("name", name), ("notes", notes))
        ]
        texts += [config_json(config), config_json(summary, "summary")]
        tags = None if tags is None else native.text_list(check_tags(tags))
        if any(text is not None for text in texts):
            self._call("update", self._library.update, *texts)
        if tags is not None:
            self._call("update of the tags", self._library.update_tags, tags)
        if name is not None:
            self._name = name or self._id
        return None

    # ---- the trainer's checkpoint ----

    def state_dict(self, timeout=5.0):
        """The run's state after everything logged so far, for the trainer's own checkpoint.

        A dict with "run", "step" (the last step it holds, None before any) and "state" (bytes). Waits up to `timeout`
        seconds for the daemon (not at all while no daemon was ever met); without its answer "state" is None, and a run
        that goes on from it is marked resumed.
        """
        result = {"run": self._id, "step": None, "state": None}
        timeout = self._drain(timeout)
        with self._waiting:
            handle = self._handle
            if handle is None:
                self._unheard()
                return result
            state, length, step = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_int64()
            answer = self._library.state(
                handle, _milliseconds(timeout), ctypes.byref(state), ctypes.byref(length), ctypes.byref(step)
            )
            if answer in (native.QUEUED, native.AWAY) and state.value:
                result["state"] = ctypes.string_at(state.value, length.value)
                result["step"] = step.value if step.value >= 0 else None
                self._library.free(state)
        if result["state"] is None:
            if answer == native.AWAY:
                why = "no daemon has been met yet"
            else:
                why = self.stats.words or "the daemon gave no state within %g s" % timeout
            complain("run %s: %s: the checkpoint goes without a state" % (self._id, why))
        return result

    def load_state_dict(self, state):
        """Goes on exactly from what `state_dict` gave, on any host. Before the first step. ValueError when damaged."""
        if not isinstance(state, dict) or "state" not in state:
            raise TypeError("load_state_dict: expected what state_dict gave, got %s" % type(state).__name__)
        blob = state["state"]
        if self._handle is None:
            return self._unheard()
        self._going_back = None
        if blob is None:
            return say("run %s: the checkpoint holds no state of the metrics: the run is marked resumed" % self._id)
        try:
            blob = bytes(memoryview(blob))
        except TypeError:
            raise TypeError("load_state_dict: state: expected bytes, got %s" % type(blob).__name__) from None
        with self._lock:
            result = self._library.restore(self._handle, blob, len(blob)) if self._handle else native.INERT
        if result < 0:
            raise ValueError("load_state_dict: %s" % (self.stats.words or "the state is damaged"))
        return self._trouble(result, "the state") if result > native.AWAY else None

    # ---- how it goes ----

    @property
    def should_stop(self):
        """True when somebody asked this run to stop; `stop_reason` says why."""
        return self._stop()[0]

    @property
    def stop_reason(self):
        """Why to stop, or None."""
        return self._stop()[1]

    def _stop(self):
        stop, reason = self._own_stop()
        agreed = None if self._ranks is None else self._ranks.group.should_stop
        if agreed is None:
            return stop, reason
        return agreed, (reason or "another rank was asked to stop") if agreed else None

    def _own_stop(self):
        with self._lock:
            if self._handle is None:
                return False, None
            reason = ctypes.c_char_p()
            stop = bool(self._library.should_stop(self._handle, ctypes.byref(reason)))
            return stop, (reason.value or b"").decode("utf-8", "replace") if stop else None

    @property
    def stats(self):
        """What became of the messages: a `Stats`."""
        with self._lock:
            return self._final_stats if self._handle is None else self._stats_now()

    def _stats_now(self):
        c = native.Stats()
        c.size = ctypes.sizeof(c)
        self._library.get_stats(self._handle, ctypes.byref(c))
        if c.attempt:
            self._opened = (c.last_step if c.last_step >= 0 else None, bool(c.resumed), c.attempt)
        numbers = [getattr(c, field) for field in Stats._fields[:9]]
        return Stats(*numbers, bool(c.connected), c.words.decode("utf-8", "replace"), self._seconds)

    # ---- the end ----

    def flush(self, timeout=5.0):
        """Waits until everything logged so far is on the daemon's disk, or `timeout` seconds. True when it is.

        While no daemon was ever met and none is there, nobody is waited for: False at once."""
        timeout = self._drain(timeout)
        with self._waiting:
            if self._handle is None:
                self._unheard()
                return False
            result = self._library.flush(self._handle, _milliseconds(timeout))
        if result == native.TIMEOUT:
            complain("run %s: not everything was on the daemon's disk after %g s" % (self._id, timeout))
        return result == native.QUEUED

    def finish(self, exit_code=0, state=None, timeout=5.0, words=None):
        """Ends the run and waits up to `timeout` seconds until the daemon has everything. May be called twice.

        While no daemon was ever met and none is there, nobody is waited for.

        state: "finished", "failed", "preempted" or "stopped"; by default what exit_code says. words: why, in one line, as
        `status` shows it; a ``with`` block says the exception that it was left by.
        """
        if state not in STATES:
            raise ValueError("finish: state: expected one of %s, got %r" % (", ".join(map(str, STATES[1:])), state))
        exit_code = operator.index(exit_code)
        words = None if words is None else _encode(words, "finish: words")
        timeout = self._drain(timeout)
        interrupts = process.is_held(self._waiting) or process.is_held(self._lock)
        with self._waiting:
            self._is_part = False
            with self._lock:
                handle, self._handle = self._handle, None
            self._in_flight = None  # and its pinned memory, however long somebody keeps the run
            if handle is None:
                return
            if process.unfinished.get(self._key) is self:
                del process.unfinished[self._key]
            text = None if state is None else state.encode()
            result = self._library.finish_with(handle, exit_code, text, words, _milliseconds(timeout))
            self._handle = handle
            self._final_stats = self._stats_now()
            self._handle = None
            # After a timeout it still tries in the background, until the process ends; and whom we interrupted, in a
            # signal's handler, may still have it in hand.
            if result != native.TIMEOUT and not interrupts:
                self._library.close(handle)
        self._say_finished(result, state or ("finished" if exit_code == 0 else "failed"), timeout)

    def _say_finished(self, result, state, timeout):
        """The library itself says what was refused, dropped or not delivered."""
        stats = self._final_stats
        if result == native.QUEUED and (self._ranks is None or self._ranks.group.is_first):
            say(
                "run %s %s: %s messages, %s dropped"
                % (self._label(), state, format(stats.messages, ","), stats.dropped)
            )
        elif result != native.QUEUED and is_strict():
            left = stats.messages - stats.acked
            complain(
                "run %s: %d messages were not on the daemon's disk after %g s (%s)"
                % (self._id, left, timeout, stats.words)
            )

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, _traceback):
        self.finish(exit_code=process.exit_code_of(exception), words=process.words_of(exception))

    def __copy__(self):
        return self

    def __deepcopy__(self, _memo):
        """A copy of a trainer logs to the same run."""
        return self

    def __reduce__(self):
        """In another process it is what it is in a forked child: inert."""
        return _inert_copy, (self._id, self._name)

    def __repr__(self):
        return "<sae_metrics run %s%s>" % (self._id, "" if self._handle else " (inert)")

    def _become_inert(self):
        """In a forked child."""
        self._handle = self._in_flight = self._ranks = None
        self._reduces = self._is_part = False
        self._lock, self._waiting = threading.RLock(), threading.RLock()

    # ---- small parts ----

    def _label(self):
        return self._id if self._name == self._id else "%s-%s" % (self._name, self._id)

    def _call(self, what, function, *arguments):
        with self._lock:
            if self._handle is None:
                return
            result = function(self._handle, *arguments)
        if result > native.AWAY or result < 0:
            self._trouble(result, what)

    def _call_text(self, what, function, *arguments):
        if self._handle is None:
            return self._unheard()
        self._in_turn(lambda: self._call(what, getattr(self._library, function), *arguments))
        return None

    def _unheard(self):
        """A call on an inert handle: nothing, except where a test asked to know of a finished run's."""
        if not self._is_part and is_strict() and self._library is not None and process.is_the_one_that_imported():
            complain("run %s is finished" % self._id)

    def _trouble(self, result, what):
        """Says once for each kind of call what the library's answer means; never raised but for tests."""
        if result == native.INERT or (result == native.REFUSED and not is_strict()):
            return  # the library itself has said why the daemon refuses this run
        if result == native.DROPPED:
            sentence = "run %s: no room in the outbox: %s was dropped; drops are counted" % (self._id, what)
        else:
            why = self.stats.words or os.strerror(max(0, -result))
            sentence = "run %s: %s was not taken: %s" % (self._id, what, why)
        if is_strict():
            complain(sentence)
        elif (result, what.split()[0]) not in self._said:
            self._said.add((result, what.split()[0]))
            say(sentence)

    def _note_unstepped(self, pairs):
        """Such a call begins a row for wandb, but not here."""
        before, names = self._unstepped, {name for name, _ in pairs}
        if before is None:
            return
        again = sorted(before & names)
        if again:
            self._unstepped = None
            say(
                "run %s: log: %r replaces what was logged without a step before, because nothing has moved the run on: "
                "give each call its step" % (self._id, again[0])
            )
        else:
            before |= names

    def _statistics(self, array):
        """What takes the sums of such arrays, loaded when first needed; None when inert."""
        if not self._takes_steps():
            return self._unheard()
        if tensors.is_tensor(array):
            from . import tensor_statistics

            return tensor_statistics
        try:
            from . import statistics
        except ImportError:
            return complain("log_activations and log_topk need numpy, or tensors of PyTorch")
        if self._workspace is None:
            self._workspace = statistics.Workspace()
        return statistics

    def _reconstruction(self, statistics, step, n_rows, sae_in, sae_out, target):
        """The sums of sae_in (or the target instead) and sae_out, where they are given."""
        goal = sae_in if target is None else target
        if (goal is None) != (sae_out is None):
            raise ValueError("sae_in (or target) and sae_out go together")
        if goal is None:
            self._mean_over_ranks(statistics, step, None)
            return {}
        goal, out = statistics.rows_of(goal, "sae_in"), statistics.rows_of(sae_out, "sae_out")
        if len(goal) != n_rows:
            raise ValueError("sae_in has %d rows, the activations have %d" % (len(goal), n_rows))
        return statistics.measure_reconstruction(goal, out, self._mean_over_ranks(statistics, step, goal))

    def _lp_norm(self, given):
        if given is not None:
            return given
        return 1 if self._settings.lp_norm is None else self._settings.lp_norm

    def _add_given(self, sums, losses, optimizer, lr, l1_coefficient, scalars):
        """What is given wins over what was computed."""
        if optimizer is not None and lr is None:
            lr = optimizer.param_groups[0]["lr"]
        sums["current_learning_rate"] = lr
        sums["l1_coefficient"] = self._settings.l1_coefficient if l1_coefficient is None else l1_coefficient
        sums.update(losses or ())
        sums.update(scalars)


def _inert_copy(id, name):
    process.say_of_copy(id)
    return Run(types.SimpleNamespace(id=id, name=name, config=None), None)


# ---- arguments ----


def _check_step(step):
    try:
        step = operator.index(step)
    except TypeError:
        raise TypeError("step: expected a whole number, got %r (%s)" % (step, type(step).__name__)) from None
    if not 0 <= step <= native.STEP_MAX:
        raise ValueError("step: expected 0 ... %d, got %d" % (native.STEP_MAX, step))
    return step


def _check_n_rows(n_rows):
    if n_rows is None:
        raise ValueError("n_rows: how many rows had this batch? (init was not told train_batch_size)")
    try:
        n_rows = operator.index(n_rows)
    except TypeError:
        raise TypeError("n_rows: expected a whole number, got %r (%s)" % (n_rows, type(n_rows).__name__)) from None
    if not 1 <= n_rows <= native.N_ROWS_MAX:
        raise ValueError("n_rows: expected 1 ... %d, got %d" % (native.N_ROWS_MAX, n_rows))
    return n_rows


def _encode(text, what):
    if not isinstance(text, str):
        raise TypeError("%s: expected text, got %s" % (what, type(text).__name__))
    return text.encode("utf-8", "replace").replace(b"\0", b"")


def _noted(n_nan):
    """That some activations were NaN, where they were or may have been."""
    return {"n_nan_acts": n_nan} if tensors.is_tensor(n_nan) or n_nan else {}


def _milliseconds(timeout):
    return int(min(max(0.0, float(timeout)), 4000000.0) * 1000)


__all__ = ["KNOWN_SCALARS", "Run", "Stats"]
