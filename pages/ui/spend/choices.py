"""What the Spend page is asked for, kept in the URL: days, by what, crossed with what, and only which."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta

import streamlit as st

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.money import spending
from backend.services.money.spend_query import NONE, Dimension, SpendQuery
from backend.services.money.spending import NAMED
from pages.ui import context, text

#: Ranges by the words that stand on the page, and in the URL.
RANGES = ("this month", "last month", "7 days", "30 days", "custom")
#: What takes can be told apart by.
BY = (
    Dimension.DAY, Dimension.MONTH, Dimension.PERSON, Dimension.PROJECT, Dimension.MODEL,
    Dimension.EXPERIMENT, Dimension.TEMPLATE,
)  # fmt: skip
#: The parameter of the URL for each filter: "model:fal-ai/veo3.1".
_ONLY = "only"
_NAMES = "spend:names"


def draw_choices(today: date) -> SpendQuery:
    """Draw what can be chosen in one line; returns what is asked for, without the filters."""
    with st.container(key="spend-choices", horizontal=True, vertical_alignment="center", gap="xsmall"):
        chosen = st.segmented_control(
            "Days", RANGES, key="range", default=RANGES[0], required=True, bind="query-params",
            label_visibility="collapsed", wrap=True,
        )  # fmt: skip
        since, until = days_of(str(chosen), today)
        if chosen == "custom":
            since = st.date_input("From", since, key="since", bind="query-params", width=150)
            until = st.date_input("To", max(since, until), key="until", bind="query-params", width=150)
        by = st.segmented_control(
            "By",
            BY,
            key="by",
            default=BY[0],
            required=True,
            bind="query-params",
            label_visibility="collapsed",
            wrap=True,
        )
        by = Dimension(by or BY[0])
        crossed = st.selectbox(
            "And by", [one for one in BY if one is not by], key="and", index=None, placeholder="and by …",
            label_visibility="collapsed", width=170, bind="query-params",
        )  # fmt: skip
    first, last = sorted((since, until))
    crossed = Dimension(crossed) if crossed else None
    return SpendQuery(by, crossed, first.isoformat(), last.isoformat())


def days_of(chosen: str, today: date) -> tuple[date, date]:
    """The first and the last day of a range.

    >>> days_of("last month", date(2026, 3, 14))
    (datetime.date(2026, 2, 1), datetime.date(2026, 2, 28))
    """
    month = today.replace(day=1)
    match chosen:
        case "last month":
            return (month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)
        case "7 days":
            return today - timedelta(days=6), today
        case "30 days":
            return today - timedelta(days=29), today
    return month, today


def filters() -> dict[Dimension, str]:
    """Only these people, models …, as the URL says; what it says wrongly is passed over."""
    found = {}
    for word in st.query_params.get_all(_ONLY):
        name, _, value = word.partition(":")
        if name in list(Dimension) and value:
            with suppress(ValueError):  # that is no day
                shown_as(Dimension(name), value)
                found[Dimension(name)] = value
    return found


def toggle_filters(chosen: Mapping[Dimension, str]) -> None:
    """Have only these shown; what is filtered for already is no longer."""
    known = filters()
    if all(known.get(dimension) == value for dimension, value in chosen.items()):
        left = {dimension: value for dimension, value in known.items() if dimension not in chosen}
    else:
        left = {**known, **chosen}
    st.query_params[_ONLY] = [f"{dimension}:{value}" for dimension, value in left.items()]


def draw_filters() -> None:
    """What is filtered for; a press takes it away."""
    found = filters()
    if not found:
        return
    with st.container(key="spend-only", horizontal=True):
        for dimension, value in found.items():
            st.button(
                text.plain(shown_as(dimension, value)), key=f"spend-only-{dimension}",
                icon=":material/close:", help=f"Show every {dimension} again", on_click=toggle_filters,
                args=({dimension: value},),
            )  # fmt: skip


def shown_as(dimension: Dimension, value: str) -> str:
    """A group's name for people."""
    if dimension is Dimension.MODEL:
        return context.model_title(value)
    if dimension in NAMED:
        return f"No {dimension}" if value == NONE else group_name(value, f"A deleted {dimension}")
    if dimension is Dimension.TEMPLATE:
        return "No template" if value == NONE else f"Version {value}"
    if dimension is Dimension.DAY:
        day = date.fromisoformat(value)
        return f"{day.day} {day:%b %Y}"
    if dimension is Dimension.MONTH:
        return f"{date.fromisoformat(f'{value}-01'):%B %Y}"
    return value


def remember_names(deps: Deps, viewer: Viewer) -> None:
    """From here on this run of the page knows what projects and experiments are called."""
    st.session_state[_NAMES] = spending.group_names(deps, viewer)


def group_name(group_id: str, otherwise: str) -> str:
    """What people call a project or an experiment. otherwise: where there is none such any more."""
    names: dict[str, str] = st.session_state.get(_NAMES, {})
    return names.get(group_id, otherwise)
