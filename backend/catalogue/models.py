"""The models on offer, as data: what each takes and what one unit of it costs.

A model's own JSON Schema decides; nothing here knows a model by name. Models come and go within
months, so they are read from `seed.json` or from the provider, never listed in code.

Works offline, on values alone: no network, no database, nothing on import.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from backend.catalogue import input_schema, output_schema, photo_limits
from backend.catalogue.pricing.bill import Price, read_amount, read_price
from backend.catalogue.pricing.drift import PriceDrift, find_drift
from backend.catalogue.pricing.quote import PriceRange, price_range, usual_price
from backend.catalogue.pricing.rules import PriceRule, load_seed_rules
from backend.catalogue.titles import disambiguate_titles
from backend.domain.shape import load_json
from backend.domain.text import clean_text

#: A prompt may be this long where the model states no limit of its own (characters).
PROMPT_MAX_CHARS = 20_000
#: A rendering is expected to take this long until anything better is known (seconds).
DEFAULT_TYPICAL_S = 120.0
#: What can stand in the address of a request as it is: names between slashes, none of them only dots.
ENDPOINT_PATTERN = re.compile(r"(?=.{1,256}\Z)[\w~-][\w.~-]*(?:/[\w~-][\w.~-]*)*", re.ASCII)

_NO_PARAMS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


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
    price: Price | None  #: what one billable unit costs, by the provider's list; None: not known
    typical_s: float  #: how long a rendering usually takes: a first guess
    usable: bool
    reason: str | None  #: why it is not usable
    prompt_min_chars: int = 0
    main_output: str | None = None  #: the output's field that holds the main file; None: not known
    file_outputs: tuple[str, ...] = ()  #: the output's fields that hold files, as far as known
    price_note: str | None = None  #: what a person should know about the price
    price_before: Price | None = None  #: what a unit cost before the list changed it last
    price_since: str | None = None  #: since when (ISO) it costs `price`; None: ever since it is known
    team_rule: PriceRule | None = field(default=None, hash=False)  #: how the team has its takes priced
    #: image field -> the limits of its photos, as `photo_limits.PhotoLimits` reads them
    photo_limits: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)

    @cached_property
    def validator(self) -> Any:
        """`schema` as `check_params` needs it, made at the first check."""
        return input_schema.build_validator(self.schema)

    @property
    def rule(self) -> PriceRule | None:
        """How its takes are priced, by the team, else by the program; None: nobody wrote a rule for it."""
        if self.team_rule is not None:
            return self.team_rule
        return load_seed_rules().get(self.id) if self.provider == "fal" else None

    @cached_property
    def price_range(self) -> PriceRange | None:
        """From where to where its takes go by its rule, up to what is held of the dearest of them, as
        the list may have become dearer than the rule; None: nobody knows."""
        found = price_range(self.rule, self.schema, self.sure_photo) if self.rule else None
        if found is None or self.price_drift is None:
            return found
        return replace(found, to_usd=self.price_drift.dearest(found.to_usd))

    @cached_property
    def usual_price(self) -> Price | None:
        """What a unit costs by its rule at its defaults; without a rule, by the list; None: nobody knows."""
        return usual_price(self.rule, self.schema) if self.rule else self.price

    @cached_property
    def price_drift(self) -> PriceDrift | None:
        """Where the list and its rule no longer agree; None: they do, or there is only one of them."""
        return find_drift(self.rule, self.price, self.schema) if self.rule and self.price else None

    @property
    def sure_photo(self) -> dict[str, str]:
        """The field of the photo that each of its takes has, filled; {} where it needs none."""
        return {self.image_field: "(a photo)"} if self.image_field and self.image_required else {}


class Catalogue:
    """The models on offer, by id and by words, each with a title of its own. Of two ids the later counts."""

    def __init__(self, models: Iterable[VideoModel]) -> None:
        known = {model.id: model for model in models}
        titles = disambiguate_titles({name: model.title for name, model in known.items()})
        self._models = known | {name: replace(known[name], title=title) for name, title in titles.items()}
        self._names = {m.id: f"{m.id} {m.title}".casefold() for m in self._models.values()}
        texts = {m.id: f"{m.category} {m.description}".casefold() for m in self._models.values()}
        self._texts = {name: f"{self._names[name]} {text}" for name, text in texts.items()}

    def get(self, model_id: str) -> VideoModel:
        """The model with this endpoint id; KeyError: there is none."""
        return self._models[model_id]

    def recall(self, model_id: str) -> VideoModel:
        """The same: this list never grows old."""
        return self.get(model_id)

    def search(self, q: str = "", provider: str | None = None) -> list[VideoModel]:
        """The models that hold every word of `q` (any case, anywhere), those named so first."""
        words = clean_text(q).casefold().split()
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
    return tuple(_seed_model(entry) for entry in load_json(text)["models"])


def _seed_model(entry: Mapping[str, Any]) -> VideoModel:
    """A model of the seed, with the list price that its rule remembers."""
    model = parse_model(entry)
    return replace(model, price=model.rule.bill_price) if model.rule else model


def parse_model(entry: Mapping[str, Any]) -> VideoModel:
    """The model that an entry of the seed, or of the provider's listing, describes.

    entry: {endpoint_id, provider?, title?, category?, description?, status?, price?: {unit, unit_usd},
    price_note?, typical_s?, photo_limits?: {field: limits}, input: the JSON Schema of the whole input,
    output?: that of the output, or the name of its main file's field,
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
        "price": read_price(entry.get("price")),
        "main_output": output_schema.main_field(entry.get("output"), entry.get("components")),
        "file_outputs": output_schema.file_fields(entry.get("output"), entry.get("components")),
        "price_note": str(entry.get("price_note") or "") or None,
        "typical_s": read_amount(entry.get("typical_s")) or DEFAULT_TYPICAL_S,
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
