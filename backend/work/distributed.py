"""The distributed worker: looks come as Procrastinate's tasks, from a queue for each kind of work.

Tasks only carry. What a look does, and that no two do it, is the row's claim, as with the embedded
worker; a task that comes twice, late or never changes nothing. Any number of workers on any hosts.
One of them has the duty of keeping the time: it puts in what has fallen due, and sweeps.
"""

import asyncio
import logging
from concurrent import futures
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy.exc import SQLAlchemyError

from backend.domain.errors import StoreUnavailable
from backend.services.deps import Deps
from backend.services.operations.sweep import remove_leftovers, run_sweep
from backend.store.database.postgres import driver_conninfo
from backend.store.queue import tasks
from backend.store.queue.leader_lock import IDLE_TIMEOUT_S, LeaderLock
from backend.work import worker

if TYPE_CHECKING:  # importing it starts a process (`file`, to see the platform): only where it is used
    from procrastinate import App, JobContext

log = logging.getLogger(__name__)

R = TypeVar("R")

#: Threads for each kind of work; for calls that stay open: as many as the provider allows.
THREADS = {"submit": 8, "poll": 8, "fetch": 4}
#: How often the one on duty puts in what has fallen due, in seconds: how late a poll may be.
TICK_S = 0.25
#: How often a worker asks whether the duty is its own, in seconds: part of how long nobody has it.
LEADER_CHECK_S = 1.0
#: A frozen host's claims end with their lease, and somebody must be there to see it: the duty moves over
#: so long after a lease at the latest, in seconds, and the next one notices within `LEADER_CHECK_S`.
FAILOVER_S = 2.0
#: A queue that was not told of a new task (the word can get lost) looks by itself this often, in seconds.
QUEUE_POLL_S = 1.0
#: Connections of the queues' own, besides the four that listen: each is used for a moment.
POOL_SIZE = 4
#: A connection that waits for the server wakes by itself this often, in seconds. The driver wakes ten times
#: a second, for a Ctrl-C that a loop has no need of: four that listen were most of what an idle worker did.
WAKES_EVERY_S = 5.0
#: After the database was away, in seconds.
RECONNECT_S = 0.5
#: The queue says that it stops; looks that go on are no longer its business after this, in seconds.
SHUTDOWN_GRACE_S = 0.2
#: A queue that has not ended this long after it was told is told again.
CANCEL_AGAIN_S = 1.0

_SESSION = (
    "SELECT set_config('synchronous_commit', 'off', false), set_config('statement_timeout', '30s', false)"
)


