"""SAELens's classes, changed so that whatever they train is attached."""

import functools
import importlib.util
import threading

from . import saelens, saelens_many
from .attachment import ATTACHED


class Autolog:
    """`attachments` are those of the trainings since, `detach` ends it."""

    def __init__(self, wandb, arguments):
        from sae_lens import llm_sae_training_runner
        from sae_lens.training import sae_trainer

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

    def _run(self, original, runner):
        """A runner's wandb.init comes before its trainer does, and its finish after: all of it is attached."""
        of_runner = saelens_many.of_runner if hasattr(runner, "saes") else saelens.of_runner
        attachment = of_runner(runner, self._wandb, self._arguments)
        self.attachments.append(attachment)
        self._of_runner.attachment = attachment
        try:
            with attachment.on_stage():
                return attachment.through(original)
        finally:
            self._of_runner.attachment = None
            attachment.detach()

    def _fit(self, original, trainer):
        if getattr(trainer, ATTACHED, False):
            return original()
        attachment = self._take(trainer)
        try:
            return trainer.fit()  # it is attached now
        finally:
            if attachment is not None:
                attachment.detach()

    def _load(self, original, trainer, path):
        """A checkpoint is loaded before the training begins."""
        was_attached = getattr(trainer, ATTACHED, False)
        self._take(trainer)
        return original(path) if was_attached else getattr(trainer, original.func.__name__)(path)

    def _take(self, trainer):
        """Attaches it, unless it is; to the runner that is running, if there is one. Returns the attachment that was made
        for it, or None."""
        if getattr(trainer, ATTACHED, False):
            return None
        attachment, self._of_runner.attachment = getattr(self._of_runner, "attachment", None), None
        if attachment is not None:
            attachment.listen(trainer)
            return None
        attachment = saelens.attach(trainer, self._wandb, **self._arguments)
        self.attachments.append(attachment)
        return attachment
