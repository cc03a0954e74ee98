"""The embedded worker: due rows are handed to APScheduler's thread pools. Needs nothing but the database.

One open connection watches `PRAGMA data_version`, which changes when another connection commits;
reading it costs microseconds, so the worker looks 20 times a second and asks the database only when
something was committed or falls due.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from backend.domain.errors import Outrun, ProviderUnanswered, StoreUnavailable
from backend.domain.states import JobState
from backend.services import step as steps
from backend.services.claims import Claim, Claims
from backend.services.deps import Deps
from backend.services.fetch import warm_up
from backend.services.heartbeat import beat, gone
from backend.services.refreshes import refresh_when_due
from backend.services.submit import hold
from backend.services.sweep import sweep
from backend.store import jobs

log = logging.getLogger(__name__)

#: How often the watched connection is read, in seconds: the largest part of the delay to a start.
LOOK_EVERY_S = 0.05
#: Threads for looks that ask a provider, and for looks that move files; neither starves the other.
ASKING_THREADS = 8
FETCHING_THREADS = 4
#: At the end, work in hand has this long to finish before it is handed back (8 s are promised in all).
FINISH_S = 5.5
#: Without any sign this is how long the worker sleeps at the most before it asks what is due.
IDLE_S = 5.0
#: How often a wish for a newer catalogue is looked for, in seconds: one row by its key.
WISH_EVERY_S = 2.0
#: A worker refreshes the catalogue by itself only after it has run this long, in seconds: a start has
#: other things to do, and one that is restarted again and again must not ask fal for everything each time.
SETTLED_S = 600.0


@dataclass(frozen=True)
class Kind:
    """Looks that share a pool of threads. which: narrows the jobs that want one, as `jobs.due` takes it."""

    threads: int
    states: frozenset[JobState]
    which: Mapping[str, Any] = field(default_factory=dict)


def kinds(deps: Deps) -> dict[str, Kind]:
    """A pool each for short questions, for files, and for calls that a provider holds open."""
    blocking = [provider.name for provider in deps.providers.values() if provider.blocking]
    calls = sum(provider.calls_at_once or 0 for provider in deps.providers.values())
    return {
        "asking": Kind(ASKING_THREADS, steps.ASKING, {"not_sent_by": blocking}),
        "fetching": Kind(FETCHING_THREADS, steps.FETCHING),
        "calling": Kind(max(1, calls), frozenset({JobState.CREATED}), {"sent_by": blocking}),
    }


class Worker:
    """Runs looks until it is told to stop. One a database file is enough; two are harmless."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._claims = Claims(deps)
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._lock = threading.Lock()
        self._kinds = kinds(deps)
        self._in_hand: dict[str, set[str]] = {name: set() for name in self._kinds}
        self._nudge = threading.Event()
        self._refreshing = threading.Event()
        self._settled_s = deps.clock.monotonic() + SETTLED_S
        self._scheduler = BackgroundScheduler(
            executors={
                "default": ThreadPoolExecutor(3),
                **{name: ThreadPoolExecutor(kind.threads) for name, kind in self._kinds.items()},
            },
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def run(self) -> None:
        """Work until SIGINT or SIGTERM; then finish or hand back what is in hand, within 8 s."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop())
        self.start()
        try:
            self.watch()
        finally:
            self.finish()

    def start(self) -> None:
        """Start the clock: sweeps, heartbeats."""
        settings = self._deps.settings
        threading.Thread(target=warm_up, daemon=True).start()
        self._every(settings.sweep_interval_s, self._sweep, "sweep")
        self._every(settings.lease_s / 3, self._beat, "heartbeat")
        self._every(WISH_EVERY_S, self._refresh, "catalogue")
        self._scheduler.start()
        log.info("worker started", extra={"worker": self._name})

    def stop(self) -> None:
        """Stop taking jobs, and let those in hand come to an end."""
        self._deps.stopping.set()
        self._nudge.set()

    def watch(self) -> None:
        """Hand out what is due, whenever something was committed or its time has come; until `stop`."""
        seen, look_at = None, self._deps.clock.now()
        with self._deps.store.watching() as version:
            while not self._deps.stopping.is_set():
                try:
                    now_seen = version()
                    if now_seen != seen or self._nudge.is_set() or self._deps.clock.now() >= look_at:
                        self._nudge.clear()
                        seen = now_seen
                        look_at = self._hand_out()
                except (StoreUnavailable, SQLAlchemyError) as error:
                    log.error("the database can't be read", extra={"why": _said(error)})
                    self._deps.stopping.wait(1.0)
                self._deps.stopping.wait(LOOK_EVERY_S)

    def finish(self) -> None:
        """Wait a little for work in hand, hand the rest back, and leave."""
        if self._scheduler.running:
            self._scheduler.pause()
        deadline = self._deps.clock.monotonic() + FINISH_S
        while (self._claims.held() or self._refreshing.is_set()) and self._deps.clock.monotonic() < deadline:
            threading.Event().wait(0.02)
        left = self._claims.held()
        for claim in left:
            self._hand_back(claim)
        try:
            gone(self._deps, self._name)
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.warning("no farewell", extra={"why": type(error).__name__})
        log.info("worker stopped", extra={"worker": self._name, "handed_back": len(left)})
        if left or self._refreshing.is_set():  # their threads wait for an answer; nobody waits for them
            logging.shutdown()
            os._exit(0)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _every(self, seconds: float, what: Any, name: str) -> None:
        self._scheduler.add_job(
            what, "interval", seconds=seconds, id=name, next_run_time=self._deps.clock.now()
        )

    def _hand_out(self) -> datetime:
        """Give due jobs to free threads; returns when to look again if nothing happens before."""
        now = self._deps.clock.now()
        with self._deps.store.read() as session:
            for name, kind in self._kinds.items():
                in_hand = self._copy(name)
                free = kind.threads - len(in_hand)
                if free > 0:
                    limit = kind.threads + len(in_hand)
                    due = jobs.due(session, now=now, states=kind.states, limit=limit, **kind.which)
                    self._give([job_id for job_id in due if job_id not in in_hand][:free], name)
            next_at = jobs.next_due_at(session, now=now)
        return min(next_at or now + timedelta(seconds=IDLE_S), now + timedelta(seconds=IDLE_S))

    def _give(self, job_ids: list[str], kind: str) -> None:
        for job_id in job_ids:
            with self._lock:
                self._in_hand[kind].add(job_id)
            self._scheduler.add_job(self._step, args=(job_id, kind), executor=kind)

    def _step(self, job_id: str, kind: str) -> None:
        try:
            if not self._deps.stopping.is_set():
                steps.step(self._deps, self._claims, job_id)
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("a look could not be recorded", extra={"job": job_id, "why": _said(error)})
            self._deps.stopping.wait(1.0)
        finally:
            with self._lock:
                self._in_hand[kind].discard(job_id)
            self._nudge.set()

    def _copy(self, kind: str) -> set[str]:
        with self._lock:
            return set(self._in_hand[kind])

    def _sweep(self) -> None:
        def look() -> int:
            self._nudge.set()
            return 0

        try:
            did = sweep(self._deps, look=look)
        except (StoreUnavailable, SQLAlchemyError, OSError) as error:
            log.error("sweep failed", extra={"why": _said(error)})
        else:
            if did:
                log.info("sweep", extra=did)

    def _refresh(self) -> None:
        self._refreshing.set()
        try:
            by_itself = self._deps.clock.monotonic() >= self._settled_s
            refresh_when_due(self._deps, by_itself=by_itself)
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("the catalogue could not be looked after", extra={"why": _said(error)})
        finally:
            self._refreshing.clear()

    def _beat(self) -> None:
        try:
            self._claims.beat()
            beat(self._deps, self._name, in_hand=sum(len(ids) for ids in self._in_hand.values()))
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("heartbeat failed", extra={"why": _said(error)})

    def _hand_back(self, claim: Claim) -> None:
        """Leave a job so that the next worker can go on at once; a POST without an answer is held."""
        deps = self._deps
        try:
            with deps.store.begin() as session:
                fresh = jobs.get(session, claim.job.id)
            if fresh.state == JobState.SUBMITTING and fresh.claimed_by == claim.owner:
                claim.job = fresh
                why = (
                    "The program was stopped while it waited for the answer. The take may have been accepted."
                )
                hold(deps, claim, ProviderUnanswered(why, code="interrupted"))
            with deps.store.begin() as session:
                jobs.release(session, claim.job.id, owner=claim.owner)
        except (Outrun, StoreUnavailable, SQLAlchemyError) as error:
            log.warning("not handed back", extra={"job": claim.job.id, "why": type(error).__name__})


def _said(error: Exception) -> str:
    """The driver's own words, for the log; what people are told is not about this worker."""
    return str(getattr(error, "why", error))[:300]
