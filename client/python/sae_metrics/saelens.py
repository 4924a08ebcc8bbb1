"""SAELens: ``sae_metrics.saelens.autolog()``, once, before its runner runs; or ``attach(trainer)``.

    import sae_metrics

    sae_metrics.saelens.autolog()
    LanguageModelSAETrainingRunner(cfg).run()

Every step is pushed, whatever the trainer logs; every row it logs is kept, those of its evaluations too. Any architecture.
A MultiSAETrainer has a run for each of its SAEs, in one group, and one for the rows it logs of all of them.
"""

import dataclasses
import sys

from . import state_file
from .attachment import Attachment, check_word
from .process import words_of

STATE_NAME = "sae_metrics.state"  # in the folder of a checkpoint

# Losses that a step has a place for; others are logged under their own keys.
LOSSES = {"mse_loss": "mse_loss", "l1_loss": "l1_loss", "auxiliary_reconstruction_loss": "aux_reconstruction_loss"}


def attach(trainer, wandb="replace", *, runner_config=None, **arguments):
    """Pushes what this SAETrainer (or MultiSAETrainer) trains. Returns an `Attachment`: its `run`, and `detach`.

    wandb          "replace": while attached the trainer's wandb calls come to us; its logger's `log_to_wandb` says whether
                   the daemon forwards the run. "keep": its own wandb goes on as it is, and ours is not forwarded
    runner_config  of the runner, if there is one: the config that the run is shown with
    arguments      of `sae_metrics.init`, over what the trainer's config says

    Each checkpoint has the run's state in its folder; a trainer that loads one goes on exactly from there. A run that is
    asked to stop ends with a KeyboardInterrupt behind its step.
    """
    if hasattr(trainer, "trainers"):
        from .saelens_many import attach_many

        return attach_many(trainer, wandb, runner_config, arguments)
    known = arguments_of(trainer.cfg, trainer.sae.cfg, runner_config)
    attachment = SaeLensAttachment({**known, **arguments}, wandb, modules())
    attachment.listen(trainer)
    attachment.wrap(trainer, "fit", attachment.through)
    return attachment


def _push(attachment, trainer, output, logs):
    """One step, at the moment the trainer would log it: its schedulers have moved on, and it logs what they say now."""
    step = attachment.step_of(trainer.n_training_steps)
    coefficients = {name: scheduler.value for name, scheduler in trainer.coefficient_schedulers.items()}
    losses = {LOSSES[name]: value for name, value in output.losses.items() if name in LOSSES}
    attachment.log_activations(
        step,
        output.feature_acts,
        sae_in=output.sae_in,
        sae_out=output.sae_out,
        losses={"overall_loss": output.loss, **losses},
        optimizer=trainer.optimizer,
        l1_coefficient=coefficients.pop("l1", None),
        lp_norm=False,  # its norms are weighted, and given
    )
    is_told_by_trainer = logs and not attachment.offset
    if not is_told_by_trainer and (step + 1) % trainer.cfg.logger.wandb_log_frequency == 0:
        others = {"losses/" + name: value for name, value in output.losses.items() if name not in LOSSES}
        others.update(("metrics/" + name, value) for name, value in output.metrics.items())
        others.update(("details/%s_coefficient" % name, value) for name, value in coefficients.items())
        attachment.run.log({key: value() if callable(value) else value for key, value in others.items()}, step)


