"""An index of words: what takes are found by, beside their rows.

Besides, an index of claims: who asked for them read every job.

`unread` notes takes that the index has yet to read; triggers write it, so that no way of making a take
can forget, and programs that know nothing of it go on working. It is filled here with all there are, and
then read in transactions of their own (`migrate`), while others work. Whoever rebuilds the table `job` on SQLite must make the triggers again.
"""

from alembic import op

revision = "0002_words"
down_revision = "0001"
branch_labels = None
depends_on = None

#: They write as before, and the triggers see to the index.
oldest_program = "0001"

SQLITE = (
    "CREATE TABLE unread (job_id TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
    "CREATE TABLE known_word (word TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE take_words USING fts5(words, content='', columnsize=0, detail=none,"
    " tokenize=\"ascii tokenchars '_'\")",
    "CREATE TRIGGER job_unread AFTER INSERT ON job BEGIN INSERT OR IGNORE INTO unread VALUES (NEW.id); END",
    "CREATE TRIGGER job_unread_again AFTER UPDATE OF state ON job"
    " WHEN NEW.state IN ('held', 'failed', 'cancelled') AND OLD.state <> NEW.state"
    " BEGIN INSERT OR IGNORE INTO unread VALUES (NEW.id); END",
)
POSTGRES = (
    'CREATE TABLE unread (job_id TEXT COLLATE "C" PRIMARY KEY)',
    'CREATE TABLE known_word (word TEXT COLLATE "C" PRIMARY KEY)',
    'CREATE TABLE take_words (job_id TEXT COLLATE "C" PRIMARY KEY, words TSVECTOR NOT NULL)',
    # Without a list of what is still to be sorted in: every search would read all of it, and only sweeps wait.
    "CREATE INDEX take_words_gin ON take_words USING gin (words) WITH (fastupdate = off)",
    # DO UPDATE, not DO NOTHING: it locks the note, so that whoever reads takes waits for this change.
    "CREATE FUNCTION note_unread() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO unread VALUES (NEW.id) ON CONFLICT (job_id) DO UPDATE SET job_id = excluded.job_id;"
    " RETURN NULL; END $$",
    "CREATE TRIGGER job_unread AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION note_unread()",
    "CREATE TRIGGER job_unread_again AFTER UPDATE OF state ON job FOR EACH ROW"
    " WHEN (NEW.state IN ('held', 'failed', 'cancelled') AND OLD.state IS DISTINCT FROM NEW.state)"
    " EXECUTE FUNCTION note_unread()",
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in POSTGRES if connection.dialect.name == "postgresql" else SQLITE:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("CREATE INDEX known_word_length ON known_word (length(word), word)")
    connection.exec_driver_sql("CREATE INDEX job_claim ON job (claimed_by) WHERE claimed_by IS NOT NULL")
    connection.exec_driver_sql("INSERT INTO unread SELECT id FROM job")


def downgrade() -> None:
    connection = op.get_bind()
    server = connection.dialect.name == "postgresql"
    for trigger in ("job_unread", "job_unread_again"):
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}{' ON job' if server else ''}")
    if server:
        connection.exec_driver_sql("DROP FUNCTION note_unread")
    connection.exec_driver_sql("DROP INDEX job_claim")
    for table in ("take_words", "known_word", "unread"):
        connection.exec_driver_sql(f"DROP TABLE {table}")
