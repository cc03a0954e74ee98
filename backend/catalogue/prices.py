"""What a take costs, by the price of its model and what is asked of it: never a guess."""

import re
from collections.abc import Mapping
from typing import Any

from backend.catalogue.models import MAX_AMOUNT, VideoModel

#: Fields that ask for several videos at once: with any of them set, one price is not the whole price.
BATCH_FIELDS = ("num_videos", "num_outputs", "num_generations", "batch_size")
#: Seconds as text: "5", "8s", "7.5s".
SECONDS_PATTERN = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*s?", re.ASCII)


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
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value <= MAX_AMOUNT else None
