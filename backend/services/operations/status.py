"""How the whole is doing: for the Operations page, health checks, metrics and banners."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.models import Delivery, Sweep
from backend.services.deps import Deps
from backend.services.lifecycle import provider_pause
from backend.services.operations import heartbeat, readiness, sweep, totals
from backend.services.operations.sweep import LastSweep
from backend.store.jobs import claims, deliveries
from backend.store.records import sweep_log, videos

#: Less than this free on storage is worth a banner: some hundred takes.
LOW_DISK_BYTES = 2 * 1024**3
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


@dataclass(frozen=True)
class Banner:
    """Something that a person should know and can do something about. level: "error" or "warning"."""

    level: str
    title: str
    message: str


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
        workers=sum(sign.alive for sign in heartbeat.list_workers(deps)),
        due=due,
        sweep_age_s=_since_s(swept.at, now) if swept else None,
        delivery_age_s=_since_s(delivered[0].received_at, now) if delivered else None,
        free_bytes=readiness.free_bytes(deps),
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
    deps: Deps, *, limit: int = 50, verdict: str | None = None, before: str | None = None
) -> Sequence[Delivery]:
    """A page of the inbox, newest first."""
    with deps.store.read() as session:
        return deliveries.list_newest(session, limit=limit, verdict=verdict, before=before)


def get_delivery(deps: Deps, delivery_id: str) -> Delivery:
    """One delivery with its raw body; NotFound: there is none with that id."""
    with deps.store.read() as session:
        return deliveries.get(session, delivery_id)


def list_banners(deps: Deps) -> list[Banner]:
    """What is wrong now, and what to do about it; the worst first."""
    found = [
        Banner(
            "error",
            f"{provider} refuses our key: nothing is sent",
            f"{paused.reason} Takes wait and lose nothing. Check the key and the account's credit; "
            "one take is let through now and then to see whether it works again.",
        )
        for provider, paused in provider_pause.list_pauses(deps).items()
    ]
    found += [
        Banner("error", f"{check.name.capitalize()} trouble", check.message)
        for check in readiness.check_readiness(deps)
        if not check.good
    ]
    if not deps.settings.webhooks_reach_us:
        says = (
            f"PUBLIC_URL is {deps.settings.public_url}, which providers can't reach, so takes are asked "
            "about instead. Everything arrives, only later. Set PUBLIC_URL to a public https address to be "
            "told at once."
        )
        found.append(Banner("warning", "No webhooks: polling is at work", says))
    free = readiness.free_bytes(deps)
    if free is not None and free < LOW_DISK_BYTES:
        says = f"{free / 1024**3:.1f} GB are free. Make room, or takes wait."
        found.append(Banner("warning", "The disk is nearly full", says))
    return found


def _since_s(at: datetime, now: datetime) -> float:
    return max(timedelta(0), now - at).total_seconds()
