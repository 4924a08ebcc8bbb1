"""A run: what ``init`` returns."""

import functools
import operator
import sys
import types

from . import native, process, tensors, values
from .arguments import check_n_rows, check_step, encode
from .errors import complain, is_strict, say
from .handle import Handle, Stats
from .in_flight import InFlight
from .measure import Measure
from .options import KNOWN_SCALARS, check_tags, config_json
from .rows import Rows
from .step_call import StepCall

STATES = (None, "finished", "failed", "preempted", "stopped")


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
        if meeting is not None and meeting.place is None:
            library = None  # it is left out
        self._settings = settings
        self._handle = Handle(settings, library)
        self._measure = Measure(settings, self._mean_over_ranks)
        self._in_flight = InFlight(self._handle)
        self._rows = Rows(self._handle, self._in_flight, settings.when_full == native.WAIT)
        self._ranks = None  # with others: what adds up their parts and this one's
        self._reduces = False  # before they are pushed, by the first rank
        self._is_part = False  # and this is another one
        process.add(self)
        if library is None:
            return
        if meeting is not None:
            self._take_place(meeting)
        self._step_call = StepCall(library, settings)
        if not self._is_part:
            process.watch(library)
            self._handle.open(self)

    def _take_place(self, meeting):
        """Among the ranks."""
        from .rank_sums import RankSums

        self._ranks = RankSums(meeting.group, self._settings, is_whole=not meeting.place.missing)
        self._reduces, self._is_part = meeting.place.reduces, not meeting.place.pushes
        meeting.group.on_broken = self._go_on_alone

    def _go_on_alone(self, words):
        """The ranks are apart, for good."""
        if self._reduces:
            outcome = "from now on rank %d's part of the batch is all that is logged" % self._ranks.group.members[0]
        else:
            outcome = "from now on explained variance is of each rank's own rows"
        if self._handle:
            self.event("ranks", "%s: %s" % (words, outcome))
        complain("run %s: %s: %s" % (self.id, words, outcome))

    # ---- what it is ----

    @property
    def id(self):
        """8 of [a-z0-9], or what ``init`` was given; a unique part of it is enough for ``sae-metricsd status``."""
        return self._handle.id

    @property
    def name(self):
        return self._handle.name

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
        return self._handle.first_words()[0]

    @property
    def resumed(self):
        """Whether the run existed before. Where ``init`` was given an id the first look waits, up to 2 s, for the
        daemon."""
        return self._handle.first_words()[1]

    @property
    def attempt(self):
        """From 1; each start and each step back makes a new one. None while no daemon has said."""
        return self._handle.first_words()[2]

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
        self._rows.unstepped = self._rows.going_back = None
        plain = self._handle.plain
        if plain is not None and self._in_flight.ring is None and not self._reduces:
            result = plain.push(step, fired, n_rows, positive, scalars)
            if result is not None:
                return None if 0 <= result <= native.AWAY else self._handle.tell(result, "step %d" % step)
        if self._handle.pointer is None and not self._is_part:
            return self._unheard()
        step = check_step(step)
        if n_rows is None:
            n_rows = self._settings.train_batch_size or (1 if fired is None else None)
        n_rows = check_n_rows(n_rows)
        if self._reduces:
            whole = self._whole_step(step, n_rows, fired, positive, scalars)
            if whole is None:
                return None
            n_rows, fired, positive, scalars = whole
        if "torch" in sys.modules:
            device = tensors.find_device((fired, positive, *scalars.values()))
            if device is not None or self._in_flight:
                return self._push_later(device, step, n_rows, fired, positive, scalars)
        return self._push(step, n_rows, fired, positive, scalars)

    def _takes_steps(self):
        return bool(self._handle) or self._is_part

    def _whole_step(self, step, n_rows, fired, positive, scalars):
        """What is to be pushed here, or None."""
        from .rank_sums import NoStep, Step

        self._step_call.check(fired, positive, scalars)
        device = tensors.find_device((fired, positive, *scalars.values()))
        if device is not None and self._in_flight.is_capturing(device):
            return None
        try:
            whole = self._ranks.whole_step(step, Step(n_rows, fired, positive, scalars), self._handle.should_stop()[0])
            if whole is None or not self._ranks.is_to_be_marked():
                return whole
            self._in_flight.call(lambda: self._handle.skip(step))
            return None
        except NoStep as problem:
            self._in_flight.call(lambda: self._handle.skip(step))
            complain("run %s: step %d was not taken: %s" % (self.id, step, problem))
            return None

    def _mean_over_ranks(self, statistics, step, rows):
        """Of the batch's inputs; None where the rows are all there is of it."""
        if self._ranks is None:
            return None
        device = tensors.find_device((rows,))
        if device is not None and self._in_flight.is_capturing(device):
            return None
        return self._ranks.mean_of(check_step(step), statistics, rows, self._handle.should_stop()[0])

    def _push(self, step, n_rows, fired, positive, scalars):
        further = self._handle.push(self._step_call, step, n_rows, fired, positive, scalars)
        if further:
            self._rows.push(values.to_native(values.flatten(further)), step)

    def _push_later(self, device, step, n_rows, fired, positive, scalars):
        """Some of the numbers come from a device, or those of a step before do: it is pushed in its turn."""
        in_flight = self._in_flight
        if in_flight.is_capturing(device):
            return
        self._step_call.check(fired, positive, scalars)
        skip = functools.partial(self._handle.skip, step)
        try:
            in_flight.log_step(device, fired, positive, scalars, functools.partial(self._push, step, n_rows), skip)
        except RuntimeError as problem:  # the device's: it has no memory, or is lost
            in_flight.call(skip)
            self._handle.say_not_taken("step %d" % step, problem)

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
        if not self._takes_steps():
            return self._unheard()
        if "l1_loss" in (losses or ()) or "l1_loss" in scalars:
            lp_norm = False
        goal = sae_in if target is None else target
        measured = self._measure.activations(step, feature_acts, lp_norm, goal, sae_out)
        return self._log_measured(step, measured, losses, optimizer, lr, l1_coefficient, scalars)

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
        if not self._takes_steps():
            return self._unheard()
        goal = sae_in if target is None else target
        measured = self._measure.topk(step, indices, values, self._step_call.check_counts("indices"), goal, sae_out)
        if measured is not None and self._settings.profile in (None, "prisma"):
            measured[3]["l1_loss"] = 0.0
        return self._log_measured(step, measured, losses, optimizer, lr, l1_coefficient, scalars)

    def _log_measured(self, step, measured, losses, optimizer, lr, l1_coefficient, scalars):
        """What is given wins over what was computed."""
        if measured is None:
            return None
        fired, positive, n_rows, sums = measured
        if optimizer is not None and lr is None:
            lr = optimizer.param_groups[0]["lr"]
        sums["current_learning_rate"] = lr
        sums["l1_coefficient"] = self._settings.l1_coefficient if l1_coefficient is None else l1_coefficient
        sums.update(losses or ())
        sums.update(scalars)
        return self.log_step(step, fired=fired, n_rows=n_rows, positive=positive, **sums)

    def log(self, values_by_name, step=None):
        """Anything else: ``run.log({"eval/ce_loss_score": 0.97}, step=step)``.

        Values are numbers, truth values, texts, one-number arrays and tensors, and histograms: (counts, edges) with
        one edge more than counts, or an object with `histogram` and `bins` (as wandb.Histogram). Nested dicts are
        joined with ".". None is left out. Without a step they belong to the step the run is at, which `log_step` moves on:
        a run without it is logged in the order of its steps, each call with its own. There, an older step whose keys have all
        been logged at it or above before begins another attempt, beside the one there is, as `begin_attempt` does: the
        trainer went back to a checkpoint. Any other is a value that comes late, kept under its step.
        """
        if not self._handle:
            return self._unheard()
        return self._rows.log(values_by_name, step)

    def begin_attempt(self):
        """The trainer begins again: what is logged from here on is of another attempt of the run, kept beside what there
        is, whatever its steps. `log_step` sees by itself where its step goes back, `log` where its keys do; this is for another
        phase of a training with other keys, or with steps that go on. With ranks, on each of them."""
        if not self._handle:
            return self._unheard()
        return self._rows.begin_attempt()

    def event(self, kind, text="", step=None):
        """Notes that something happened, e.g. ``run.event("resample", "312 features", step)``."""
        at = native.NO_STEP if step is None else check_step(step)
        return self._call_text("event", at, encode(kind, "event: kind"), encode(text, "event: text"))

    def mark(self, step, text=""):
        """The trainer wrote a checkpoint after `step`: the daemon keeps the run's state of that moment (the last
        three), so that the run can go on from there exactly."""
        return self._call_text("mark", check_step(step), encode(text, "mark: text"))

    def skip(self, step):
        """A step there are no statistics of: the windows it belongs to are marked incomplete."""
        if not self._handle:
            return self._unheard()
        self._rows.going_back = None
        step = check_step(step)
        self._in_flight.call(lambda: self._handle.skip(step))
        return None

    def update(self, name=None, notes=None, tags=None, config=None, summary=None):
        """Changes what the run is called, and what it says of itself. What is not given stays as it is.

        tags and config (a dict, a dataclass or an object) take the place of those before; summary, a dict, is laid over
        the run's own, key by key. `config` is still what ``init`` was given.
        """
        if not self._handle:
            return self._unheard()
        texts = [
            None if text is None else encode(text, "update: " + what)
            for what, text in (("name", name), ("notes", notes))
        ]
        texts += [config_json(config), config_json(summary, "summary")]
        tags = None if tags is None else native.text_list(check_tags(tags))
        if any(text is not None for text in texts):
            self._handle.call("update", "update", *texts)
        if tags is not None:
            self._handle.call("update of the tags", "update_tags", tags)
        if name is not None:
            self._handle.name = name or self.id
        return None

    # ---- the trainer's checkpoint ----

    def state_dict(self, timeout=5.0):
        """The run's state after everything logged so far, for the trainer's own checkpoint.

        A dict with "run", "step" (the last step it holds, None before any) and "state" (bytes). Waits up to `timeout`
        seconds for the daemon (not at all while no daemon was ever met); without its answer "state" is None, and a run
        that goes on from it is marked resumed.
        """
        state = self._handle.state(self._in_flight.drain(timeout))
        if state is None:
            self._unheard()
            state = None, None
        return {"run": self.id, "step": state[1], "state": state[0]}

    def load_state_dict(self, state):
        """Goes on exactly from what `state_dict` gave, on any host. Before the first step. ValueError when damaged."""
        if not isinstance(state, dict) or "state" not in state:
            raise TypeError("load_state_dict: expected what state_dict gave, got %s" % type(state).__name__)
        blob = state["state"]
        if not self._handle:
            return self._unheard()
        self._rows.going_back = None
        if blob is None:
            return say("run %s: the checkpoint holds no state of the metrics: the run is marked resumed" % self.id)
        try:
            blob = bytes(memoryview(blob))
        except TypeError:
            raise TypeError("load_state_dict: state: expected bytes, got %s" % type(blob).__name__) from None
        return self._handle.restore(blob)

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
        stop, reason = self._handle.should_stop()
        agreed = None if self._ranks is None else self._ranks.group.should_stop
        if agreed is None:
            return stop, reason
        return agreed, (reason or "another rank was asked to stop") if agreed else None

    @property
    def stats(self):
        """What became of the messages: a `Stats`."""
        return self._handle.stats

    # ---- the end ----

    def flush(self, timeout=5.0):
        """Waits until everything logged so far is on the daemon's disk, or `timeout` seconds. True when it is.

        While no daemon was ever met and none is there, nobody is waited for: False at once."""
        flushed = self._handle.flush(self._in_flight.drain(timeout))
        if flushed is None:
            self._unheard()
        return bool(flushed)

    def finish(self, exit_code=0, state=None, timeout=5.0, words=None):
        """Ends the run and waits up to `timeout` seconds until the daemon has everything. May be called twice.

        While no daemon was ever met and none is there, nobody is waited for.

        state: "finished", "failed", "preempted" or "stopped"; by default what exit_code says. words: why, in one line, as
        `status` shows it; a ``with`` block says the exception that it was left by.
        """
        if state not in STATES:
            raise ValueError("finish: state: expected one of %s, got %r" % (", ".join(map(str, STATES[1:])), state))
        exit_code = operator.index(exit_code)
        words = None if words is None else encode(words, "finish: words")
        timeout = self._in_flight.drain(timeout)
        self._is_part = False
        result = self._handle.finish(self, exit_code, state, words, timeout)
        self._in_flight.forget()  # and its pinned memory, however long somebody keeps the run
        if result is not None:
            self._say_finished(result, state or ("finished" if exit_code == 0 else "failed"), timeout)

    def _say_finished(self, result, state, timeout):
        """The library itself says what was refused, dropped or not delivered."""
        stats = self.stats
        if result == native.QUEUED and (self._ranks is None or self._ranks.group.is_first):
            messages = format(stats.messages, ",")
            say("run %s %s: %s messages, %s dropped" % (self._handle.label, state, messages, stats.dropped))
        elif result != native.QUEUED and is_strict():
            left = stats.messages - stats.acked
            complain(
                "run %s: %d messages were not on the daemon's disk after %g s (%s)" % (self.id, left, timeout, stats.words)
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
        return _inert_copy, (self.id, self.name)

    def __repr__(self):
        return "<sae_metrics run %s%s>" % (self.id, "" if self._handle else " (inert)")

    def _become_inert(self):
        """In a forked child."""
        self._handle.become_inert()
        self._in_flight.forget()
        self._ranks = None
        self._reduces = self._is_part = False

    # ---- small parts ----

    def _call_text(self, function, *arguments):
        if not self._handle:
            return self._unheard()
        self._in_flight.call(lambda: self._handle.call(function, function, *arguments))
        return None

    def _unheard(self):
        if not self._is_part:
            self._handle.unheard()


def _inert_copy(id, name):
    process.say_of_copy(id)
    return Run(types.SimpleNamespace(id=id, name=name, config=None, when_full=None), None)


__all__ = ["KNOWN_SCALARS", "Run", "Stats"]
