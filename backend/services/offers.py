"""The models on offer: refreshed from the provider whole or not at all, kept in the database."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from backend.domain.clock import Clock
from backend.providers.catalog import Catalog, Price, VideoModel, load_seed, model_from
from backend.services.deps import Deps
from backend.store import facts, offers
from backend.store.engine import Store

log = logging.getLogger(__name__)

#: The fact that says which catalogue is the newest, when it came and how many models it holds.
NEWEST = "catalog"
#: A newer catalogue is looked for at most this often, in seconds.
LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Refreshed:
    """What a refresh brought."""

    endpoints: int
    usable: int
    priced: int
    retired: int


class LiveCatalog:
    """The newest catalogue that any process has stored; the seed until there is one.

    fixed: models that come from settings, not from a listing.
    """

    def __init__(self, store: Store, clock: Clock, fixed: Iterable[VideoModel]) -> None:
        self._store, self._clock, self._fixed = store, clock, tuple(fixed)
        self._lock = threading.Lock()
        self._seen: str | None = None
        self._catalog = Catalog([*load_seed(), *self._fixed])
        self._looked_s = float("-inf")

    def get(self, model_id: str) -> VideoModel:
        """The model with this id.

        Raises:
            KeyError: there is none.
        """
        return self._current().get(model_id)

    def search(self, q: str = "", provider: str | None = None) -> list[VideoModel]:
        """Models whose id, title, category or description hold every word of `q`."""
        return self._current().search(q, provider)

    def _current(self) -> Catalog:
        with self._lock:
            if self._clock.monotonic() - self._looked_s >= LOOK_EVERY_S:
                self._look()
                self._looked_s = self._clock.monotonic()
            return self._catalog

    def _look(self) -> None:
        with self._store.read() as session:
            newest = facts.get(session, NEWEST)
            revision = newest.value["revision"] if newest else None
            if revision == self._seen:
                return
            rows = offers.all_of(session)
        self._catalog = Catalog([*(_model(row.data) for row in rows), *self._fixed])
        self._seen = revision


def refresh(deps: Deps, *, told: Callable[[str], None]) -> Refreshed:
    """Fetch fal's whole catalogue and its prices now; afterwards every process offers it.

    Raises:
        CatalogUnread: a call failed or an answer can't be read; the old catalogue stays.
    """
    entries = deps.provider("fal").catalogue(told=told)
    known = {model.id: model for model in load_seed()}
    fresh = {model.id: _enriched(model, known) for model in map(model_from, entries)}
    now = deps.clock.now()
    with deps.store.begin() as session:
        gone = [
            replace(_model(row.data), usable=False, reason="fal no longer offers it")
            for row in offers.all_of(session)
            if row.id not in fresh
        ]
        offers.replace_all(session, [(model.id, _data(model)) for model in [*fresh.values(), *gone]], at=now)
        _announce(session, deps, fresh.values(), now)
    log.info("catalogue refreshed", extra={"endpoints": len(fresh), "retired": len(gone)})
    return Refreshed(
        endpoints=len(fresh),
        usable=sum(model.usable for model in fresh.values()),
        priced=sum(model.price is not None for model in fresh.values()),
        retired=len(gone),
    )


def refreshed_at(deps: Deps) -> datetime | None:
    """When the catalogue was last refreshed; None: it is the one that came with the program."""
    with deps.store.read() as session:
        newest = facts.get(session, NEWEST)
    return newest.at if newest else None


def _announce(session: Any, deps: Deps, models: Iterable[VideoModel], now: datetime) -> None:
    value = {"revision": deps.clock.new_id(), "endpoints": len(list(models))}
    facts.keep(session, NEWEST, value, at=now)


def _enriched(model: VideoModel, known: Mapping[str, VideoModel]) -> VideoModel:
    """What fal's listing doesn't say and we know: how long it takes, and what to know about the price."""
    seed = known.get(model.id)
    if seed is None:
        return model
    return replace(
        model,
        typical_s=seed.typical_s,
        description=model.description or seed.description,
        price_note=model.price_note or seed.price_note,
    )


def _data(model: VideoModel) -> dict[str, Any]:
    return asdict(model)


def _model(data: Mapping[str, Any]) -> VideoModel:
    price = data.get("price")
    return VideoModel(**{**data, "price": Price(**price) if price else None})
