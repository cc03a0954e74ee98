"""What a refresh does to prices: a row of the list counts for new takes; an odd one changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.quote import dollars

#: What is said of a model that the list has no row for.
NO_ROW_NOTE = "The provider's list has no price for it now."


def carry_price(model: VideoModel, before: VideoModel | None, *, at: datetime) -> VideoModel:
    """A model as it was listed at this moment, with the price that holds from now on.

    A row that is missing or can't be read leaves the price that was known, and the note says so. A new price
    remembers the one before.
    """
    old = before.price if before else None
    if before is None or old is None:
        return model
    if model.price is None:
        unit = f"{dollars(old.unit_usd)} a {old.unit}"
        note = f"{_reason(model)} The price of before stays: {unit}."
        model = replace(model, price=old, price_note=note)
    if old == model.price:
        return replace(model, price_before=before.price_before, price_since=before.price_since)
    return replace(model, price_before=old, price_since=at.isoformat())


def count_kept(models: Iterable[VideoModel], entries: Mapping[str, VideoModel]) -> int:
    """How many of these models keep a price that their newest list row didn't give."""
    return sum(model.price is not None and entries[model.id].price is None for model in models)


def _reason(model: VideoModel) -> str:
    return model.price_note or NO_ROW_NOTE
