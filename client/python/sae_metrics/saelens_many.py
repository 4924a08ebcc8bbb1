"""SAELens's training of many SAEs at once: a run for each, and one for the rows that are logged of all of them."""

from . import state_file
from .saelens import STATE_NAME, SaeLensAttachment, arguments_of, config_of, modules, of_logger, state_in

OF_THE_ROWS = ("id", "name", "group", "config", "profile", "log_to_wandb", "total_training_tokens")  # not of each SAE's run


def attach_many(trainer, wandb, runner_config, arguments):
    """As `saelens.attach`, for a MultiSAETrainer."""
    attachment = _begin(trainer.cfg, trainer.saes, wandb, runner_config, arguments)
    attachment.listen(trainer)
    attachment.wrap(trainer, "fit", attachment.through)
    return attachment


def of_runner(runner, wandb, arguments):
    """Of a MultiSAETrainingRunner, before its trainer is there."""
    attachment = _begin(runner.cfg.to_sae_trainer_config(), runner.saes, wandb, runner.cfg, arguments)
    if runner.cfg.resume_from_checkpoint is not None:
        attachment.go_on_from(state_in(runner.cfg.resume_from_checkpoint))
    return attachment


def _begin(cfg, saes, wandb, runner_config, arguments):
    config = config_of(cfg, {name: sae.cfg for name, sae in saes.items()}) if runner_config is None else runner_config.to_dict()
    known = {**of_logger(cfg.logger), "config": config, "profile": "native", "total_training_tokens": cfg.total_training_samples}
    return ManyAttachment({**known, **arguments}, wandb, modules())


class ManyAttachment(SaeLensAttachment):
    """`run` has the rows, under the keys the trainer gives them; `attachments` has those of the SAEs by name, each with a run
    of its own in the group of that one. W&B, where it is forwarded to, sees `run` alone."""

    def __init__(self, *arguments):
        self.attachments = {}
        super().__init__(*arguments)

    def listen(self, trainer, logs=None):
        self.claim(trainer)
        own = {key: value for key, value in self._arguments.items() if key not in OF_THE_ROWS}
        name = self._arguments.get("name") or self.run.id
        for each, sub in trainer.trainers.items():
            known = {**arguments_of(sub.cfg, sub.sae.cfg), **own}
            known.update(id=None, name="%s/%s" % (name, each), group=self._arguments.get("group") or name, log_to_wandb=False)
            self.attachments[each] = SaeLensAttachment(known, "keep" if self._keeps else "replace", ())
            self.attachments[each].listen(sub, logs=False)

        def save(original, checkpoint_name, *args, **kwargs):
            original(checkpoint_name, *args, **kwargs)
            if trainer.cfg.checkpoint_path is not None:  # else it was written to a folder that is gone
                path = "%s/%s/%s" % (trainer.cfg.checkpoint_path, checkpoint_name, STATE_NAME)
                self.guard(state_file.save, path, {"run": self.run.id, "step": None, "state": None})

        def load(original, path):
            self.go_on_from(state_in(path))
            original(path)

        self.wrap(trainer, "save_checkpoint", save)
        self.wrap(trainer, "load_checkpoint", load)

    def go_on_from(self, state):
        """A run of rows has no state but its id."""
        if state is not None and self._run is None and not self._arguments.get("id"):
            self._arguments["id"] = state["run"]

    def end(self, exception=None):
        for attachment in self.attachments.values():
            attachment.end(exception)
        super().end(exception)

    def begin_again(self):
        for attachment in self.attachments.values():
            if attachment._ended:
                attachment.begin_again()
        super().begin_again()

    def release(self):
        for attachment in self.attachments.values():
            attachment.release()
        super().release()
