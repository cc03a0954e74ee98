"""Pauses: when a provider refuses our key or account, nothing more is sent to it for a while.

A pause ends by itself: when its time is over one job is let through, and the answer decides. It ends
at once when a person says so, or when the program comes back with another key.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backend.domain import policy
from backend.domain.access.roles import Do
from backend.domain.errors import SubmitDeferred
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.store.records.facts import FactFamily

#: While one job is let through, the others wait this long for its answer.
PROBE_S = 30.0
#: A waiting job looks again after this, so that a lifted pause is noticed soon.
RECHECK_S = 3.0
#: What a provider says when it is the account. Source: fal, "User is locked. Reason: Exhausted balance."
ACCOUNT_WORDS = ("user is locked", "account is locked", "exhausted balance")


@dataclass(frozen=True)
class ProviderPause:
    """Submitting is paused since `at`. refusals: how many the provider gave in a row; key: a mark of ours."""

    reason: str
    code: str
    refusals: int
    until: datetime
    at: datetime
    key: str | None = None

    @property
    def is_of_account(self) -> bool:
        """Is it the account that is refused, for want of credit, and not the key? By the provider's words."""
        said = self.reason.casefold()
        return any(word in said for word in ACCOUNT_WORDS)


PAUSES = FactFamily(ProviderPause, "pause:")


def check_not_paused(deps: Deps, provider: str) -> None:
    """Afterwards the caller may send; after a pause, as the one that tries. Raises SubmitDeferred: paused."""
    fact = PAUSES.of(provider)
    with deps.store.read() as session:
        if fact.read(session) is None:
            return
    with deps.store.begin() as session:
        pause = fact.lock_and_read(session)
        if pause is None:
            return
        if pause.key != deps.get_provider(provider).key_mark:
            fact.forget(session)
            return
        now = deps.clock.now()
        left_s = (pause.until - now).total_seconds()
        if left_s > 0:
            raise SubmitDeferred(f"{provider} is paused", wait_s=min(left_s, RECHECK_S))
        fact.put(session, replace(pause, until=now + timedelta(seconds=PROBE_S)))


def pause_provider(deps: Deps, provider: str, *, reason: str, code: str) -> None:
    """Send nothing to this provider for a while; each refusal in a row doubles the while."""
    now, fact = deps.clock.now(), PAUSES.of(provider)
    with deps.store.begin() as session:
        before = fact.lock_and_read(session)
        refusals = 1 + (before.refusals if before else 0)
        wait_s = min(policy.PAUSE_CAP_S, policy.PAUSE_FIRST_S * 2 ** min(refusals - 1, 10))
        since, until = before.at if before else now, now + timedelta(seconds=wait_s)
        key = deps.get_provider(provider).key_mark
        fact.put(session, ProviderPause(reason, code, refusals, until, since, key))


def resume_by_person(deps: Deps, viewer: Viewer, provider: str) -> None:
    """A person has sending go on. Raises NotAllowed: the viewer is no admin."""
    viewer.must(Do.RESUME_SENDING)
    resume_provider(deps, provider, by=viewer)


def resume_provider(deps: Deps, provider: str, *, by: Viewer | None = None) -> None:
    """Send again: the provider accepted something, or a person wants it."""
    fact = PAUSES.of(provider)
    with deps.store.read() as session:
        if fact.read(session) is None:
            return
    with deps.store.begin() as session:
        fact.forget(session)
        if by is not None:
            record(session, deps, by, Action.SENDING_RESUMED, object_type="provider", object_id=provider)


def list_pauses(deps: Deps) -> dict[str, ProviderPause]:
    """Every pause that is in force, by provider."""
    with deps.store.read() as session:
        return PAUSES.read_all(session)
