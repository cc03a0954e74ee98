"""What the gallery's address asks for: filters by the names of the API, and how the wall is drawn.

The address is the one truth: widgets show what stands in it, and write into it what somebody chose. So every
link can be shared, and Back undoes a choice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.state.query_params_proxy import QueryParamsProxy

from backend.domain.errors import InvalidRequest
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.filter_query import parse_filter

#: Names of the address that say how takes are drawn, not which.
DRAWN_BY = ("size", "blind")
#: Names of before, and what their values are called now.
OLD_NAMES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "state": (
        "status",
        {
            "moving": "processing", "ready": "completed", "held": "held", "failed": "failed",
            "stopped": "cancelled",
        },
    ),
    "person": ("owner", {}),
}  # fmt: skip
#: What the switch for one's own takes wrote into addresses before.
OLD_FLAGS = {"true": "1", "false": ""}
#: A page of before: the wall has none.
_BEFORE = "before"
_SEEN = "gallery:address"

Texts = dict[str, list[str]]


@dataclass(frozen=True)
class Asked:
    """What an address asks for. ignored: name -> why it is left out. texts: all the others, by name."""

    wanted: TakeFilter = field(default_factory=TakeFilter)
    texts: Texts = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query that asks for the same takes."""
        return [(name, text) for name, texts in self.texts.items() for text in texts]


def read_address(deps: Deps, viewer: Viewer) -> Asked:
    """What the address asks for; what can't be understood of it is left out, and told."""
    texts = _texts(st.query_params)
    faults: dict[str, str] = {}
    for _ in range(2):  # what is left after the faults are taken out has none
        try:
            wanted = parse_filter(deps, viewer, [(name, one) for name, all_ in texts.items() for one in all_])
            return Asked(wanted, texts, faults)
        except InvalidRequest as error:
            faults |= error.fields
            texts = {name: all_ for name, all_ in texts.items() if name not in error.fields}
    return Asked(ignored=faults)


def go(texts: Mapping[str, Sequence[str]]) -> None:
    """From now on the address asks for this; how takes are drawn stays, unless it is among it."""
    drawn = {name: st.query_params.get_all(name) for name in DRAWN_BY}
    st.query_params.from_dict({name: all_ for name, all_ in {**drawn, **texts}.items() if any(all_)})


def change(**values: Iterable[str]) -> None:
    """From now on the address asks for this of these names; nothing: the name is taken out."""
    go({**_texts(st.query_params), **{name: list(all_) for name, all_ in values.items()}})


def drawn_pairs() -> list[tuple[str, str]]:
    """What the address says of how takes are drawn."""
    return [(name, value) for name in DRAWN_BY for value in st.query_params.get_all(name)]


def drop(name: str, value: str) -> None:
    """From now on the address does not ask for this any more."""
    texts = _texts(st.query_params)
    go({**texts, name: [one for one in texts.get(name, []) if one != value]})


def is_news() -> bool:
    """Is it another address than at the last run: by a widget, a link, or Back?"""
    now, seen = _now(), st.session_state.get(_SEEN)
    st.session_state[_SEEN] = now
    return bool(seen != now)


def _now() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, tuple(st.query_params.get_all(name))) for name in sorted(st.query_params))


def _texts(params: QueryParamsProxy) -> Texts:
    """Every filter that stands in the address, by its name of today."""
    found: Texts = {}
    for name in params:
        if name in (*DRAWN_BY, _BEFORE):
            continue
        today, words = OLD_NAMES.get(name, (name, {}))
        texts = [words.get(text, text) for text in params.get_all(name)]
        if name == "mine":
            texts = [OLD_FLAGS.get(text.lower(), text) for text in texts]
        found[today] = [*found.get(today, []), *(text for text in texts if text)]
    return {name: texts for name, texts in found.items() if texts}
