"""Sign-ins that came to nothing are written down, so many and no more: anybody can try without end."""

import threading
from contextlib import suppress
from datetime import datetime, timedelta

from backend.domain.access.actions import Action, ActorKind
from backend.domain.access.origin import Origin
from backend.domain.errors import StoreUnavailable
from backend.services.audit.record import Actor, record
from backend.services.deps import Deps

#: So many are written down within a minute by one process; the others are only counted, in the next one.
A_MINUTE = 10


class Refusals:
    """What was written down lately. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: datetime | None = None
        self._written = self._left_out = 0
        self._people: set[tuple[str, str]] = set()

    def note_person(self, deps: Deps, name: str, why: str, origin: Origin) -> None:
        """Somebody whose name is known was not let in; said once a minute, however often they ask."""
        with self._lock:
            self._begin_minute(deps.clock.now())
            if (name, why) in self._people:
                return
            if len(self._people) < A_MINUTE:
                self._people.add((name, why))
        self.note_refusal(deps, name, why, origin)

    def note_refusal(self, deps: Deps, name: str, why: str, origin: Origin) -> None:
        """Somebody was not let in. name: of the person if known, else of the provider; why: a word or two."""
        with self._lock:
            self._begin_minute(deps.clock.now())
            if self._written >= A_MINUTE:
                self._left_out += 1
                return
            self._written += 1
            left_out, self._left_out = self._left_out, 0
        changed: dict[str, tuple[object, object]] = {"why": (None, why)}
        if left_out:
            changed["more_before"] = (None, left_out)
        actor = Actor(ActorKind.PERSON, name, origin)
        with suppress(StoreUnavailable), deps.store.begin() as session:  # nobody is let in for that
            record(session, deps, actor, Action.SIGN_IN_REFUSED, changed=changed)

    def _begin_minute(self, now: datetime) -> None:
        if self._since is None or not timedelta(0) <= now - self._since < timedelta(minutes=1):
            self._since, self._written = now, 0
            self._people.clear()
