"""Spend: what takes cost, on any days, by day, person, model and more; what was wasted; how bills drift."""

from dataclasses import replace

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.money import spending
from backend.services.money.spend_query import Dimension
from pages.ui import context, mine, money, shell
from pages.ui.spend import charts, choices, statements, tables
from pages.ui.takes import cards

deps, viewer = context.deps(), context.viewer()


def draw_nothing() -> None:
    with st.container(border=True, key="empty", horizontal_alignment="center"):
        st.space("small")
        st.markdown("#### Nothing was spent in these days", text_alignment="center")
        if viewer.may(Do.START) and st.button(
            "Generate a take", key="spend-first", type="primary", icon=":material/auto_awesome_motion:"
        ):
            st.switch_page(cards.GENERATE)
        st.space("small")


def draw_report() -> None:
    choices.remember_names(deps, viewer)
    query, only = choices.draw_choices(spending.today(deps)), choices.filters()
    choices.draw_filters()
    only_mine = mine.draw_mine(viewer)
    report = spending.spend_report(deps, viewer, replace(query, fitting=only), mine=only_mine)
    if not report.total.takes and not only and not only_mine:
        draw_nothing()
        return
    picks = spending.count_picks(deps, viewer, replace(query, fitting=only), mine=only_mine)
    tables.draw_figures(report, picks)
    # The bar that was chosen stays among its like.
    around = {one: value for one, value in only.items() if one not in query.dimensions}
    with st.container(border=True, key="spend-bars"):
        st.markdown(f"##### Spent by {' and '.join(query.dimensions)}")
        bars = spending.spend_report(deps, viewer, replace(query, fitting=around), mine=only_mine)
        charts.draw_chart(bars, only)
    tables.draw_table(report)
    with st.container(border=True, key="spend-drift"):
        st.markdown("##### Bills against estimates")
        by_model = replace(query, by=Dimension.MODEL, crossed=None, fitting=only)
        tables.draw_drift(spending.spend_report(deps, viewer, by_model, mine=only_mine))


shell.draw_warnings(of_money=True)
money.draw_balance(deps)
if not deps.settings.reads_bills:
    st.caption("What is left on fal's account is shown here once an ADMIN key of it is set.")
draw_report()
if viewer.sees_all:
    with st.container(border=True, key="statements"):
        st.markdown("##### Closed months")
        statements.draw_statements(deps, viewer)
if deps.settings.is_demo:
    st.caption("Demo: these are the real prices, and nothing of it is paid.")
zone = spending.time_zone(deps)
st.caption(
    f"Days are those of {zone}. Waste is what was billed for takes that failed or were cancelled, for "
    "those made of the same inputs as an earlier one that is stored (with the same seed, or sent by one "
    "person within ten minutes without a seed; found some ten minutes after they were asked for), and for "
    "those that nobody has opened, rated or reviewed within two weeks. A take is opened by its page, large "
    "over the gallery, in a comparison, by a vote, in a ZIP, or by a program that asks for it."
)
