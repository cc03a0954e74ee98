"""Pages of takes, by keyset: a page costs the same however many takes there are.

One filter is answered by an index of `job`; several at once, and words, by the index of words.
"""

from dataclasses import replace

from sqlalchemy import ColumnElement, union_all
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.models import Job, Video
from backend.store.search import index_search
from backend.store.search.query import Page, TakeQuery

_WITH_VIDEO = select(Job, Video).outerjoin(Video, col(Video.id) == col(Job.video_id))


def find_page(session: Session, query: TakeQuery) -> Page:
    """The page that the query asks for; `next_cursor` of a page in ascending order has no meaning."""
    more = replace(query, limit=query.limit + 1)  # the one too many tells that the page is not the last
    statement = _WITH_VIDEO
    if query.wanted.crosses_indexes:
        statement = statement.where(col(Job.id).in_(index_search.find_ids(session, more)))
    else:
        statement = statement.where(*_by_index(more))
    rows = session.exec(statement.order_by(_order(query)).limit(more.limit)).all()
    items = [(job, video) for job, video in rows[: query.limit]]
    return Page(items, items[-1][0].id if len(rows) > query.limit else None)


def find_ids(session: Session, query: TakeQuery) -> list[str]:
    """Ids of the takes that the query asks for, in its order."""
    if query.wanted.crosses_indexes:
        return index_search.find_ids(session, query)
    ids = select(Job.id).where(*_by_index(query)).order_by(_order(query))
    return list(session.exec(ids.limit(query.limit)).all())


def get_with_video(session: Session, job_id: str) -> tuple[Job, Video | None] | None:
    """One job and its video; None when there is no such job."""
    row = session.exec(_WITH_VIDEO.where(Job.id == job_id)).first()
    return None if row is None else (row[0], row[1])


def _order(query: TakeQuery) -> ColumnElement[str]:
    return col(Job.id).asc() if query.ascending else col(Job.id).desc()


def _by_index(query: TakeQuery) -> list[ColumnElement[bool]]:
    """Conditions for one filter, or none: an index of `job` holds what fits in the order of the page.

    With several states or owners at once a database would read all jobs of them and sort; the first of each
    stand at the end of the index, and the page is among them.
    """
    wanted = query.wanted
    given = ((Job.model, wanted.model), (Job.provider, wanted.provider))
    clauses = [col(column) == value for column, value in given if value is not None]
    if query.before is not None:
        clauses.append(col(Job.id) < query.before)
    if query.after is not None:
        clauses.append(col(Job.id) > query.after)
    values = (Job.owner, wanted.owners) if wanted.states is None else (Job.state, wanted.states)
    if values[1] is None:
        return clauses
    first = select(Job.id).where(*clauses).order_by(_order(query)).limit(query.limit)
    of_each = [first.where(col(values[0]) == value).subquery() for value in sorted(values[1])]
    each = [columns(one.c.id) for one in of_each]
    if len(each) == 1:
        return [col(Job.id).in_(each[0])]
    return [col(Job.id).in_(union_all(*each) if each else [])]
