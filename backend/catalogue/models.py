"""The models on offer, as data: what each takes, what it costs, and whether a request fits it.

A model's own JSON Schema decides; nothing here knows a model by name. Models come and go within
months, so they are read from `seed.json` or from the provider, never listed in code.

Works offline, on values alone: no network, no database, nothing on import.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from backend.catalogue import input_schema, photo_limits
from backend.catalogue.check_params import build_validator, find_faults
from backend.catalogue.titles import disambiguate_titles

#: A prompt may be this long where the model states no limit of its own (characters).
PROMPT_MAX_CHARS = 20_000
#: A rendering is expected to take this long until anything better is known (seconds).
DEFAULT_TYPICAL_S = 120.0
#: Fields that ask for several videos at once: with any of them set, one price is not the whole price.
BATCH_FIELDS = ("num_videos", "num_outputs", "num_generations", "batch_size")
#: No duration, frame count or price is larger; beyond it something is broken.
MAX_AMOUNT = 1e12
#: Seconds as text: "5", "8s", "7.5s".
SECONDS_PATTERN = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*s?", re.ASCII)
#: What can stand in the address of a request as it is: names between slashes, none of them only dots.
ENDPOINT_PATTERN = re.compile(r"(?=.{1,256}\Z)[\w~-][\w.~-]*(?:/[\w~-][\w.~-]*)*", re.ASCII)

_NO_PARAMS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True)
class Price:
    """What one unit costs. unit: the provider's word, singular ("second", "video", "1k tokens")."""

    unit: str
    unit_usd: float


@dataclass(frozen=True)
class VideoModel:
    """One model on offer.

    schema: the JSON Schema of `params`: the model's input without the prompt and without the image
    field that `image` fills; complete in itself, no other name allowed.
    """

    id: str  #: the provider's endpoint id
    provider: str
    title: str
    category: str  #: "text-to-video", "image-to-video" …
    description: str
    schema: dict[str, Any] = field(hash=False)
    prompt_field: str | None
    prompt_required: bool
    prompt_max_chars: int
    image_field: str | None
    image_required: bool
    end_image_field: str | None
    price: Price | None  #: None: not known, or not a single number
    typical_s: float  #: how long a rendering usually takes: a first guess
    usable: bool
    reason: str | None  #: why it is not usable
    prompt_min_chars: int = 0
    price_note: str | None = None  #: what a person should know about the price
    #: image field -> the limits of its photos, as `photo_limits.PhotoLimits` reads them
    photo_limits: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)

    @cached_property
    def validator(self) -> Any:
        """`schema` as `check_params` needs it, made at the first check."""
        return build_validator(self.schema)


class Catalogue:
    """The models on offer, by id and by words, each with a title of its own. Of two ids the later counts."""

    def __init__(self, models: Iterable[VideoModel]) -> None:
        known = {model.id: model for model in models}
        titles = disambiguate_titles({name: model.title for name, model in known.items()})
        self._models = known | {name: replace(known[name], title=title) for name, title in titles.items()}
        self._names = {m.id: f"{m.id} {m.title}".casefold() for m in self._models.values()}
        self._texts = {
            m.id: f"{self._names[m.id]} {m.category} {m.description}".casefold()
            for m in self._models.values()
        }

    def get(self, model_id: str) -> VideoModel:
        """The model with this endpoint id.

        Raises:
            KeyError: there is none.
        """
        return self._models[model_id]

    def search(self, q: str = "", provider: str | None = None) -> list[VideoModel]:
        """The models that hold every word of `q` (any case, anywhere), those named so first."""
        words = q.casefold().split()
        found = [
            model
            for model in self._models.values()
            if (provider is None or model.provider == provider)
            and all(word in self._texts[model.id] for word in words)
        ]
        return sorted(found, key=lambda m: (not m.usable, not all(w in self._names[m.id] for w in words)))


# -- reading ----------------------------------------------------------------------------------


@cache
def load_seed() -> tuple[VideoModel, ...]:
    """The models that come with the program, in the order of the file. Read once."""
    text = Path(__file__).with_name("seed.json").read_text("utf-8")
    return tuple(parse_model(entry) for entry in json.loads(text)["models"])


def parse_model(entry: Mapping[str, Any]) -> VideoModel:
    """The model that an entry of the seed, or of the provider's listing, describes.

    entry: {endpoint_id, provider?, title?, category?, description?, status?, price?: {unit, unit_usd},
    price_note?, typical_s?, photo_limits?: {field: limits}, input: the JSON Schema of the whole input,
    components?: what the input's `$ref`s point to (an OpenAPI document's `components`)}.

    A schema that makes no sense gives a model that is not usable, with the reason; never an exception.
    """
    model_id = str(entry.get("endpoint_id") or "")
    about: dict[str, Any] = {
        "id": model_id,
        "provider": str(entry.get("provider") or "fal"),
        "title": str(entry.get("title") or model_id),
        "category": str(entry.get("category") or ""),
        "description": str(entry.get("description") or ""),
        "price": _price(entry.get("price")),
        "price_note": str(entry.get("price_note") or "") or None,
        "typical_s": _number(entry.get("typical_s")) or DEFAULT_TYPICAL_S,
    }
    try:
        schema = input_schema.resolve_refs(entry.get("input"), entry.get("components"))
        shape = _shape(schema)
        about["photo_limits"] = photo_limits.field_limits(schema["properties"], entry.get("photo_limits"))
    except ValueError as error:
        return VideoModel(**about, **_shape(_NO_PARAMS), usable=False, reason=str(error))
    reason = _gone(model_id, entry.get("status"))
    return VideoModel(**about, **shape, usable=reason is None, reason=reason)


