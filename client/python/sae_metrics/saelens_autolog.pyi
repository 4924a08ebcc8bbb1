from .attachment import Attachment

class Autolog:
    """Made by ``autolog``."""

    attachments: list[Attachment]
    def detach(self) -> None: ...
