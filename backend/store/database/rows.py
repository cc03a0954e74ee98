"""One row put in by a statement: it stays a plain value, which a transaction tried again can put in again."""

from sqlmodel import Session, SQLModel, insert


def insert_row(session: Session, row: SQLModel) -> None:
    """Insert one row as it stands, unknown to the session."""
    values = {name: getattr(row, name) for name in type(row).model_fields}
    session.connection().execute(insert(type(row)), values)
