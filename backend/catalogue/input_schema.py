"""Reading a model's input schema: references put in place, nonsense found, fields picked out.

The provider gives JSON Schema inside OpenAPI. What leaves here stands alone: no `$ref` is left in
it, so that checking it never looks anything up, and a form can be drawn from it as it is.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError

#: The largest schema known has about 3,000 nodes (lists of voices); more than this is a mistake or a trap.
MAX_NODES = 50_000
#: The deepest schema known has about 12 levels.
MAX_DEPTH = 60
#: Several times as many models as are on offer.
KNOWN_MAX = 10_000
#: What a schema of `params` keeps besides its properties; rules over several fields at once may speak
#: of the prompt, so they are left to the provider.
KEPT_KEYS = ("title", "description")
#: Pairs that contradict each other when the first is the larger.
LIMIT_PAIRS = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))
#: Only what has a meaning for us is checked as a format; the rest is the provider's affair.
FORMAT_CHECKER = FormatChecker(formats=())


@FORMAT_CHECKER.checks("uri")
def _is_link(value: object) -> bool:
    return not isinstance(value, str) or value.casefold().startswith(("https://", "http://", "data:"))


def build_validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """A schema, ready to check with as often as one likes: making it costs more than most checks."""
    return Draft202012Validator(dict(schema), format_checker=FORMAT_CHECKER)


def resolve_refs(schema: Any, components: Any = None) -> dict[str, Any]:
    """The schema of a model's input, with every `$ref` replaced by what it points to.

    Raises:
        ValueError: it makes no sense; the message says why, for a person.
    """
    if not isinstance(schema, Mapping):
        raise ValueError("the provider gives no schema for this model's input")
    try:
        found: dict[str, Any] = _Inliner({**schema, "components": components or {}}).walk(schema, ())
        _must_be_schema(found)
    except SchemaError as error:
        raise ValueError(f"the schema is not valid: {error.message[:200]}") from error
    except RecursionError as error:
        raise ValueError("the schema is nested too deeply") from error
    _sensible(found)
    return found


#: Digests of schemas that were found valid.
_known = set[bytes]()


def _must_be_schema(schema: dict[str, Any]) -> None:
    """Raise SchemaError if it is none. Each is looked at once: that takes longer than all else that is done
    with a listing, and every refresh brings the same ones again.
    """
    digest = hashlib.sha256(json.dumps(schema, default=repr).encode()).digest()
    if digest not in _known:
        Draft202012Validator.check_schema(schema)
        if len(_known) >= KNOWN_MAX:
            _known.clear()
        _known.add(digest)


class _Inliner:
    """Copies a schema and puts the targets of its references in their place."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.left = MAX_NODES

    def walk(self, node: Any, trail: tuple[str, ...], depth: int = 0) -> Any:
        """trail: the references that led here, to notice one that leads to itself."""
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            raise ValueError("the schema is too large")
        if isinstance(node, list):
            return [self.walk(item, trail, depth + 1) for item in node]
        if isinstance(node, str):
            return _text(node)
        if not isinstance(node, Mapping):
            return node
        if isinstance(node.get("$dynamicRef"), str):
            raise ValueError("the schema uses $dynamicRef, which is not understood here")
        ref = node.get("$ref")
        own = {
            _text(key): self.walk(value, trail, depth + 1)
            for key, value in _modern(node).items()
            if not (key in ("$ref", "$id") and isinstance(value, str))
            and not (depth == 0 and key in ("$schema", "$defs", "definitions"))
        }
        if not isinstance(ref, str):
            return own
        if ref in trail:
            raise ValueError(f"the schema refers to itself at {ref[:80]}")
        target = self.walk(self._target(ref), (*trail, ref), depth + 1)
        return {**target, **own}

    def _target(self, ref: str) -> Mapping[str, Any]:
        node: Any = self.root
        for part in ref.removeprefix("#/").split("/") if ref.startswith("#/") else [None]:
            key = None if part is None else part.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping):
            raise ValueError(f"the schema refers to {ref[:80]}, which is not there")
        return node


def _text(text: Any) -> str:
    """A text that can be kept and shown; ValueError for one that no database and no page can hold."""
    if "\0" in (text := str(text)) or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("the schema has characters that are no text (NUL, half a character)")
    return text


def _modern(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """OpenAPI 3.0 says by true or false whether a limit is itself allowed; JSON Schema has two limits."""
    changed = dict(node)
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(node.get(exclusive), bool) and changed.pop(exclusive) and limit in node:
            changed[exclusive] = changed.pop(limit)
    return changed


def _sensible(schema: dict[str, Any]) -> None:
    """Refuse what is valid as a schema and still fits no request that could be made."""
    properties = schema.get("properties")
    if schema.get("type", "object") != "object" or not properties:
        raise ValueError("the schema lists no inputs")
    for name in schema.get("required", []):
        if name not in properties:
            raise ValueError(f"the schema requires {name[:80]}, which it does not describe")
    for name, prop in properties.items():
        if not isinstance(prop, dict):
            raise ValueError(f"the schema does not describe {name[:80]}")
        for part in (prop, *flat_alternatives(prop)):
            _possible(name[:80], part)


def _possible(name: str, prop: dict[str, Any]) -> None:
    if prop.get("enum") == []:
        raise ValueError(f"the schema allows no value for {name}")
    for low, high in LIMIT_PAIRS:
        if prop.get(low, 0) > prop.get(high, float("inf")) and low in prop:
            raise ValueError(f"the schema allows no value for {name}: {low} is above {high}")


def flat_alternatives(prop: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a field (`anyOf` and the like), flat."""
    listed = [part for key in ("anyOf", "oneOf", "allOf") for part in prop.get(key, [])]
    return [part for part in listed if isinstance(part, dict)]


def is_text(prop: Mapping[str, Any]) -> bool:
    """May this field be a text? Also where null or something else is allowed besides."""
    parts = (prop, *flat_alternatives(prop))
    return any("string" in _types(part) for part in parts)


def _types(part: Mapping[str, Any]) -> list[str]:
    kind = part.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def text_limits(prop: Mapping[str, Any]) -> tuple[int, int | None]:
    """The fewest and the most characters of a text field; None: as many as one likes."""
    parts = [part for part in (prop, *flat_alternatives(prop)) if "maxLength" in part or "minLength" in part]
    most = [int(part["maxLength"]) for part in parts if "maxLength" in part]
    least = [int(part["minLength"]) for part in parts if "minLength" in part]
    return max(least, default=0), min(most, default=None)


def first_text_field(properties: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of these names that is a text field of the model."""
    return next((name for name in names if name in properties and is_text(properties[name])), None)


def field_order(schema: Mapping[str, Any]) -> list[str]:
    """The names of an input's fields, in the model's own order."""
    properties = schema.get("properties", {})
    first = [name for name in schema.get("x-fal-order-properties", []) if isinstance(name, str)]
    return [*dict.fromkeys(name for name in (*first, *properties) if name in properties)]


def without_fields(schema: Mapping[str, Any], names: set[str | None]) -> dict[str, Any]:
    """The schema of `params`: the input without these fields, in the model's own order, and closed."""
    properties = schema["properties"]
    left = [name for name in field_order(schema) if name not in names]
    return {
        "type": "object",
        **{key: schema[key] for key in KEPT_KEYS if key in schema},
        "properties": {name: properties[name] for name in left},
        "required": [name for name in schema.get("required", []) if name in left],
        "x-fal-order-properties": left,
        "additionalProperties": False,
    }
