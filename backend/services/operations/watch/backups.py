"""When the last backup was made that can be relied on: known to every process, amber when old or never."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.domain.kinds import Health
from backend.services.deps import Deps
from backend.store.records.facts import Fact

#: An older backup is worth a look: one a day is usual, and may take its time.
OLD_AFTER = timedelta(hours=26)


@dataclass(frozen=True)
class LastBackup:
    """The newest backup that came to its end. at: when it began: what came later is not in it.

    good_at: when the newest began that lacked nothing; None: there was none. problems: how many files the
    newest lacks, as they are missing or altered. place: where it lies.
    """

    at: datetime
    good_at: datetime | None
    problems: int = 0
    place: str = ""


LAST_BACKUP = Fact(LastBackup, "backup")


def record_backup(deps: Deps, *, began_at: datetime, problems: int = 0, place: str = "") -> None:
    """A backup has come to its end. problems: so many files are not in it; then it counts as none."""
    with deps.store.begin() as session:
        before = LAST_BACKUP.lock_and_read(session)
        good_at = began_at if not problems else before.good_at if before else None
        LAST_BACKUP.put(session, LastBackup(began_at, good_at, problems, place))


def last_backup(deps: Deps) -> LastBackup | None:
    """The newest backup; None: there was none."""
    with deps.store.read() as session:
        return LAST_BACKUP.read(session)


def backup_age_s(deps: Deps) -> float | None:
    """How old the last whole backup is, in seconds; None: there is none."""
    known = last_backup(deps)
    if known is None or known.good_at is None:
        return None
    return max(0.0, (deps.clock.now() - known.good_at).total_seconds())


def judge_backup(age_s: float | None) -> Health:
    """Amber when it is old, or was never made."""
    fresh = age_s is not None and age_s < OLD_AFTER.total_seconds()
    return Health.GREEN if fresh else Health.AMBER
