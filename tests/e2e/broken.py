"""Builds that are broken on purpose, each in one place: a checker that doesn't catch them checks nothing.

`crash` calls the one that `BROKEN_BUILD` names before anything runs. The names say what such a build does.
"""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import fal_client
import fal_client.client as fal_globals
from sqlalchemy import update
from sqlmodel import col

from backend import bootstrap
from backend.domain.kinds import EntryKind
from backend.domain.output_files import FileKind
from backend.domain.states import TRANSITIONS, JobEvent, JobState
from backend.media.decode import inspect as inspection
from backend.media.storage.local import LocalStorage
from backend.models import Experiment, Job, LedgerEntry
from backend.providers.base import Receipt
from backend.providers.fal.client import FalProvider
from backend.services.experiments import waves
from backend.services.experiments.running import cap
from backend.services.lifecycle import dispatch
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.fetching import fetch
from backend.services.lifecycle.receive_webhook import DeliveryResult
from backend.services.money import budgets
from backend.services.operations import sweep
from backend.services.takes import create
from backend.services.takes.remake import place
from backend.store.experiments import running
from backend.store.fast import take
from backend.store.jobs import claims, jobs
from backend.store.money import ledger
from backend.store.money.ledger import to_micros
from backend.store.queue.leader_lock import LeaderLock
from backend.web import webhooks
from backend.work import worker
from backend.work.worker import Worker


def submits_through_fal_client() -> None:
    """The obvious way: the client library, which sends again when an answer is lost."""

    def submit(self: Any, model: str, payload: Any, *, webhook_url: str | None) -> Receipt:
        fal_globals.MAX_ATTEMPTS, fal_globals.QUEUE_URL_FORMAT = 10, f"{self._queue_url}/"
        handle = fal_client.SyncClient(key=self._key).submit(model, dict(payload), webhook_url=webhook_url)
        return Receipt(handle.request_id, handle.status_url, handle.response_url, handle.cancel_url)

    FalProvider.submit = submit  # type: ignore[method-assign]


def sends_before_it_commits() -> None:
    """The POST leaves while the row still says `created`."""
    record = Claim.record

    def skipping(claim: Claim, event: JobEvent, **values: Any) -> Any:
        return claim.job if event == JobEvent.SUBMIT_BEGUN else record(claim, event, **values)

    Claim.record = skipping  # type: ignore[method-assign]
    states, target = TRANSITIONS[JobEvent.ACCEPTED]
    TRANSITIONS[JobEvent.ACCEPTED] = (states | {JobState.CREATED}, target)


def writes_without_a_fence() -> None:
    """Whoever held a job writes to it, whoever holds it now and wherever it is by now."""
    for event, (_, target) in list(TRANSITIONS.items()):
        TRANSITIONS[event] = (frozenset(JobState), target)
    move = jobs.advance
    jobs._transition_statement.cache_clear()

    def unfenced(session: Any, job_id: str, event: Any, *, lease_token: Any = None, **values: Any) -> Any:
        return move(session, job_id, event, **values)

    def amend(session: Any, job: Any, *, lease_token: Any = None, **values: Any) -> Any:
        return jobs.update_one(session, update(Job).where(col(Job.id) == job.id).values(**values))

    jobs.advance, jobs.update_if_unchanged = unfenced, amend


def claims_for_ever() -> None:
    """A claim has no end: what a dead worker held, nobody takes."""
    claims._free = lambda now: col(Job.claimed_by).is_(None)


def trusts_the_webhook() -> None:
    """No polling: a take whose webhook never comes waits for ever."""
    dispatch.poll_job = lambda deps, claim: claim.defer(due_in_s=None) and None
    sweep._wake_forgotten = lambda deps: 0


def acknowledges_first() -> None:
    """200, and then the database; it is killed between the two."""

    def hasty(deps: Any, job_id: str, token: str, **call: Any) -> DeliveryResult:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return DeliveryResult("applied", job_id)

    webhooks.receive_delivery = hasty


def keeps_what_comes() -> None:
    """No look into the file: its lengths agree, so it must be a video."""

    def inspect(path: Path, **options: Any) -> inspection.FileInfo:
        return inspection.FileInfo(FileKind.VIDEO, True, None, "mp4", "video/mp4", 1.0, 320, 180)

    inspection.inspect_file = inspect


