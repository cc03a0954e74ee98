"""An index of takes: everything that they are found by, words and all else, in place of the index of words.

`unindexed` notes takes that the index has yet to read, as they are now; triggers write it, so that no way of
making or changing a take can forget. It is filled here with all there are, and then read in transactions of
their own (`migrate`), while others work. Whoever rebuilds one of these tables on SQLite must make its
triggers again.

The index of words stays for programs that look into it, and learns of no new take: what has to note a take
there as well would make every start dearer. They show new takes in every list, and find them by no word.
"""

from alembic import op

revision = "0016_index"
down_revision = "0015_trash"
branch_labels = None
depends_on = None

#: They write as before, and the triggers see to the index.
oldest_program = "0001"

#: What a take is found by is another one: it came to rest or moves again, or one of these changed.
_COLUMNS = (
    "billed_usd", "billed_units", "video_id", "project_id", "review", "note", "trashed_at", "rating_sum",
    "rating_count",
)  # fmt: skip
_AT_REST = "IN ('stored', 'held', 'failed', 'cancelled')"
_CHANGED = " OR ".join(
    (
        f"OLD.state <> NEW.state AND (OLD.state {_AT_REST} OR NEW.state {_AT_REST})",
        "(OLD.error IS NULL) <> (NEW.error IS NULL)",
        *(f"OLD.{name} {{differs}} NEW.{name}" for name in _COLUMNS),
    )
)
_WATCHED = ", ".join(("state", "error", *_COLUMNS))
_LINKS = ("take_tag", "collection_take", "take_opinion")

_NOTE_SQLITE = "BEGIN INSERT OR IGNORE INTO unindexed VALUES ({row}); END"
# DO UPDATE, not DO NOTHING: it locks the note, so that whoever reads takes waits for this change.
_NOTE_POSTGRES = (
    "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO unindexed VALUES ({row})"
    " ON CONFLICT (job_id) DO UPDATE SET job_id = excluded.job_id; RETURN NULL; END $$"
)
_EVENTS = {"made": ("INSERT", "NEW"), "changed": ("UPDATE", "NEW"), "gone": ("DELETE", "OLD")}

SQLITE = (
    "CREATE TABLE unindexed (job_id TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
    "CREATE TABLE take_block (number INTEGER PRIMARY KEY, first_id TEXT NOT NULL, last_id TEXT NOT NULL,"
    " takes INTEGER NOT NULL)",
    "CREATE TABLE take_ids (number INTEGER PRIMARY KEY, first_id TEXT NOT NULL, ids BLOB NOT NULL)",
    "CREATE TABLE take_key (block INTEGER NOT NULL, key TEXT NOT NULL, bits BLOB NOT NULL,"
    " PRIMARY KEY (block, key)) WITHOUT ROWID",
    "CREATE TRIGGER job_made AFTER INSERT ON job " + _NOTE_SQLITE.format(row="NEW.id"),
    f"CREATE TRIGGER job_changed AFTER UPDATE OF {_WATCHED} ON job"
    f" WHEN {_CHANGED.format(differs='IS NOT')} " + _NOTE_SQLITE.format(row="NEW.id"),
    *(
        f"CREATE TRIGGER {table}_{name} AFTER {event} ON {table} " + _NOTE_SQLITE.format(row=f"{row}.job_id")
        for table in _LINKS
        for name, (event, row) in _EVENTS.items()
    ),
)
POSTGRES = (
    'CREATE TABLE unindexed (job_id TEXT COLLATE "C" PRIMARY KEY)',
    'CREATE TABLE take_block (number INTEGER PRIMARY KEY, first_id TEXT COLLATE "C" NOT NULL,'
    ' last_id TEXT COLLATE "C" NOT NULL, takes INTEGER NOT NULL)',
    'CREATE TABLE take_ids (number BIGINT PRIMARY KEY, first_id TEXT COLLATE "C" NOT NULL,'
    " ids BYTEA NOT NULL)",
    'CREATE TABLE take_key (block INTEGER NOT NULL, key TEXT COLLATE "C" NOT NULL, bits BYTEA NOT NULL,'
    " PRIMARY KEY (block, key))",
    # Two kilobytes of bits stay in their row: they are read together with many others.
    "ALTER TABLE take_key ALTER COLUMN bits SET STORAGE MAIN",
    _NOTE_POSTGRES.format(name="note_take", row="NEW.id"),
    _NOTE_POSTGRES.format(
        name="note_take_of", row="CASE TG_OP WHEN 'DELETE' THEN OLD.job_id ELSE NEW.job_id END"
    ),
    "CREATE TRIGGER job_made AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION note_take()",
    f"CREATE TRIGGER job_changed AFTER UPDATE OF {_WATCHED} ON job FOR EACH ROW"
    f" WHEN ({_CHANGED.format(differs='IS DISTINCT FROM')}) EXECUTE FUNCTION note_take()",
    *(
        f"CREATE TRIGGER {table}_noted AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW"
        " EXECUTE FUNCTION note_take_of()"
        for table in _LINKS
    ),
)
_OLD_SQLITE = (
    "CREATE TRIGGER job_unread AFTER INSERT ON job BEGIN INSERT OR IGNORE INTO unread VALUES (NEW.id); END",
    "CREATE TRIGGER job_unread_again AFTER UPDATE OF state ON job"
    " WHEN NEW.state IN ('held', 'failed', 'cancelled') AND OLD.state <> NEW.state"
    " BEGIN INSERT OR IGNORE INTO unread VALUES (NEW.id); END",
)
_OLD_POSTGRES = (
    "CREATE TRIGGER job_unread AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION note_unread()",
    "CREATE TRIGGER job_unread_again AFTER UPDATE OF state ON job FOR EACH ROW"
    " WHEN (NEW.state IN ('held', 'failed', 'cancelled') AND OLD.state IS DISTINCT FROM NEW.state)"
    " EXECUTE FUNCTION note_unread()",
)


def upgrade() -> None:
    connection = op.get_bind()
    server = connection.dialect.name == "postgresql"
    for trigger in ("job_unread", "job_unread_again"):
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}{' ON job' if server else ''}")
    for statement in POSTGRES if server else SQLITE:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("INSERT INTO unindexed SELECT id FROM job")


def downgrade() -> None:
    connection = op.get_bind()
    server = connection.dialect.name == "postgresql"
    for trigger in ("job_made", "job_changed"):
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}{' ON job' if server else ''}")
    for table in _LINKS:
        for name in ("noted",) if server else ("made", "changed", "gone"):
            connection.exec_driver_sql(f"DROP TRIGGER {table}_{name}{f' ON {table}' if server else ''}")
    if server:
        for function in ("note_take", "note_take_of"):
            connection.exec_driver_sql(f"DROP FUNCTION {function}")
    for table in ("take_key", "take_ids", "take_block", "unindexed"):
        connection.exec_driver_sql(f"DROP TABLE {table}")
    for statement in _OLD_POSTGRES if server else _OLD_SQLITE:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("INSERT INTO unread SELECT id FROM job ON CONFLICT DO NOTHING" if server
                               else "INSERT OR IGNORE INTO unread SELECT id FROM job")  # fmt: skip
