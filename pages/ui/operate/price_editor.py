"""How a model's takes are priced, as a team may write it: the rule, why, and every change that was made."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.catalogue.models import VideoModel
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.models import TeamPriceRule
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.money import price_rules
from pages.ui import context, rights, text

#: The parameter of the URL that says whose price is edited.
_OF = "price_of"
_TEXT, _NOTE, _DEAR, _FAULTS = "rule:text", "rule:note", "rule:dear", "rule:faults"
_SHOWN = "rule:shown"
#: What an empty editor begins with.
_EXAMPLE = """{
  "unit": "second",
  "count": {"kind": "seconds", "field": "duration"},
  "rules": [{"unit_usd": 0.10}]
}"""
_HELP = (
    "JSON. `count` says how many units a take is (kind one, seconds, map, frames, megapixels or tokens), "
    "`rules` what a unit costs: the first whose `when` fits holds; where none does, the price is unavailable."
)


def draw_way(model: VideoModel, place: DeltaGenerator) -> None:
    """The way to a model's price, for an admin."""
    if context.viewer().may(Do.EDIT_PRICES):
        place.button(
            "Edit price", key=f"rule-of-{model.id}", type="tertiary", icon=":material/edit:", on_click=_open,
            args=(model.id,),
        )  # fmt: skip


def edited_model() -> str | None:
    """The id of the model whose price is edited, as the URL says."""
    found = st.query_params.get(_OF)
    return str(found) if found else None


def draw_editor(deps: Deps, viewer: Viewer) -> None:
    """The rule of the model that was chosen; what is at fault stands below it, and what was written stays."""
    model_id = edited_model()
    if not model_id:
        return
    if not viewer.may(Do.EDIT_PRICES):
        rights.draw_needed(viewer, Do.EDIT_PRICES)
        return
    try:
        model = deps.catalogue.get(model_id)
    except KeyError:
        return
    history = price_rules.list_history(deps, model.id)
    _fill(deps, model, history[0].id if history else "")
    with st.container(border=True, key="price-editor"):
        whose = "the team's" if history and history[0].rule else "the built-in"
        st.markdown(f"##### Price of {text.plain(model.title)}")
        known = price_rules.rule_of(deps, model) is not None
        st.caption(f"What holds now is {whose} rule." if known else "Nobody has written a rule for it.")
        st.text_area("Rule", key=_TEXT, height=260, help=_HELP)
        faults: dict[str, str] = st.session_state.get(_FAULTS, {})
        for field, why in faults.items():
            st.error(text.plain(f"{field} {why}."), icon=":material/error:")
        if any("$100" in why for why in faults.values()):
            st.checkbox("A unit over $100 is meant", key=_DEAR)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Change note", key=_NOTE, max_chars=price_rules.NOTE_MAX_CHARS)
            st.button(
                "Save",
                key="rule-save",
                type="primary",
                icon=":material/save:",
                on_click=_save,
                args=(model.id,),
            )
            if history and history[0].rule:
                st.button(
                    "Back to the built-in one", key="rule-withdraw", icon=":material/undo:",
                    on_click=_withdraw, args=(model.id,),
                )  # fmt: skip
            st.button("Close", key="rule-close", icon=":material/close:", type="tertiary", on_click=_close)
        _draw_history(history)


def _fill(deps: Deps, model: VideoModel, newest: str) -> None:
    """Begin with what holds now, once for each model and change."""
    if st.session_state.get(_SHOWN) == (model.id, newest) and _TEXT in st.session_state:
        return
    rule = price_rules.rule_of(deps, model)
    st.session_state[_SHOWN] = (model.id, newest)
    st.session_state[_TEXT] = price_rules.rule_text(rule) if rule else _EXAMPLE
    st.session_state.pop(_FAULTS, None)


def _draw_history(history: Sequence[TeamPriceRule]) -> None:
    if not history:
        return
    with st.expander(f"Changes · {len(history)}", icon=":material/history:", key="rule-history"):
        for row in history:
            what = "wrote this rule" if row.rule else "went back to the built-in rule"
            why = f" · {row.note}" if row.note else ""
            st.caption(text.plain(f"{row.set_at:%Y-%m-%d %H:%M} UTC · {row.set_by} {what}{why}"))
            if row.rule:
                st.json(row.rule, expanded=False)


def _open(model_id: str) -> None:
    st.query_params[_OF] = model_id


def _close() -> None:
    st.query_params.pop(_OF, None)
    for key in (_TEXT, _NOTE, _DEAR, _FAULTS, _SHOWN):
        st.session_state.pop(key, None)


def _save(model_id: str) -> None:
    state = st.session_state
    with context.errors_as_notices():
        try:
            price_rules.set_rule(
                context.deps(), context.viewer(), model_id, state[_TEXT], note=state.get(_NOTE) or "",
                dear_is_meant=bool(state.get(_DEAR)),
            )  # fmt: skip
        except InvalidRequest as error:
            state[_FAULTS] = error.fields
            return
        state.pop(_FAULTS, None)
        context.notify("This price holds from now on.", ":material/payments:")


def _withdraw(model_id: str) -> None:
    with context.errors_as_notices():
        note = st.session_state.get(_NOTE) or ""
        price_rules.withdraw_rule(context.deps(), context.viewer(), model_id, note=note)
        context.notify("The built-in rule holds again.", ":material/undo:")
