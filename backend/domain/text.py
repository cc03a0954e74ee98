"""Text that people give: what may be in it. Standard library only."""

import unicodedata
from collections.abc import Mapping
from typing import Any

#: Control characters that belong in a prompt.
ALLOWED_CONTROLS = frozenset("\n\r\t")
#: Characters that turn the direction of what follows, so that a text reads unlike what is sent
#: (U+202A–U+202E, U+2066–U+2069). Right-to-left text itself needs none of them.
BIDI_CONTROLS = frozenset(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))


def fault_in(text: str) -> str | None:
    """What is wrong with a text as a prompt or label, for a person; None when nothing is."""
    for position, char in enumerate(text, start=1):
        if char in BIDI_CONTROLS:
            return f"holds an invisible direction mark ({_name(char)}) at character {position}; remove it"
        if "\ud800" <= char <= "\udfff":
            return f"holds half a character (a lone surrogate) at character {position}; remove it"
        if unicodedata.category(char) == "Cc" and char not in ALLOWED_CONTROLS:
            return f"holds a control character ({_name(char)}) at character {position}; remove it"
    return None


def kind(value: Any) -> str:
    """What a value that is of the wrong kind is, in words."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "nothing")


def _name(char: str) -> str:
    return f"U+{ord(char):04X}"
