from typing import Any, Literal

from .attachment import Attachment
from .saelens_autolog import Autolog

def attach(trainer: Any, wandb: Literal["replace", "keep"] = ..., *, runner_config: Any = ..., **arguments: Any) -> Attachment: ...
def autolog(wandb: Literal["replace", "keep"] = ..., **arguments: Any) -> Autolog: ...
