from . import Run

class Attachment:
    """Made by ``attach``."""

    last_step: int | None
    @property
    def run(self) -> Run: ...
    def detach(self) -> None: ...