class DistributedWorker(worker.Worker):
    """Runs looks that the queues bring. deps.carrier: a `TaskQueue`."""

    def __init__(self, deps: Deps) -> None:
        super().__init__(deps)
        assert isinstance(deps.carrier, tasks.TaskQueue)
        self._carrier = deps.carrier
        silence_s = min(IDLE_TIMEOUT_S, deps.settings.lease_s + FAILOVER_S)
        self._duty = LeaderLock(deps.store, "sweep", idle_timeout_s=silence_s)
        self._threads = {**THREADS, "call": worker.open_calls(deps)}
        self._pools = {
            kind: futures.ThreadPoolExecutor(threads, thread_name_prefix=kind)
            for kind, threads in self._threads.items()
        }
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None

    def start(self) -> None:
        """Start the clock: sweeps, heartbeats, the time of what is due later."""
        super().start()
        self._every(LEADER_CHECK_S, self._ask, "duty")
        self._every(TICK_S, self._tick, "due")

    def run_until_stopped(self) -> None:
        """Run the queues until `stop`."""
        asyncio.run(self._serve())

    def finish(self) -> None:
        """Give up the duty, and leave as every worker does."""
        self._duty.release()
        super().finish()

    async def _serve(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        if self._deps.stopping.is_set():
            return
        async with _connections(self._deps) as connections:
            app = self._app()
            await app.open_async(connections)
            await asyncio.gather(*(self._queue(app, kind) for kind in self._threads))

    def _app(self) -> "App":
        from procrastinate import App, PsycopgConnector

        app = App(connector=PsycopgConnector())

        @app.task(name=tasks.TASK_NAME, pass_context=True)
        async def look(context: "JobContext", job_id: str) -> None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._pools[context.job.queue], self._look, job_id)

        return app

    async def _queue(self, app: "App", kind: str) -> None:
        """Serve one queue, again and again: when the database goes away, and whatever else breaks it."""
        assert self._leave is not None
        while not self._leave.is_set():
            serving = asyncio.ensure_future(self._once(app, kind))
            leaving = asyncio.ensure_future(self._leave.wait())
            await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            await self._let_go(serving, kind)
            for outcome in await asyncio.gather(serving, return_exceptions=True):
                if _is_trouble(outcome):
                    log.warning("a queue broke off", extra={"queue": kind, "why": str(outcome)[:300]})
                elif isinstance(outcome, Exception):  # not foreseen: the other queues still go on
                    log.error("a queue broke", extra={"queue": kind}, exc_info=outcome)
            if not self._leave.is_set():
                await asyncio.sleep(RECONNECT_S)

    async def _let_go(self, serving: "asyncio.Future[None]", kind: str) -> None:
        """Have a queue end. A cancel that meets it while it starts can be lost, so it is said again."""
        serving.cancel()
        while not (await asyncio.wait({serving}, timeout=CANCEL_AGAIN_S))[0]:
            log.warning("a queue did not let go at once", extra={"queue": kind})
            serving.cancel()

    async def _once(self, app: "App", kind: str) -> None:
        await app.run_worker_async(
            queues=[kind],
            name=f"{self._name}:{kind}",
            concurrency=self._threads[kind],
            install_signal_handlers=False,
            delete_jobs="always",
            fetch_job_polling_interval=QUEUE_POLL_S,
            abort_job_polling_interval=3600.0,  # nobody aborts looks
            shutdown_graceful_timeout=SHUTDOWN_GRACE_S,
        )

    def _wake_up(self) -> None:
        if self._loop is not None and self._leave is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._leave.set)

    def _in_hand_now(self) -> int:
        return len(self._claims.active_claims())

    @property
    def _keeps_time(self) -> bool:
        return self._duty.is_held

    def _ask(self) -> None:
        had = self._duty.is_held
        if self._deps.stopping.is_set() or self._duty.try_acquire() == had:
            return
        log.info("sweeps from here" if not had else "sweeps elsewhere", extra={"worker": self._name})

    def _tick(self) -> None:
        if not self._duty.is_held or self._deps.stopping.is_set():
            return
        try:
            self._put_in_due()
        except (StoreUnavailable, SQLAlchemyError) as error:
            log.error("what is due could not be put in", extra={"why": worker.driver_message(error)})
            self._duty.release()  # perhaps another host can

    def _put_in_due(self) -> int:
        with self._deps.store.begin() as session:
            return self._carrier.enqueue_missing(session)

    def _sweep(self) -> None:
        """The one on duty sweeps; the others clean up after themselves, where nobody else can."""
        try:
            if not self._duty.is_held:
                remove_leftovers(self._deps)
                return
            with self._deps.store.begin() as session:
                forgotten = tasks.forget_stalled(session, now=self._deps.clock.now())
            did = run_sweep(self._deps, by=self._name, run_due=self._put_in_due)
        except (StoreUnavailable, SQLAlchemyError, OSError) as error:
            log.error("sweep failed", extra={"why": worker.driver_message(error)})
            self._duty.release()
        else:
            if did or forgotten:
                log.info("sweep", extra={**did, "tasks_forgotten": forgotten})


def _is_trouble(outcome: BaseException | None) -> bool:
    """Is this the database's being away, which ends?"""
    from procrastinate.exceptions import ConnectorException

    return isinstance(outcome, ConnectorException | psycopg.Error | PoolTimeout | OSError)


class _QuietConnection(psycopg.AsyncConnection[Any]):
    """Waits for what the server says, or for the line to break, and seldom wakes without either."""

    async def wait(self, gen: PQGen[R], interval: float = WAKES_EVERY_S, timeout: float | None = None) -> R:
        """See `AsyncConnection.wait`."""
        return await super().wait(gen, interval, timeout)


async def _configure(connection: "psycopg.AsyncConnection[Any]") -> None:
    await connection.set_autocommit(True)
    await connection.execute(_SESSION)


def _connections(deps: Deps) -> "AsyncConnectionPool[Any]":
    """The queues' own connections. What a power cut forgets is put in again, so none waits for a disk."""
    address, options = driver_conninfo(deps.store.url)
    return AsyncConnectionPool(
        address,
        connection_class=_QuietConnection,
        kwargs={**options, "application_name": "dailies queue"},
        configure=_configure,
        min_size=1,
        max_size=POOL_SIZE,
        open=False,
        timeout=5.0,
        reconnect_timeout=10.0,
        check=AsyncConnectionPool.check_connection,
        name="queue",
    )
