"""What takes can be filtered by: the values that there are, for pickers."""

from collections.abc import Sequence

from sqlmodel import Session

from backend.domain import words
from backend.domain.access.roles import Do
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.store.search import distinct
from backend.store.search.query import Known


def known(deps: Deps, session: Session, wanted: TakeFilter) -> Known:
    """What a search by text needs to know: titles, which may change and stand in no take, and providers."""
    if not wanted.text:
        return Known()
    titles = {}
    for model in distinct.models(session):
        try:
            titles[model] = frozenset(words.index_terms(deps.catalogue.recall(model).title))
        except KeyError:
            continue
    return Known(titles, tuple(sorted(deps.providers)))


def list_tags(deps: Deps, viewer: Viewer) -> Sequence[str]:
    """Every tag that takes have, in order, as it is compared: without case."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        return sorted(distinct.tags(session))
