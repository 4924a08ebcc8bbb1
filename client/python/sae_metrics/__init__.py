"""sae_metrics: push a sparse autoencoder's raw training statistics to sae-metricsd, and forget about them.

    import sae_metrics

    run = sae_metrics.init(project="clip-b32", name="l9-x16", config=cfg, d_sae=24576, train_batch_size=4096)
    for step, x in enumerate(batches):
        ...
        run.log_activations(step, feature_acts=acts, sae_in=x, sae_out=y,
                            losses=dict(mse_loss=mse, l1_loss=l1, overall_loss=loss), optimizer=opt)
    run.finish()

A log call costs a memory copy. The daemon computes the metrics exactly as the reference trainers do, keeps them in one
SQLite file, and shows them: ``sae-metricsd status``. Where there is no daemon, one is started; none at all is one line on stderr,
not an error. ``python -m sae_metrics selftest`` tries all of it.

Environment: ``SAE_METRICS_SOCKET`` (where the daemon is), ``SAE_METRICS_AUTOSTART=0`` (none is started for you),
``SAE_METRICS=off`` (all of this does nothing),
``SAE_METRICS_QUIET=1`` (nothing on stderr), ``SAE_METRICS_STRICT=1`` (what goes wrong raises `Error`, for tests),
``SAE_METRICS_LIBRARY`` (the path of libsae-metrics.so.0), ``SAE_METRICS_SIGTERM=0`` (SIGTERM is left alone).
"""

from . import autostart as _autostart, native as _native, process as _process
from .errors import Error, complain as _complain, say as _say, switched_off as _switched_off
from .many import RunGroup
from .options import KNOWN_SCALARS, Settings as _Settings
from .run import Run, Stats

__version__ = "0.1.0"
__all__ = ["Error", "KNOWN_SCALARS", "Run", "RunGroup", "Stats", "init", "init_many"]


def __getattr__(name):
    """The trainers' hooks, the stand-in for wandb and what reads, loaded when they are first used."""
    if name in ("prisma", "saelens", "wandb"):
        from importlib import import_module

        return import_module("." + name, __name__)
    if name in ("open", "Database"):
        from . import database

        return getattr(database, name)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))


