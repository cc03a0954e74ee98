"""How much work waits and goes on, by kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.services.deps import Deps
from backend.store.queue import tasks as queue_tasks

#: How people read the kinds of work.
KIND_TITLES = {
    "submit": "Sending",
    "poll": "Checking status",
    "fetch": "Downloading",
    "call": "Blocking calls",
}


@dataclass(frozen=True)
class WorkKind:
    """One kind of work. waiting: jobs that are due and in nobody's hand; running: jobs in a worker's hand.

    queued_tasks: what the queue on PostgreSQL holds for it (waiting, taken); 0 on SQLite, which has no queue.
    """

    name: str
    waiting: int
    running: int
    queued_tasks: tuple[int, int] = (0, 0)


def list_work_kinds(deps: Deps) -> Sequence[WorkKind]:
    """Every kind of work, also those without any."""
    blocking = [provider.name for provider in deps.providers.values() if provider.blocking]
    with deps.store.read() as session:
        rows = queue_tasks.work_by_kind(session, now=deps.clock.now(), blocking=blocking)
        tasks = [] if deps.store.embedded else queue_tasks.depth_by_kind(session)
    jobs = {(kind, held): number for kind, held, number in rows}
    depth = {(kind, status): number for kind, status, number in tasks}
    return [
        WorkKind(
            name,
            waiting=jobs.get((name, False), 0),
            running=jobs.get((name, True), 0),
            queued_tasks=(depth.get((name, "todo"), 0), depth.get((name, "doing"), 0)),
        )
        for name in queue_tasks.WORK_KINDS
    ]
