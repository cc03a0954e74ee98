"""What became of a take's charge: decided here alone, for cards, pages, ledger, errors and the API."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from backend.catalogue.titles import provider_title
from backend.domain import policy
from backend.domain.states import JobState
from backend.domain.trouble import Charged, Trouble, was_free
from backend.models import Job
from backend.store.jobs.jobs import ENDED_WITHOUT_VIDEO

#: After this many answers that tell nothing, the estimate stays as it is.
BILL_TRIES_MAX = 10
#: Billing events of a request are looked for until so long after its end.
EVENTS_FOR = timedelta(days=3)


class ChargeState(StrEnum):
    """Where a take stands with its money."""

    RESERVED = "reserved"  #: it goes on, and its bill is still to come
    ESTIMATED = "estimated"  #: it is done, and no bill that could be believed is known: the estimate stands
    BILLED = "billed"  #: the provider billed it
    NOT_CHARGED = "not_charged"  #: it provably cost nothing
    MAY_BE_CHARGED = "may_be_charged"  #: nobody here can tell (yet)
    WRITTEN_OFF = "written_off"  #: nobody could tell, and a person decided that it counts for nothing


class Settled(StrEnum):
    """What decided a bill besides units and their price."""

    ESTIMATE = "estimate"  #: the estimate, as no unit price or no count is known
    EVENTS = "events"  #: the provider's billing events
    TOLD = "told"  #: a person: an odd bill as the provider told it
    AS_ESTIMATED = "as_estimated"  #: a person: the estimate in place of an odd bill
    WRITTEN_OFF = "written_off"  #: a person: it counts for nothing


@dataclass(frozen=True)
class Decision:
    """What a job's `charge` says. by, at: the person who decided. odd_…: a bill beyond belief."""

    settled: Settled | None = None
    by: str | None = None
    at: datetime | None = None
    odd_units: float | None = None
    odd_usd: float | None = None

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> "Decision":
        """As it is kept on the row; what a newer program adds is passed over."""
        kept, at = kept or {}, (kept or {}).get("at")
        word = kept.get("settled")
        return cls(
            settled=Settled(word) if word in set(Settled) else None,
            by=kept.get("by"),
            at=datetime.fromisoformat(at) if at else None,
            odd_units=kept.get("odd_units"),
            odd_usd=kept.get("odd_usd"),
        )

    def as_json(self) -> dict[str, Any]:
        """As it is kept on the row."""
        at = self.at.isoformat() if self.at else None
        kept = {"settled": self.settled, "by": self.by, "at": at}
        return {name: value for name, value in {**kept, **self._odd()}.items() if value is not None}

    def _odd(self) -> dict[str, Any]:
        return {"odd_units": self.odd_units, "odd_usd": self.odd_usd}

    @property
    def is_suspicious(self) -> bool:
        """Was a bill told that nobody believes, and that no person has decided about?"""
        return self.odd_usd is not None and self.settled is None


@dataclass(frozen=True)
class Charge:
    """What a take costs (USD), as far as is known.

    usd: the bill, or the estimate until there is one; None: nobody knows. asked_until: the provider is asked
    until then, at the latest, what it billed; None: it isn't, or without an end.
    """

    state: ChargeState
    usd: float | None
    at_most_usd: float | None
    asked_until: datetime | None
    decision: Decision
    provider: str

    @property
    def is_open(self) -> bool:
        """May a person write it off?"""
        told_nothing = self.state == ChargeState.ESTIMATED and self.asked_until is None
        return told_nothing or self.state == ChargeState.MAY_BE_CHARGED or self.decision.is_suspicious

    @property
    def billed_usd(self) -> float | None:
        """What was billed; 0 where it provably cost nothing, None: not known (yet)."""
        return self.usd if self.state in (ChargeState.BILLED, ChargeState.NOT_CHARGED) else None

    @property
    def source(self) -> str:
        """Where the amount comes from: `billed`, `estimate` or `unknown`."""
        if self.billed_usd is not None:
            return "billed"
        return "unknown" if self.usd is None else "estimate"

    @property
    def words(self) -> str:
        """A sentence about it, for people."""
        return _sentence(self)


def charge_of(job: Job, *, reads_events: bool = False) -> Charge:
    """What became of this job's charge. reads_events: billing events are read (`FAL_ADMIN_KEY` is set)."""
    decision, state = Decision.of(job.charge), _state(job)
    usd = job.estimate_usd if job.billed_usd is None else job.billed_usd
    if state == ChargeState.NOT_CHARGED:
        usd = 0.0
    at_most = (job.price or {}).get("at_most_usd")
    until = _asked_until(job, state, reads_events=reads_events)
    at_most = at_most if at_most is not None else job.estimate_usd
    return Charge(state, usd, at_most, until, decision, job.provider)


