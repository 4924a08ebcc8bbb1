"""What `prisma.attach` and `saelens.attach` have in common: a trainer, its run, its `wandb`, and the way back."""

from . import init, state_file, wandb_switch
from .errors import Error, complain, say
from .patches import Patches

ATTACHED = "_sae_metrics_attached"  # an attribute of a trainer that is

STATE_WAIT_S = 5.0  # for the daemon, once a checkpoint
MARK_TEXT_MAX = 1000


class Attachment:
    """A trainer whose steps are pushed. Nothing of ours ends the training: what goes wrong is said, once each.

    `run` is its `sae_metrics.Run`, begun when it is first needed. A training that comes to its end ends it, and puts the
    trainer back as it was; one that failed, or was interrupted, may be begun again: it goes on in the same run, as another
    attempt. `detach` puts everything back at any time.
    """

    def __init__(self, arguments, wandb, modules):
        """arguments: of `sae_metrics.init`. wandb: "replace" or "keep". modules: names of those whose `wandb` it is about."""
        check_word(wandb)
        if wandb == "keep":
            arguments["log_to_wandb"] = False
        self._arguments = arguments
        self._keeps = wandb == "keep"
        self._modules = modules
        self._run = self._session = None
        self._patches = Patches()
        self._said = set()
        self._is_training = self._ended = False
        self._state = None
        self.last_step = None  # that was pushed
        wandb_switch.place(modules, self.face)

    # ---- the run ----

    @property
    def run(self):
        if self._run is None:
            if self._state is not None and not self._arguments.get("id"):
                self._arguments["id"] = self._state["run"]
            try:
                self._run = init(**self._arguments)
            except (TypeError, ValueError) as problem:
                complain("nothing is logged of this training: %s" % problem)
                from .wandb._session import inert

                self._run = inert({})
            if self._state is not None:
                self.guard(self._run.load_state_dict, self._state)
        return self._run

    def go_on_from(self, state):
        """Before the run is begun: it is to be the one of that `Run.state_dict`, and to go on from there."""
        if state is None or state == self._state:
            return
        self._state = state
        if self._run is not None:
            self.guard(self._run.load_state_dict, state)

    @property
    def state(self):
        """What it goes on from, or None."""
        return self._state

    def log_activations(self, step, *args, **kwargs):
        """As `Run.log_activations`, and remembers the step."""
        self.last_step = step
        self.run.log_activations(step, *args, **kwargs)

    def note_checkpoint(self, path, state_path):
        """The trainer wrote a checkpoint behind the last step: the daemon remembers the run's state, and it is written
        to state_path."""
        if self.last_step is not None:
            self.guard(self.run.mark, self.last_step, str(path)[-MARK_TEXT_MAX:])
            self.guard(lambda: state_file.save(state_path, self.run.state_dict(timeout=STATE_WAIT_S)))

    def face(self, real):
        """What the trainer's modules see in the place of the real wandb."""
        if self._session is None:
            from .wandb import Session

            self._session = wandb_switch.Rows(Session(run=self.run), self.row)
        if self._ended:
            return real if self._keeps else wandb_switch.After(real, self._session)
        return wandb_switch.Tee(real, self._session, self.guard) if self._keeps else self._session

    def row(self, data, step):
        """What is kept of a row that the trainer logs, and its step."""
        return data, step

    # ---- the trainer ----

    def guard(self, function, *args, **kwargs):
        """Calls it, and lets none of its failures reach the training."""
        try:
            return function(*args, **kwargs)
        except Error:
            raise  # a test asked for it
        except Exception as problem:
            sentence = "%s: %s" % (type(problem).__name__, problem)
            if sentence not in self._said and len(self._said) < 16:
                self._said.add(sentence)
                complain("run %s: %s" % ("?" if self._run is None else self._run.id, sentence))

    def on_stage(self):
        return wandb_switch.on_stage(self.face)

    def claim(self, trainer):
        """A trainer is attached once: its steps would be pushed twice."""
        if getattr(trainer, ATTACHED, False):
            self.detach()
            raise ValueError("attach: this trainer is attached already: detach it first")
        self._patches.mark(trainer, ATTACHED)

    def wrap(self, owner, name, wrapper):
        """Replaces a method by ``wrapper(original, *args, **kwargs)``, with the trainer's wandb on stage."""

        def wrapped(original, *args, **kwargs):
            with self.on_stage():
                return wrapper(original, *args, **kwargs)

        self._patches.wrap(owner, name, wrapped)

    def through(self, original, *args, **kwargs):
        """A wrapper for the whole of a training: its beginning and its end are the run's."""
        if self._ended:
            self.begin_again()
        self.guard(lambda: self.run)  # a training that fails before its first step is to be seen, too
        self._is_training = True
        try:
            result = original(*args, **kwargs)
        except BaseException as problem:
            self.end(problem)
            raise
        finally:
            self._is_training = False
            if not self._patches.active:
                self.detach()
        self.end()
        self.release()
        return result

    def begin_again(self):
        self._arguments.update(id=self._run.id, resume=None)
        self._run = self._session = self._state = None
        self._ended = False

    def stop_if_asked(self):
        """Ends the training where somebody asked for it, as W&B's Stop button does: with a KeyboardInterrupt."""
        if self._run is not None and self._run.should_stop:
            say("run %s: asked to stop: %s" % (self._run.id, self._run.stop_reason or "no reason was given"))
            self._run.finish(exit_code=0, state="stopped")
            self._ended = True
            raise KeyboardInterrupt

    def end(self, exception=None):
        if self._run is None or self._ended:
            return
        self._ended = True
        self.guard(self.finish, exception)

    def finish(self, exception):
        """The run's end; `exception` ended the training, or is None."""
        self._run.__exit__(type(exception) if exception else None, exception, None)

    def release(self):
        """The trainer is as it was, and nothing here keeps it alive."""
        self._patches.undo()

    def detach(self):
        """The trainer and its modules are as they were. The run goes on; ``run.finish()`` ends it, or the end of the training,
        which, if it is running, keeps this `wandb` until then: it has begun no other."""
        self.release()
        if not self._is_training:
            wandb_switch.take_back(self._modules, self.face)

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, traceback):
        self.end(exception)
        self.detach()


def check_word(wandb, of="attach"):
    if wandb not in ("replace", "keep"):
        raise ValueError('%s: wandb: expected "replace" or "keep", got %r' % (of, wandb))


def modules_of(thing):
    """Names of the modules that its classes are from."""
    return list(dict.fromkeys(cls.__module__ for cls in type(thing).__mro__ if cls is not object))
