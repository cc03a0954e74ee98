"""The models on offer: refreshed from the provider whole or not at all, kept in the database."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from backend.catalogue.models import Catalogue, VideoModel, load_seed, parse_model
from backend.catalogue.photo_limits import merge_limits
from backend.catalogue.pricing.bill import Price
from backend.domain.clock import Clock
from backend.services.catalogue import list_prices
from backend.services.deps import Deps
from backend.store.database.engine import Store
from backend.store.jobs import counts
from backend.store.records import catalogue, key_values
from backend.store.records.facts import Fact
from backend.store.records.start_facts import StartFacts, query_facts

log = logging.getLogger(__name__)

#: How long titles and the like are read from memory before a newer catalogue is looked for, in seconds.
RECALLED_FOR_S = 1.0
#: Why a model that was listed once can't be used.
RETIRED_REASON = "its provider no longer offers it"


@dataclass(frozen=True)
class NewestCatalogue:
    """Which catalogue is the newest, when it came and how many models the providers listed in it."""

    at: datetime
    revision: str
    endpoints: int


NEWEST = Fact(NewestCatalogue, "catalog")


@dataclass(frozen=True)
class RefreshResult:
    """What a refresh brought."""

    endpoints: int
    usable: int
    priced: int  #: by a rule or by the list
    retired: int
    kept_prices: int  #: the list had no price that can be read, and the one of before stays
    drifted: int  #: the list and the rule no longer agree

    def price_remarks(self) -> list[str]:
        """What a person should know of the prices that came."""
        kept = f"{self.kept_prices} prices can't be read: those of before stay; the Models page says why."
        drifted = f"{self.drifted} list prices no longer agree with their rules: the dearer ones are held."
        return [*([kept] if self.kept_prices else []), *([drifted] if self.drifted else [])]


class LiveCatalogue:
    """The newest catalogue that any process has stored; the seed until there is one.

    Who asks is answered with the newest one that was there when they asked: one indexed read says which
    that is, and the first to find a newer one loads it while the others wait. fixed: models that come from
    settings, not from a listing.
    """

    def __init__(self, store: Store, clock: Clock, fixed: Iterable[VideoModel]) -> None:
        self._store, self._clock, self._fixed = store, clock, tuple(fixed)
        self._loading = threading.Lock()
        self._seen: str | None = None
        self._ready = False
        self._catalogue = Catalogue([*load_seed(), *self._fixed])
        self._looked_s = float("-inf")

    def get(self, model_id: str) -> VideoModel:
        """See `ModelCatalogue`."""
        return self._newest().get(model_id)

    def get_with_facts(self, model_id: str) -> tuple[VideoModel, StartFacts]:
        """See `ModelCatalogue`."""
        facts = query_facts(self._store, catalogue=NEWEST.name, endpoint=model_id)
        return self._as_of(facts.catalogue).get(model_id), facts

    def recall(self, model_id: str) -> VideoModel:
        """See `ModelCatalogue`."""
        looked_lately = self._clock.monotonic() - self._looked_s < RECALLED_FOR_S
        return (self._catalogue if self._ready and looked_lately else self._newest()).get(model_id)

    def search(self, q: str = "", provider: str | None = None) -> list[VideoModel]:
        """Models whose id, title, category or description hold every word of `q`."""
        return self._newest().search(q, provider)

    def load_newest(self) -> None:
        """Offer the newest stored catalogue, from now on."""
        with self._loading, self._store.read() as session:
            newest = NEWEST.read(session)
            revision = newest.revision if newest else None
            if revision != self._seen:
                rows = catalogue.list_all(session)
                stored = [read_stored_model(row.data) for row in rows]
                self._catalogue = Catalogue([*stored, *self._fixed])
            self._seen, self._ready = revision, True

    def _newest(self) -> Catalogue:
        return self._as_of(key_values.query_value(self._store, NEWEST.name))

    def _as_of(self, known: dict[str, Any] | None) -> Catalogue:
        """known: what the fact says now."""
        self._looked_s = self._clock.monotonic()
        if not self._ready or self._seen != (known["revision"] if known else None):
            self.load_newest()
        return self._catalogue


def refresh_catalogue(deps: Deps, *, on_progress: Callable[[str], None]) -> RefreshResult:
    """Fetch what the providers list, with its prices, now; afterwards every process offers it.

    What is no longer listed stays known and can't be started; of the models that came with the program
    only those that takes were made with.

    Raises:
        CatalogueUnavailable: a call failed or an answer can't be read; the old catalogue stays.
    """
    fetched = (provider.fetch_catalogue(on_progress=on_progress) for provider in deps.providers.values())
    entries = [entry for of_one in fetched for entry in of_one]
    on_progress(f"reading {len(entries):,} schemas")
    seed = {model.id: model for model in load_seed()}
    now, known = deps.clock.now(), _known(deps, seed)
    read = {model.id: _enriched(model, seed) for model in map(parse_model, entries)}
    listed = {
        name: list_prices.carry_price(model, known.get(name) or seed.get(name), at=now)
        for name, model in read.items()
    }
    unlisted = (model for model in known.values() if model.id not in listed)
    gone = [replace(model, usable=False, reason=RETIRED_REASON) for model in unlisted]
    rows = [(model.id, asdict(model)) for model in [*listed.values(), *gone]]
    with deps.store.begin() as session:
        catalogue.replace_all(session, rows, at=now)
        NEWEST.put(session, NewestCatalogue(now, deps.clock.new_id(), len(listed)))
    if isinstance(deps.catalogue, LiveCatalogue):
        deps.catalogue.load_newest()
    log.info("catalogue refreshed", extra={"endpoints": len(listed), "retired": len(gone)})
    return RefreshResult(
        endpoints=len(listed),
        usable=sum(model.usable for model in listed.values()),
        priced=sum(model.price is not None or model.rule is not None for model in listed.values()),
        retired=len(gone),
        kept_prices=list_prices.count_kept(listed.values(), read),
        drifted=sum(model.price_drift is not None for model in listed.values()),
    )


def refreshed_at(deps: Deps) -> datetime | None:
    """When the catalogue was last refreshed; None: it is the one that came with the program."""
    with deps.store.read() as session:
        newest = NEWEST.read(session)
    return newest.at if newest else None


def _known(deps: Deps, seed: Mapping[str, VideoModel]) -> dict[str, VideoModel]:
    """What was listed before, and what takes were made with before anything was."""
    with deps.store.read() as session:
        used = [seed[name] for name in counts.list_models(session) if name in seed]
        listed = [read_stored_model(row.data) for row in catalogue.list_all(session)]
    return {model.id: model for model in [*used, *listed]}


def _enriched(model: VideoModel, known: Mapping[str, VideoModel]) -> VideoModel:
    """What a listing doesn't say and we know: how long it takes and what its photos must be."""
    seed = known.get(model.id)
    if seed is None:
        return model
    return replace(
        model,
        typical_s=seed.typical_s,
        description=model.description or seed.description,
        photo_limits=_limits(model, seed),
    )


def _limits(model: VideoModel, seed: VideoModel) -> dict[str, dict[str, Any]]:
    """What the photos must be: as the listing states it now, and what we know besides."""
    ours, stated = seed.photo_limits, model.photo_limits
    joined = {name: merge_limits(ours.get(name), stated.get(name)) for name in {**ours, **stated}}
    taken = {model.image_field, *model.schema["properties"]}
    return {name: known for name, known in joined.items() if known and name in taken}


def read_stored_model(data: Mapping[str, Any]) -> VideoModel:
    """A stored model; also one that another version of the program stored."""
    known = {name: value for name, value in data.items() if name in _FIELDS}
    prices = {name: Price(**data[name]) if data.get(name) else None for name in ("price", "price_before")}
    return VideoModel(**{**known, **prices})


_FIELDS = frozenset(field.name for field in fields(VideoModel))
