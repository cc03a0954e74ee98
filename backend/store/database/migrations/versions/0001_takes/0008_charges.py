"""How a take's bill was decided where units and their price don't decide it.

Programs of the schema before go on working: they leave it empty, and settle by units and their price alone.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import Json

revision = "0008_charges"
down_revision = "0007_limits"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.add_column("job", sa.Column("charge", Json, nullable=True))


def downgrade() -> None:
    op.drop_column("job", "charge")
