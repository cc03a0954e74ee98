"""When a take was opened first, so that what was paid for and never looked at can be told.

Of takes that were there before, nobody knows: they are none of those. Programs of the schema before go on
working; what is opened with them is not noted.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from backend.models import Json, UtcDateTime

revision = "0024_opened"
down_revision = "0023_variables"
branch_labels = None
depends_on = None

oldest_program = "0001"

_UNOPENED = sa.text(
    "state = 'stored' AND billed_usd > 0 AND opened_at IS NULL AND review IS NULL AND rating_count = 0"
)


def upgrade() -> None:
    op.add_column("job", sa.Column("opened_at", UtcDateTime(timezone=True), nullable=True))
    op.create_index("job_unopened", "job", ["id"], sqlite_where=_UNOPENED, postgresql_where=_UNOPENED)
    newest = op.get_bind().execute(sa.text("SELECT MAX(id) FROM job")).scalar()
    if newest is not None:
        at = sa.column("at", UtcDateTime(timezone=True))
        fact = sa.table("fact", sa.column("name"), sa.column("value", Json), at)
        op.bulk_insert(fact, [{"name": "opened", "value": {"after": newest}, "at": datetime.now(UTC)}])


def downgrade() -> None:
    op.execute("DELETE FROM fact WHERE name = 'opened'")
    op.drop_index("job_unopened", "job")
    op.drop_column("job", "opened_at")
