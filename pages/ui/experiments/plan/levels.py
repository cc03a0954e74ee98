"""What is varied: axes and their values, filled in by a component of our own, with their faults."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from backend.catalogue.fields import Field
from backend.services.deps import Deps
from pages.ui import components
from pages.ui.experiments.plan import fields
from pages.ui.experiments.plan.form import PlanForm, axes_on_offer, axis_words

Levels = tuple[tuple[str, str], ...]
_LEVELS, _FILL = "plan:levels", "plan:fill"
#: How a fault names the values that it is about, by their numbers among those of their axis.
ONE_VALUE = "One value alone varies nothing: add another, or set it under what stays the same."
_NUMBERED = re.compile(r"values? (\d+)(?: and (\d+))? ")
#: What stands in an empty field.
_HINTS = {
    "prompt": "A prompt, as it is sent",
    "image": "The id of an upload, or a link that begins with https://",
}


def held_levels() -> Levels:
    """What is varied by now: (axis, value as it was typed); an axis without a value has an empty one."""
    told = st.session_state.get(_component_key())
    levels = told.get("levels") if isinstance(told, Mapping) else None
    if levels is not None:
        st.session_state[_LEVELS] = tuple((str(axis), str(value)) for axis, value in levels)
    held: Levels = st.session_state.get(_LEVELS, ())
    return held


def fill_levels(form: PlanForm) -> None:
    """Have the component hold what a plan varies. Before it is drawn."""
    st.session_state[_FILL] = st.session_state.get(_FILL, 0) + 1
    st.session_state[_LEVELS] = form.levels


def draw_levels(
    deps: Deps, form: PlanForm, params: Mapping[str, Field], faults: Mapping[str, str]
) -> dict[str, str]:
    """The component. faults: of the plan, by field. Returns those that are about none of its axes."""
    axes = dict.fromkeys(axis for axis, _ in form.levels if axis)
    wrong = {f"axes.{axis}": axis for axis in axes if f"axes.{axis}" in faults}
    offered = axes_on_offer(form, params)
    about = {
        "fill": st.session_state.get(_FILL, 0),
        "levels": [list(one) for one in form.levels],
        "offers": [_offer(deps, axis, params) for axis in offered],
        "faults": {
            axis: told_fault(axis, faults[field], form.axes.get(axis, ())) for field, axis in wrong.items()
        },
    }
    components.draw_axes(about, key=_component_key(), on_levels=held_levels)
    return {field: fault for field, fault in faults.items() if field not in wrong}


def told_fault(axis: str, fault: str, values: Sequence[str]) -> dict[str, Any]:
    """A fault of an axis in words, and the values that it is about.

    >>> told_fault("move", "values 1 and 3 are both called 'a'; give each value once", ["a", "b", "a "])
    {'says': "Two values are both called 'a'; give each value once", 'at': ['a', 'a ']}
    >>> told_fault("params.loop", "is none of the model's", ["on"])
    {'says': "Is none of the model's", 'at': []}
    """
    words = axis_words(axis)
    if fault.startswith("is not known here") and words.startswith("{{"):
        return {"says": f"No prompt names {words}: write it into the prompt, or take it away here.", "at": []}
    if fault.startswith("has one value"):
        return {"says": ONE_VALUE, "at": []}
    named = _NUMBERED.match(fault)
    if named is None:
        return {"says": fault[:1].upper() + fault[1:], "at": []}
    numbers = [int(number) for number in named.groups() if number]
    about = "Two values" if len(numbers) == 2 else "This value"
    at = [values[number - 1] for number in numbers if number <= len(values)]
    return {"says": f"{about} {fault[named.end() :]}", "at": at}


def _component_key() -> str:
    """Another one whenever it is filled anew, so that nothing of the plan before stays in it."""
    return f"plan:levels:{st.session_state.get(_FILL, 0)}"


def _offer(deps: Deps, axis: str, params: Mapping[str, Field]) -> dict[str, Any]:
    """An axis that can be varied, with its known values. own: may others be written?

    wanted: the prompt names it, and can't be sent before it has values.
    """
    known = fields.level_choices(deps, axis, params)
    return {
        "axis": axis, "words": axis_words(axis), "choices": [list(one) for one in known.items()],
        "own": fields.takes_own_levels(axis, params), "hint": _HINTS.get(axis, ""),
        "wanted": axis_words(axis).startswith("{{"),
    }  # fmt: skip
