"""Takes as people and programs look at them: one, a page of them, what is moving, how long it takes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import quantiles

from backend.catalogue.models import VideoModel
from backend.domain.errors import NotFound
from backend.domain.states import ACTIVE_STATES, API_STATUS, JobState
from backend.domain.take_filter import TakeFilter
from backend.models import Delivery, History, Job, LedgerEntry, Video
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.take_files import FileOfTake, load_files
from backend.store.jobs import counts, deliveries, jobs
from backend.store.money import ledger
from backend.store.search import pages
from backend.store.search.query import TakeQuery

#: A page of the gallery or of the history.
PAGE_SIZE = 24
PAGE_SIZE_MAX = 200
#: States in which a take waits for something.
OPEN_STATES = sorted(ACTIVE_STATES | {JobState.HELD})
#: Takes of a state are counted up to this for a page that is drawn often; it shows "250+".
COUNT_LIMIT = 250
#: Usual durations are learnt from takes of this long.
LEARN_WINDOW = timedelta(days=30)
#: Fewer takes than this teach nothing.
LEARN_TAKES_MIN = 3


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


@dataclass(frozen=True)
class UsualDuration:
    """How long a model usually takes, in seconds. learnt: from our own takes, not from a first guess."""

    low_s: float
    high_s: float
    learnt: bool


def get_take(deps: Deps, viewer: Viewer, job_id: str) -> Take:
    """One take. Raises NotFound: there is none with that id that this viewer may see."""
    with deps.store.read() as session:
        row = pages.get_with_video(session, job_id)
        if row is None or not viewer.may_see(row[0].owner):
            raise NotFound("There is no take with that id.")
        return Take(*row, load_files(deps, session, [row])[0])


def list_takes(
    deps: Deps,
    viewer: Viewer,
    wanted: TakeFilter = TakeFilter(),
    *,
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> TakePage:
    """A page of the takes that this viewer may see."""
    limit = max(1, min(limit, PAGE_SIZE_MAX))
    if wanted.owner is not None and not viewer.may_see(wanted.owner):
        return TakePage([], None)
    with deps.store.read() as session:
        page = pages.find_page(session, TakeQuery(_visible(viewer, wanted), limit, before=cursor))
        files = load_files(deps, session, page.items)
    takes = [Take(*row, its) for row, its in zip(page.items, files, strict=True)]
    return TakePage(takes, page.next_cursor)


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


def sent_again_as(deps: Deps, job: Job) -> str | None:
    """The id of the take that sends this one again, if any."""
    with deps.store.read() as session:
        return jobs.sent_again_as(session, job.id)


def count_newer(deps: Deps, viewer: Viewer, wanted: TakeFilter, *, than: str) -> int:
    """How many takes of this kind came after that one (up to 100)."""
    with deps.store.read() as session:
        return len(pages.find_ids(session, TakeQuery(_visible(viewer, wanted), 100, after=than)))


def newer_cursor(deps: Deps, viewer: Viewer, wanted: TakeFilter, *, than: str) -> str | None:
    """The cursor of the page just before the one that starts with that take; None: it is the first page."""
    with deps.store.read() as session:
        ids = pages.find_ids(session, TakeQuery(_visible(viewer, wanted), PAGE_SIZE + 1, after=than))
    return ids[PAGE_SIZE] if len(ids) > PAGE_SIZE else None


def list_usable_models(deps: Deps) -> list[VideoModel]:
    """Every model that can be used now, by title."""
    return sorted((model for model in deps.catalogue.search() if model.usable), key=lambda model: model.title)


def count_open(deps: Deps) -> dict[str, int]:
    """state -> number of takes that move or are held, each counted up to `COUNT_LIMIT`."""
    with deps.store.read() as session:
        return counts.by_state(session, states=OPEN_STATES, limit=COUNT_LIMIT)


def last_change(deps: Deps) -> Hashable:
    """Something that is another one whenever a take is added or changes its state."""
    with deps.store.read() as session:
        open_now = counts.by_state(session, states=OPEN_STATES, limit=COUNT_LIMIT)
        return counts.last_transition_id(session), *sorted(open_now.items())


def list_owners(deps: Deps, viewer: Viewer) -> list[str]:
    """Everybody whose takes this viewer may see."""
    if not viewer.sees_all:
        return [viewer.name]
    with deps.store.read() as session:
        return counts.list_owners(session)


def list_used_models(deps: Deps) -> list[str]:
    """Every endpoint that takes were ever made with."""
    with deps.store.read() as session:
        return counts.list_models(session)


def usual_duration(deps: Deps, model_id: str) -> UsualDuration | None:
    """How long a take of this model usually takes; None when nobody knows."""
    with deps.store.read() as session:
        seen = counts.durations_s(session, model_id, since=deps.clock.now() - LEARN_WINDOW)
    if len(seen) >= LEARN_TAKES_MIN:
        tenths = quantiles(seen, n=10, method="inclusive")
        return UsualDuration(tenths[4], tenths[8], learnt=True)
    try:
        guess = deps.catalogue.recall(model_id).typical_s
    except KeyError:
        return None
    return UsualDuration(guess, guess * 1.5, learnt=False) if guess else None


def queue_position(deps: Deps, job: Job) -> int | None:
    """How many stand before this take: in the provider's line, or in ours for a blocking provider."""
    provider = deps.providers.get(job.provider)
    if job.state != JobState.CREATED or provider is None or not provider.blocking:
        return job.queue_position
    with deps.store.read() as session:
        return counts.count_ahead(session, job)


def _visible(viewer: Viewer, wanted: TakeFilter) -> TakeFilter:
    """The same, of what this viewer may see."""
    return wanted if viewer.sees_all else replace(wanted, owner=viewer.name)
