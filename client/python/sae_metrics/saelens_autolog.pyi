class Autolog:
    """Made by ``autolog``."""

    def detach(self) -> None: ...
