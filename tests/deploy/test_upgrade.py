"""Rolling upgrade: old and new program side by side on one database, and a plain no where that can't be."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from backend.store.database.engine import Store
from backend.store.database.schema.migrate import MIGRATIONS, migrate_schema, oldest_program, script_directory
from tests import databases
from tests.e2e.checker import broken_promises
from tests.e2e.installation import ROOT, Installation
from tests.ports import reserve_port

Make = Callable[..., Installation]
HEAD = script_directory().get_current_head()
REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = {name!r}, {after!r}, None, None
{oldest}

def upgrade() -> None:
    {does}
"""
EXPAND = 'op.add_column("job", sa.Column("mood", sa.String(), nullable=True))'
CONTRACT = 'op.drop_column("job", "bill_tries")'
#: Calls itself harmless, and isn't: an older program writes rows without it.
HARMFUL = 'op.execute("CREATE UNIQUE INDEX job_one_each ON job (owner)")'


def revision(folder: Path, name: str, does: str, *, after: str, oldest: str | None) -> None:
    line = f"oldest_program = {oldest!r}" if oldest else ""
    text = REVISION.format(name=name, after=after, does=does, oldest=line)
    (folder / "versions" / f"{name}.py").write_text(text)


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A newer program: this one with one more revision, and a column more."""
    tree = tmp_path / "newer"
    shutil.copytree(ROOT / "backend", tree / "backend")  # compiled, as far as it is the same
    shutil.copy(ROOT / "webhook_server.py", tree)
    revision(tree / "backend/store/database/migrations", "9001", EXPAND, after=str(HEAD), oldest=HEAD)
    models = tree / "backend/models/jobs.py"
    before, column, after = models.read_text().partition("    owner: str  #: who asked")
    models.write_text(f'{before}    mood: str | None = "new"\n{column}{after}')
    return tree


@pytest.fixture
def upgrade(tmp_path: Path) -> Callable[..., None]:
    """A function that does to an installation's database what a newer program's `migrate` does."""

    def migrate(installation: Installation, does: str, *, oldest: str | None) -> None:
        folder = tmp_path / "newer-migrations"
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        revision(folder, "9001", does, after=str(HEAD), oldest=oldest)
        with closing(Store(installation.database_url)) as store:
            assert migrate_schema(store, migrations=folder) == "9001"

    return migrate


@databases.BOTH
def test_old_and_new_program_work_side_by_side_on_an_expanded_schema(make_installation, newer):
    installation: Installation = make_installation()
    installation.sidecar()
    installation.worker()
    takes = [installation.ask(f"Before the upgrade, {number}") for number in range(2)]

    upgraded = installation.cli("migrate", PYTHONPATH=newer)
    assert upgraded.stdout == "The database is at schema 9001.\n", upgraded.stderr
    port = reserve_port()
    installation.sidecar(newer / "webhook_server.py", PORT=port, PYTHONPATH=newer)
    installation.worker(PYTHONPATH=newer)
    for by in (installation.port, port):
        takes += [installation.ask(f"By the sidecar at {by}, {number}", port=by) for number in range(2)]
    for take in takes:
        installation.until(take, "stored")

    moods = [row["mood"] for row in installation.rows("SELECT mood FROM job ORDER BY id")]
    assert moods == [None] * 4 + ["new"] * 2
    assert broken_promises(installation) == []
    installation.close_processes()
    assert installation.cli("migrate").stdout == "The database is at schema 9001.\n"
    restarted = installation.worker()  # an old program may also start beside the new ones, and go back
    installation.sidecar()
    installation.until(installation.ask("By the old program, started anew"), "stored")
    assert "a newer schema" in restarted.said()


def test_an_old_program_does_not_start_on_a_schema_that_is_not_for_it(make_installation, upgrade):
    installation = make_installation()
    assert installation.cli("migrate").returncode == 0
    upgrade(installation, CONTRACT, oldest=None)

    for command in ("worker", "migrate", "doctor", "sweep"):
        refused = installation.cli(command)
        assert refused.returncode == 1
        said = refused.stdout + refused.stderr
        assert "is newer than this program (its schema is 9001, " in said
        assert "start the newer program, or restore an older backup" in said
        assert "Traceback" not in said


def test_the_control_a_revision_that_calls_itself_harmless_and_is_not_breaks_the_old_program(
    make_installation, upgrade
):
    installation = make_installation()
    installation.sidecar()
    installation.ask("The first, which still fits")
    upgrade(installation, HARMFUL, oldest=HEAD)

    with pytest.raises(AssertionError):
        installation.ask("The second, which does not")


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Three revisions more: one that adds, one that takes away, one that adds."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    revision(folder, "9001", EXPAND, after=str(HEAD), oldest=HEAD)
    revision(folder, "9002", CONTRACT, after="9001", oldest="9001")
    revision(folder, "9003", EXPAND.replace("mood", "key"), after="9002", oldest="9001")
    return folder


@databases.BOTH
def test_the_database_remembers_which_programs_may_run_on_it(chain, tmp_path, database_kind):
    with databases.fresh_url() as url, closing(Store(url or f"sqlite:///{tmp_path / 'x.db'}")) as store:
        assert migrate_schema(store) == HEAD
        assert migrate_schema(store, migrations=chain) == "9003"
        for name in ("9003", "9002"):
            (chain / f"versions/{name}.py").unlink()
        assert migrate_schema(store, migrations=chain) == "9003"  # the program of 9001 may run
        (chain / "versions/9001.py").unlink()
        with pytest.raises(Exception, match="is newer than this program"):
            migrate_schema(store, migrations=chain)  # that of today may not


def test_what_one_revision_takes_away_stays_away_for_all_that_follow(chain):
    script = script_directory(chain)
    line = [step.revision for step in script.walk_revisions()][::-1]
    oldest = {name: oldest_program(script, name) for name in line}

    assert list(oldest.items())[-4:] == [(HEAD, "0001"), ("9001", HEAD), ("9002", "9001"), ("9003", "9001")]
    for name in line:  # every shipped one names one that is known
        assert line.index(oldest[name]) <= line.index(name)
