"""Clicks that make something: a second one within moments is the same one, and is told so."""

from dataclasses import dataclass

import streamlit as st

from backend.services.deps import Deps
from pages.ui import context

#: A second click on the same within this time is the same click, in seconds.
SAME_CLICK_S = 3.0
#: Once somebody was told so, a press this much later (s) is meant: fingers that shake are quicker.
MEANT_S = 1.0
ALREADY_SENT = "Already sent · press again for another"


@dataclass
class Click:
    """A click on something: the idempotency key of what it makes, and when it last came."""

    key: str
    mark: str
    inputs: str
    last_s: float | None = None  #: None: what it asks for was not made yet
    told: bool = False


def begin(deps: Deps, name: str, mark: str, *, inputs: str = "") -> Click | None:
    """The click on this button; None: it is the one before once more, and whoever clicked is told so.

    mark: what it asks for, as it was asked. One that did not come through keeps its key, so that what it
    made so far isn't made again. inputs: the same for whatever makes the same, however it was asked for; by
    them a click is the one before once more. Unless given, the mark.
    """
    inputs = inputs or mark
    known: Click | None = st.session_state.get(_place(name))
    now_s = deps.clock.monotonic()
    if known is not None and known.last_s is None and known.mark == mark:
        return known
    if (
        known is not None
        and known.last_s is not None
        and known.inputs == inputs
        and (now_s - known.last_s <= (MEANT_S if known.told else SAME_CLICK_S))
    ):
        known.last_s, known.told = now_s, True
        context.notify(ALREADY_SENT, ":material/done_all:")
        return None
    click = st.session_state[_place(name)] = Click(deps.clock.new_id(), mark, inputs)
    return click


def done(deps: Deps, name: str) -> None:
    """What the click on this button asks for is made, and whoever clicked is told."""
    click: Click = st.session_state[_place(name)]
    click.last_s = deps.clock.monotonic()


def _place(name: str) -> str:
    return f"click:{name}"
