"""Variables of the prompt's template, and what takes filled them with.

Programs of the schema before go on working: to them a template has none, and a take made by them has none.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import Json

revision = "0023_variables"
down_revision = "0022_same_inputs"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.add_column("template", sa.Column("variables", Json, nullable=True))
    op.add_column("job", sa.Column("variables", Json, nullable=True))


def downgrade() -> None:
    op.drop_column("job", "variables")
    op.drop_column("template", "variables")
