"""What takes can be filtered by: the values that there are, for pickers."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session

from backend.domain import words
from backend.domain.access.roles import Do
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.store.search import distinct


def title_words(deps: Deps, session: Session, wanted: TakeFilter) -> Mapping[str, frozenset[str]]:
    """model -> the words of its title, for a search by text: titles may change, and stand in no take."""
    if not wanted.text:
        return {}
    titles = {}
    for model in distinct.models(session):
        try:
            titles[model] = frozenset(words.index_terms(deps.catalogue.recall(model).title))
        except KeyError:
            continue
    return titles


def list_tags(deps: Deps, viewer: Viewer) -> Sequence[str]:
    """Every tag that takes have, in order, as it is compared: without case."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        return sorted(distinct.tags(session))
