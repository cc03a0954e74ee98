"""What a refresh does to prices: a row of the list counts for new takes; an odd one changes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.quote import dollars
from backend.services.deps import Deps

#: A unit that costs this many times as much as before is told about.
STEEP_RISE = 3.0
#: So long it is told.
NEWS_FOR = timedelta(days=7)
#: What is said of a model that the list has no row for.
NO_ROW_NOTE = "The provider's list has no price for it now."


@dataclass(frozen=True)
class PriceNews:
    """What people should look at: list and rule no longer agree; a unit is far dearer than before."""

    drifted: Sequence[VideoModel]
    risen: Sequence[VideoModel]


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


def price_news(deps: Deps) -> PriceNews:
    """Which models' prices want a look: drifted ones, and those that rose steeply within the last week."""
    models = deps.catalogue.search()
    since = deps.clock.now() - NEWS_FOR
    return PriceNews(
        drifted=[model for model in models if model.usable and model.price_drift],
        risen=[model for model in models if model.usable and _rose(model, since)],
    )


def count_kept(models: Iterable[VideoModel], entries: Mapping[str, VideoModel]) -> int:
    """How many of these models keep a price that their newest list row didn't give."""
    return sum(model.price is not None and entries[model.id].price is None for model in models)


def _reason(model: VideoModel) -> str:
    return model.price_note or NO_ROW_NOTE


def _rose(model: VideoModel, since: datetime) -> bool:
    old, new = model.price_before, model.price
    if old is None or new is None or model.price_since is None or old.unit != new.unit:
        return False
    rise = round(new.unit_usd / old.unit_usd, 6) if old.unit_usd else 0.0
    return rise >= STEEP_RISE and datetime.fromisoformat(model.price_since) >= since
