"""Values that are read as attributes, or by their names as from JSON."""

from typing import Any


class Fields:
    """A dataclass whose fields also answer to `[name]`."""

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None
