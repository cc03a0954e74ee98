"""Takes as people and programs look at them: one, a page of them, what is moving, how long it takes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from backend.catalogue.models import VideoModel
from backend.domain.access.roles import Do
from backend.domain.errors import NotFound
from backend.domain.states import ACTIVE_STATES, API_STATUS, JobState
from backend.domain.take_filter import TakeFilter
from backend.models import Delivery, History, Job, LedgerEntry, Video
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import choices
from backend.services.gallery.take_files import FileOfTake, load_files
from backend.store.jobs import counts, deliveries, jobs
from backend.store.money import ledger, ledger_sums
from backend.store.search import pages
from backend.store.search.query import TakeQuery

#: A page of the gallery or of the history.
PAGE_SIZE = 24
PAGE_SIZE_MAX = 200
#: States in which a take waits for something.
OPEN_STATES = sorted(ACTIVE_STATES | {JobState.HELD})
#: Takes of a state are counted up to this for a page that is drawn often; it shows "250+".
COUNT_LIMIT = 250


@dataclass(frozen=True)
class Take:
    """A job and what came of it. video: its main file, once that is ours. files: all, the main one first."""

    job: Job
    video: Video | None
    files: Sequence[FileOfTake] = ()

    @property
    def status(self) -> str:
        """processing, completed, failed, cancelled or held."""
        return API_STATUS[JobState(self.job.state)]

    def elapsed_s(self, now: datetime) -> float:
        """Seconds since it was asked for; until it ended, if it has."""
        return max(0.0, ((self.job.ended_at or now) - self.job.created_at).total_seconds())


@dataclass(frozen=True)
class TakePage:
    """Takes, newest first. next_cursor: hand it in for the page after; None: there is none."""

    items: Sequence[Take]
    next_cursor: str | None


def get_take(deps: Deps, viewer: Viewer, job_id: str) -> Take:
    """One take. Raises NotFound: there is none that this viewer may see; NotAllowed: no scope."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        row = pages.get_with_video(session, job_id)
        if row is None or not viewer.may_see(row[0].owner):
            raise NotFound("There is no take with that id.")
        return Take(*row, load_files(deps, session, [row])[0])


def take_of(deps: Deps, job: Job) -> Take:
    """The take of a job that was given to somebody who may see it."""
    with deps.store.read() as session:
        row = pages.get_with_video(session, job.id) or (job, None)
        return Take(*row, load_files(deps, session, [row])[0])


def load_takes(deps: Deps, ids: Sequence[str]) -> list[Take]:
    """Those of these takes that are there, in this order; whoever asks decides who may see them."""
    with deps.store.read() as session:
        rows = pages.get_many(session, ids)
        files = load_files(deps, session, rows)
    found = {row[0].id: Take(*row, its) for row, its in zip(rows, files, strict=True)}
    return [found[job_id] for job_id in ids if job_id in found]


def list_takes(
    deps: Deps,
    viewer: Viewer,
    wanted: TakeFilter = TakeFilter(),
    *,
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> TakePage:
    """A page of the takes that this viewer may see, in the filter's order."""
    limit, seen = max(1, min(limit, PAGE_SIZE_MAX)), visible(viewer, wanted)
    if seen is None:
        return TakePage([], None)
    with deps.store.read() as session:
        known = choices.known(deps, session, seen)
        page = pages.find_page(session, TakeQuery(seen, limit, before=cursor, known=known))
        files = load_files(deps, session, page.items)
    takes = [Take(*row, its) for row, its in zip(page.items, files, strict=True)]
    return TakePage(takes, page.next_cursor)


def count_takes(deps: Deps, viewer: Viewer, wanted: TakeFilter) -> int:
    """How many takes of these this viewer may see, counted up to `COUNT_MAX`."""
    seen = visible(viewer, wanted)
    if seen is None:
        return 0
    with deps.store.read() as session:
        return pages.count(session, TakeQuery(seen, 1, known=choices.known(deps, session, seen)))


def get_history(deps: Deps, viewer: Viewer, job_id: str) -> tuple[Sequence[History], Sequence[Delivery]]:
    """Every move of a take, and every delivery for it, oldest first. Raises as `get_take` does."""
    get_take(deps, viewer, job_id)
    with deps.store.read() as session:
        return jobs.list_history(session, job_id), deliveries.of_job(session, job_id)


def ledger_entries(deps: Deps, viewer: Viewer, job_id: str) -> Sequence[LedgerEntry]:
    """What was reserved, billed and given back for a take, oldest first. Raises as `get_take` does."""
    get_take(deps, viewer, job_id)
    with deps.store.read() as session:
        return ledger.of_job(session, job_id)


def list_usable_models(deps: Deps) -> list[VideoModel]:
    """Every model that can be used now, by title."""
    return sorted((model for model in deps.catalogue.search() if model.usable), key=lambda model: model.title)


def count_open(deps: Deps, viewer: Viewer, *, mine: bool = False) -> dict[str, int]:
    """state -> number of takes that move or are held, each counted up to `COUNT_LIMIT`. mine: own ones."""
    viewer.must(Do.SEE)
    owners = viewer.owner_names if mine else viewer.visible_names
    with deps.store.read() as session:
        return counts.by_state(session, states=OPEN_STATES, limit=COUNT_LIMIT, owners=owners)


def last_change(deps: Deps, viewer: Viewer) -> Hashable:
    """Something that is another one whenever a take that this viewer may see is added or changes its state.

    It is compared, never shown: also what others may not see makes it another one.
    """
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        open_now = counts.by_state(
            session, states=OPEN_STATES, limit=COUNT_LIMIT, owners=viewer.visible_names
        )
        return counts.last_transition_id(session), *sorted(open_now.items())


def list_owners(deps: Deps, viewer: Viewer) -> list[str]:
    """Everybody whose takes this viewer may see."""
    viewer.must(Do.SEE)
    if viewer.visible_names is not None:
        return sorted(viewer.visible_names)
    with deps.store.read() as session:
        return counts.list_owners(session)


def list_used_models(deps: Deps, viewer: Viewer) -> list[str]:
    """Every endpoint that takes which this viewer may see were ever made with."""
    viewer.must(Do.SEE)
    names = viewer.visible_names
    with deps.store.read() as session:
        return counts.list_models(session) if names is None else ledger_sums.list_models(session, names)


def queue_position(deps: Deps, job: Job) -> int | None:
    """How many stand before this take: in the provider's line, or in ours for a blocking provider."""
    provider = deps.providers.get(job.provider)
    if job.state != JobState.CREATED or provider is None or not provider.blocking:
        return job.queue_position
    with deps.store.read() as session:
        return counts.count_ahead(session, job)


def visible(viewer: Viewer, wanted: TakeFilter) -> TakeFilter | None:
    """The same, of what this viewer may see; None: nothing. Every list of takes is asked for by this."""
    viewer.must(Do.SEE)
    names = viewer.visible_names
    if names is None:
        return None if wanted.owners == () else wanted
    owners = tuple(name for name in names if wanted.owners is None or name in wanted.owners)
    return replace(wanted, owners=owners) if owners else None
