"""What every worker does, whatever carries looks to it: the clock, the heartbeat, and how it ends."""

import logging
import os
import signal
import socket
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import datetime, timedelta
from queue import SimpleQueue
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from sqlalchemy.exc import SQLAlchemyError

from backend.domain.errors import ProviderUnanswered, StaleState, StoreUnavailable
from backend.domain.states import JobState
from backend.services.catalogue.refresh_schedule import refresh_if_due
from backend.services.deps import Deps
from backend.services.experiments.measuring.file_checks import measure_due_files
from backend.services.experiments.waves import make_due_takes
from backend.services.lifecycle import dispatch as steps
from backend.services.lifecycle.claims import Claim, Claims, release_claim
from backend.services.lifecycle.fetching.fetch import warm_up_sandbox
from backend.services.lifecycle.record_answer import hold_job
from backend.services.operations.account import balance
from backend.services.operations.heartbeat import forget_worker, record_heartbeat
from backend.services.operations.inbox.replay_all import work_off_replay
from backend.services.operations.reconcile_bills import reconcile_if_due
from backend.store.jobs import jobs

log = logging.getLogger(__name__)

#: At the end, work in hand has this long to finish before it is handed back (8 s are promised in all).
FINISH_S = 5.5
#: Told to leave, a worker is gone after this, whatever hangs; whoever told it kills it after ten, as a rule.
EXIT_DEADLINE_S = 7.0
#: Requests for a newer catalogue are looked for this often, in seconds: one row by its key.
REFRESH_CHECK_S = 2.0
#: A worker refreshes the catalogue by itself only after it has run this long, in seconds: a start has
#: other things to do, and one that is restarted again and again must not ask for everything each time.
REFRESH_AFTER_START_S = 600.0
#: Takes of experiments are made this often, in seconds: how long a slot stays empty between two of them.
EXPERIMENTS_S = 0.5
#: Files of experiments that came home are looked for this often, in seconds, to be measured: no one waits.
MEASURE_S = 5.0
#: Threads of the clock: sweep, heartbeat, catalogue, replays, experiments and their files, and what keeps a
#: queue's time.
CLOCK_THREADS = 7
#: How often a worker looks whether the clock was set, and what counts as that, in seconds.
CLOCK_CHECK_S, CLOCK_JUMP_S = 1.0, 1.0


