"""Was what the form asks for generated before? How many takes of the same inputs there are, and where."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from backend.domain.errors import InvalidRequest
from backend.domain.library.review import short_id
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.reuse import list_generated
from backend.services.takes.request import TakeRequest
from pages.ui.takes import cards

_KNOWN = "form:generated"
#: What was found is believed for so long, in seconds: every key pressed in the form draws it anew.
BELIEVED_S = 10.0
#: So many are named; more are told as a number.
NAMED = 6
_TIMES = {1: "once", 2: "twice"}


@dataclass(frozen=True)
class _Known:
    """What was found for these requests, and when."""

    mark: tuple[str, ...]
    at_s: float
    digests: tuple[str, ...]
    takes: tuple[str, ...]
    seeded: bool


def inputs_mark(deps: Deps, viewer: Viewer, requests: Sequence[TakeRequest]) -> str:
    """The same for requests whose inputs are the same, however they were written."""
    return " ".join(_look(deps, viewer, requests).digests)


def draw_generated(deps: Deps, viewer: Viewer, requests: Sequence[TakeRequest]) -> None:
    """How many whole takes of the same inputs there are, with links to them; nothing where there are none."""
    known = _look(deps, viewer, requests)
    number = len(known.takes)
    if not number:
        return
    times = _TIMES.get(number, f"{number} times")
    times += " with one of these prompts" if len(requests) > 1 else ""
    same = " The same seed gives the same take again." if known.seeded else ""
    with st.container(key="generated", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/history: Already generated {times}.{same}")
        for take in known.takes[:NAMED]:
            st.page_link(cards.DETAIL, label=f"Made …{short_id(take)}", query_params={"take": take})
        if number > NAMED:
            st.caption(f"and {number - NAMED:,} more")


def _look(deps: Deps, viewer: Viewer, requests: Sequence[TakeRequest]) -> _Known:
    mark, now_s = tuple(one.body_hash() for one in requests), deps.clock.monotonic()
    known: _Known | None = st.session_state.get(_KNOWN)
    if known is not None and known.mark == mark and now_s - known.at_s < BELIEVED_S:
        return known
    digests, takes, seeded = list[str](), list[str](), False
    for one in requests:
        try:
            found = list_generated(deps, viewer, one)
        except InvalidRequest:
            digests.append(one.body_hash())
        else:
            digests.append(found.digest)
            takes += found.takes
            seeded = seeded or found.seeded
    known = _Known(mark, now_s, tuple(digests), tuple(dict.fromkeys(takes)), seeded)
    st.session_state[_KNOWN] = known
    return known
