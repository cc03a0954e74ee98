"""Run by alembic, on the connection that `backend.store.database.schema.migrate` hands over."""

from typing import Any

from alembic import context
from sqlmodel import SQLModel

import backend.models  # noqa: F401  the tables register themselves

connection, remember = (context.config.attributes[name] for name in ("connection", "remember"))


def record_revision(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
    """A revision is in place, in the transaction that put it there."""
    remember(connection, step.up_revision_id)


context.configure(
    connection=connection,
    on_version_apply=record_revision,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
