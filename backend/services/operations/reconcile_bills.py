"""Bills held against the provider's own billing events, once a day over days that overlap.

Events settle what no header tells: takes that failed, were stopped or lost. A take of which days of events
say nothing was not charged, where events are seen to tell of our takes at all. Requests that no take knows
are counted, and linked to none.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backend.domain.access.roles import Do
from backend.domain.errors import ProviderBusy, StaleState
from backend.models import Job
from backend.providers.base import BillEvent
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.money import settling
from backend.services.money.charges import EVENTS_FOR, ChargeState, charge_of
from backend.store.jobs import jobs, open_charges
from backend.store.records.facts import Fact

log = logging.getLogger(__name__)

#: How often, and how far each reading reaches back behind the one before: events lag, and takes end late.
EVERY, OVERLAP = timedelta(days=1), EVENTS_FOR + timedelta(days=2)
#: The first reading; the provider tells no more than 90 days at once.
FIRST, LONGEST = timedelta(days=30), timedelta(days=89)
#: After a refusal or a broken answer it is tried again.
RETRY_AFTER = timedelta(hours=1)
#: Differences up to this are the rounding of units and prices (USD).
ROUNDING_USD = 0.0005
#: So many differences are kept by name.
NAMED_MAX = 50
#: Request ids looked up, and takes looked through, at a time.
BATCH_SIZE = 200
NONE_OF_OURS = (
    "they tell of none of the takes that were billed. Is our ADMIN key of the same account? Nothing was "
    "concluded from them."
)


@dataclass(frozen=True)
class BillDifference:
    """A take whose bill the events correct (USD). was_usd: what was known; None: nothing."""

    job_id: str
    was_usd: float | None
    is_usd: float


@dataclass(frozen=True)
class BillReport:
    """What a reading came to. at: when. until: read up to here. problem: why it could not be read.

    agreed: takes billed as the events say. settled: open ones that they settled; unseen: open ones that they
    say nothing of, so not charged. untold: takes with a bill of which they say nothing, the first of them
    by name in `untold_jobs`. unread: takes with
    an event whose amount can't be read. strangers: requests that no take knows.
    """

    at: datetime
    since: datetime
    until: datetime
    agreed: int = 0
    settled: int = 0
    unseen: int = 0
    untold: int = 0
    strangers: int = 0
    strangers_usd: float = 0.0
    differences: list[BillDifference] = field(default_factory=list)
    problem: str | None = None
    unread: int = 0
    untold_jobs: list[str] = field(default_factory=list)


REPORT = Fact(BillReport, "bill_report")


def last_report(deps: Deps) -> BillReport | None:
    """The last reading; None: there was none."""
    with deps.store.read() as session:
        return REPORT.read(session)


def reconcile_if_due(deps: Deps) -> None:
    """Read the provider's billing events if a day has passed since, and if a key allows."""
    if not deps.settings.reads_bills:
        return
    now, last = deps.clock.now(), REPORT.query(deps.store)
    wait = RETRY_AFTER if last is not None and last.problem else EVERY
    if last is None or now - last.at >= wait or now < last.at:
        reconcile_bills(deps)


def reconcile_bills(deps: Deps) -> BillReport | None:
    """Read the events now; afterwards every bill is as they say. None: nobody can be asked.

    What can't be read changes nothing, and the report says why.
    """
    now, last = deps.clock.now(), last_report(deps)
    since = now - FIRST if last is None else last.until - OVERLAP
    since = max(since, now - LONGEST)
    report: BillReport | None = None
    for name, provider in deps.providers.items():
        try:
            events = provider.list_bills(since=since, until=now)
        except ProviderBusy as error:
            log.warning("bills not read", extra={"why": error.in_full[:300]})
            report = _failed(last, since, now, error.in_full[:300])
            break
        if events is not None:
            report = _apply(deps, name, _by_request(events), since=since, until=now)
            if report.problem:
                report = _failed(last, since, now, report.problem)
                break
    if report is not None:
        with deps.store.begin() as session:
            REPORT.put(session, report)
    return report


def _failed(last: BillReport | None, since: datetime, now: datetime, problem: str) -> BillReport:
    """A reading that says nothing: the next one begins as if it had not been."""
    return BillReport(now, since, last.until if last else since + OVERLAP, problem=problem)


