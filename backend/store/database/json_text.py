"""Values of JSON columns as text."""

import json
import math
from typing import Any

#: `json.dumps` makes one anew for each value when it is given options.
_WRITER = json.JSONEncoder(allow_nan=False)


def encode_json(value: Any) -> str:
    """JSON as both databases take it: the numbers that JSON does not have become words."""
    try:
        return _WRITER.encode(value)
    except ValueError:
        return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
