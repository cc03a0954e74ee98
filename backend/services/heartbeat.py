"""Signs of life: who works, since when, and when each was last heard of."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.services.deps import Deps
from backend.store import facts

#: A worker that was not heard of for this long counts as dead, whatever its settings say.
DEAD_AFTER = timedelta(seconds=45)
#: Workers that were killed are remembered this long.
FORGET_AFTER = timedelta(hours=6)


@dataclass(frozen=True)
class WorkerSign:
    """One worker. name: host and process id; in_hand: jobs that it was looking at."""

    name: str
    heard_at: datetime
    in_hand: int
    alive: bool


def beat(deps: Deps, name: str, *, in_hand: int) -> None:
    """This worker is alive."""
    now = deps.clock.now()
    with deps.store.begin() as session:
        facts.keep(session, f"worker:{name}", {"in_hand": in_hand}, at=now)
        for fact in facts.named(session, "worker:"):
            if now - fact.at > FORGET_AFTER:
                facts.forget(session, fact.name)


def gone(deps: Deps, name: str) -> None:
    """This worker has stopped, as it should."""
    with deps.store.begin() as session:
        facts.forget(session, f"worker:{name}")


def workers(deps: Deps) -> list[WorkerSign]:
    """Every worker that was heard of lately, the living first."""
    now = deps.clock.now()
    with deps.store.read() as session:
        found = facts.named(session, "worker:")
    signs = [
        WorkerSign(
            fact.name.removeprefix("worker:"),
            fact.at,
            fact.value.get("in_hand", 0),
            now - fact.at <= DEAD_AFTER,
        )
        for fact in found
    ]
    return sorted(signs, key=lambda sign: (not sign.alive, sign.name))