def init(
    project=None,
    name=None,
    *,
    id=None,
    group=None,
    tags=None,
    notes=None,
    job_type=None,
    entity=None,
    config=None,
    profile=None,
    architecture=None,
    key_suffix=None,
    d_sae=None,
    d_in=None,
    wandb_log_frequency=None,
    feature_sampling_window=None,
    dead_feature_window=None,
    train_batch_size=None,
    context_size=None,
    total_training_tokens=None,
    total_training_steps=None,
    num_images=None,
    num_epochs=None,
    tokens_per_image=None,
    thresholds=None,
    min_l0=None,
    min_explained_variance=None,
    l1_coefficient=None,
    lp_norm=None,
    scalars=None,
    log_to_wandb=None,
    wandb_key=None,
    private=None,
    resume=None,
    rank=None,
    world_size=None,
    launch=None,
    ranks=None,
    rank_grace=None,
    outbox_bytes=None,
    when_full="drop_newest",
    socket=None,
    source=None,
):
    """Begins a run and returns at once, daemon or no daemon. Raises only TypeError and ValueError, for wrong arguments.

    project, name, id, group, tags, notes, job_type, entity: as in wandb.init. The id is 1 ... 64 of [A-Za-z0-9_-];
    by default 8 random ones of [a-z0-9].

    config: a dict, a dataclass or an object. Kept with the run; and what below is marked * defaults from its entry or
    attribute of the same name.

    profile: whose metrics, under whose names: "prisma" (ViT-Prisma, the default; its mse_loss is the mean over rows and
    columns of the squared error / the row's distance from the batch's mean), "saelens" or "native" (both: the mean over
    rows of the squared error's sum). "saelens" is SAELens since 6.54.4; "saelens-legacy" the one before, whose windows
    closed a step earlier.
    architecture *: "standard" (default), "gated" (adds the auxiliary loss), "topk", ... key_suffix: appended to keys.
    d_sae *: number of features. Needed for counts. d_in *: width of the input.

    wandb_log_frequency * (10): every how many steps a row of metrics is logged.
    feature_sampling_window * (1000): steps over which a feature's density is taken, 2 or more.
    dead_feature_window * (5000): a feature silent for more steps than that is dead.
    train_batch_size *, context_size *: rows (tokens) of a batch; tokens of an image or context.
    total_training_tokens *, or total_training_steps *, or num_images *, num_epochs * and tokens_per_image *: how much
    there is to do, for progress and time left.
    thresholds: up to 16 further densities (0 ... 1] to count features below.
    min_l0 *, min_explained_variance *: the run is asked to stop when both are undercut on a logged row; 0: no bound.
    l1_coefficient *, lp_norm * (1): defaults of `Run.log_activations`.
    scalars: names of your own numbers, to be kept with every step given to `Run.log_step`.

    log_to_wandb * (False): whether the daemon forwards this run to W&B. private: True: only its
    user and the daemon's administrators see it, False: everybody does; not given: as it was, at first everybody.
    wandb_key: the W&B key it does so with; kept in memory only. None: yours, as wandb would find it ($WANDB_API_KEY,
    ~/.netrc), is handed to a daemon that runs as you. True: to any daemon. "...": this one, to any daemon. False: none.
    A key that was found is for the W&B it was found for ($WANDB_BASE_URL), and not used by a daemon that forwards elsewhere.
    Without one the daemon uses its own, if it has one.
    resume: "allow" (default: a run of that id goes on), "never", "must".
    rank, world_size: one process a run by default, whatever the environment says. With several on this host give each
    its rank, and all of them the same id and launch: any text that is another one at each start (both have defaults
    under torchrun and Slurm).
    ranks: "torch", after torch.distributed.init_process_group and on all its ranks: they log one run, each its own part of
    every batch, at the same steps. What the run is called and set to is rank 0's. See `Run` for what that means.
    rank_grace (120): for so many seconds a rank that does not come is waited for, here and in `log_activations`.

    outbox_bytes: what may wait here for the daemon (64 MiB or 16 steps, whichever is more; touched only when used).
    when_full: "drop_newest" (default), "drop_oldest", or for how many seconds a log call waits for room.
    socket: the daemon's; by default $SAE_METRICS_SOCKET, $XDG_RUNTIME_DIR/sae-metricsd/socket,
    /tmp/sae-metricsd-UID/socket or /run/sae-metricsd/socket. Where none of the last three answers, one is started for you, which
    ends when nobody has needed it for ten minutes; $SAE_METRICS_AUTOSTART=0 refuses. source: what pushes, as information.
    """
    settings, library = _Settings(dict(locals())), _library()
    if library is not None:
        _autostart.ensure_daemon(library, settings.socket)
    return Run(settings, library, _meet(settings, library is not None))


def init_many(names, *, group=None, each=None, **shared):
    """Several runs at once: ``init_many(["l1-1e-4", "l1-4e-4"], group="sweep", each=[{"config": a}, {"config": b}])``.

    names: one a run. each: further arguments of `init`, a dict a run. shared: arguments of `init` for all of them.
    Returns a `RunGroup`, whose log calls take arrays with a leading axis of runs.
    """
    names = list(names)
    each = [{}] * len(names) if each is None else list(each)
    if len(each) != len(names):
        raise ValueError("init_many: %d names, but each has %d dicts" % (len(names), len(each)))
    for only in ("name", "id"):
        if only in shared:
            raise TypeError("init_many: %s is each run's own: give it in names or each" % only)
    return RunGroup(init(name=name, group=group, **{**shared, **own}) for name, own in zip(names, each))


def _meet(settings, is_on):
    """What came of meeting the other ranks; None where there are none."""
    if settings.ranks is None:
        return None
    from . import ranks

    return ranks.join(settings, is_on)


def _library():
    """libsae-metrics, or None: then runs are inert."""
    if _switched_off():
        return None
    if _process.is_beginning_in_a_child():
        _say("init while multiprocessing imports the main module again: no second run: guard what is to happen once by "
             "if __name__ == \"__main__\"")
        return None
    try:
        return _native.load()
    except OSError as problem:
        _complain("%s: nothing is logged" % problem)
        return None
