"""Audit: what was done, by whom, to what; filters in the URL, and all that fits as a file. For admins."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial

import streamlit as st

from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.models import AuditEntry
from backend.services.access import Viewer
from backend.services.audit import entries
from backend.services.audit.query import AuditFilter, parse_audit_query
from pages.ui import context, rights, text
from pages.ui.figures import tables
from pages.ui.takes import cards

#: Rows on a page.
PAGE = 100
#: A file that a page makes holds so many rows, the newest; the API streams all.
FILE_ROWS_MAX = 100_000
#: The filters, as they stand in the URL; `before` is the page.
_KEYS = ("actor", "action", "object", "since", "until")
#: What stands between two values.
_TO = " → "
rights.draw_page_for(Do.READ_AUDIT)
deps, viewer = context.deps(), context.viewer()


def draw_filters() -> AuditFilter:
    """Draw the filters in one line; returns what they ask for."""
    with st.container(key="audit-filters", horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Who", key="actor", placeholder="Person or token", icon=":material/person:", width=190,
            label_visibility="collapsed", bind="query-params", on_change=to_page,
        )  # fmt: skip
        st.selectbox(
            "What", list(map(str, Action)), key="action", index=None, placeholder="Any deed", width=200,
            label_visibility="collapsed", bind="query-params", on_change=to_page,
        )  # fmt: skip
        st.text_input(
            "To what", key="object", placeholder="Id of a take or other thing", icon=":material/tag:",
            width=250, label_visibility="collapsed", bind="query-params", on_change=to_page,
        )  # fmt: skip
        for key, label in (("since", "From"), ("until", "To")):
            st.date_input(
                label,
                None,
                key=key,
                width=135,
                bind="query-params",
                on_change=to_page,
            )
        if any(st.session_state.get(key) for key in _KEYS):
            st.button(
                "Clear all", key="audit-clear", icon=":material/close:", type="tertiary", on_click=clear
            )
    return parse_audit_query(
        {key: as_word(st.session_state.get(key)) for key in _KEYS}, zone=deps.settings.zone
    )


def draw_rows(rows: Sequence[AuditEntry]) -> None:
    """The rows; the selected one in full."""
    by_id = {str(entry.id): entry for entry in rows}
    chosen = tables.draw_rows(
        list(map(row_of, rows)), key="audit-table", name="Audit", ids=list(by_id), height_px=620,
        wide=("Changed",),
    )  # fmt: skip
    if chosen:
        draw_entry(by_id[chosen])


def draw_entry(entry: AuditEntry) -> None:
    """One row with all that is known of it."""
    with st.container(border=True, key=f"audit-{entry.id}"):
        st.markdown(f"**{text.plain(entry.actor)}** · `{entry.action}`")
        st.json(entries.entry_json(entry))
        if entry.object_type == "take" and entry.object_id:
            where = {"take": entry.object_id}
            st.page_link(cards.DETAIL, label="The take", icon=":material/open_in_full:", query_params=where)


def draw_pager(next_cursor: str | None) -> None:
    """On to older rows, and back to the newest."""
    before = st.query_params.get("before")
    if not before and not next_cursor:
        return
    with st.container(key="audit-pager", horizontal=True, horizontal_alignment="center"):
        st.button(
            "Newest", key="audit-newest", icon=":material/first_page:", disabled=not before, on_click=to_page
        )
        st.button(
            "Older", key="audit-older", icon=":material/chevron_right:", icon_position="right",
            disabled=not next_cursor, on_click=to_page, args=(next_cursor,),
        )  # fmt: skip


def draw_files(wanted: AuditFilter) -> None:
    """All that fits as a file; that somebody takes it becomes a row itself."""
    with st.container(key="audit-files", horizontal=True, vertical_alignment="center"):
        for kind, label, content_type in (("csv", "CSV", "text/csv"), ("jsonl", "JSON lines", "text/plain")):
            content = context.file_for_asker(partial(content_of, wanted, kind))
            st.download_button(
                label, content, f"audit.{kind}", content_type,
                key=f"audit-{kind}", icon=":material/download:", on_click="ignore",
            )  # fmt: skip
        st.caption(
            f"All that fits, up to {FILE_ROWS_MAX:,} rows; `GET /api/audit` has more. "
            "That you took it is written down."
        )


def content_of(wanted: AuditFilter, kind: str, asker: Viewer) -> bytes:
    return b"".join(entries.export_entries(deps, asker, wanted, kind, limit=FILE_ROWS_MAX))


#: Ids of takes are shown whole; those of sessions are longer, and told apart by their beginning.
ID_CHARS = 36


def row_of(entry: AuditEntry) -> dict[str, object]:
    return {
        "When": entry.at,
        "Who": entry.actor,
        "What": entry.action,
        "To what": " ".join(filter(None, (entry.object_type, text.shorten(entry.object_id or "", ID_CHARS)))),
        "Amount": None if entry.micros is None else tables.dollars(entry.micros / 1e6),
        "Changed": changes_of(entry.changed or {}),
        "By way of": entry.via if entry.actor_kind != "token" else f"{entry.via}, token",
        "Address": entry.address or "",
    }


def changes_of(changed: Mapping[str, Sequence[object]]) -> str:
    """Fields with what they were and are, in a line; of what is the same, or new, what it is."""
    told = []
    for field, (before, after) in changed.items():
        if before is None and after is None:
            continue
        values = [after] if before in (None, after) else [before, after]
        told.append(f"{field.replace('_', ' ')}: {_TO.join(map(_value, values))}")
    return text.shorten("; ".join(told), 300)


def _value(one: object) -> str:
    if one is None:
        return "–"
    return one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)


def as_word(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value or "").strip()


def to_page(cursor: str | None = None) -> None:
    if cursor:
        st.query_params["before"] = cursor
    else:
        st.query_params.pop("before", None)


def clear() -> None:
    for key in _KEYS:
        st.session_state[key] = "" if key in ("actor", "object") else None
    to_page()


def draw_page() -> None:
    with context.errors_as_notices():
        wanted = draw_filters()
        page = entries.list_entries(deps, viewer, wanted, limit=PAGE, cursor=st.query_params.get("before"))
        if page.items:
            draw_rows(page.items)
        else:
            st.info("Nothing that was done fits." if wanted != AuditFilter() else "Nothing was done yet.")
        draw_pager(page.next_cursor)
        draw_files(wanted)
    context.show_notices()


draw_page()
