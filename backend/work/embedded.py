"""The embedded worker: due rows are handed to APScheduler's thread pools. Needs nothing but the database.

One open connection watches `PRAGMA data_version`, which changes when another connection commits;
reading it costs microseconds, so the worker looks 20 times a second and asks the database only when
something was committed or falls due.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from sqlalchemy.exc import SQLAlchemyError

from backend.domain.errors import StoreUnavailable
from backend.domain.states import JobState
from backend.services.deps import Deps
from backend.services.lifecycle import dispatch as steps
from backend.services.operations.sweep import run_sweep
from backend.store.jobs import claims
from backend.store.queue.tasks import FETCH_STATES
from backend.work import worker

log = logging.getLogger(__name__)

#: How often the watched connection is read, in seconds: the largest part of the delay to a start.
WATCH_EVERY_S = 0.05
#: Threads for looks that ask a provider, and for looks that move files; neither starves the other.
ASKING_THREADS = 8
FETCHING_THREADS = 4
#: Without any sign this is how long the worker sleeps at the most before it asks what is due.
IDLE_S = 5.0


@dataclass(frozen=True)
class WorkPool:
    """Looks that share a pool of threads. due_filter: narrows the jobs, as `list_due` has it."""

    threads: int
    states: frozenset[JobState]
    due_filter: Mapping[str, Any] = field(default_factory=dict)


def work_pools(deps: Deps) -> dict[str, WorkPool]:
    """A pool each for short questions, for files, and for calls that a provider holds open."""
    blocking = [provider.name for provider in deps.providers.values() if provider.blocking]
    return {
        "asking": WorkPool(ASKING_THREADS, steps.ASKING_STATES, {"not_sent_by": blocking}),
        "fetching": WorkPool(FETCHING_THREADS, FETCH_STATES),
        "calling": WorkPool(worker.open_calls(deps), frozenset({JobState.CREATED}), {"sent_by": blocking}),
    }


class EmbeddedWorker(worker.Worker):
    """Hands due rows to threads. One a database file is enough; two are harmless."""

    def __init__(self, deps: Deps) -> None:
        self._kinds = work_pools(deps)
        super().__init__(
            deps, **{name: ThreadPoolExecutor(kind.threads) for name, kind in self._kinds.items()}
        )
        self._lock = threading.Lock()
        self._in_hand: dict[str, set[str]] = {name: set() for name in self._kinds}
        self._nudge = threading.Event()

    def run_until_stopped(self) -> None:
        """Hand out what is due, whenever something was committed or its time has come; until `stop`."""
        seen, look_at = None, self._deps.clock.monotonic()
        with self._deps.store.watch_commits() as version:
            while not self._deps.stopping.is_set():
                try:
                    now_seen = version()
                    if now_seen != seen or self._nudge.is_set() or self._deps.clock.monotonic() >= look_at:
                        self._nudge.clear()
                        seen = now_seen
                        look_at = self._deps.clock.monotonic() + self._hand_out()
                except (StoreUnavailable, SQLAlchemyError) as error:
                    log.error("the database can't be read", extra={"why": worker.driver_message(error)})
                    self._deps.stopping.wait(1.0)
                self._deps.stopping.wait(WATCH_EVERY_S)

    def _wake_up(self) -> None:
        self._nudge.set()

    def _hand_out(self) -> float:
        """Give due jobs to free threads; returns seconds until the next look if nothing happens before."""
        now = self._deps.clock.now()
        with self._deps.store.read() as session:
            for name, kind in self._kinds.items():
                with self._lock:
                    in_hand = set(self._in_hand[name])
                free = kind.threads - len(in_hand)
                if free > 0:
                    options = {"limit": kind.threads + len(in_hand), **kind.due_filter}
                    due = claims.list_due(session, now=now, states=kind.states, **options)
                    self._give([job_id for job_id in due if job_id not in in_hand][:free], name)
            next_at = claims.next_due_at(session, now=now)
        return IDLE_S if next_at is None else min(IDLE_S, (next_at - now).total_seconds())

    def _give(self, job_ids: list[str], kind: str) -> None:
        for job_id in job_ids:
            with self._lock:
                self._in_hand[kind].add(job_id)
            self._scheduler.add_job(self._step, args=(job_id, kind), executor=kind)

    def _step(self, job_id: str, kind: str) -> None:
        try:
            self._look(job_id)
        finally:
            with self._lock:
                self._in_hand[kind].discard(job_id)
            self._nudge.set()

    def _in_hand_now(self) -> int:
        return sum(len(ids) for ids in self._in_hand.values())

    def _sweep(self) -> None:
        def look() -> int:
            self._nudge.set()
            return 0

        try:
            did = run_sweep(self._deps, by=self._name, run_due=look)
        except (StoreUnavailable, SQLAlchemyError, OSError) as error:
            log.error("sweep failed", extra={"why": worker.driver_message(error)})
        else:
            if did:
                log.info("sweep", extra=did)
