"""How many takes one press makes, and what is said of them."""

import streamlit as st

from backend.domain.errors import BudgetExceeded
from backend.services.takes.remake.variations import VARIATIONS_MAX, Started
from pages.ui import context, money, text

_NUMBER, _BACK_TO_ONE = "form:number", "form:number:back"
HELP = "So many takes by one press, each with a seed of its own. All of them are paid."


def pick_number() -> int:
    """Draw the choice on the form; one, unless somebody chose more for the next press."""
    if st.session_state.pop(_BACK_TO_ONE, False) or _NUMBER not in st.session_state:
        st.session_state[_NUMBER] = 1
    return draw_numbers(_NUMBER)


def draw_numbers(key: str) -> int:
    """Draw ×1 to ×8."""
    chosen = st.segmented_control(
        "Variations", range(1, VARIATIONS_MAX + 1), key=key, format_func=lambda number: f"×{number}",
        required=True, help=HELP, label_visibility="collapsed", width="stretch",
    )  # fmt: skip
    return int(chosen or 1)


def times_words(label: str, number: int) -> str:
    """The label of a button that makes so many takes."""
    return label if number == 1 else f"{label} ×{number}"


def tell(started: Started) -> None:
    """Say what came of a press. The next one makes one take again: nobody pays eight times by habit."""
    fine = st.session_state[_BACK_TO_ONE] = started.error is None
    if fine:
        context.notify(started.words(), ":material/bookmark_added:")
    else:
        context.notify(text.plain(started.words()), ":material/error:")
    if isinstance(started.error, BudgetExceeded):
        money.keep_refusal(started.error)
