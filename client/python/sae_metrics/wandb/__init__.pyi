"""In the place of W&B's SDK, whose values are of any type."""

from typing import Any

def __getattr__(name: str) -> Any: ...
