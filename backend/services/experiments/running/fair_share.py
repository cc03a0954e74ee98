"""How much of the workers and of a provider experiments have at once, so that nobody waits behind them."""

from sqlmodel import Session

from backend.services.deps import Deps
from backend.store.experiments import running

#: Takes of experiments that may wait to be sent, over all of them: half of the threads that send (8), so that
#: a single take always finds one free.
UNSENT_MAX = 4
#: What an experiment has on its way where its plan says nothing. A provider starts as many for everybody
#: together: a new account at fal has two at work and 40 at the most. Source: fal, concurrency limits.
AT_ONCE = 4


def usual_at_once(deps: Deps, provider: str) -> int:
    """How many takes of an experiment are on their way where its plan doesn't say."""
    slots = slots_of(deps, provider)
    return AT_ONCE if slots is None else min(AT_ONCE, slots)


def slots_of(deps: Deps, provider: str) -> int | None:
    """How many calls of a provider experiments may hold: half of what it allows. None: it has no limit."""
    known = deps.providers.get(provider)
    calls = known.max_concurrent_calls if known is not None else None
    return None if calls is None else max(1, calls // 2)


def unsent_room(session: Session) -> int:
    """How many takes of experiments may be made now."""
    return max(0, UNSENT_MAX - running.count_unsent(session))


def has_slot(deps: Deps, session: Session, provider: str) -> bool:
    """May an experiment have one more take at this provider?"""
    slots = slots_of(deps, provider)
    return slots is None or running.count_at_provider(session, provider) < slots
