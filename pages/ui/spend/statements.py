"""Months that were closed, and the one to close next."""

from collections.abc import Mapping

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.money import statements
from backend.services.money.spend_query import Dimension
from backend.services.money.spending import Spent
from pages.ui import context, text
from pages.ui.spend import choices


def draw_statements(deps: Deps, viewer: Viewer) -> None:
    """Every statement with its files; for an admin the button that closes the next month."""
    found = statements.list_statements(deps, viewer)
    waiting = statements.next_month(deps, viewer) if viewer.may(Do.CLOSE_MONTHS) else None
    if not found and waiting is None:
        st.caption("A month can be closed once it has ended.")
    if waiting is not None:
        _draw_closing(*waiting)
    for statement in found:
        _draw_statement(statement)


def _draw_closing(month: str, spent: Spent) -> None:
    """What would be frozen, and the button that does: it can't be taken back."""
    name = choices.shown_as(Dimension.MONTH, month)
    with st.popover(f"Close {name}", icon=":material/lock:", key="closing-month"):
        parts = [f"billed {_dollars(spent.billed_usd)}", f"open {_dollars(spent.open_usd)}"]
        parts += [f"{spent.unpriced:,} of unknown price"] if spent.unpriced else []
        takes = f"{spent.takes:,} {'take' if spent.takes == 1 else 'takes'}"
        st.markdown(f"**{name}** · {takes} · {' · '.join(parts)}")
        st.caption(
            "Its statement never changes, and the month can't be opened again. What is billed or given back "
            "later stands as corrections in the next month that is closed."
        )
        st.button("Close for good", key="close-month", on_click=_close, args=(month,))


def _dollars(usd: float | None) -> str:
    return "?" if usd is None else text.plain(text.dollars(usd))


def _draw_statement(statement: statements.Statement) -> None:
    name, said = choices.shown_as(Dimension.MONTH, statement.month), statement.said
    with st.container(key=f"statement-{statement.month}", horizontal=True, vertical_alignment="center"):
        total = said["total"]
        amounts = f"billed {_dollars(total['billed_usd'])}"
        amounts += f" · open {_dollars(total['open_usd'])}" if total["open_usd"] else ""
        amounts += f" · {total['unpriced']:,} of unknown price" if total["unpriced"] else ""
        more = f" · {text.plain(corrected_words(said['corrected']))}" if said["corrections"] else ""
        st.markdown(
            f"**{name}** · {amounts}{more}  \n"
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


def corrected_words(corrected: Mapping[str, float]) -> str:
    """What changed of earlier months since they were closed, each amount that did.

    >>> corrected_words({"billed_usd": 1.4, "open_usd": -0.7, "wasted_usd": 0.0, "unpriced": -1})
    'corrections of earlier months: billed $1.40, open −$0.70, of unknown price −1'
    >>> corrected_words({"billed_usd": 0.0, "open_usd": 0.0, "wasted_usd": 0.8, "unpriced": 0})
    'corrections of earlier months: wasted $0.80'
    >>> corrected_words({"billed_usd": 0.0, "open_usd": 0.0, "wasted_usd": 0.0, "unpriced": 0})
    'corrections of earlier months, which come to nothing together'
    """
    parts = [
        f"{name} {text.dollars(corrected[f'{name}_usd'])}"
        for name in ("billed", "open", "wasted")
        if corrected[f"{name}_usd"]
    ]
    parts += (
        [f"of unknown price {corrected['unpriced']:+,}".replace("-", "−")] if corrected["unpriced"] else []
    )
    changed = ", ".join(parts)
    return f"corrections of earlier months{f': {changed}' if parts else ', which come to nothing together'}"


def _close(month: str) -> None:
    with context.errors_as_notices():
        statements.close_month(context.deps(), context.viewer(), month)
        context.notify(f"{choices.shown_as(Dimension.MONTH, month)} is closed.", ":material/lock:")
