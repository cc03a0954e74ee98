"""A copy that browsers play of a video that they can't, and which videos are see-through.

Programs of the schema before go on working: they offer such a video as it is.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import PortableText

revision = "0005_players"
down_revision = "0004_files"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.add_column("video", sa.Column("player_key", PortableText(), nullable=True))
    op.add_column("video", sa.Column("see_through", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for name in ("see_through", "player_key"):
        op.drop_column("video", name)
