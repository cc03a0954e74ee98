"""Backup while everything runs, restore elsewhere: everything plays, and nothing is sent or paid twice."""

import shutil
import sqlite3
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests import databases
from tests.e2e.checker import ledger_of
from tests.e2e.installation import Installation
from tests.waiting import eventually

Make = Callable[..., Installation]
CRASH = ("-m", "tests.e2e.crash", "worker")
#: Between two takes of one who asks for them during a backup: some come at every moment of it.
PAUSE_S = 0.05


@pytest.fixture
def installation(make_installation: Make) -> Installation:
    """An installation with a secret that it made itself, and two stored takes."""
    made = make_installation(SECRET_KEY=None)
    made.sidecar()
    worker = made.worker()
    jobs = [made.ask(f"Stored before the backup, {number}") for number in range(2)]
    for job in jobs:
        made.until(job, "stored")
        made.until_previewed(job)
    worker.stop()
    return made


@pytest.fixture
def backup(installation, tmp_path):
    """The folder of a backup, and a take that was sent after it, as a restored copy knows nothing of."""
    waiting = installation.ask(f"Sent after the backup of {tmp_path.name}")  # the provider's only one like it
    done = installation.cli("backup", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stderr
    installation.worker()
    installation.until(waiting, "stored")
    installation.close_processes()  # killed: what is not folded into the database yet stays beside it
    return tmp_path / "backup", waiting


def posts(installation: Installation, job: str) -> int:
    return len(ledger_of(str(installation.settings["FAL_QUEUE_URL"]), job)["posts"])


def assert_found_and_paid_once(installation: Installation, *jobs: str) -> None:
    """Held because of the restore, found in the provider's records, and brought home."""
    installation.sidecar()
    installation.worker()
    for job in jobs:
        told = installation.until(job, "stored")
        assert installation.history(job)[:3] == ["created", "held", "queued"], told
        assert posts(installation, job) == 1


@pytest.mark.databases("sqlite")  # a server is backed up by its own tools
def test_a_backup_under_load_is_restored_elsewhere_and_nothing_is_paid_twice(
    installation, make_installation, tmp_path
):
    before = [row["id"] for row in installation.rows("SELECT id FROM job")]
    asked, enough = list[str](), threading.Event()

    def ask() -> None:
        while not enough.wait(PAUSE_S):
            asked.append(installation.ask(f"Under load, {threading.get_ident()} {len(asked)}"))

    load = [threading.Thread(target=ask) for _ in range(2)]
    for thread in load:
        thread.start()
    eventually(lambda: len(asked) > 4)
    done = installation.cli("backup", str(tmp_path / "backup"))
    enough.set()
    for thread in load:
        thread.join()
    assert done.returncode == 0, done.stderr

    installation.worker()  # life goes on after the backup: what waited is sent and paid for
    installation.until(asked[0], "stored")
    link = urlsplit(installation.take(before[0])["video"]["url"])
    whole = installation.call("GET", f"{link.path}?{link.query}").content
    installation.close()

    again = make_installation(SECRET_KEY=None)
    restored = again.cli("restore", str(tmp_path / "backup"))
    assert restored.returncode == 0, restored.stderr
    kept = [row["id"] for row in again.rows("SELECT id FROM job WHERE id NOT IN (?, ?)", *before)]
    assert asked[0] in kept
    assert set(kept) <= set(asked)
    assert f"{len(kept)} takes are held" in restored.stdout
    assert again.cli("verify").stdout.startswith("Verified 2 files: 2 whole")
    again._token = installation._token  # tokens of before still work
    assert_found_and_paid_once(again, asked[0])
    assert again.call("GET", f"{link.path}?{link.query}").content == whole  # the links of before still open
    assert max(posts(again, job) for job in kept) == 1


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("broken", [False, True], ids=["shipped", "control"])
def test_a_copy_put_back_by_hand_is_known_for_one_and_nothing_is_paid_twice(
    backup, make_installation, broken
):
    """The control is a build that takes a copy for the original."""
    folder, waiting = backup
    again = make_installation(SECRET_KEY=None)
    again.data.mkdir()
    for name in ("dailies.db", "secret_key"):
        shutil.copy(folder / name, again.data)
    shutil.copytree(folder / "media", again.data / "media")
    if broken:
        again.worker(*CRASH, BROKEN_BUILD="takes_a_copy_for_the_original")
        eventually(lambda: posts(again, waiting) == 2)
        return
    again.worker()

    eventually(lambda: again.history(waiting)[:2] == ["created", "held"])
    error = again.rows("SELECT error FROM job WHERE id = ?", waiting)[0]["error"]
    assert "was restored from a copy" in error
    assert posts(again, waiting) == 1
    assert again.rows("SELECT 1 FROM fact WHERE name = 'copy'") == []


@pytest.mark.databases("sqlite")
def test_a_second_backup_copies_only_what_is_new_and_no_file_that_is_altered(installation, tmp_path):
    folder = tmp_path / "backup"
    first = installation.cli("backup", str(folder))
    second = installation.cli("backup", str(folder))

    files = len([path for path in (folder / "media").rglob("*") if path.is_file()])
    assert f"{files} files, {files} of them new" in first.stdout
    assert f"{files} files, 0 of them new" in second.stdout
    assert {path.name for path in folder.iterdir()} == {"dailies.db", "media", "parts", "secret_key"}
    assert (folder / "secret_key").stat().st_mode & 0o077 == 0
    with sqlite3.connect(folder / "dailies.db") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM job").fetchone() == (2,)
    copy.close()
    assert installation.rows("SELECT 1 FROM fact WHERE name = 'copy'") == []

    altered, missing = sorted((installation.data / "media").glob("*.mp4"))
    altered.write_bytes(bytes(altered.stat().st_size))
    missing.unlink()
    third = installation.cli("backup", str(tmp_path / "elsewhere"))
    assert third.returncode == 1
    assert f"{altered.name} is altered" in third.stderr
    assert f"{missing.name} is missing" in third.stderr
    assert list((tmp_path / "elsewhere/media").glob("*.mp4")) == []


@pytest.mark.databases("sqlite")
def test_what_cant_be_copied_or_put_back_is_refused_with_the_reason(make_installation, tmp_path):
    installation, file, backup = make_installation(SECRET_KEY=None), tmp_path / "file", tmp_path / "backup"
    assert installation.cli("migrate").returncode == 0
    assert installation.cli("backup", str(backup)).returncode == 0
    file.write_text("no folder")
    (tmp_path / "empty").mkdir()

    for made, command, folder, said in (
        (installation, "backup", file, str(file)),
        (installation, "restore", backup, "is there already: stop everything, and move"),
        (make_installation(), "restore", tmp_path / "empty", "holds no backup"),
    ):
        done = made.cli(command, str(folder))
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.databases("sqlite")
def test_a_restore_beside_the_log_of_the_database_before_is_refused_until_that_is_moved_too(
    installation, backup, tmp_path
):
    """SQLite would replay that log into the copy: takes that were paid for since would look unsent."""
    folder, waiting = backup
    assert (installation.data / "dailies.db-wal").exists()
    (installation.data / "dailies.db").rename(tmp_path / "moved-away.db")

    refused = installation.cli("restore", str(folder))
    assert refused.returncode != 0
    assert "dailies.db-wal" in refused.stderr + refused.stdout

    for name in ("dailies.db-wal", "dailies.db-shm"):
        (installation.data / name).rename(tmp_path / name)
    done = installation.cli("restore", str(folder))
    assert done.returncode == 0, done.stderr
    assert_found_and_paid_once(installation, waiting)


# -- PostgreSQL: its own tools copy, and the program knows a copy when it opens one ---------------


@pytest.mark.databases("postgres")
def test_a_dump_of_postgresql_that_is_put_to_use_is_known_for_a_copy(make_installation):
    first = make_installation()
    first.sidecar()
    waiting = first.ask("Sent after the dump")
    refused = first.cli("backup", "anywhere")
    assert refused.returncode == 1
    assert "pg_dump" in refused.stderr
    url = put_dump(str(first.settings["DATABASE_URL"]))
    first.sidecar()
    first.worker()
    first.until(waiting, "stored")

    again = make_installation(DATABASE_URL=url)
    again._token = first._token
    done = again.cli("restored")
    assert done.stdout.splitlines()[-1].startswith("1 takes are held")
    assert_found_and_paid_once(again, waiting)


def put_dump(source: str) -> str:
    """As a dump that is restored: another database, with the same rows. Returns its URL."""
    server, name = databases.server(), source.rsplit("/", 1)[1]
    with server.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        admin.execute(f"CREATE DATABASE {name}_again TEMPLATE {name} STRATEGY file_copy")
    return server.url(f"{name}_again")
