"""Signs of life: who works, since when, and when each was last heard of."""

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.domain.errors import SettingsError
from backend.services.deps import Deps
from backend.store.database.postgres import MAX_CLOCK_SKEW_S
from backend.store.records.facts import FactFamily

log = logging.getLogger(__name__)

#: A worker that was not heard of for this long counts as dead, whatever its settings say.
DEAD_AFTER = timedelta(seconds=45)
#: Workers that were killed are remembered this long.
FORGET_AFTER = timedelta(hours=6)


@dataclass(frozen=True)
class WorkerHeartbeat:
    """One worker. name: host and process id; in_hand: jobs that it was looking at.

    clock_skew_s: how far its host's clock is ahead of the database's, in seconds; negative: behind. By so
    much its claims seem to end late or early to all others.
    """

    name: str
    last_seen_at: datetime
    in_hand: int
    alive: bool
    key_fingerprint: str | None = None  #: a mark of its SECRET_KEY, which does not tell it
    clock_skew_s: float = 0.0

    @property
    def clock_is_off(self) -> bool:
        """By more than what would stop its start."""
        return abs(self.clock_skew_s) > MAX_CLOCK_SKEW_S


@dataclass(frozen=True)
class _Sign:
    """What a worker says of itself. key: a mark of its SECRET_KEY."""

    at: datetime
    in_hand: int = 0
    key: str | None = None
    clock_off_s: float = 0.0


_SIGNS = FactFamily(_Sign, "worker:")


def record_heartbeat(deps: Deps, name: str, *, in_hand: int) -> None:
    """This worker is alive. That its clock has gone astray since it started is told, and stops nothing."""
    now = deps.clock.now()
    with deps.store.begin() as session:
        off_s = round(deps.store.clock_skew_s(session, deps.clock.now), 1)
        _SIGNS.of(name).put(session, _Sign(now, in_hand, _mark(deps), off_s))
        for other, sign in _SIGNS.read_all(session).items():
            if now - sign.at > FORGET_AFTER:
                _SIGNS.of(other).forget(session)
    if abs(off_s) > MAX_CLOCK_SKEW_S:
        log.error("this host's clock differs from the database's", extra={"ahead_s": off_s})


def forget_worker(deps: Deps, name: str) -> None:
    """This worker has stopped, as it should."""
    with deps.store.begin() as session:
        _SIGNS.of(name).forget(session)


def list_workers(deps: Deps) -> list[WorkerHeartbeat]:
    """Every worker that was heard of lately, the living first."""
    now = deps.clock.now()
    with deps.store.read() as session:
        found = _SIGNS.read_all(session)
    signs = [
        WorkerHeartbeat(name, sign.at, sign.in_hand, now - sign.at <= DEAD_AFTER, sign.key, sign.clock_off_s)
        for name, sign in found.items()
    ]
    return sorted(signs, key=lambda sign: (not sign.alive, sign.name))


def check_secret_key(deps: Deps) -> None:
    """Is our SECRET_KEY that of the workers that live?

    Raises:
        SettingsError: it is another one; webhooks and media links of one host would be refused by the others.
    """
    known, living = (None, _mark(deps)), (sign for sign in list_workers(deps) if sign.alive)
    others = [sign.name for sign in living if sign.key_fingerprint not in known]
    if others:
        raise SettingsError(
            "These settings stop the start:\n"
            f"  SECRET_KEY: it is not the one of {', '.join(others)}, so webhooks and links of one host\n"
            "  would be refused by the others. Give every host the same: the first one's data/secret_key,\n"
            "  if none was ever set. To change it, stop every worker first; a killed one counts for "
            f"{DEAD_AFTER.seconds} s"
        )


def _mark(deps: Deps) -> str:
    key = deps.settings.secret_key.get_secret_value().encode()
    return hmac.new(key, b"which key is this", hashlib.sha256).hexdigest()[:16]
