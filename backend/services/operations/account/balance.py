"""What is left on a provider's account: read now and then, kept, and held against what is spent."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.domain.errors import ProviderBusy
from backend.services.deps import Deps
from backend.services.money import spending
from backend.services.money.spend_query import Dimension, SpendQuery
from backend.store.records.facts import FactFamily

log = logging.getLogger(__name__)

#: How often it is read, whatever the last answer was.
EVERY = timedelta(minutes=10)
#: An older figure warns of nothing: nobody knows what was paid in meanwhile.
TRUSTED_FOR = timedelta(days=1)
#: Spending of so many days, today's with them, tells how long it lasts.
MEASURED_DAYS = 7
#: It is low when it lasts less long, or when it is smaller.
LOW_DAYS, LOW_USD = 3.0, 10.0


@dataclass(frozen=True)
class SeenBalance:
    """What is left at a provider. at: when it was asked last. problem: why it did not tell then.

    usd, seen_at: the last figure (USD), and of when; None: there is none. key: a mark of the provider's key.
    """

    at: datetime
    usd: float | None = None
    seen_at: datetime | None = None
    problem: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Shortage:
    """A balance that is low or used up. usd, seen_at: the figure. day_usd: what a day cost lately."""

    usd: float
    seen_at: datetime
    day_usd: float

    @property
    def is_used_up(self) -> bool:
        """Nothing is left: the provider locks the account, or has."""
        return self.usd <= 0

    @property
    def lasts_days(self) -> float | None:
        """How long it lasts at that; None: nothing was spent."""
        return max(0.0, self.usd) / self.day_usd if self.day_usd > 0 else None


BALANCES = FactFamily(SeenBalance, "balance:")


def list_balances(deps: Deps) -> dict[str, SeenBalance]:
    """What was read last, by provider; {} where no key allows it. Of another account, nothing."""
    if not deps.settings.reads_bills:
        return {}
    with deps.store.read() as session:
        found = BALANCES.read_all(session)
    return {name: seen for name, seen in found.items() if seen.key == _key_mark(deps, name)}


def read_if_due(deps: Deps) -> None:
    """Ask each provider for its balance if ten minutes have passed since, and if a key allows."""
    if not deps.settings.reads_bills:
        return
    seen, now = list_balances(deps), deps.clock.now()
    for provider in deps.providers:
        last = seen.get(provider)
        if last is None or now - last.at >= EVERY or now < last.at:
            _read(deps, provider, last)


def _read(deps: Deps, provider: str, last: SeenBalance | None) -> None:
    """Ask once; what can't be read leaves the last figure, with the reason beside it."""
    now, key = deps.clock.now(), _key_mark(deps, provider)
    try:
        usd = deps.get_provider(provider).read_balance()
    except ProviderBusy as error:
        log.warning("balance not read", extra={"provider": provider, "why": error.in_full[:300]})
        known, seen_at = (last.usd, last.seen_at) if last else (None, None)
        read = SeenBalance(now, known, seen_at, problem=str(error)[:300], key=key)
    else:
        if usd is None:
            return
        read = SeenBalance(now, usd, now, key=key)
    with deps.store.begin() as session:
        BALANCES.of(provider).put(session, read)


def list_shortages(deps: Deps) -> dict[str, Shortage]:
    """The balances that are used up, below $10, or that last less than three days, by provider."""
    found, now = dict[str, Shortage](), deps.clock.now()
    for provider, seen in list_balances(deps).items():
        if seen.usd is None or seen.seen_at is None or now - seen.seen_at > TRUSTED_FOR:
            continue
        short = Shortage(seen.usd, seen.seen_at, _day_usd(deps, provider))
        lasts = short.lasts_days
        if short.usd < LOW_USD or (lasts is not None and lasts < LOW_DAYS):
            found[provider] = short
    return found


def _day_usd(deps: Deps, provider: str) -> float:
    """What a day cost lately, billed or reserved; a model that is not known any more counts for all."""
    today = spending.today(deps)
    since = (today - timedelta(days=MEASURED_DAYS - 1)).isoformat()
    query = SpendQuery(by=Dimension.MODEL, since=since, until=today.isoformat())
    with deps.store.read() as session:
        groups, _ = spending.spend_groups(session, query, at=deps.clock.now())
    spent_usd = 0.0
    for group in groups:
        with suppress(KeyError):
            if deps.catalogue.recall(group.names[Dimension.MODEL]).provider != provider:
                continue
        spent_usd += group.spent.counted_usd
    return spent_usd / MEASURED_DAYS


def _key_mark(deps: Deps, provider: str) -> str | None:
    known = deps.providers.get(provider)
    return known.key_mark if known else None