def writes_the_row_first() -> None:
    """`stored`, and then the file is moved into place; it is killed between the two."""
    save, place = fetch._save, LocalStorage.put_file

    def later(self: Any, part: Path, key: str) -> None:
        if not key.endswith(".mp4"):
            place(self, part, key)

    def hasty(*args: Any, **options: Any) -> None:
        save(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    fetch._save, LocalStorage.put_file = hasty, later  # type: ignore[method-assign]


def takes_a_copy_for_the_original() -> None:
    """A restored database is gone on with as if nothing had happened since it was copied."""
    bootstrap.settle_if_restored = lambda deps: None


def everybody_sweeps() -> None:
    """No lock: each worker believes that keeping the time and sweeping is its duty."""

    def mine(self: Any) -> bool:
        self._mine = True
        return True

    LeaderLock.try_acquire = mine  # type: ignore[method-assign]


def never_ends() -> None:
    """A worker that hangs when it is told to leave."""

    def hangs(self: Any) -> None:
        threading.Event().wait()

    Worker.finish = hangs  # type: ignore[method-assign]


def never_ends_a_look() -> None:
    """Each look does its work, gives its claim up, and then hangs: a thread that nobody sees any more."""
    whole = dispatch.run_step

    def hangs(*args: Any) -> bool:
        whole(*args)
        return threading.Event().wait()

    dispatch.run_step = hangs


def calls_the_watchdog_off() -> None:
    """The same, in a worker that believes to have left once it has finished."""
    never_ends_a_look()
    finish = Worker.finish

    def hasty(self: Any) -> None:
        finish(self)
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer) and thread.function is worker._leave_anyhow:
                thread.cancel()

    Worker.finish = hasty  # type: ignore[method-assign]


def told_at_the_worst_moment() -> None:
    """Not broken, but unlucky: the signal comes while the main thread has the lock of what stops it."""
    start = Worker.start

    def unlucky(self: Any) -> None:
        start(self)
        with self._deps.stopping._cond:
            signal.raise_signal(signal.SIGTERM)

    Worker.start = unlucky  # type: ignore[method-assign]


def stops_in_the_handler() -> None:
    """As unlucky, and the handler takes that lock itself."""
    told_at_the_worst_moment()

    def run(self: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        self.start()
        self.run_until_stopped()
        self.finish()

    Worker.run = run  # type: ignore[method-assign]


def forgets_a_release() -> None:
    """What a take that cost nothing was reserved for is never given back."""
    ledger.release_unbilled = lambda session, job, *, at: None


def doubles_a_bill() -> None:
    """The bill comes on top of what was reserved, instead of in its place."""

    def record(session: Any, job: Any, *, units: float, usd: float, at: Any) -> None:
        ledger._write(
            session, job, EntryKind.BILL, ledger.to_micros(usd), at=at, source="billed", units=units
        )

    ledger.record_bill = record


def reserves_after_the_commit() -> None:
    """The take is committed first, and its line of the ledger a moment later, if the program still runs."""
    insert, one, all_of_them = take.insert_take, take.insert_values, take._insert_at_once

    def without_its_line(session: Any, job: Any, **said: Any) -> Any:
        take.insert_values = lambda at, table, values: (
            None if table is LedgerEntry else one(at, table, values)
        )
        take._insert_at_once = lambda at, rows: all_of_them(
            at, tuple(row for row in rows if row[0] is not LedgerEntry)
        )
        try:
            return insert(session, job, **said)
        finally:
            take.insert_values, take._insert_at_once = one, all_of_them

    create.insert_take = without_its_line


def fills_places_after_the_commit() -> None:
    """A take of an experiment is made without a key, and then its place is told of it."""
    make = create.create_job

    def hasty(deps: Any, viewer: Any, request: Any, *, idempotency_key: str, also: Any) -> Job:
        job = make(deps, viewer, request)
        with deps.store.begin() as session:
            also(session, job)
        return job

    create.create_job = hasty  # type: ignore[assignment]


def checks_the_cap_before_it_makes_takes() -> None:
    """An experiment's cap is looked at once for a whole wave, in none of the transactions that reserve."""
    count = cap.count_again

    def looked_at(deps: Any, experiment: Any) -> None:
        count(deps, experiment)
        with deps.store.read() as session:
            now = running.get(session, experiment.id)
        if now.cap_micros is not None and now.spent_micros >= now.cap_micros:
            waves.pause_by_itself(deps, experiment.id, "Its cap is reached.")

    def reserve(deps: Any, session: Any, experiment: Experiment, job: Job) -> int:
        micros = to_micros(budgets.ceiling(job) or 0.0)
        running.reserve(session, experiment.id, micros, at=deps.clock.now())
        return micros

    cap.count_again, place.reserve = looked_at, reserve
