"""Reading a model's output schema: which of its fields hold files, and which the main one. Pure."""

from collections.abc import Mapping
from typing import Any

#: References are followed this far: a field, a list of it, a choice with null.
MAX_STEPS = 8
_REF_PREFIX = "#/components/schemas/"


#: What models call the file that they are asked for, the surest first.
MAIN_NAMES = ("video", "videos", "output", "outputs", "result", "results")
#: Words of fields that hold something beside it.
_BESIDE = frozenset(
    {"cover", "thumbnail", "thumb", "poster", "preview", "frame", "keyframe", "mask", "depth", "alpha"}
    | {"input", "source", "first", "last", "image", "audio"}
)


def main_field(output: Any, components: Any = None) -> str | None:
    """The field of an output that holds its main file; None: no word.

    It is one of `MAIN_NAMES`, else the first that names a video, else the first file; what names something
    beside a video comes last. output, components: as `file_fields`.
    """
    files = file_fields(output, components)
    usual = [name for known in MAIN_NAMES for name in files if name.lower() == known]
    plain = [name for name in files if not _BESIDE & {word.rstrip("s") for word in name.lower().split("_")}]
    videos = [name for name in plain if "video" in name.lower()]
    return next(iter(usual or videos or plain or files), None)


def file_fields(output: Any, components: Any = None) -> tuple[str, ...]:
    """The fields of an output that hold files.

    output: the output's JSON Schema, or the name of the one field. components: what its `$ref`s point to.
    """
    if isinstance(output, str):
        return (output,) if output else ()
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    schemas = schemas if isinstance(schemas, Mapping) else {}
    properties = _resolve(output, schemas).get("properties")
    if not isinstance(properties, Mapping):
        return ()
    return tuple(str(name) for name, field in properties.items() if _is_file(field, schemas))


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
