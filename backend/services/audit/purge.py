"""What was done long ago is deleted where AUDIT_KEEP_DAYS says so; that it was is a row itself."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.domain.errors import StoreUnavailable
from backend.services.audit.record import WORKER, Action, record
from backend.services.deps import Deps
from backend.store.records.facts import Fact
from backend.store.team import audit

log = logging.getLogger(__name__)

#: So often rows are looked for; they may live so much longer.
LOOK_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class AuditPurge:
    """When rows were looked for last, and by how many days."""

    at: datetime
    keep_days: int = 0


PURGE = Fact(AuditPurge, "audit_purge")


def purge_old(deps: Deps) -> int:
    """Delete the rows that are older than AUDIT_KEEP_DAYS, once an hour; returns how many.

    In small transactions, each with its own row that tells of it: others write in between.
    """
    days, now = deps.settings.audit_keep_days, deps.clock.now()
    if days is None:
        return 0
    last = PURGE.query(deps.store)
    if last is not None and last.keep_days == days and timedelta(0) <= now - last.at < LOOK_EVERY:
        return 0
    total, before = 0, now - timedelta(days=days)
    while not deps.stopping.is_set():
        try:
            number = _purge_batch(deps, before)
        except StoreUnavailable as error:  # as also where the database's role may only add rows
            log.error("AUDIT_KEEP_DAYS can't be kept: rows can't be deleted", extra={"why": error.why[:300]})
            number = 0
        total += number
        if number < audit.DELETE_BATCH:
            break
    with deps.store.begin() as session:
        PURGE.put(session, AuditPurge(now, days))
    return total


def _purge_batch(deps: Deps, before: datetime) -> int:
    with deps.store.begin() as session:
        number = audit.delete_before(session, before)
        if number:
            changed = {"rows": (number, 0), "before": (None, before.isoformat())}
            record(session, deps, WORKER, Action.AUDIT_PURGED, object_type="audit", changed=changed)
    return number
