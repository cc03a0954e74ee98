"""A large block of the index of takes counts its changes, so that a process may keep what it read of it.

Triggers count, whichever program changes a block: programs of the schema before go on working. Small blocks
change all the time and are read anew each time; nothing is counted there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026_blocks"
down_revision = "0025_scores"
branch_labels = None
depends_on = None

oldest_program = "0001"

# Blocks of up to 16,384 takes are small.
_COUNT = "UPDATE take_block SET version = version + 1 WHERE number = {}.block AND takes > 16384;"
_EVENTS = {"put": ("INSERT", "NEW"), "changed": ("UPDATE", "NEW"), "gone": ("DELETE", "OLD")}

SQLITE = tuple(
    f"CREATE TRIGGER take_key_{name} AFTER {event} ON take_key BEGIN {_COUNT.format(row)} END"
    for name, (event, row) in _EVENTS.items()
)
#: A transaction's number is its own, and counts all that it does at once.
POSTGRES = (
    "CREATE FUNCTION count_block() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " UPDATE take_block SET version = txid_current()"
    " WHERE number = CASE TG_OP WHEN 'DELETE' THEN OLD.block ELSE NEW.block END"
    " AND takes > 16384 AND version <> txid_current(); RETURN NULL; END $$",
    "CREATE TRIGGER take_key_counted AFTER INSERT OR UPDATE OR DELETE ON take_key FOR EACH ROW"
    " EXECUTE FUNCTION count_block()",
)


def upgrade() -> None:
    op.add_column("take_block", sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"))
    for statement in POSTGRES if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER take_key_counted ON take_key")
        op.execute("DROP FUNCTION count_block()")
    else:
        for name in _EVENTS:
            op.execute(f"DROP TRIGGER take_key_{name}")
    op.drop_column("take_block", "version")