def told_trouble(job: Job, charge: Charge) -> Trouble | None:
    """The last thing that went wrong with a job, saying of its money what is known by now."""
    trouble = Trouble.of(job.error)
    if trouble is None:
        return None
    match charge.state:
        case ChargeState.BILLED:
            return replace(trouble, charged=Charged.YES)
        case ChargeState.NOT_CHARGED:
            return replace(trouble, charged=Charged.NO)
        case ChargeState.MAY_BE_CHARGED | ChargeState.WRITTEN_OFF:
            return replace(trouble, charged=Charged.MAYBE)
        case ChargeState.RESERVED | ChargeState.ESTIMATED:  # what went wrong on its way says so itself
            return trouble


def _state(job: Job) -> ChargeState:
    decision = Decision.of(job.charge)
    if job.billed_usd is not None:
        return ChargeState.BILLED if job.billed_usd else ChargeState.NOT_CHARGED
    if decision.settled == Settled.WRITTEN_OFF:
        return ChargeState.WRITTEN_OFF
    if job.state in ENDED_WITHOUT_VIDEO and was_free(job.error) and job.billed_units is None:
        return ChargeState.NOT_CHARGED
    made = job.state == JobState.STORED or (job.state == JobState.CANCELLED and job.rendered_at is not None)
    if made or job.billed_units is not None or decision.settled is not None:
        return ChargeState.ESTIMATED
    if job.state == JobState.HELD or job.state in ENDED_WITHOUT_VIDEO:
        return ChargeState.MAY_BE_CHARGED
    return ChargeState.RESERVED


def _asked_until(job: Job, state: ChargeState, *, reads_events: bool) -> datetime | None:
    """Until when the provider is asked about an open charge, at the latest."""
    if state not in (ChargeState.MAY_BE_CHARGED, ChargeState.ESTIMATED) or job.request_id is None:
        return None
    ends = []
    if reads_events and job.provider == "fal" and job.billed_units is None:
        ends.append((job.ended_at or job.state_at) + EVENTS_FOR)
    if job.due_at is not None and state == ChargeState.MAY_BE_CHARGED and job.state in ENDED_WITHOUT_VIDEO:
        first_s, cap_s = policy.LATE_VIDEO_FIRST_S, policy.LATE_VIDEO_CAP_S
        ends.append(job.due_at + _all_pauses(job.polls, policy.LATE_VIDEO_CHECKS, first_s, cap_s))
    if job.due_at is not None and state == ChargeState.ESTIMATED and job.billed_units is None:
        first_s, cap_s = policy.BACKOFF_FIRST_S, policy.BACKOFF_CAP_S
        ends.append(job.due_at + _all_pauses(job.bill_tries, BILL_TRIES_MAX, first_s, cap_s))
    return max(ends, default=None)


def _all_pauses(done: int, tries: int, first_s: float, cap_s: float) -> timedelta:
    """All pauses between the tries that are left, at their longest."""
    pauses = (min(cap_s, first_s * 2.0**number) for number in range(done, tries))
    return timedelta(seconds=sum(pauses) * (1 + policy.JITTER))


def _told(decision: Decision) -> str:
    """A bill that nobody believes, as people write it: $50,000,000.00 (1,000,000,000 units)."""
    units = f"{decision.odd_units or 0.0:,.4f}".rstrip("0").rstrip(".")
    return f"${decision.odd_usd or 0.0:,.2f} ({units} units)"


def _sentence(charge: Charge) -> str:
    decision, until = charge.decision, charge.asked_until
    if decision.is_suspicious:
        return (
            f"The provider told a bill of {_told(decision)}, which nobody believes: it counts for what was "
            "reserved until an admin decides."
        )
    asked = f"the provider is asked again until {until:%d %b, %H:%M} UTC." if until else ""
    match charge.state:
        case ChargeState.RESERVED:
            return "Not billed yet; what it may cost is reserved."
        case ChargeState.ESTIMATED if decision.settled == Settled.AS_ESTIMATED:
            who, when = decision.by or "a person", f" on {decision.at:%d %b %Y}" if decision.at else ""
            return f"The provider told a bill of {_told(decision)}; {who} had the estimate count{when}."
        case ChargeState.ESTIMATED:
            return f"No bill is known; {asked or 'it counts for its estimate.'}"
        case ChargeState.BILLED:
            return "The provider charged for it."
        case ChargeState.NOT_CHARGED:
            return "Nothing was charged."
        case ChargeState.WRITTEN_OFF:
            when = f" on {decision.at:%d %b %Y}" if decision.at else ""
            return f"It may have been charged; {decision.by or 'a person'} wrote it off{when}."
        case ChargeState.MAY_BE_CHARGED:
            rest = asked or f"check {provider_title(charge.provider)} billing; an admin can write it off."
            return f"It may have been charged; {rest}"
