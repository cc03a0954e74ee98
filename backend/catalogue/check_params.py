"""What is wrong with a request's `params`, in words for the person who wrote them.

The model's JSON Schema decides (draft 2020-12); this module turns its verdicts into sentences.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any

from jsonschema.exceptions import ValidationError

from backend.catalogue.models import VideoModel

#: How much of what was given is repeated in a message (characters).
VALUE_MAX_CHARS = 80
#: How many allowed values a message lists: a list of 600 voices helps nobody.
MAX_CHOICES = 20
#: How many faults are named before the rest is only mentioned: an answer stays readable and small.
MAX_FAULTS = 100
#: Deeper than this no model's input goes, and Python's own limit is near.
MAX_DEPTH = 30
#: Beyond 64 bits a number does not arrive as it was sent.
MAX_NUMBER = 2**64

TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def check_params(model: VideoModel, params: Mapping[str, Any], *, partial: bool = False) -> dict[str, str]:
    """What is wrong with `params`, by field: {"params.duration": "must be one of 5, 10; you gave 7"}.

    Every fault is named, unknown names too, with what to do; {} when all is well. Types are strict:
    "5" is not 5, and true is not 1. At most 80 characters of what was given are repeated.
    partial: more is to come, and what is missing is no fault.
    """
    if not isinstance(params, Mapping):
        return {"params": f"must be an object of names and values; you gave {format_value(params)}"}
    elsewhere = {name: "prompt" for name in (model.prompt_field,) if name}
    elsewhere |= {name: "image" for name in (model.image_field,) if name}
    unsound, sound = _parted(params)
    said: dict[str, list[tuple[str, str]]] = {path: [("json", why)] for path, why in unsound.items()}
    for error in model.validator.iter_errors(sound):
        for path, rule, message in _sentences(error, elsewhere):
            if rule == "required" and (partial or path in unsound):
                continue
            said.setdefault(path, []).append((rule, message))
            if len(said) > MAX_FAULTS:
                del said[path]
                return {**_joined(said), "params": "has more faults than are named here"}
    return _joined(said)


def _parted(params: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """What could not be sent as it is (field -> why), and the rest, which is safe to check."""
    unsound: dict[str, str] = {}
    sound: dict[str, Any] = {}
    for name, value in params.items():
        why = _unsound({name: value}, 0)
        if why is None:
            sound[name] = value
        elif len(unsound) < MAX_FAULTS:
            unsound[_below("params", str(name))] = why
    return unsound, sound


def _joined(said: Mapping[str, list[tuple[str, str]]]) -> dict[str, str]:
    """One sentence a field. A list of what is allowed says it all; a type besides would only repeat it."""
    joined = {}
    for path, pairs in said.items():
        listed = [message for rule, message in pairs if rule in ("enum", "const")]
        joined[path] = "; ".join(dict.fromkeys(listed or [message for _, message in pairs]))
    return joined


def format_value(value: Any) -> str:
    """A value as JSON, at most 80 characters of it, without characters that hide or turn text."""
    some = value[: VALUE_MAX_CHARS + 1] if isinstance(value, str) else value
    text = json.dumps(some, ensure_ascii=False, default=str)
    return f"{_plain(text[:VALUE_MAX_CHARS])}…" if len(text) > VALUE_MAX_CHARS else _plain(text)


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


# -- values that no JSON text holds -----------------------------------------------------------


def _unsound(value: Any, depth: int) -> str | None:
    """Why a value could not be sent, or kept, as it is; None when it could."""
    if depth > MAX_DEPTH:
        return "is nested too deeply"
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) and not _unkeepable(name) for name in value):
            return "has a name that is no text; write another"
        value = list(value.values())
    if isinstance(value, list):
        return next((why for item in value if (why := _unsound(item, depth + 1))), None)
    if isinstance(value, str):
        return "has characters that are no text (NUL, half a character)" if _unkeepable(value) else None
    if isinstance(value, int | float):
        sound = abs(value) < MAX_NUMBER  # never so for NaN
        return None if sound else "must be a finite number below 2^64"
    return None if value is None else f"must be JSON; you gave a Python {type(value).__name__}"


def _unkeepable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)


# -- verdicts into sentences ------------------------------------------------------------------


def _sentences(error: ValidationError, elsewhere: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(field, rule, sentence) for one verdict of the schema."""
    path, rule = _path(error.absolute_path), str(error.validator)
    said: Any = error.validator_value
    given: Any = error.instance
    if rule == "additionalProperties":
        yield from ((_below(path, name), rule, text) for name, text in _unknown(error, elsewhere))
    elif rule == "required":
        for name in said:
            if name not in given:
                yield _below(path, name), rule, "is missing; this model needs it"
    elif rule in ("anyOf", "oneOf") and error.context:
        yield from _alternatives(error, path, rule, elsewhere)
    else:
        yield path, rule, _sentence(rule, said, given)


