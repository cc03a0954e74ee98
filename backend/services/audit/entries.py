"""What was done, for admins: a page of it, or all of it as a file."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.models import AuditEntry
from backend.services.access import Viewer
from backend.services.audit.query import AuditFilter
from backend.services.audit.record import record
from backend.services.csv_rows import write_csv
from backend.services.deps import Deps
from backend.store.team import audit

#: Rows on a page, unless asked otherwise, and at most.
PAGE_SIZE, PAGE_SIZE_MAX = 200, 1000
#: So many rows of a file are read at a time, each time in a transaction of its own.
FILE_BATCH = 1000
#: The columns of a row, in the order of a file.
COLUMNS = (
    "id", "at", "actor_kind", "actor", "via", "action", "object_type", "object_id", "micros", "changed",
    "space_id", "address", "request_id",
)  # fmt: skip


@dataclass(frozen=True)
class AuditPage:
    """Rows, the newest first. next_cursor: for the page after this; None: there is none."""

    items: Sequence[AuditEntry]
    next_cursor: str | None


def list_entries(
    deps: Deps, viewer: Viewer, wanted: AuditFilter, *, limit: int = PAGE_SIZE, cursor: str | None = None
) -> AuditPage:
    """A page of what was done. Raises NotAllowed: not an admin."""
    viewer.must(Do.READ_AUDIT)
    with deps.store.read() as session:
        rows = audit.list_entries(session, wanted, limit=limit + 1, before=cursor)
    return AuditPage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def export_entries(
    deps: Deps,
    viewer: Viewer,
    wanted: AuditFilter,
    kind: str,
    *,
    limit: int | None = None,
    cursor: str | None = None,
) -> Iterator[bytes]:
    """All of it as a file, "csv" or "jsonl", piece by piece; that somebody took it is written down first.

    limit: so many rows at most, the newest. cursor: as of a page.

    Raises:
        NotAllowed: not an admin; before the first piece.
    """
    viewer.must(Do.READ_AUDIT)
    asked = {name: value for name, value in vars(wanted).items() if value is not None}
    changed = {name: (None, str(value)) for name, value in {"format": kind, **asked}.items()}
    with deps.store.begin() as session:
        begun = record(session, deps, viewer, Action.AUDIT_EXPORTED, object_type="audit", changed=changed)
    return _pieces(deps, wanted, kind, before=cursor or begun, limit=limit)


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """A row as clients and files have it."""
    return {**{name: getattr(entry, name) for name in COLUMNS}, "at": entry.at.isoformat()}


def _pieces(deps: Deps, wanted: AuditFilter, kind: str, *, before: str, limit: int | None) -> Iterator[bytes]:
    if kind == "csv":
        yield write_csv(COLUMNS, [])
    left = limit
    while left is None or left > 0:
        batch = FILE_BATCH if left is None else min(left, FILE_BATCH)
        with deps.store.read() as session:
            rows = audit.list_entries(session, wanted, limit=batch, before=before)
        if not rows:
            return
        yield _as_csv(rows) if kind == "csv" else _as_lines(rows)
        before, left = rows[-1].id, None if left is None else left - len(rows)


def _as_lines(rows: Sequence[AuditEntry]) -> bytes:
    return "".join(json.dumps(entry_json(row), ensure_ascii=False) + "\n" for row in rows).encode()


def _as_csv(rows: Sequence[AuditEntry]) -> bytes:
    told = list(map(entry_json, rows))
    for one in told:
        one["changed"] = one["changed"] and json.dumps(one["changed"], ensure_ascii=False)
    return write_csv(None, [[row[name] for name in COLUMNS] for row in told])
