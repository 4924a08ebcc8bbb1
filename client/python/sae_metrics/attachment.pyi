from types import TracebackType
from typing import TypeVar

from . import Run

_SelfAttachment = TypeVar("_SelfAttachment", bound="Attachment")

class Attachment:
    """Made by ``attach``."""

    last_step: int | None
    @property
    def run(self) -> Run: ...
    def detach(self) -> None: ...
    def __enter__(self: _SelfAttachment) -> _SelfAttachment: ...
    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
