"""The row of a deed: every start writes one, in its own transaction."""

from typing import Any

from sqlmodel import Session

from backend.models import AuditEntry
from backend.store.fast.row_insert import insert_values


def insert_entry(session: Session, values: dict[str, Any]) -> None:
    """Put a row of the audit in; columns that are not given get NULL."""
    insert_values(session, AuditEntry, values)