def _shape(schema: dict[str, Any]) -> dict[str, Any]:
    """Where the prompt and the images go, and the schema of what is left."""
    properties, required = schema["properties"], schema.get("required", [])
    prompt = "prompt" if "prompt" in properties else None
    if prompt and not input_schema.is_text(properties[prompt]):
        raise ValueError("the prompt of this model is not a text")
    image = input_schema.first_text_field(properties, photo_limits.IMAGE_FIELDS)
    at_least, at_most = input_schema.text_limits(properties[prompt]) if prompt else (0, None)
    return {
        "schema": input_schema.without_fields(schema, {prompt, image}),
        "prompt_field": prompt,
        "prompt_required": prompt in required,
        "prompt_min_chars": at_least,
        "prompt_max_chars": PROMPT_MAX_CHARS if at_most is None else at_most,
        "image_field": image,
        "image_required": image in required,
        "end_image_field": input_schema.first_text_field(properties, photo_limits.END_IMAGE_FIELDS),
    }


def _gone(model_id: str, status: Any) -> str | None:
    if not model_id:
        return "the model has no id"
    if not ENDPOINT_PATTERN.fullmatch(model_id):
        return "the model's id can't be part of an address"
    if status not in (None, "active"):
        return f"the provider lists this model as {str(status)[:80]}"
    return None


def _price(value: Any) -> Price | None:
    """A price that can be read, or None: a wrong price is worse than none."""
    if not isinstance(value, Mapping) or not isinstance(value.get("unit"), str):
        return None
    usd, unit = _number(value.get("unit_usd")), value["unit"].strip().casefold()
    return None if usd is None or not unit else Price(unit=_singular(unit), unit_usd=usd)


def _singular(unit: str) -> str:
    """ "seconds" is "second"; "1k tokens" stays, as its plural is its name."""
    return unit[:-1] if unit.endswith("s") and " " not in unit else unit


# -- checking and sending ---------------------------------------------------------------------


def check_params(model: VideoModel, params: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with `params`, by field: {"params.duration": "must be one of 5, 10; you gave 7"}.

    Every fault is named, unknown names too, with what to do; {} when all is well. Types are strict:
    "5" is not 5, and true is not 1. At most 80 characters of what was given are repeated.
    """
    elsewhere = {name: "prompt" for name in (model.prompt_field,) if name}
    elsewhere |= {name: "image" for name in (model.image_field,) if name}
    return find_faults(model.validator, params, other_fields=elsewhere)


def check_prompt(model: VideoModel, prompt: str) -> str | None:
    """What is wrong with the prompt as it would be sent (composed), or None."""
    if model.prompt_field is None:
        return "this model takes no prompt; leave it empty" if prompt.strip() else None
    if not prompt.strip():
        return "must say what to make" if model.prompt_required else None
    if len(prompt) > model.prompt_max_chars:
        over = len(prompt) - model.prompt_max_chars
        return f"is {over:,} over the {model.prompt_max_chars:,} characters that this model takes; cut it"
    if len(prompt) < model.prompt_min_chars:
        return f"must have at least {model.prompt_min_chars:,} characters for this model"
    return None


def build_payload(
    model: VideoModel, prompt: str, params: Mapping[str, Any], image_link: str | None
) -> dict[str, Any]:
    """Exactly what is posted: the prompt, the image and `params` as they are; no default is added.

    image_link: a link that the provider can fetch, or a data URI.

    Raises:
        ValueError: there is an image, and the model has no field for one.
    """
    sent: dict[str, Any] = {}
    if model.prompt_field is not None and (prompt or model.prompt_required):
        sent[model.prompt_field] = prompt
    if image_link is not None:
        if model.image_field is None:
            raise ValueError(f"{model.id} takes no image")
        sent[model.image_field] = image_link
    return {**params, **sent}


# -- what it costs ----------------------------------------------------------------------------


def estimate_usd(model: VideoModel, params: Mapping[str, Any]) -> float | None:
    """What a take with these `params` will cost (USD), or None where that cannot be known."""
    count = price_units(model, params)
    return None if count is None or model.price is None else round(count * model.price.unit_usd, 6)


def price_units(model: VideoModel, params: Mapping[str, Any]) -> float | None:
    """How many units of the model's price a take is, from `params` and the schema's defaults.

    None where they don't tell ("auto", tokens, megapixels, several shots): never a guess.
    """
    if model.price is None or any(_value(model, params, name) not in (None, 1) for name in BATCH_FIELDS):
        return None
    match model.price.unit:
        case "second":
            return _seconds(model, params)
        case "video" | "generation":
            return 1.0
    return None


def _seconds(model: VideoModel, params: Mapping[str, Any]) -> float | None:
    """How long the video will be, in any of the forms that models state it."""
    if _value(model, params, "multi_prompt"):
        return None  # each shot has a duration of its own, which goes over the whole's
    if "duration" in model.schema["properties"]:
        return _positive(_value(model, params, "duration"))
    frames = _positive(_value(model, params, "num_frames"))
    rate = _positive(_value(model, params, "fps")) or _positive(_value(model, params, "frames_per_second"))
    return frames / rate if frames and rate else None


def _value(model: VideoModel, params: Mapping[str, Any], name: str) -> Any:
    """What the model will see for a field: the given value, else the default of its schema."""
    if name in params:
        return params[name]
    return model.schema["properties"].get(name, {}).get("default")


def _positive(value: Any) -> float | None:
    """A positive number, also out of "5" and "8s"; None for anything else."""
    if isinstance(value, str):
        match = SECONDS_PATTERN.fullmatch(value.strip())
        value = float(match[1]) if match else None
    return _number(value) or None


def _number(value: Any) -> float | None:
    """A finite number that is not negative, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MAX_AMOUNT and math.isfinite(value) else None
