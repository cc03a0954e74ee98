"""How the whole is doing: for the Operations page, health checks, metrics and banners."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

from backend.domain.access.roles import Do
from backend.domain.kinds import Health
from backend.domain.text import join_sentences
from backend.models import Delivery, Sweep
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.lifecycle import provider_pause
from backend.services.lifecycle.provider_pause import ProviderPause
from backend.services.operations import heartbeat, readiness, sweep, totals
from backend.services.operations.account import balance
from backend.services.operations.account.balance import Shortage
from backend.services.operations.sweep import LastSweep
from backend.services.operations.watch import backups
from backend.store.jobs import claims, deliveries
from backend.store.records import sweep_log, videos

#: Less than this free on storage is worth a banner: some hundred takes.
LOW_DISK_BYTES = 2 * 1024**3
#: What everybody is told while no worker is at work: what is safe, and what comes of it.
PAUSED = "Rendering is paused. Your takes are safe; the team is told"
PAUSED_MEANS = "You can go on asking for takes: they wait, and go on by themselves."
#: What the sidecar says at /healthz: whoever asks knows by it that it is ours.
HEALTHZ_BODY = {"status": "ok"}


@dataclass(frozen=True)
class StatusNumbers:
    """Counts and ages; None where there is nothing to tell."""

    jobs: dict[str, int]
    deliveries: dict[str, int]
    videos: int
    videos_bytes: int
    videos_missing: int
    workers: int
    due: int
    sweep_age_s: float | None
    delivery_age_s: float | None
    free_bytes: int | None
    backup_age_s: float | None


@dataclass(frozen=True)
class Banner:
    """Something that a person should know. level: "error" or "warning".

    remedy: what whoever runs Dailies does about it: commands and settings, for the Operations page alone.
    of_money: it is about the account that takes are paid from.
    """

    level: str
    title: str
    message: str
    remedy: str = ""
    of_money: bool = False


def collect_numbers(deps: Deps) -> StatusNumbers:
    """Everything that can be counted; of what there is a great deal of, see `totals.Totals`."""
    now = deps.clock.now()
    with deps.store.read() as session:
        swept, delivered = sweep.LAST_SWEEP.read(session), deliveries.list_newest(session, limit=1)
        total, missing = totals.get_totals(session), videos.count_missing(session)
        due = claims.count_due(session, now=now)
    return StatusNumbers(
        jobs=total.states,
        deliveries=total.deliveries,
        videos=total.videos,
        videos_bytes=total.videos_bytes,
        videos_missing=missing,
        workers=sum(sign.health == Health.GREEN for sign in heartbeat.list_workers(deps)),
        due=due,
        sweep_age_s=_since_s(swept.at, now) if swept else None,
        delivery_age_s=_since_s(delivered[0].received_at, now) if delivered else None,
        free_bytes=readiness.free_bytes(deps),
        backup_age_s=backups.backup_age_s(deps),
    )


def last_sweep(deps: Deps) -> LastSweep | None:
    """When the last sweep ran, whose it was and what it did."""
    with deps.store.read() as session:
        return sweep.LAST_SWEEP.read(session)


def list_sweeps(deps: Deps, *, limit: int = 50) -> Sequence[Sweep]:
    """The last sweeps that did something, newest first."""
    with deps.store.read() as session:
        return sweep_log.list_newest(session, limit=limit)


def list_deliveries(
    deps: Deps, viewer: Viewer, *, limit: int = 50, verdict: str | None = None, before: str | None = None
) -> Sequence[Delivery]:
    """A page of the inbox, newest first. Raises NotAllowed: the viewer is no admin."""
    viewer.must(Do.SEE_OPERATIONS)
    with deps.store.read() as session:
        return deliveries.list_newest(session, limit=limit, verdict=verdict, before=before)


def get_delivery(deps: Deps, viewer: Viewer, delivery_id: str) -> Delivery:
    """One delivery with its raw body. Raises NotAllowed: the viewer is no admin; NotFound."""
    viewer.must(Do.SEE_OPERATIONS)
    with deps.store.read() as session:
        return deliveries.get(session, delivery_id)


def list_banners(deps: Deps) -> list[Banner]:
    """What is wrong now, and what to do about it; the worst first."""
    pauses, low = provider_pause.list_pauses(deps), list[Banner]()
    found = [_pause_banner(provider, paused) for provider, paused in pauses.items()]
    for provider, short in balance.list_shortages(deps).items():
        if provider not in pauses or not pauses[provider].is_of_account:
            (found if short.is_used_up else low).append(_balance_banner(deps, provider, short))
    for check in readiness.check_readiness(deps):
        if check.name == "worker" and not check.good:
            found.append(Banner("error", PAUSED, PAUSED_MEANS, check.says))
        elif not check.good:
            title = f"{check.name.capitalize()} trouble"
            found.append(Banner("error", title, check.message, check.remedy))
        elif check.is_amber:
            low.append(Banner("warning", f"The {check.name} needs a look", check.message, check.remedy))
    found += low
    if not deps.settings.webhooks_reach_us:
        says = "Providers can't reach this server, so takes are asked about. Everything arrives, only later."
        remedy = (
            f"PUBLIC_URL is {deps.settings.public_url}: set it to a public https address to be told at once."
        )
        found.append(Banner("warning", "No webhooks: polling is at work", says, remedy))
    free = readiness.free_bytes(deps)
    if free is not None and free < LOW_DISK_BYTES:
        says = f"{free / 1024**3:.1f} GB are free. Make room, or takes wait."
        found.append(Banner("warning", "The disk is nearly full", says))
    return found


def _pause_banner(provider: str, paused: ProviderPause) -> Banner:
    waits = "Takes wait and lose nothing."
    again = "one take is let through now and then to see whether it works again."
    if paused.is_of_account:
        says = join_sentences(paused.reason, waits, f"Add credit on {provider}'s billing page; {again}")
        return Banner("error", f"{provider} has locked the account: nothing is sent", says)
    says = join_sentences(paused.reason, waits, f"Check the key and the account's credit; {again}")
    return Banner("error", f"{provider} refuses our key: nothing is sent", says)


def _balance_banner(deps: Deps, provider: str, short: Shortage) -> Banner:
    minutes = int(_since_s(short.seen_at, deps.clock.now()) // 60)
    ago = f"{minutes} min ago" if minutes else "just now"
    sign = "−" if short.usd < 0 else ""
    seen = f"Balance {sign}${abs(short.usd):,.2f}, seen {ago}."
    if short.is_used_up:
        then = f"{provider} locks an account without credit: takes wait then, and lose nothing."
        return Banner("error", f"The balance at {provider} is used up", f"{seen} {then} Add credit there.")
    if short.lasts_days is not None:
        lasts = floor(short.lasts_days * 10) / 10
        seen += f" It lasts {lasts:.1f} days at the last week's ${short.day_usd:,.2f} a day."
    says = f"{seen} Add credit before {provider} locks the account."
    return Banner("warning", f"The balance at {provider} is running low", says, of_money=True)


def _since_s(at: datetime, now: datetime) -> float:
    return max(timedelta(0), now - at).total_seconds()