def _by_request(events: Iterable[BillEvent]) -> dict[str, BillEvent]:
    """Request id -> all that it was charged, in however many events."""
    found: dict[str, BillEvent] = {}
    for event in events:
        known = found.get(event.request_id)
        if known is not None:
            units = None if None in (known.units, event.units) else (known.units or 0) + (event.units or 0)
            usd = None if None in (known.usd, event.usd) else round((known.usd or 0) + (event.usd or 0), 6)
            event = BillEvent(event.request_id, event.model, units, usd)
        found[event.request_id] = event
    return found


def _apply(
    deps: Deps, provider: str, events: dict[str, BillEvent], *, since: datetime, until: datetime
) -> BillReport:
    agreed, settled, unread, strangers, differences = 0, 0, 0, [], []
    names = list(events)
    for start in range(0, len(names), BATCH_SIZE):
        batch = names[start : start + BATCH_SIZE]
        with deps.store.read() as session:
            known = open_charges.by_requests(session, provider, batch)
        strangers += [events[name] for name in batch if name not in known]
        for name, job in known.items():
            usd = events[name].usd
            was_usd, found = job.billed_usd, _hold_against(deps, job, events[name], since=since)
            agreed, settled = agreed + (found == "agreed"), settled + (found == "settled")
            unread += found == "unread"
            if found == "corrected" and usd is not None:
                differences.append(BillDifference(job.id, was_usd, usd))
    is_ours = len(strangers) < len(names)
    unseen, untold = _without_events(deps, provider, set(events), is_ours=is_ours, since=since, until=until)
    return BillReport(
        until, since, until, agreed, settled, unseen, len(untold), len(strangers),
        round(sum(one.usd or 0.0 for one in strangers), 6), differences[:NAMED_MAX],
        problem=NONE_OF_OURS if untold and not is_ours else None, unread=unread,
        untold_jobs=untold[:NAMED_MAX],
    )  # fmt: skip


def _hold_against(deps: Deps, job: Job, event: BillEvent, *, since: datetime) -> str:
    """What the events made of a take: "agreed", "settled", "corrected", "unread"; "": nothing.

    It may go on, and is read again; or was asked for before these days, whose events may be a part alone.
    """
    state = charge_of(job).state
    if state == ChargeState.RESERVED:
        return ""
    if event.usd is None:
        return "unread"
    if job.billed_usd is not None and abs(job.billed_usd - event.usd) <= ROUNDING_USD:
        return "agreed"
    if job.created_at < since and job.billed_usd is not None and event.usd < job.billed_usd:
        return ""
    known = job.billed_usd is not None or state == ChargeState.NOT_CHARGED
    return ("corrected" if known else "settled") if _settle(deps, job.id, event.units, event.usd) else ""


def _settle(deps: Deps, job_id: str, units: float | None, usd: float) -> bool:
    now = deps.clock.now()
    try:
        with deps.store.begin() as session:
            job = jobs.get(session, job_id)
            news = settling.settle_by_events(session, job, units=units, usd=usd, at=now)
            jobs.update_if_unchanged(session, job, **news)
    except StaleState:  # it moved meanwhile, and is read again
        return False
    return True


def _without_events(
    deps: Deps, provider: str, seen: set[str], *, is_ours: bool, since: datetime, until: datetime
) -> tuple[int, list[str]]:
    """(open takes that are not charged, as no event tells of them; ids of billed ones of which none tells).

    is_ours: events tell of our takes. Those that tell of none, though some were billed, prove nothing.
    """
    unseen, untold, after = list[str](), list[str](), ""
    while True:
        with deps.store.read() as session:
            ended = open_charges.asked_between(
                session, provider, since=since, until=until - EVENTS_FOR, after=after, limit=BATCH_SIZE
            )
        if not ended:
            break
        after = ended[-1].id
        for job in ended:
            over_at = job.ended_at or job.state_at
            if job.request_id in seen or over_at > until - EVENTS_FOR:
                continue
            if charge_of(job).state == ChargeState.MAY_BE_CHARGED:
                unseen.append(job.id)
            untold += [job.id] if job.billed_usd else []
    if untold and not is_ours:
        return 0, untold
    return sum(_settle(deps, job_id, 0.0, 0.0) for job_id in unseen), untold


def list_open(deps: Deps, viewer: Viewer, *, limit: int = 20) -> Sequence[Job]:
    """The newest takes of the last 90 days that may have been charged, and nobody can tell.

    Raises NotAllowed: the viewer is no admin.
    """
    viewer.must(Do.SEE_BUDGETS_OF_OTHERS)
    with deps.store.read() as session:
        found = open_charges.newest_undecided(session, since=deps.clock.now() - LONGEST)
    return [job for job in found if charge_of(job).state == ChargeState.MAY_BE_CHARGED][:limit]