class FixedDelayTrigger(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Every so many seconds from now. The library's own interval goes through every time that was missed,
    which are millions when a clock is set from 1970 to today.
    """

    def __init__(self, seconds: float) -> None:
        self._pause = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """See `BaseTrigger`."""
        return now if previous_fire_time is None else now + self._pause


def _leave_anyhow() -> None:
    """Something hangs: leave as a kill would, and say what it was. Whatever is in hand has its lease."""
    frames = sys._current_frames()
    stacks = {
        thread.name: traceback.format_stack(frames[thread.ident])[-3:]
        for thread in threading.enumerate()
        if thread.ident in frames
    }
    log.error("worker leaves although something hangs", extra={"threads": stacks})
    logging.shutdown()
    os._exit(0)


class Worker(ABC):
    """Runs looks until it is told to stop."""

    def __init__(self, deps: Deps, **executors: ThreadPoolExecutor) -> None:
        self._deps = deps
        self._claims = Claims(deps)
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._refreshing = threading.Event()
        self._settled_s = deps.clock.monotonic() + REFRESH_AFTER_START_S
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(CLOCK_THREADS), **executors},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def run(self) -> None:
        """Work until SIGINT or SIGTERM; then finish or hand back what is in hand, within 8 s."""
        # A handler runs between any two steps of the main thread, and would wait for ever for a lock that
        # this thread has, an event's say. `SimpleQueue.put` is made for it, and a thread does the rest.
        signals: SimpleQueue[int] = SimpleQueue()
        threading.Thread(target=self._leave_when, args=(signals,), daemon=True).start()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: signals.put(number))
        self.start()
        try:
            self.run_until_stopped()
        finally:
            self.finish()

    def start(self) -> None:
        """Start the clock: sweeps, heartbeats."""
        settings = self._deps.settings
        threading.Thread(target=warm_up_sandbox, daemon=True).start()
        self._every(settings.sweep_interval_s, self._sweep, "sweep")
        self._every(settings.lease_s / 3, self._beat, "heartbeat")
        self._every(REFRESH_CHECK_S, self._refresh, "catalogue")
        self._every(REFRESH_CHECK_S, self._replay, "replays")
        self._every(EXPERIMENTS_S, self._make_takes, "experiments")
        self._every(MEASURE_S, self._measure_files, "file checks")
        self._scheduler.start()
        threading.Thread(target=self._follow_the_clock, name="clock", daemon=True).start()
        log.info("worker started", extra={"worker": self._name})

    def stop(self) -> None:
        """Stop taking jobs, and let those in hand come to an end."""
        self._deps.stopping.set()
        self._wake_up()

    @abstractmethod
    def run_until_stopped(self) -> None:
        """Have what is due looked at, until `stop`."""

    def finish(self) -> None:
        """Wait a little for work in hand, hand the rest back, and leave."""
        if self._scheduler.running:
            self._scheduler.pause()
        deadline = self._deps.clock.monotonic() + FINISH_S
        while self._deps.clock.monotonic() < deadline:
            if not self._claims.active_claims() and not self._refreshing.is_set():
                break
            threading.Event().wait(0.02)
        left = self._claims.active_claims()
        for claim in left:
            self._hand_back(claim)
        try:
            forget_worker(self._deps, self._name)
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.warning("no farewell", extra={"why": type(error).__name__})
        log.info("worker stopped", extra={"worker": self._name, "handed_back": len(left)})
        if left or self._refreshing.is_set():  # their threads wait for an answer; nobody waits for them
            logging.shutdown()
            os._exit(0)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    @abstractmethod
    def _wake_up(self) -> None:
        """Something happened: look now, or leave."""

    @abstractmethod
    def _in_hand_now(self) -> int:
        """How many looks are going on."""

    @abstractmethod
    def _sweep(self) -> None:
        """One sweep, if it is this worker's turn."""

    @property
    def _keeps_time(self) -> bool:
        """Is it this worker that does what is done once for all of them?"""
        return True

    def _leave_when(self, signals: "SimpleQueue[int]") -> None:
        signals.get()
        # Never called off: a thread that nobody saw any more could keep the process from ending.
        leaves = threading.Timer(EXIT_DEADLINE_S, _leave_anyhow)
        leaves.daemon = True
        leaves.start()
        self.stop()

    def _every(self, seconds: float, what: Any, name: str) -> None:
        self._scheduler.add_job(what, FixedDelayTrigger(seconds), id=name)

    def _follow_the_clock(self) -> None:
        """Sweeps and heartbeats go on when the clock is set back: the scheduler would wait until then."""
        clock = self._deps.clock
        ahead = clock.now().timestamp() - clock.monotonic()
        while not self._deps.stopping.wait(CLOCK_CHECK_S):
            now = clock.now().timestamp() - clock.monotonic()
            if abs(now - ahead) < CLOCK_JUMP_S:
                continue
            log.warning("the clock was set", extra={"by_s": round(now - ahead, 1)})
            ahead = now
            for job in self._scheduler.get_jobs():
                with suppress(JobLookupError):  # it has run meanwhile
                    job.modify(next_run_time=clock.now())

    def _look(self, job_id: str) -> None:
        """One look at one job, unless it is time to leave."""
        try:
            if not self._deps.stopping.is_set():
                steps.run_step(self._deps, self._claims, job_id)
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("a look could not be recorded", extra={"job": job_id, "why": driver_message(error)})
            self._deps.stopping.wait(1.0)

    def _refresh(self) -> None:
        self._refreshing.set()
        try:
            by_itself = self._deps.clock.monotonic() >= self._settled_s
            refresh_if_due(self._deps, scheduled=by_itself)
            reconcile_if_due(self._deps)
            balance.read_if_due(self._deps)
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("the catalogue could not be looked after", extra={"why": driver_message(error)})
        finally:
            self._refreshing.clear()

    def _replay(self) -> None:
        try:
            work_off_replay(self._deps)
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("a replay waits", extra={"why": driver_message(error)})

    def _make_takes(self) -> None:
        """Have experiments go on, if that is this worker's turn."""
        if self._deps.stopping.is_set() or not self._keeps_time:
            return
        try:
            make_due_takes(self._deps)
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("experiments wait", extra={"why": driver_message(error)})

    def _measure_files(self) -> None:
        """Measure files of experiments, if that is this worker's turn."""
        if self._deps.stopping.is_set() or not self._keeps_time:
            return
        try:
            measure_due_files(self._deps)
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("files are not measured", extra={"why": driver_message(error)})

    def _beat(self) -> None:
        try:
            self._claims.renew_all()
            record_heartbeat(self._deps, self._name, in_hand=self._in_hand_now())
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("heartbeat failed", extra={"why": driver_message(error)})

    def _hand_back(self, claim: Claim) -> None:
        """Leave a job so that the next worker can go on at once; a POST without an answer is held."""
        deps = self._deps
        try:
            with deps.store.begin() as session:
                updated = jobs.get(session, claim.job.id)
            if updated.state == JobState.SUBMITTING and updated.claimed_by == claim.lease_token:
                claim.job = updated
                why = (
                    "The program was stopped while it waited for the answer. The take may have been accepted."
                )
                hold_job(deps, claim, ProviderUnanswered(why, code="interrupted"))
            with deps.store.begin() as session:
                release_claim(deps, session, claim.job.id, lease_token=claim.lease_token)
        except (StaleState, StoreUnavailable, SQLAlchemyError) as error:
            log.warning("not handed back", extra={"job": claim.job.id, "why": type(error).__name__})


def open_calls(deps: Deps) -> int:
    """How many calls that stay open the providers allow at once; 1 where none has any."""
    return max(1, sum(provider.max_concurrent_calls or 0 for provider in deps.providers.values()))


def driver_message(error: Exception) -> str:
    """The driver's own words, for the log; what people are told is not about this worker."""
    return str(getattr(error, "why", error))[:300]
