"""Run by alembic, on the connection that `backend.store.migrate` hands over."""

from alembic import context
from sqlmodel import SQLModel

import backend.models  # noqa: F401  the tables register themselves

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
