"""What is filtered by now: a chip each, with which it is taken away; and what of an address is left out."""

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from pages.ui import text
from pages.ui.library import address, fields, words
from pages.ui.library.address import Asked
from pages.ui.library.fields import Choices

#: These are seen elsewhere: the order has its own field.
_NO_CHIP = frozenset({"sort"})
#: A cell of a long prompt is called by its beginning.
CHIP_MAX_CHARS = 60
_UNITS: Mapping[str, str] = {
    "rating_min": "{:g} or better", "min_length": "{:g} s or longer", "max_length": "{:g} s or shorter",
    "min_cost": "${:g} or more", "max_cost": "${:g} or less",
}  # fmt: skip


def draw_chips(asked: Asked, choices: Choices) -> None:
    """Nothing while nothing is filtered by."""
    active = [
        (name, value) for name, values in asked.texts.items() if name not in _NO_CHIP for value in values
    ]
    if not active:
        return
    with st.container(key="chips", horizontal=True, vertical_alignment="center", gap="small"):
        for name, value in active:
            st.button(
                text.plain(chip_words(name, value, choices)), key=f"drop-{name}-{value}",
                icon=":material/close:", icon_position="right", help="Take this filter away",
                on_click=address.drop, args=(name, value),
            )  # fmt: skip
        st.button("Clear all", key="clear-filters", type="tertiary", on_click=clear)


def draw_ignored(asked: Asked) -> None:
    """What of the address is not understood, and so left out."""
    if not asked.ignored:
        return
    told = " · ".join(f"`{name}`: {text.plain(_shortly(why))}" for name, why in asked.ignored.items())
    st.warning(f"Left out of this address: {told}.", icon=":material/link_off:")


def _shortly(why: str) -> str:
    """Without the list of all that is known: the filters stand above it."""
    return why.partition("; known:")[0]


def chip_words(name: str, value: str, choices: Choices) -> str:
    """What is asked for, as people say it."""
    if name in words.FLAGS:
        return words.FLAGS[name][value != "1"]
    if name in _UNITS:
        return _UNITS[name].format(float(value))
    if name in ("since", "until"):
        return f"{words.TITLES[name]} {_moment(value)}"
    called: Mapping[str, Mapping[str, str]] = {
        "status": words.STATUS, "model": choices.models, "project": choices.projects,
        "experiment": choices.places, "cell": choices.places,
        "collection": choices.collections, "review": {str(one): word for one, word in words.REVIEWS.items()},
    }  # fmt: skip
    said = called.get(name, {}).get(value, value)
    return f"{words.TITLES.get(name, name)}: {text.shorten(said, CHIP_MAX_CHARS)}"


def clear() -> None:
    """No filter any more; the order stays."""
    address.go({"sort": st.query_params.get_all("sort")})


def _moment(value: str) -> str:
    """A day where it is one; the moment else."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    local = fields.in_zone(moment)
    return f"{local:%-d %b %Y}" + ("" if local.hour == local.minute == 0 else f" {local:%H:%M}")
