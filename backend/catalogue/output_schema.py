"""Reading a model's output schema: which of its fields holds the main file. Pure."""

from collections.abc import Mapping
from typing import Any

#: References are followed this far: a field, a list of it, a choice with null.
MAX_STEPS = 8
_REF_PREFIX = "#/components/schemas/"


def main_field(output: Any, components: Any = None) -> str | None:
    """The field of an output that holds its main file: the first video, else the first file; None: no word.

    output: the output's JSON Schema, or the name of the field itself. components: what its `$ref`s point to.
    """
    if isinstance(output, str):
        return output or None
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    schemas = schemas if isinstance(schemas, Mapping) else {}
    properties = _resolve(output, schemas).get("properties")
    if not isinstance(properties, Mapping):
        return None
    files = [str(name) for name, field in properties.items() if _is_file(field, schemas)]
    videos = [name for name in files if "video" in name.lower()]
    return next(iter(videos or files), None)


def _is_file(field: Any, schemas: Mapping[str, Any]) -> bool:
    """Does this field hold a file: an object with a link, a list of such, or one of a choice?"""
    waiting = [field]
    for _ in range(MAX_STEPS):
        if not waiting:
            break
        found = _resolve(waiting.pop(0), schemas)
        properties = found.get("properties")
        if isinstance(properties, Mapping) and "url" in properties:
            return True
        for key in ("anyOf", "oneOf", "allOf"):
            waiting += found[key] if isinstance(found.get(key), list) else []
        waiting += [found["items"]] if "items" in found else []
    return False


def _resolve(schema: Any, schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference points to, or the schema itself; {} for what is none."""
    for _ in range(MAX_STEPS):
        if not isinstance(schema, Mapping):
            return {}
        ref = schema.get("$ref")
        if not isinstance(ref, str):
            return schema
        schema = schemas.get(ref.removeprefix(_REF_PREFIX))
    return {}