def _unknown(error: ValidationError, elsewhere: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The names that an object has and may not have."""
    instance: Any = error.instance
    known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    top = not error.absolute_path
    for name in instance:
        if name in known:
            continue
        if top and name in elsewhere:
            yield name, f"belongs in `{elsewhere[name]}`, not in `params`"
            continue
        near = get_close_matches(name[:VALUE_MAX_CHARS], known, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        yield name, f"is not known to this model; leave it out{hint}"


def _alternatives(
    error: ValidationError, path: str, rule: str, elsewhere: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Of several forms, speak of the one that was meant; where that can't be told, name them all."""
    said: Any = error.validator_value
    forms: dict[int, list[ValidationError]] = {}
    for inner in error.context or []:
        forms.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    open_forms = [index for index in forms if _kind(said[index]) != "null"]
    chosen = _meant(forms, open_forms, ("type", "enum", "const"))
    chosen = _meant(forms, open_forms, ("type",)) if chosen is None else chosen
    if chosen is None and len(open_forms) == 1:
        chosen = open_forms[0]
    if chosen is not None:
        for inner in forms[chosen]:
            yield from _sentences(inner, elsewhere)
        return
    kinds = dict.fromkeys(TYPE_NAMES.get(_kind(said[index]), "another form") for index in open_forms)
    message = f"must be {' or '.join(kinds)}, as the model describes it"
    yield path, rule, f"{message}; you gave {format_value(error.instance)}"


def _meant(
    forms: Mapping[int, list[ValidationError]], candidates: list[int], rules: tuple[str, ...]
) -> int | None:
    """The one form that a value breaks only inside, or by less than these rules; None unless just one."""
    fitting = [
        index
        for index in candidates
        if not any(inner.validator in rules and not inner.relative_path for inner in forms[index])
    ]
    return fitting[0] if len(fitting) == 1 else None


def _kind(form: Any) -> str:
    return str(form.get("type", "")) if isinstance(form, Mapping) else ""


def _choices(values: Iterable[Any]) -> str:
    listed = [format_value(value) for value in islice(values, MAX_CHOICES + 1)]
    return ", ".join(listed[:MAX_CHOICES]) + (" …" if len(listed) > MAX_CHOICES else "")


def _kinds(kinds: Any) -> str:
    names = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(TYPE_NAMES.get(name, str(name)) for name in names)


#: rule -> (what the schema says, what was given) -> the sentence
RULE_MESSAGES: dict[str, Callable[[Any, Any], str]] = {
    "enum": lambda rule, given: f"must be one of {_choices(rule)}; you gave {format_value(given)}",
    "const": lambda rule, given: f"must be {format_value(rule)}; you gave {format_value(given)}",
    "type": lambda rule, given: f"must be {_kinds(rule)}; you gave {format_value(given)}",
    "minimum": lambda rule, given: f"must be at least {rule}; you gave {format_value(given)}",
    "maximum": lambda rule, given: f"must be at most {rule}; you gave {format_value(given)}",
    "exclusiveMinimum": lambda rule, given: f"must be more than {rule}; you gave {format_value(given)}",
    "exclusiveMaximum": lambda rule, given: f"must be less than {rule}; you gave {format_value(given)}",
    "multipleOf": lambda rule, given: f"must be a multiple of {rule}; you gave {format_value(given)}",
    "minLength": lambda rule, given: f"must have at least {rule} characters; it has {len(given)}",
    "maxLength": lambda rule, given: f"must have at most {rule} characters; it has {len(given)}",
    "minItems": lambda rule, given: f"must have at least {rule} entries; it has {len(given)}",
    "maxItems": lambda rule, given: f"must have at most {rule} entries; it has {len(given)}",
    "uniqueItems": lambda rule, given: "must not have the same entry twice",
    "pattern": lambda rule, given: f"must look like {format_value(rule)}; you gave {format_value(given)}",
    "format": lambda rule, given: f"must be a link (https://…) or a data URI; you gave {format_value(given)}",
}


def _sentence(rule: str, value: Any, given: Any) -> str:
    if say := RULE_MESSAGES.get(rule):
        return say(value, given)
    return f"does not fit the model's rule `{rule}`; you gave {format_value(given)}"


def _path(parts: Iterable[str | int]) -> str:
    path = "params"
    for part in parts:
        path = _below(path, part)
    return path


def _below(path: str, part: str | int) -> str:
    return f"{path}[{part}]" if isinstance(part, int) else f"{path}.{_plain(part[:VALUE_MAX_CHARS])}"
