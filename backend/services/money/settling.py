"""A take's bill, written into the ledger: by what the provider counted, by its events, or by a person."""

from datetime import datetime

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import NotFound, StateConflict
from backend.models import Job, JobColumns, JobHead
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.money.charges import BILL_TRIES_MAX, Decision, Settled, charge_of
from backend.store.jobs import jobs, open_charges
from backend.store.money import ledger

#: A bill that is so many times what a take may cost at most is not believed, if it is more than so much;
#: nor one beyond the second figure where nobody knows what it may cost. A list row read literally was 35
#: times too low; the dearest video of any model is some $10.
BELIEVED_TIMES = 50.0
BELIEVED_USD, BELIEVED_UNKNOWN_USD = 5.0, 200.0


def settle_bill(session: Session, job: Job | JobHead, units: float, *, at: datetime) -> JobColumns:
    """Bill a job by what the provider counted; returns the columns that say so.

    units: the provider's billable units; 0: nothing was billed, and the reservation is given back. Where
    nobody knows what a unit costs, the estimate stands. A bill beyond belief is kept and shown, and counts
    for what was reserved until a person decides.
    """
    if units == 0:
        ledger.release_unbilled(session, job, at=at)
        return {"billed_units": 0.0, "billed_usd": 0.0}
    price = (job.price or {}).get("unit_usd")
    if price is None:
        return {"billed_units": units, **settle_at_estimate(session, job, at=at, units=units)}
    usd = round(units * price, 6)
    if is_beyond_belief(job, usd):
        if ledger.was_released(session, job.id):
            ledger.restore_reservation(session, job, at=at)
        open_charges.note_odd(session, [job.id], at=at)
        odd = Decision(odd_units=units, odd_usd=usd)
        return {"billed_units": units, "billed_usd": None, "charge": odd.as_json()}
    ledger.record_bill(session, job, units=units, usd=usd, at=at)
    return {"billed_units": units, "billed_usd": usd, "charge": None}


def settle_told(session: Session, job_id: str, units: float | None, *, at: datetime) -> JobColumns:
    """What the provider told of its count, after it was asked; units None: nothing.

    What was decided meanwhile stays: billing events always, a person's word or a bill if nothing is told.
    """
    job = jobs.get(session, job_id)
    settled = Decision.of(job.charge).settled
    if settled == Settled.EVENTS or (units is None and (settled or job.billed_usd is not None)):
        return {}
    return (
        settle_at_estimate(session, job, at=at) if units is None else settle_bill(session, job, units, at=at)
    )


def settle_at_estimate(
    session: Session, job: Job | JobHead, *, at: datetime, units: float | None = None
) -> JobColumns:
    """No bill can be known: the estimate stands, and what was reserved beyond it is given back.

    A take that nobody could price goes on counting for what stands in for its price.
    """
    if job.estimate_usd is not None:
        ledger.record_bill(session, job, units=units, usd=job.estimate_usd, at=at, source="estimate")
    return {"charge": Decision(Settled.ESTIMATE).as_json()}


def settle_by_events(
    session: Session, job: Job | JobHead, *, units: float | None, usd: float, at: datetime
) -> JobColumns:
    """The provider's billing events say what it cost; that is the last word, whatever was believed before."""
    if usd == 0:
        ledger.release_unbilled(session, job, at=at)
    else:
        ledger.record_bill(session, job, units=units, usd=usd, at=at, source="events")
    charge, kept = Decision(Settled.EVENTS).as_json(), units if units is not None else job.billed_units
    return {"billed_units": kept, "billed_usd": usd, "charge": charge, "bill_tries": BILL_TRIES_MAX}


def is_beyond_belief(job: Job | JobHead, usd: float) -> bool:
    """Is this bill so far beyond what the take may cost that it can't be right?"""
    at_most = (job.price or {}).get("at_most_usd")
    ceiling = at_most if at_most is not None else job.estimate_usd
    if ceiling is None:
        return usd > BELIEVED_UNKNOWN_USD
    return usd > max(BELIEVED_USD, ceiling * BELIEVED_TIMES)


def confirm_bill(deps: Deps, viewer: Viewer, job_id: str, *, as_told: bool) -> Job:
    """A person decides about a bill beyond belief: it holds as it was told, or the estimate does.

    Raises:
        NotAllowed: only an admin may. NotFound. StateConflict: there is no such bill (any more).
    """
    viewer.must(Do.SETTLE_BILLS)
    now = deps.clock.now()
    with deps.store.begin() as session:
        job = jobs.get(session, job_id)
        odd = Decision.of(job.charge)
        if not odd.is_suspicious or odd.odd_usd is None or odd.odd_units is None:
            raise StateConflict("This take has no bill that waits for a decision.")
        values: JobColumns
        if as_told:
            ledger.record_bill(session, job, units=odd.odd_units, usd=odd.odd_usd, at=now)
            values = {"billed_usd": odd.odd_usd}
        else:
            values = settle_at_estimate(session, job, at=now, units=odd.odd_units)
        word = Settled.TOLD if as_told else Settled.AS_ESTIMATED
        values["charge"] = Decision(word, viewer.name, now, odd.odd_units, odd.odd_usd).as_json()
        _record(deps, session, viewer, job, word, odd.odd_usd)
        return jobs.update_if_unchanged(session, job, **values)


def write_off(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """A person decides that an open charge counts for nothing; a bill that comes all the same counts.

    Raises:
        NotAllowed: only an admin may. NotFound. StateConflict: what it cost is known, or still to come.
    """
    viewer.must(Do.SETTLE_BILLS)
    now = deps.clock.now()
    with deps.store.begin() as session:
        job = jobs.get(session, job_id)
        if not viewer.may_see(job.owner):
            raise NotFound(jobs.NO_TAKE)
        charge = charge_of(job)
        if not charge.is_open:
            raise StateConflict(f"There is nothing to write off. {charge.words}")
        _record(deps, session, viewer, job, Settled.WRITTEN_OFF, 0.0)
        ledger.release_unbilled(session, job, at=now, source="written_off")
        odd = charge.decision
        decided = Decision(Settled.WRITTEN_OFF, viewer.name, now, odd.odd_units, odd.odd_usd)
        return jobs.update_if_unchanged(
            session, job, charge=decided.as_json(), bill_tries=max(job.bill_tries, BILL_TRIES_MAX)
        )


def _record(deps: Deps, session: Session, viewer: Viewer, job: Job, word: Settled, usd: float) -> None:
    record(
        session, deps, viewer, Action.BILL_SETTLED, object_type="take", object_id=job.id,
        changed={"charge": (None, word)}, micros=ledger.to_micros(usd),
    )  # fmt: skip
