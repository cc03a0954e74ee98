"""Signs of life: who works, since when, and when each was last heard of."""

import hashlib
import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.domain.errors import SettingsError
from backend.domain.kinds import Health
from backend.services.deps import Deps
from backend.store.database.postgres import MAX_CLOCK_SKEW_S
from backend.store.records.facts import FactFamily

log = logging.getLogger(__name__)

#: A worker says that it lives three times a lease. Silent for so many of its leases it is amber, then red: by
#: then it is dead or frozen, and others have what it had in hand.
AMBER_LEASES, RED_LEASES = 2, 3
#: The lease of a worker of an older program, which doesn't tell it: the setting's default, in seconds.
UNTOLD_LEASE_S = 15.0
#: Workers that were killed are remembered this long.
FORGET_AFTER = timedelta(hours=6)


@dataclass(frozen=True)
class WorkerHeartbeat:
    """One worker. name: host and process id; in_hand: jobs that it was looking at.

    silent_s: how long it was not heard of, by the database's clock; lease_s: its own LEASE_S.
    clock_skew_s: how far its host's clock is ahead of the database's, in seconds; negative: behind. By so
    much its claims seem to end late or early to all others.
    """

    name: str
    last_seen_at: datetime
    in_hand: int
    silent_s: float
    lease_s: float = UNTOLD_LEASE_S
    key_fingerprint: str | None = None  #: a mark of its SECRET_KEY, which does not tell it
    clock_skew_s: float = 0.0

    @property
    def health(self) -> Health:
        """How it does: see `judge_silence`."""
        return judge_silence(self.silent_s, self.lease_s)

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
    lease_s: float = UNTOLD_LEASE_S


_SIGNS = FactFamily(_Sign, "worker:")


def record_heartbeat(deps: Deps, name: str, *, in_hand: int) -> None:
    """This worker is alive. That its clock has gone astray since it started is told, and stops nothing."""
    now = deps.clock.now()
    with deps.store.begin() as session:
        off_s = round(deps.store.clock_skew_s(session, deps.clock.now), 1)
        _SIGNS.of(name).put(session, _Sign(now, in_hand, _mark(deps), off_s, deps.settings.lease_s))
        for other, sign in _SIGNS.read_all(session).items():
            if now - sign.at > FORGET_AFTER:
                _SIGNS.of(other).forget(session)
    if abs(off_s) > MAX_CLOCK_SKEW_S:
        log.error("this host's clock differs from the database's", extra={"ahead_s": off_s})


def forget_worker(deps: Deps, name: str) -> None:
    """This worker has stopped, as it should."""
    with deps.store.begin() as session:
        _SIGNS.of(name).forget(session)


def judge_silence(silent_s: float, lease_s: float) -> Health:
    """How a worker does that was not heard of for so long: pages, /readyz and /metrics all ask here."""
    if silent_s < AMBER_LEASES * lease_s:
        return Health.GREEN
    return Health.AMBER if silent_s < RED_LEASES * lease_s else Health.RED


def judge_all(signs: Sequence[WorkerHeartbeat]) -> Health:
    """How the work does that any of these can do: as its best worker; without one, red."""
    found = {sign.health for sign in signs}
    return next((health for health in Health if health in found), Health.RED)


def list_workers(deps: Deps) -> list[WorkerHeartbeat]:
    """Every worker that was heard of lately, the living first.

    Each host stamps by its own clock, so how long one is silent is reckoned by the database's.
    """
    with deps.store.read() as session:
        found = _SIGNS.read_all(session)
        ahead_s = deps.store.clock_skew_s(session, deps.clock.now) if found else 0.0
    now = deps.clock.now()
    signs = [_heard(name, sign, now - timedelta(seconds=ahead_s)) for name, sign in found.items()]
    order = list(Health)
    return sorted(signs, key=lambda sign: (order.index(sign.health), sign.name))


def _heard(name: str, sign: _Sign, now: datetime) -> WorkerHeartbeat:
    """now: by the database's clock."""
    silent_s = max(0.0, (now - sign.at).total_seconds() + sign.clock_off_s)
    return WorkerHeartbeat(name, sign.at, sign.in_hand, silent_s, sign.lease_s, sign.key, sign.clock_off_s)


def check_secret_key(deps: Deps) -> None:
    """Is our SECRET_KEY that of the workers that live?

    Raises:
        SettingsError: it is another one; webhooks and media links of one host would be refused by the others.
    """
    known, living = (None, _mark(deps)), (sign for sign in list_workers(deps) if sign.health != Health.RED)
    others = [sign for sign in living if sign.key_fingerprint not in known]
    if others:
        names, lease_s = ", ".join(sign.name for sign in others), max(sign.lease_s for sign in others)
        raise SettingsError(
            "These settings stop the start:\n"
            f"  SECRET_KEY: it is not the one of {names}, so webhooks and links of one host\n"
            "  would be refused by the others. Give every host the same: the first one's data/secret_key,\n"
            "  if none was ever set. To change it, stop every worker first; a killed one counts for "
            f"{RED_LEASES * lease_s:g} s"
        )


def _mark(deps: Deps) -> str:
    key = deps.settings.secret_key.get_secret_value().encode()
    return hmac.new(key, b"which key is this", hashlib.sha256).hexdigest()[:16]
