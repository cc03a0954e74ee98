"""What takes can be filtered by: the values that there are, for pickers."""

from collections.abc import Mapping

from sqlmodel import Session

from backend.domain import words
from backend.domain.take_filter import TakeFilter
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
