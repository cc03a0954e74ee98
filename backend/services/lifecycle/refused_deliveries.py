"""Deliveries that are refused are counted, however many come: gathered here, written at most once a second.

Of a flood nothing is kept but numbers: the reasons are the program's own words, and there are few.
"""

import logging
import math
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from backend.domain.errors import StoreUnavailable
from backend.models import RefusedDeliveries
from backend.services.deps import Deps
from backend.store.jobs import refused

log = logging.getLogger(__name__)

#: Between two writes.
WRITE_EVERY_S = 1.0
#: More reasons than there are. What comes beyond them is counted as one.
REASONS_MAX = 32
OTHER = "for other reasons"


@dataclass
class _Gathered:
    number: int
    first_at: datetime
    last_at: datetime


class RefusalCounter:
    """Counts for one process. Thread-safe; nobody waits for more than one write a second."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._lock = threading.Lock()
        self._gathered: dict[str, _Gathered] = {}
        self._named: set[str] = set()  # by this process, however often it has written since
        self._written_s = -math.inf  # monotonic
        self._timer: threading.Timer | None = None

    def count(self, reason: str) -> None:
        """One more was refused. The database has it within a second or so, or when it is back."""
        now, clock_s = self._deps.clock.now(), self._deps.clock.monotonic()
        with self._lock:
            if reason not in self._named and len(self._named) >= REASONS_MAX:
                reason = OTHER
            else:
                self._named.add(reason)
            known = self._gathered.setdefault(reason, _Gathered(0, now, now))
            known.number, known.last_at = known.number + 1, now
            wait_s = self._written_s + WRITE_EVERY_S - clock_s
            if wait_s <= 0:
                self._written_s = clock_s
            else:
                self._write_later(wait_s)
        if wait_s <= 0:
            self.write()

    def write(self) -> None:
        """Write what was gathered; what can't be written now stays gathered."""
        with self._lock:
            taken, self._gathered = self._gathered, {}
        if not taken:
            return
        try:
            with self._deps.store.begin() as session:
                for reason, found in sorted(taken.items()):
                    refused.count_refused(
                        session, reason, found.number, first_at=found.first_at, last_at=found.last_at
                    )
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.warning("refusals are not written now", extra={"why": type(error).__name__})
            self._put_back(taken)

    def _put_back(self, taken: dict[str, _Gathered]) -> None:
        with self._lock:
            for reason, found in taken.items():
                newer = self._gathered.get(reason)
                if newer is not None:
                    found.number, found.last_at = found.number + newer.number, newer.last_at
                self._gathered[reason] = found
            self._write_later(WRITE_EVERY_S)

    def _write_later(self, wait_s: float) -> None:
        """Under the lock: see to it that what is left is written, also if no further one comes."""
        if self._timer is None:
            self._timer = threading.Timer(wait_s, self._write_rest)
            self._timer.daemon = True
            with suppress(RuntimeError):  # the process ends
                self._timer.start()

    def _write_rest(self) -> None:
        with self._lock:
            self._timer, self._written_s = None, self._deps.clock.monotonic()
        self.write()


def list_refused(deps: Deps) -> Sequence[RefusedDeliveries]:
    """Every reason for which deliveries were refused, that of the newest refusal first."""
    with deps.store.read() as session:
        return refused.list_refused(session)
