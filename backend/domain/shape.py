"""JSON that came from elsewhere is read only as deep as it may go."""

import json
import re
from typing import Any

#: No model's input or output comes near this.
MAX_LEVELS = 60
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def load_json(body: bytes | str, *, levels: int = MAX_LEVELS, **options: Any) -> Any:
    """The value, as `json.loads` reads it with these options.

    Depth is judged before: a parser that comes to Python's own limit leaves no room for what runs in between,
    such as the garbage collector and what it ends. And what can be read may be too deep to be written.

    Raises:
        ValueError: it is no JSON, or lists and objects nest more than `levels` deep.
    """
    text = body if isinstance(body, str) else body.decode(json.detect_encoding(body), "surrogatepass")
    if text.count("[") + text.count("{") > levels:
        level = 0
        for bracket in _BRACKET.finditer(_STRING.sub("", text)):
            level += 1 if bracket[0] in "[{" else -1
            if level > levels:
                raise ValueError(f"it nests more than {levels} levels deep")
    return json.loads(text, **options)
