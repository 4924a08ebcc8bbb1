"""SAELens's classes, changed so that whatever they train is attached."""

import functools
import importlib.util
import threading

from . import saelens, saelens_many
from .attachment import ATTACHED
from .errors import Error, complain


class Autolog:
    """`attachments` are those of the trainings since, `detach` ends it. Another one takes its place: a cell of a notebook
    that is run again. What cannot be attached is said, and trained."""

    _newest = None

    def __init__(self, wandb, arguments):
        from sae_lens import llm_sae_training_runner
        from sae_lens.training import sae_trainer

        if Autolog._newest is not None:
            Autolog._newest.detach()
        Autolog._newest = self
        self.attachments = []
        self._wandb, self._arguments = wandb, arguments
        self._patches = []
        self._of_runner = threading.local()  # .attachment: of the runner that is running, until its trainer comes
        self._patch(llm_sae_training_runner.LanguageModelSAETrainingRunner, "run", self._run)
        self._patch(sae_trainer.SAETrainer, "fit", self._fit)
        self._patch(sae_trainer.SAETrainer, "load_trainer_state", self._load)
        if importlib.util.find_spec("sae_lens.multi_sae_training_runner"):
            from sae_lens import multi_sae_training_runner
            from sae_lens.training import multi_sae_trainer

            self._patch(multi_sae_training_runner.MultiSAETrainingRunner, "run", self._run)
            self._patch(multi_sae_trainer.MultiSAETrainer, "fit", self._fit)
            self._patch(multi_sae_trainer.MultiSAETrainer, "load_checkpoint", self._load)

    def detach(self):
        """Nothing more is attached; what is, stays so until its own `detach`."""
        while self._patches:
            owner, name, original = self._patches.pop()
            setattr(owner, name, original)

    def _patch(self, owner, name, wrapper):
        original = vars(owner)[name]

        @functools.wraps(original)
        def wrapped(thing, *args, **kwargs):
            return wrapper(functools.partial(original, thing), thing, *args, **kwargs)

        self._patches.append((owner, name, original))
        setattr(owner, name, wrapped)

    def _run(self, original, runner, *args, **kwargs):
        """A runner's wandb.init comes before its trainer does, and its finish after: all of it is attached."""
        of_runner = saelens_many.of_runner if hasattr(runner, "saes") else saelens.of_runner
        attachment = _attempt(of_runner, runner, self._wandb, self._arguments)
        if attachment is None:
            return original(*args, **kwargs)
        self.attachments.append(attachment)
        self._of_runner.attachment = attachment
        try:
            with attachment.on_stage():
                return attachment.through(original, *args, **kwargs)
        finally:
            self._of_runner.attachment = None
            attachment.detach()

    def _fit(self, original, trainer, *args, **kwargs):
        at_end = self._take(trainer)
        if at_end is None:
            return original(*args, **kwargs)
        try:
            return trainer.fit(*args, **kwargs)  # it is attached now
        finally:
            at_end()

    def _load(self, original, trainer, *args, **kwargs):
        """A checkpoint is loaded before the training begins."""
        if self._take(trainer) is None:
            return original(*args, **kwargs)
        return getattr(trainer, original.func.__name__)(*args, **kwargs)

    def _take(self, trainer):
        """Attaches it, to the runner that is running if there is one. Returns what is to be called when its training is over;
        None where it was attached before, or cannot be."""
        if getattr(trainer, ATTACHED, False):
            return None
        attachment, self._of_runner.attachment = getattr(self._of_runner, "attachment", None), None
        if attachment is not None:
            _attempt(attachment.listen, trainer)
            return _nothing if getattr(trainer, ATTACHED, False) else None
        attachment = _attempt(saelens.attach, trainer, self._wandb, **self._arguments)
        if attachment is None:
            return None
        self.attachments.append(attachment)
        return attachment.detach


def _attempt(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Error:
        raise  # a test asked for it
    except Exception as problem:
        return complain("nothing is logged of this training: %s: %s" % (type(problem).__name__, problem))


def _nothing():
    """A runner goes on behind its trainer's end."""
