"""ViT-Prisma's trainer: ``sae_metrics.prisma.attach(trainer)``, before ``trainer.run()``.

    trainer = VisionSAETrainer(cfg, model, dataset, eval_dataset)
    sae_metrics.prisma.attach(trainer)
    trainer.run()

Every step is pushed, whatever the trainer logs; every row it logs is kept. Standard, gated and top-k autoencoders, and
transcoders.
"""

import inspect
import os

from . import state_file
from .attachment import Attachment, modules_of
from .patches import listening

STATE_SUFFIX = ".sae_metrics"  # of the file beside a checkpoint
FORWARD = "sae_out feature_acts loss mse_loss l1_loss ghost_grad_loss aux_reconstruction_loss".split()

# Of the suffix that the trainer appends to its keys where an entry of its config is a list.
SUFFIX_NAMES = {"hook_point_layer": "layer", "l1_coefficient": "coeff", "lp_norm": "l", "lr": "lr"}


def attach(trainer, wandb="replace", *, resume_from=None, **arguments):
    """Pushes what this VisionSAETrainer trains. Returns an `Attachment`: its `run`, and `detach`.

    wandb        "replace": while attached the trainer's wandb calls come to us; its `log_to_wandb` says whether the daemon
                 forwards the run. "keep": its own wandb goes on as it is, and ours is not forwarded
    resume_from  the path of one of its checkpoints: the run goes on exactly from there
    arguments    of `sae_metrics.init`, over what the trainer's config says

    Each checkpoint has the run's state beside it, in a file named as it with ".sae_metrics" behind. A run that is asked to
    stop ends with a KeyboardInterrupt behind its step.
    """
    attachment = Attachment({**_arguments(trainer), **arguments}, wandb, modules_of(trainer))
    if resume_from is not None:
        attachment.go_on_from(state_file.load(os.fspath(resume_from) + STATE_SUFFIX))
    signature = inspect.signature(trainer.train_step)

    attachment.claim(trainer)

    def train_step(original, *args, **kwargs):
        given = signature.bind(*args, **kwargs)
        sae, of_step = given.arguments["sparse_autoencoder"], dict(given.arguments)
        given.arguments["sparse_autoencoder"] = _Heard(
            sae, lambda inputs, outputs: attachment.guard(_push, attachment, trainer, of_step, inputs, outputs)
        )
        result = original(*given.args, **given.kwargs)
        attachment.stop_if_asked()
        return result

    def checkpoint(original, sae, *args, **kwargs):
        with listening(sae, "save_model") as heard:
            result = original(sae, *args, **kwargs)
        for path in heard:
            attachment.note_checkpoint(path, str(path) + STATE_SUFFIX)
        return result

    attachment.wrap(trainer, "train_step", train_step)
    attachment.wrap(trainer, "checkpoint", checkpoint)
    attachment.wrap(trainer, "run", attachment.through)
    return attachment


class _Heard:
    """A module, but for its first call, whose inputs and outputs are heard: of a step, the first pass is the training's. A hook
    would be part of what torch.compile compiles. Who asks for its class, or copies it, has the module's."""

    def __init__(self, module, hear):
        vars(self).update(_module=module, _hear=hear)

    def __call__(self, *inputs, **named):
        outputs = self._module(*inputs, **named)
        hear, vars(self)["_hear"] = self._hear, None
        if hear is not None:
            hear(inputs, outputs)
        return outputs

    __class__ = property(lambda self: type(self._module))

    def __reduce_ex__(self, protocol):
        return self._module.__reduce_ex__(protocol)

    def __getattr__(self, name):
        return getattr(self._module, name)

    def __setattr__(self, name, value):
        setattr(self._module, name, value)


def _push(attachment, trainer, given, inputs, outputs):
    """One step, at the moment its forward pass is done: the learning rate is still the one it uses."""
    sae, step = given["sparse_autoencoder"], given["n_training_steps"]
    heard = dict(zip(FORWARD, outputs))
    coefficient = getattr(sae, "l1_coefficient", None)
    losses = {"mse_loss": heard["mse_loss"], "overall_loss": heard["loss"], "ghost_grad_loss": heard["ghost_grad_loss"]}
    if heard["l1_loss"] is None:
        losses["l1_loss"] = 0.0
    elif coefficient:
        losses["l1_loss"] = heard["l1_loss"].detach() / coefficient  # the trainer logs it without
    if trainer.cfg.architecture == "gated":
        losses["aux_reconstruction_loss"] = heard.get("aux_reconstruction_loss")
    attachment.log_activations(
        step,
        heard["feature_acts"],
        sae_in=inputs[0],
        sae_out=heard["sae_out"],
        target=inputs[1] if trainer.is_transcoder else None,
        losses=losses,
        optimizer=given["optimizer"],
        l1_coefficient=coefficient,
        lp_norm=getattr(sae, "lp_norm", None),
    )


def _arguments(trainer):
    """Of `sae_metrics.init`, by the trainer's VisionModelSAERunnerConfig."""
    cfg = trainer.cfg
    sae = trainer.sparse_coder
    return {
        "project": cfg.wandb_project.replace(":", "_"),
        "name": cfg.run_name.replace(":", "_"),
        "entity": cfg.wandb_entity,
        "config": cfg,
        "profile": "prisma",
        "architecture": _architecture(trainer),
        "key_suffix": _key_suffix(sae.cfg),
        "d_sae": int(cfg.d_sae),
        "log_to_wandb": bool(cfg.log_to_wandb),
        "source": "prisma",
        # Its own check for bad runs is part of its logging: without that, nothing stops it.
        **({} if cfg.log_to_wandb else {"min_l0": 0, "min_explained_variance": 0}),
    }


def _architecture(trainer):
    if trainer.is_transcoder:
        return "topk" if trainer.cfg.activation_fn_str == "topk" else "transcoder"
    if trainer.cfg.architecture == "gated":
        return "gated"
    return "topk" if trainer.cfg.activation_fn_str == "topk" else "standard"


def _key_suffix(cfg):
    return "".join(
        "_%s%s" % (SUFFIX_NAMES.get(key, key), value) for key, value in vars(cfg).items() if isinstance(value, list)
    )
