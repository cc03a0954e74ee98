"""The search without an index: every take is looked at."""

from collections.abc import Iterator

from sqlmodel import Session, col, select

from backend.models import Job
from backend.store.search.facts import CHUNK, TakeFacts, load_facts
from backend.store.search.matches import Rule, rank
from backend.store.search.query import Place, TakeQuery


def find_places(session: Session, query: TakeQuery) -> list[Place]:
    """Where the takes stand that a query asks for, in its order."""
    rule, order = Rule(query.wanted, query.titles), query.order
    begin, found = query.place, []
    for take in _every(session, ascending=query.ascending):
        place = Place(max(-1, rank(take, order)) if query.ranked else 0, take.id)
        if begin is not None and (place <= begin if query.ascending else place >= begin):
            continue
        if rule.fits(take):
            found.append(place)
            if not query.ranked and len(found) == query.limit:
                break
    return sorted(found, reverse=not query.ascending)[: query.limit]


def _every(session: Session, *, ascending: bool) -> Iterator[TakeFacts]:
    last: str | None = None
    while True:
        ids = select(Job.id).order_by(col(Job.id).asc() if ascending else col(Job.id).desc()).limit(CHUNK)
        if last is not None:
            ids = ids.where(col(Job.id) > last if ascending else col(Job.id) < last)
        some = session.exec(ids).all()
        yield from load_facts(session, some)
        if len(some) < CHUNK:
            return
        last = some[-1]
