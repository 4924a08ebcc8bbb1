"""The errors of W&B's SDK, under its names: what a trainer catches. Here they are kinds of `sae_metrics.Error`, too."""

from ..errors import Error as _Error


class Error(_Error):
    """As wandb.Error: the SDK was used wrongly, e.g. `log` before `init`."""

    def __init__(self, message="", context=None):
        super().__init__(message)
        self.message = message
        self.context = context or {}


class CommError(Error):
    """Never raised here: whoever logs does not wait for a network."""


class AuthenticationError(CommError):
    """Never raised here."""


class UsageError(Error):
    """As wandb.errors.UsageError."""


class UnsupportedError(UsageError):
    """As wandb.errors.UnsupportedError: something that only the real SDK can do."""


class ConfigError(Error):
    """An entry of the config was to get another value, without allow_val_change."""
