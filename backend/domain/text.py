"""Text that people give: what may be in it."""

import re
from collections.abc import Mapping
from typing import Any

#: What no text may hold, by what is said of it. Of the control characters, lines and tabs belong in a
#: prompt. A direction mark turns what follows it, so that a text reads unlike what is sent; right-to-left
#: text itself needs none.
_UNFIT = re.compile(
    r"(?P<turning>[\u202a-\u202e\u2066-\u2069])|(?P<half>[\ud800-\udfff])"
    r"|(?P<control>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f])"
)


def fault_in(text: str) -> str | None:
    """What is wrong with a text as a prompt or label, for a person; None when nothing is."""
    found = _UNFIT.search(text)
    if found is None:
        return None
    what = {
        "turning": f"an invisible direction mark ({_name(found[0])})",
        "half": "half a character (a lone surrogate)",
        "control": f"a control character ({_name(found[0])})",
    }[str(found.lastgroup)]
    return f"holds {what} at character {found.start() + 1}; remove it"


def describe_kind(value: Any) -> str:
    """What a value that is of the wrong kind is, in words."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "nothing")


def _name(char: str) -> str:
    return f"U+{ord(char):04X}"