class SaeLensAttachment(Attachment):
    """Knows where SAELens loses count. It writes a checkpoint before it counts the step, so that a training which goes on
    from one has the number of that step twice, and windows with a step too many. The run goes on behind the step whose
    state it has: its steps are as far ahead of the trainer's as that takes, and what the trainer logs of its own steps and
    windows gives way to what is computed here."""

    STEP_ROWS = ("losses/", "metrics/", "sparsity/", "details/", "plots/")

    def __init__(self, *arguments):
        self.offset = 0
        self._is_counted = False
        super().__init__(*arguments)

    def listen(self, trainer, logs=None):
        """Pushes the steps of that trainer. logs: whether its own rows come to us, too; by default as its logger says."""
        logs = trainer.cfg.logger.log_to_wandb if logs is None else logs

        def train_step(original, *args, **kwargs):
            output = original(*args, **kwargs)
            self.guard(_push, self, trainer, output, logs)
            self.stop_if_asked()
            return output

        def save(original, checkpoint_path):
            original(checkpoint_path)
            self.note_checkpoint(checkpoint_path, "%s/%s" % (checkpoint_path, STATE_NAME))

        def load(original, checkpoint_path):
            original(checkpoint_path)
            self.go_on_from(state_in(checkpoint_path))

        self.claim(trainer)
        self.wrap(trainer, "_train_step", train_step)
        self.wrap(trainer, "save_trainer_state", save)
        self.wrap(trainer, "load_trainer_state", load)

    def finish(self, exception):
        if type(exception).__name__ == "InterruptedException":  # what its runner makes of SIGTERM, and of SIGINT
            self.run.finish(exit_code=1, state="preempted", words=words_of(exception))
        else:
            super().finish(exception)

    def go_on_from(self, state):
        super().go_on_from(state)
        self._is_counted = False

    def step_of(self, n_training_steps):
        if not self._is_counted:
            self._is_counted = True
            last = self.state["step"] if self.state is not None else None
            self.offset = 0 if last is None else max(0, last + 1 - n_training_steps)
        return n_training_steps + self.offset

    def row(self, data, step):
        if step is None:
            return data, step
        step = self.step_of(step)
        if self.offset and isinstance(data, dict):
            data = {key: value for key, value in data.items() if not str(key).startswith(self.STEP_ROWS)}
        return data, step


def state_in(checkpoint_path):
    """What a trainer with that checkpoint goes on from, or None."""
    return state_file.load("%s/%s" % (checkpoint_path, STATE_NAME))


def arguments_of(cfg, sae, runner_config=None):
    """Of `sae_metrics.init`, by a SAETrainerConfig and the config of its SAE."""
    from sae_lens.training.sae_trainer import SAETrainer

    return {
        **of_logger(cfg.logger),
        "config": config_of(cfg, {"sae": sae}) if runner_config is None else runner_config.to_dict(),
        "profile": "saelens" if hasattr(SAETrainer, "full_sparsity_window_log") else "saelens-legacy",
        "architecture": sae.architecture(),
        "d_sae": sae.d_sae,
        "d_in": sae.d_in,
        "wandb_log_frequency": cfg.logger.wandb_log_frequency,
        "feature_sampling_window": cfg.feature_sampling_window,
        "dead_feature_window": cfg.dead_feature_window,
        "train_batch_size": cfg.train_batch_size_samples,
        "context_size": getattr(runner_config, "context_size", None),
        "total_training_tokens": cfg.total_training_samples,
    }


def of_runner(runner, wandb, arguments):
    """The attachment of a LanguageModelSAETrainingRunner, before its trainer is there."""
    known = arguments_of(runner.cfg.to_sae_trainer_config(), runner.sae.cfg, runner.cfg)
    attachment = SaeLensAttachment({**known, **arguments}, wandb, modules())
    if runner.cfg.resume_from_checkpoint is not None:
        attachment.go_on_from(state_in(runner.cfg.resume_from_checkpoint))
    return attachment


def of_logger(logger):
    return {
        "project": logger.wandb_project,
        "entity": logger.wandb_entity,
        "name": logger.run_name,
        "id": logger.wandb_id,
        "log_to_wandb": bool(logger.log_to_wandb),
        "source": "saelens",
    }


def config_of(cfg, saes):
    config = {field.name: getattr(cfg, field.name) for field in dataclasses.fields(cfg)}
    return {**config, **{name: sae.to_dict() for name, sae in saes.items()}}


def modules():
    """Those of SAELens that are loaded: several of them log."""
    return [name for name in sys.modules if name.partition(".")[0] == "sae_lens"]


def autolog(wandb="replace", **arguments):
    """From now on every SAETrainer, MultiSAETrainer and runner of this process is attached while it runs. Returns an `Autolog`;
    a later call takes its place.

    wandb, arguments: as in `attach`, but for the id and the name, which each training's logger says.
    """
    from .saelens_autolog import Autolog

    check_word(wandb, "autolog")
    for only in ("id", "name"):
        if only in arguments:
            raise TypeError("autolog: %s is each training's own: its logger's run_name and wandb_id say it" % only)
    return Autolog(wandb, arguments)
