"""Pages of takes, by keyset: a page costs the same however many takes there are.

One filter of the oldest kind is answered by an index of `job`; all others, and words, by the index of takes.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, false, union_all
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.library.review import Sort
from backend.domain.states import ACTIVE_STATES
from backend.domain.take_filter import TakeFilter
from backend.models import Job, Video
from backend.store.database.rows import one_of
from backend.store.search import find, ranking
from backend.store.search.facts import CHUNK
from backend.store.search.query import COUNT_MAX, Page, Place, TakeQuery

_WITH_VIDEO = select(Job, Video).outerjoin(Video, col(Video.id) == col(Job.video_id))
#: What an index of `job` answers alone, in the order of ages.
_OF_ONE_INDEX = frozenset({"owners", "states", "model"})


def find_page(session: Session, query: TakeQuery) -> Page:
    """The page that the query asks for; `next_cursor` of a page after a take has no meaning."""
    more = replace(query, limit=query.limit + 1)  # the one too many tells that the page is not the last
    statement = _WITH_VIDEO
    if _has_index(query):
        statement = statement.where(*_by_index(more)).order_by(_order(query)).limit(more.limit)
        rows = [(job, video) for job, video in session.exec(statement)]
        places = [Place(0, job.id) for job, _ in rows]
    else:
        places = _places(session, more)
        found = session.exec(statement.where(col(Job.id).in_([place.job_id for place in places])))
        by_id = {job.id: (job, video) for job, video in found}
        rows = [by_id[place.job_id] for place in places]
    last = len(rows) > query.limit
    return Page(rows[: query.limit], places[query.limit - 1].cursor(query.order) if last else None)


def find_ids(session: Session, query: TakeQuery) -> list[str]:
    """Ids of the takes that the query asks for, in its order."""
    if not _has_index(query):
        return [place.job_id for place in _places(session, query)]
    ids = select(Job.id).where(*_by_index(query)).order_by(_order(query))
    return list(session.exec(ids.limit(query.limit)).all())


def count(session: Session, query: TakeQuery, *, most: int = COUNT_MAX) -> int:
    """How many takes a filter finds, counted up to `most`."""
    wanted = replace(query.wanted, sort=Sort.NEWEST)
    return find.count(session, replace(query, wanted=wanted, before=None, limit=CHUNK), most=most)


def get_with_video(session: Session, job_id: str) -> tuple[Job, Video | None] | None:
    """One job and its video; None when there is no such job."""
    row = session.exec(_WITH_VIDEO.where(Job.id == job_id)).first()
    return None if row is None else (row[0], row[1])


def get_many(session: Session, job_ids: Sequence[str]) -> list[tuple[Job, Video | None]]:
    """Those of these jobs that are there, each with its video, in any order."""
    return [(row[0], row[1]) for row in session.exec(_WITH_VIDEO.where(col(Job.id).in_(job_ids)))]


def _places(session: Session, query: TakeQuery) -> list[Place]:
    return ranking.find_places(session, query) if query.ranked else find.find_places(session, query)


def _has_index(query: TakeQuery) -> bool:
    """Does one index of `job`, or its key, hold what is asked for in the order that is asked for?"""
    asked = _asked(query)
    by_one = len(asked) <= 1 and asked <= _OF_ONE_INDEX
    return not query.ranked and (by_one or _moving_of_some(query))


def _moving_of_some(query: TakeQuery) -> bool:
    """Is it asked for what moves of some people alone? Few takes move: the index of states has all of it."""
    return _asked(query) == {"owners", "states"} and set(query.wanted.states or ()) <= ACTIVE_STATES


def _asked(query: TakeQuery) -> set[str]:
    """The filters that are given."""
    wanted, empty = query.wanted, TakeFilter()
    return {name for name in vars(wanted) if getattr(wanted, name) != getattr(empty, name)} - {"sort"}


def _order(query: TakeQuery) -> ColumnElement[str]:
    return col(Job.id).asc() if query.ascending else col(Job.id).desc()


def _by_index(query: TakeQuery) -> list[ColumnElement[bool]]:
    """Conditions for one filter, or none: an index of `job` holds what fits in the order of the page.

    With several values at once a database would read all jobs of them and sort; the first of each stand at
    the end of the index, and the page is among them.
    """
    wanted, place = query.wanted, query.place
    clauses: list[ColumnElement[bool]] = [col(Job.trashed_at).is_(None)]
    if place is not None:
        clauses.append(col(Job.id) > place.job_id if query.ascending else col(Job.id) < place.job_id)
    if _moving_of_some(query):
        clauses.append(one_of(Job.owner, wanted.owners) if wanted.owners else false())
        wanted = replace(wanted, owners=None)
    given = ((Job.owner, wanted.owners), (Job.state, wanted.states), (Job.model, wanted.models))
    for column, values in given:
        if values is not None:
            first = select(Job.id).where(*clauses).order_by(_order(query)).limit(query.limit)
            of_each = [first.where(col(column) == value).subquery() for value in sorted(values)]
            each = [columns(one.c.id) for one in of_each]
            return [col(Job.id).in_(each[0] if len(each) == 1 else union_all(*each) if each else [])]
    return clauses
