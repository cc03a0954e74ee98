"""Pauses: when a provider refuses our key or account, nothing more is sent to it for a while.

A pause ends by itself: when its time is over one job is let through, and the answer decides. It ends
at once when a person says so, or when the program comes back with another key.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.domain import policy
from backend.domain.errors import SubmitDeferred
from backend.services.deps import Deps
from backend.store.records import key_values

#: While one job is let through, the others wait this long for its answer.
PROBE_S = 30.0
#: A waiting job looks again after this, so that a lifted pause is noticed soon.
RECHECK_S = 3.0


@dataclass(frozen=True)
class ProviderPause:
    """Submitting to a provider is paused. refusals: how many it gave in a row."""

    provider: str
    reason: str
    code: str
    since: datetime
    until: datetime
    refusals: int


def check_not_paused(deps: Deps, provider: str) -> None:
    """Afterwards the caller may send now; after a pause, as the one that tries.

    Raises:
        SubmitDeferred: it is paused.
    """
    with deps.store.read() as session:
        if key_values.get(session, _name(provider)) is None:
            return
    with deps.store.begin() as session:
        fact = key_values.get(session, _name(provider))
        if fact is None:
            return
        if fact.value.get("key") != deps.get_provider(provider).key_mark:
            key_values.delete_value(session, _name(provider))
            return
        now = deps.clock.now()
        left = (datetime.fromisoformat(fact.value["until"]) - now).total_seconds()
        if left > 0:
            raise SubmitDeferred(f"{provider} is paused", wait_s=min(left, RECHECK_S))
        until = (now + timedelta(seconds=PROBE_S)).isoformat()
        key_values.set_value(session, _name(provider), {**fact.value, "until": until}, at=fact.at)


def pause_provider(deps: Deps, provider: str, *, reason: str, code: str) -> None:
    """Send nothing to this provider for a while; each refusal in a row doubles the while."""
    now = deps.clock.now()
    with deps.store.begin() as session:
        before = key_values.get(session, _name(provider))
        refusals = 1 + (before.value["refusals"] if before else 0)
        wait_s = min(policy.PAUSE_CAP_S, policy.PAUSE_FIRST_S * 2 ** min(refusals - 1, 10))
        key_values.set_value(
            session,
            _name(provider),
            {
                "reason": reason,
                "code": code,
                "refusals": refusals,
                "until": (now + timedelta(seconds=wait_s)).isoformat(),
                "key": deps.get_provider(provider).key_mark,
            },
            at=before.at if before else now,
        )


def resume_provider(deps: Deps, provider: str) -> None:
    """Send again: the provider accepted something, or a person says so."""
    with deps.store.read() as session:
        if key_values.get(session, _name(provider)) is None:
            return
    with deps.store.begin() as session:
        key_values.delete_value(session, _name(provider))


def list_pauses(deps: Deps) -> list[ProviderPause]:
    """Every pause that is in force."""
    with deps.store.read() as session:
        found = key_values.list_by_prefix(session, "pause:")
    return [
        ProviderPause(
            provider=fact.name.removeprefix("pause:"),
            reason=fact.value["reason"],
            code=fact.value["code"],
            since=fact.at,
            until=datetime.fromisoformat(fact.value["until"]),
            refusals=fact.value["refusals"],
        )
        for fact in found
    ]


def _name(provider: str) -> str:
    return f"pause:{provider}"
