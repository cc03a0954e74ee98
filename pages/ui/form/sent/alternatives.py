"""Alternatives in the form's prompt: as many prompts as they stand for, or one, as it is written."""

from dataclasses import dataclass

import streamlit as st

from backend.domain.errors import InvalidRequest
from backend.services.prompting.wildcards import expand, has_wildcards
from backend.services.takes.remake.variations import PROMPTS_MAX
from pages.ui import text

_EXPAND = "form:alternatives"
HELP = (
    "{red|blue} stands for two prompts, one with each word; an empty one, as in {red|}, leaves it out. "
    "Write \\\\{ or \\\\| where the character itself is meant."
)


@dataclass(frozen=True)
class Prompts:
    """What is made of the form's prompt. fault: why none can be; then nothing is sent."""

    texts: tuple[str, ...]
    fault: str | None = None


def pick_prompts(written: str) -> Prompts:
    """Draw the choice below a prompt that has alternatives; one prompt, unless somebody chose more."""
    if not has_wildcards(written):
        return Prompts((written,))
    found: tuple[str, ...] = ()
    fault = None
    try:
        found = tuple(expand(written, at_most=PROMPTS_MAX))
    except InvalidRequest as error:
        fault = error.fields["prompt"]
    several = "alternatives" if fault else f"{len(found)} prompts"
    with st.container(key="alternatives", gap="xxsmall"):
        wanted = st.toggle(
            f"Read {{…|…}} as {several}", key=_EXPAND, persist_state="session", help=HELP,
        )  # fmt: skip
        if not wanted:
            st.caption("Sent as it is written, in one prompt with its braces.")
            return Prompts((written,))
        if fault:
            st.markdown(f":red[:material/error: The prompt {text.plain(fault)}]")
            return Prompts((), fault)
        makes = "one prompt" if len(found) == 1 else f"{len(found)} prompts"
        st.caption(f"This makes {makes}; each stands under *Final prompt*, before anything is paid.")
    return Prompts(found)
