"""Data folders with names that mean something in a URL: everything lies in them, and nothing beside them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.domain.place import file_url
from tests.e2e.installation import Installation

#: What a URL would read as a slash, a blank, a query, a fragment and the form of a number.
ODD = "a%2Fb %20 ü?mode=memory&x=1#y %d 100%"


@pytest.fixture
def installation(fal, tmp_path: Path) -> Iterator[Installation]:
    with closing(Installation(tmp_path / ODD, fal.url, SECRET_KEY=None)) as made:
        yield made


@pytest.mark.databases("sqlite")  # a server has no file in the folder
def test_a_studio_in_a_folder_with_an_odd_name_has_everything_in_it_and_nothing_beside(
    installation, fal, tmp_path
):
    data = installation.data
    migrated = installation.cli("migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert {path.name for path in data.iterdir()} >= {"dailies.db", "secret_key"}
    installation.up()
    doctor = installation.cli("doctor")
    assert (doctor.returncode, "BAD" in doctor.stdout) == (0, False), doctor.stdout
    take = installation.until(installation.ask("In an odd folder"), "stored")
    name = f"{take['video']['sha256']}.mp4"
    assert (data / "media" / name).is_file()
    assert installation.rows("SELECT count(*) AS n FROM job") == [{"n": 1}]

    backup = tmp_path / ODD / "backup #1?"
    done = installation.cli("backup", str(backup))
    assert (done.returncode, done.stderr.count("missing")) == (0, 0), done.stderr
    assert (backup / "media" / name).is_file()
    with closing(Installation(tmp_path / ODD / "again %41", fal.url, SECRET_KEY=None)) as again:
        restored = again.cli("restore", str(backup))
        assert restored.returncode == 0, restored.stderr
        assert again.cli("verify").stdout.startswith("Verified 1 files: 1 whole")
        assert again.rows("SELECT count(*) AS n FROM job") == [{"n": 1}]

    new = tmp_path / ODD / "films %2F?"
    moved = installation.cli("move-storage", file_url(data / "media"), file_url(new))
    assert moved.returncode == 0, moved.stderr
    assert (new / name).is_file()
    assert [path.name for path in tmp_path.iterdir()] == [ODD]
    assert {path.name for path in data.iterdir()} <= {
        "dailies.db", "dailies.db-wal", "dailies.db-shm", "dailies.db.migrate.lock", "secret_key", "media",
        "parts", "fal_keys.json",
    }  # fmt: skip
