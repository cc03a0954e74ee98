"""Limits of money as admins keep them: what each has left, who set it and when, and room for another."""

from collections.abc import Mapping

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.library import groups
from backend.services.library.groups import GroupKind
from backend.services.money import limits, limits_admin
from backend.services.money.limits import LimitRule
from backend.services.money.limits_admin import LimitStatus
from pages.ui import context, text

_SCOPE, _NAME, _MODEL, _PROJECT, _COLLECTION, _PERIOD, _HARD, _USD, _OPEN = (
    f"limit:{name}"
    for name in ("scope", "name", "model", "project", "collection", "period", "hard", "usd", "open")
)
_SCOPES: dict[BudgetScope, str] = {
    BudgetScope.ALL: "Everybody",
    BudgetScope.PERSON: "A person",
    BudgetScope.MODEL: "A model",
    BudgetScope.PROJECT: "A project",
    BudgetScope.COLLECTION: "A collection",
}
#: scope -> the field that asks for its name; one for everybody has none
_ASKED_BY: dict[BudgetScope, str | None] = {
    BudgetScope.ALL: None,
    BudgetScope.PERSON: _NAME,
    BudgetScope.MODEL: _MODEL,
    BudgetScope.PROJECT: _PROJECT,
    BudgetScope.COLLECTION: _COLLECTION,
}
_PERIODS: dict[BudgetPeriod, str] = {BudgetPeriod.DAY: "A day", BudgetPeriod.MONTH: "A month"}


def draw_limits(deps: Deps, viewer: Viewer) -> None:
    """Every limit in force, those that were, and for an admin a way to set and to end one."""
    with st.container(border=True, key="limits"):
        st.markdown("##### Limits")
        found, may = limits_admin.list_limits(deps, viewer), viewer.may(Do.EDIT_BUDGETS)
        named = {kind: groups.list_names(deps, viewer, kind) for kind in GroupKind}
        names = {**named[GroupKind.PROJECT], **named[GroupKind.COLLECTION]}
        if not found:
            st.caption("None is set: nothing is refused, whatever it costs.")
        for status in found:
            _row(deps, status, names, may=may)
        if may:
            _editor(deps, named)
        _ended(deps, viewer, names)
        st.caption(
            f"Days and months are those of {text.plain(deps.settings.time_zone)}. A take counts for the most "
            "that it can cost until its bill comes; one without a price counts for "
            f"{text.plain(text.dollars(deps.settings.budget_unknown_usd))} while a hard limit concerns it."
        )


def _row(deps: Deps, status: LimitStatus, names: Mapping[str, str], *, may: bool) -> None:
    rule, measured = status.rule, status.measured
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"limit-{rule.source}"):
        with st.container(gap=None):
            st.markdown(f"**{text.plain(limit_words(rule, names))}**")
            if measured is None:
                left = "each has its own"
            else:
                left = f"{text.dollars(measured.left_usd)} left until {measured.renews}"
            by = (
                f"set by {rule.set_by}, {text.since(deps.clock.now(), rule.set_at)}"
                if rule.set_by
                else rule.source
            )
            st.caption(text.plain(f"{left} · {by}"))
        if measured is not None and measured.is_near:
            st.badge("Used up" if measured.is_exhausted else "Nearly used up", color="orange")
        if may and rule.set_by:
            st.button(
                "End", key=f"limit-end-{rule.source}", icon=":material/close:", type="tertiary",
                on_click=_end, args=(rule.source,),
            )  # fmt: skip


def limit_words(rule: LimitRule, names: Mapping[str, str]) -> str:
    """What a limit says: "$20.00 a day for each person", "warns at $5.00 a month for fal-ai/veo3.1".

    names: id -> name, of projects and collections.
    """
    match rule.scope:
        case BudgetScope.ALL:
            whose = "for everybody together"
        case BudgetScope.PERSON | BudgetScope.MODEL:
            whose = f"for {rule.name or f'each {rule.scope}'}"
        case BudgetScope.PROJECT | BudgetScope.COLLECTION:
            one = f"the {rule.scope} {names.get(rule.name, '(deleted)')}"
            whose = f"for {one if rule.name else f'each {rule.scope}'}"
    amount = f"{text.dollars(rule.limit_usd)} a {rule.period} {whose}"
    return amount if rule.hard else f"Warns at {amount}"


def _editor(deps: Deps, named: Mapping[GroupKind, Mapping[str, str]]) -> None:
    with st.popover("Set a limit", icon=":material/add:", key=_OPEN, on_change="rerun"):
        scope = BudgetScope(
            st.selectbox("Whose takes", list(_SCOPES), key=_SCOPE, format_func=_SCOPES.__getitem__)
        )
        if scope is BudgetScope.MODEL:
            ids = sorted((model.id for model in deps.catalogue.search()), key=context.model_title)
            st.selectbox(
                "Which model", ids, key=_MODEL, index=None, placeholder="Each model alone",
                format_func=lambda model_id: f"{context.model_title(model_id)} · {model_id}",
            )  # fmt: skip
        elif scope in (BudgetScope.PROJECT, BudgetScope.COLLECTION):
            names = named[GroupKind(scope)]
            st.selectbox(
                f"Which {scope}", list(names), key=_ASKED_BY[scope], index=None,
                format_func=names.__getitem__, placeholder=f"Each {scope} alone",
            )  # fmt: skip
        elif scope is BudgetScope.PERSON:
            st.text_input("Who", key=_NAME, placeholder="Each person alone")
        st.selectbox("How long", list(_PERIODS), key=_PERIOD, format_func=_PERIODS.__getitem__)
        st.number_input(
            "Dollars", key=_USD, min_value=0.0, max_value=limits_admin.MAX_USD, value=20.0, step=5.0
        )
        st.checkbox("Refuse what goes beyond it", value=True, key=_HARD, help="Else it only warns.")
        st.button("Set", key="limit-set", type="primary", icon=":material/save:", on_click=_set)


def _ended(deps: Deps, viewer: Viewer, names: Mapping[str, str]) -> None:
    ended = limits_admin.list_ended(deps, viewer)
    if not ended:
        return
    with st.expander(f"Ended · {len(ended)}", icon=":material/history:", key="limits-ended"):
        for row in ended:
            was = limits.rule_of(row)
            st.caption(
                text.plain(
                    f"{limit_words(was, names)} · set by {row.set_by} on {row.set_at:%Y-%m-%d}, "
                    f"ended by {row.ended_by} on {row.ended_at:%Y-%m-%d}"
                )
            )


def _set() -> None:
    state = st.session_state
    with context.errors_as_notices():
        asked = _ASKED_BY[state[_SCOPE]]
        name = (asked and state.get(asked)) or ""
        limits_admin.set_limit(
            context.deps(), context.viewer(), scope=state[_SCOPE], name=name, period=state[_PERIOD],
            hard=state[_HARD], usd=state[_USD],
        )  # fmt: skip
        context.notify("The limit holds from now on.", ":material/account_balance_wallet:")
        state[_OPEN] = False  # else it covers what was set


def _end(limit_id: str) -> None:
    with context.errors_as_notices():
        limits_admin.end_limit(context.deps(), context.viewer(), limit_id)
        context.notify("The limit holds no longer.", ":material/close:")
