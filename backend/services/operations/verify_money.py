"""The ledger checked twice over: every sum from its lines, every line from its take.

A command looks at all of it. The sweep looks once a day at what is new: lines behind those that were looked
at, takes of the last days (a line that was forgotten is behind nothing), and the kept sums as a whole.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from sqlmodel import Session

from backend.domain.clock import id_lower_bound
from backend.domain.errors import NotFound
from backend.services.deps import Deps
from backend.services.money.double_check import faults_of, sum_words
from backend.store.jobs import jobs
from backend.store.money import audit
from backend.store.money.audit import LineOf, TakeMoney
from backend.store.records.facts import Fact

log = logging.getLogger(__name__)

#: How often the sweep looks.
CHECK_EVERY = timedelta(days=1)
#: Takes that are looked at again on every day; most come to their end, and their bill, long before.
TAKES_OF = timedelta(days=3)
#: What is younger may be half written: see `totals.SETTLED_AFTER`.
SETTLED_AFTER = timedelta(minutes=10)
#: Takes, or lines, that are read at a time.
BATCH_SIZE = 500
#: Batches of one sweep, which goes on with the rest in the next: within half a second.
SWEEP_BATCHES = 20
#: So many differences are kept by name; there may be more.
NAMED_MAX = 50


@dataclass
class MoneyVerified:
    """What was found. differences: a sentence for each."""

    takes: int = 0
    lines: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """What was looked at, and how many differences there are."""
        number = len(self.differences)
        differences = f"{number or 'no'} difference{'' if number == 1 else 's'}"
        return f"Verified {self.takes} takes and {self.lines} lines of the ledger: {differences}."


@dataclass(frozen=True)
class MoneyCheck:
    """How far the daily look has come.

    at: when the pass began. done_at: when it was through. job: the last take it looked at, "" behind all.
    line: every line up to this was looked at; `total` is what those come to, in millionths of a dollar.
    """

    at: datetime
    done_at: datetime | None = None
    job: str = ""
    line: int = 0
    total: int = 0
    takes: int = 0
    differences: list[str] = field(default_factory=list)


MONEY_CHECK = Fact(MoneyCheck, "money_check")
_NEVER = MoneyCheck(datetime.min.replace(tzinfo=UTC))


def verify_money(deps: Deps, *, on_progress: Callable[[str], None]) -> MoneyVerified:
    """Look at every take, every line and every sum; nothing is changed."""
    found, job_id, line = MoneyVerified(), "", 0
    while True:
        with deps.store.read() as session:
            batch = audit.takes_after(session, job_id, before="~", limit=BATCH_SIZE)
        if not batch:
            break
        job_id = batch[-1].id
        found.takes += len(batch)
        found.differences += _certain_faults(deps, batch)
        on_progress(f"{found.takes} takes, {len(found.differences)} differences")
    while True:
        with deps.store.read() as session:
            lines = audit.lines_after(session, line, limit=BATCH_SIZE)
            strangers = [take for take in audit.takes_of(session, _ids(lines)) if not take.state]
        if not lines:
            break
        line = lines[-1].id
        found.lines += len(lines)
        found.differences += [fault for take in strangers for fault in faults_of(take)]
    with deps.store.read() as session:
        found.differences += [sum_words(each) for each in audit.sum_differences(session)]
    return found


def check_money(deps: Deps) -> int:
    """The sweep's part: once a day, a piece at a time; returns how many differences this piece had."""
    now = deps.clock.now()
    known = MONEY_CHECK.query(deps.store) or _NEVER
    if known.done_at is not None and timedelta(0) <= now - known.at < CHECK_EVERY:
        return 0
    begins = known.done_at is not None or known is _NEVER
    check = MoneyCheck(now, line=known.line, total=known.total) if begins else known
    before = len(check.differences)
    for _ in range(SWEEP_BATCHES):
        if check.done_at is not None or deps.stopping.is_set():
            break
        check = _next_piece(deps, check, now)
    named = check.differences[before:]
    for fault in named:
        log.error("the ledger disagrees", extra={"why": fault})
    with deps.store.begin() as session:
        if (MONEY_CHECK.lock_and_read(session) or _NEVER) == known:  # else another was quicker
            MONEY_CHECK.put(session, replace(check, differences=check.differences[:NAMED_MAX]))
    return len(named)


def last_check(deps: Deps) -> MoneyCheck | None:
    """The sweep's last look, or as far as it has come; None before the first."""
    with deps.store.read() as session:
        return MONEY_CHECK.read(session)


def _next_piece(deps: Deps, check: MoneyCheck, now: datetime) -> MoneyCheck:
    """The next takes; behind those, the next lines; behind those, the sums."""
    newest, oldest = (id_lower_bound(now - age) for age in (SETTLED_AFTER, TAKES_OF))
    with deps.store.read() as session:
        batch = audit.takes_after(session, max(check.job, oldest), before=newest, limit=BATCH_SIZE)
        if batch:
            lines: Sequence[LineOf] = []
        else:  # one that was begun earlier may be committed later, with a smaller number
            new = audit.lines_after(session, check.line, limit=BATCH_SIZE)
            lines = list(takewhile(lambda line: line.at < now - SETTLED_AFTER, new))
            batch = audit.takes_of(session, _ids(lines))
        total = check.total
        if lines:
            total += audit.lines_total(session, after=check.line, upto=lines[-1].id)
        sums = [] if batch else _sum_faults(session, check)
    faults = [*_certain_faults(deps, batch), *sums]
    return replace(
        check,
        done_at=None if batch else now,
        job=batch[-1].id if batch and not lines else check.job,
        line=lines[-1].id if lines else check.line,
        total=total,
        takes=check.takes + len(batch),
        differences=[*check.differences, *(fault for fault in faults if fault not in check.differences)],
    )


def _sum_faults(session: Session, check: MoneyCheck) -> list[str]:
    """Do all kept sums together come to what their lines do?"""
    for line, kept in audit.sums_totals(session):
        behind = audit.lines_total(session, after=min(line, check.line), upto=max(line, check.line))
        lines = check.total + (behind if line > check.line else -behind)
        if kept != lines:
            return [sum_words(each) for each in audit.sum_differences(session)] or [
                f"All sums that are kept come to {kept} millionths of a dollar, their lines came to {lines}: "
                "a line that was looked at has changed since."
            ]
    return []


def _certain_faults(deps: Deps, batch: Iterable[TakeMoney]) -> list[str]:
    """Faults that are there also while nobody writes to the take: its row and lines are read one by one."""
    odd, faults = [take.id for take in batch if faults_of(take)], []
    for job_id in odd:
        with deps.store.begin() as session:
            with suppress(NotFound):
                jobs.get(session, job_id)
            faults += [fault for take in audit.takes_of(session, [job_id]) for fault in faults_of(take)]
    return faults


def _ids(lines: Sequence[LineOf]) -> list[str]:
    return list(dict.fromkeys(line.job_id for line in lines))
