"""``import sae_metrics.wandb as wandb``: what trainers use of W&B's SDK, kept by sae-metricsd.

    import sae_metrics.wandb as wandb

    run = wandb.init(project="clip-b32", name="l9-x16", config=cfg)
    wandb.log({"losses/mse_loss": 0.25}, step=10)
    wandb.finish()

The run is the daemon's, which keeps every value and forwards it to W&B (not in mode "offline"); nothing here waits for
a network. `init`, `log`, `Histogram`, `config`, `summary`, `run`, `finish` and `alert` do what the SDK's do. A trainer
that is not to be touched gets it from ``sys.modules["wandb"] = sae_metrics.wandb`` before it imports wandb.

What differs:

* Rows are made by the SDK's rules, except that a step below the newest is not thrown away. Where all keys of such a row come
  again, the trainer began again (a loop went back to its checkpoint): its values are another attempt of the run, beside those
  there are, and W&B gets what is above them. Any other value is late: it is kept under its step, and not forwarded.
* A value that cannot be kept (a histogram of NaN, a list, an object) is said once, counted, and left out; the rest of
  its row is kept. SAE_METRICS_STRICT=1 raises `sae_metrics.Error` instead.
* `define_metric`, `watch`, `save`, `restore`, `login` and the like are accepted and do nothing.
* Artifacts and media are not for the daemon. Their classes are the real wandb's where it is installed, else stand-ins,
  so that a trainer which makes them goes on. Logged, they go to the run that the user himself has open with the real
  wandb, if he has one. Otherwise they are refused, aloud and once, and counted: no run is opened for them, because W&B
  would then have two of one training. An artifact that is used (`use_artifact`) has nothing to download: that raises.
  Where this module is ``sys.modules["wandb"]`` the real one is not imported, since its parts import each other under
  that name: there they are stand-ins.

`Session` is the same face as an object, e.g. over a run that exists: ``Session(run=sae_metrics.init(...))``.
"""

from . import _imports, errors, util
from ._session import (
    AlertLevel,
    CommError,
    Config,
    Error,
    Histogram,
    Run,
    Session,
    Settings,
    UsageError,
    SDK_VERSION as __version__,
)

is_sae_metrics = True

_session = Session()

init = _session.init
log = _session.log
finish = join = _session.finish
define_metric = _session.define_metric
alert = _session.alert
log_artifact = _session.log_artifact
use_artifact = _session.use_artifact
log_model = _session.log_model
use_model = _session.use_model
link_model = _session.link_model
mark_preempting = _session.mark_preempting
pin_config_keys = _session.pin_config_keys
watch = _session.watch
unwatch = _session.unwatch
save = _session.save
restore = _session.restore
login = _session.login
setup = _session.setup
teardown = _session.teardown
require = _session.require
ensure_configured = _session.ensure_configured
termlog = _session.termlog
termwarn = _session.termwarn
termerror = _session.termerror


def __getattr__(name):
    """`run`, `config` and `summary`, which change; artifacts and media."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_session, name)


_imports.install()
