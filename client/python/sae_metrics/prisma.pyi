from typing import Any, Literal

from .attachment import Attachment

def attach(trainer: Any, wandb: Literal["replace", "keep"] = ..., *, resume_from: str | None = ..., **arguments: Any) -> Attachment: ...
