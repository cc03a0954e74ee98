"""Months that were closed, and the one to close next."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.money import statements
from backend.services.money.spend_query import Dimension
from pages.ui import context, text
from pages.ui.spend import choices


def draw_statements(deps: Deps, viewer: Viewer) -> None:
    """Every statement with its files; for an admin the button that closes the next month."""
    found = statements.list_statements(deps, viewer)
    waiting = statements.next_month(deps, viewer) if viewer.may(Do.CLOSE_MONTHS) else None
    if not found and waiting is None:
        st.caption("A month can be closed once it has ended.")
    if waiting is not None:
        name = choices.shown_as(Dimension.MONTH, waiting)
        st.button(
            f"Close {name}", key="close-month", icon=":material/lock:", on_click=_close,
            args=(waiting,),
            help="For good: later bills don't change it, and come as corrections in the next one.",
        )  # fmt: skip
    for statement in found:
        _draw_statement(statement)


def _draw_statement(statement: statements.Statement) -> None:
    name, said = choices.shown_as(Dimension.MONTH, statement.month), statement.said
    with st.container(key=f"statement-{statement.month}", horizontal=True, vertical_alignment="center"):
        billed = text.plain(text.dollars(said["total"]["billed_usd"]))
        corrected = said["corrected"]["billed_usd"]
        more = (
            f" · corrections of earlier months {text.plain(text.dollars(corrected))}"
            if said["corrections"]
            else ""
        )
        st.markdown(
            f"**{name}** · billed {billed}{more}  \n"
            f"Closed {statement.closed_at:%Y-%m-%d %H:%M} UTC by {text.plain(statement.closed_by)} · "
            f"SHA-256 `{statement.sha256[:16]}…`",
            help=statement.sha256,
        )
        if not statement.is_whole:
            st.error("It was changed in the database: its SHA-256 is another.", icon=":material/error:")
        st.download_button(
            "JSON", statement.content, f"statement-{statement.month}.json", "application/json",
            key=f"statement-json-{statement.month}", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "CSV", statement.as_csv, f"statement-{statement.month}.csv", "text/csv",
            key=f"statement-csv-{statement.month}", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def _close(month: str) -> None:
    with context.errors_as_notices():
        statements.close_month(context.deps(), context.viewer(), month)
        context.notify(f"{choices.shown_as(Dimension.MONTH, month)} is closed.", ":material/lock:")
