"""SAELens's training of many SAEs at once: a run for each, and one for the rows that are logged of all of them."""

from .saelens import ATTACHED, SaeLensAttachment, arguments_of, config_of, modules, of_logger


def attach_many(trainer, wandb, runner_config, arguments):
    """As `saelens.attach`, for a MultiSAETrainer."""
    attachment = _begin(trainer.cfg, trainer.saes, wandb, runner_config, arguments)
    attachment.listen(trainer)
    attachment.wrap(trainer, "fit", attachment.through)
    return attachment


def of_runner(runner, wandb, arguments):
    """Of a MultiSAETrainingRunner, before its trainer is there."""
    return _begin(runner.cfg.to_sae_trainer_config(), runner.saes, wandb, runner.cfg, arguments)


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
        own = {key: value for key, value in self._arguments.items() if key in ("project", "entity", "group", "tags", "socket")}
        name = self._arguments.get("name") or self.run.id
        for each, sub in trainer.trainers.items():
            known = {**arguments_of(sub.cfg, sub.sae.cfg), **own, "id": None, "name": "%s/%s" % (name, each)}
            known.update(group=self._arguments.get("group") or name, log_to_wandb=False)
            self.attachments[each] = SaeLensAttachment(known, "keep" if self._keeps else "replace", ())
            self.attachments[each].listen(sub, logs=False)
        self.patch(trainer, ATTACHED, True)

    def end(self, exception=None):
        for attachment in self.attachments.values():
            attachment.end(exception)
        super().end(exception)

    def detach(self):
        for attachment in self.attachments.values():
            attachment.detach()
        super().detach()
