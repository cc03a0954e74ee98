"""Prices learnt from bills, for models of which nobody wrote a rule: kept a moment in memory."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.by_bills import LearntBill, price_key, quote_by_bills
from backend.catalogue.pricing.quote import Quote
from backend.services.deps import Deps
from backend.services.money import team_days
from backend.store.database.engine import Store
from backend.store.money import bills
from backend.store.money.bills import BilledTake

#: A bill is learnt from within so many seconds, in every process: forms ask with every key that is pressed.
CHECK_EVERY_S = 1.0
#: Of so many models what was learnt is kept in memory.
MAX_MODELS = 500


class _Learnt(NamedTuple):
    """The bills of one model by what was asked for, the newest first; when it was looked for newer ones."""

    model: VideoModel
    revision: object
    by_key: Mapping[str, Sequence[LearntBill]]
    looked_s: float


_learnt: WeakKeyDictionary[Store, dict[str, _Learnt]] = WeakKeyDictionary()


def quote_learnt(
    deps: Deps, model: VideoModel, params: Mapping[str, Any], photos: Mapping[str, Any]
) -> Quote | None:
    """What takes of this model with these settings were billed; None while there are too few bills."""
    key = price_key(model.schema, params, photos)
    return quote_by_bills(_bills(deps, model).get(key, ())) if key is not None else None


def _bills(deps: Deps, model: VideoModel) -> Mapping[str, Sequence[LearntBill]]:
    known, now_s = _learnt.setdefault(deps.store, {}), deps.clock.monotonic()
    kept = known.get(model.id)
    if kept is not None and kept.model is model and now_s - kept.looked_s < CHECK_EVERY_S:
        return kept.by_key
    revision = bills.query_revision(deps.store, model.id)
    same = kept is not None and kept.model is model and kept.revision == revision
    by_key = kept.by_key if kept is not None and same else _read(deps, model)
    if len(known) >= MAX_MODELS:
        known.clear()
    known[model.id] = _Learnt(model, revision, by_key, now_s)
    return by_key


def _read(deps: Deps, model: VideoModel) -> Mapping[str, Sequence[LearntBill]]:
    found = dict[str, list[LearntBill]]()
    for take in bills.query_billed(deps.store, model.id):
        photos = {
            **take.images,
            **({take.image_field: take.image} if take.image and take.image_field else {}),
        }
        key = price_key(model.schema, take.params, photos)
        if key is not None:
            day = team_days.day_of(take.created_at, deps.settings.zone)
            found.setdefault(key, []).append(LearntBill(_usd_today(take, model), day))
    return found


def _usd_today(take: BilledTake, model: VideoModel) -> float:
    """What the same would be billed today: as much more or less as a unit costs now. Discounts stay."""
    then, now = take.price or {}, model.price
    unit_usd: float | None = then.get("unit_usd")
    if now is None or not take.billed_units or not unit_usd or then.get("unit") != now.unit:
        return take.billed_usd
    return round(take.billed_usd * now.unit_usd / unit_usd, 6)
