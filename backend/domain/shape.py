"""How deep a JSON value goes."""

from typing import Any

#: No model's input or output comes near this; Python's own limit for writing JSON is some ten times as far.
MAX_LEVELS = 60


def too_deep(value: Any, levels: int = MAX_LEVELS) -> bool:
    """Does this JSON value nest lists and objects more than `levels` deep?

    What could be read may still be too deep to be written, so depth is judged at the door.
    """
    level = [value]
    for _ in range(levels):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def _inside(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []
