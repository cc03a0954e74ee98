"""Where whole files lie: never half a file, never a file elsewhere."""

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import StorageFull
from backend.media.storage.local import LocalStorage
from tests.adapters.storages import CONTENT, POSTER, SHA, VIDEO, part


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "media")


def test_a_placed_file_is_for_its_owner_and_group_and_placed_once(storage, tmp_path):
    storage.put_file(part(tmp_path), VIDEO)
    first = (storage.root / VIDEO).stat()
    assert stat.S_IMODE(first.st_mode) == 0o640
    assert stat.S_IMODE(storage.root.stat().st_mode) == 0o750
    storage.put_file(part(tmp_path), VIDEO)
    assert (storage.root / VIDEO).stat().st_ino == first.st_ino
    assert list(tmp_path.iterdir()) == [storage.root]


def test_a_video_of_another_size_is_damaged_and_replaced(storage, tmp_path):
    storage.put_file(part(tmp_path, b"vid"), VIDEO)
    storage.put_file(part(tmp_path), VIDEO)
    assert storage.size(VIDEO) == len(CONTENT)


@pytest.fixture
def noted(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced and renamed from here on, in turn."""
    storage.check_writable()
    done, sync, rename = list[str](), os.fsync, os.rename

    def noted_sync(handle: int) -> None:
        done.append("sync folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "sync file")
        sync(handle)

    def noted_rename(source: Any, *rest: Any, **options: Any) -> None:
        rename(source, *rest, **options)
        done.append("rename draft" if str(source).startswith(".") else "rename")

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "rename", noted_rename)
    return done


def test_a_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_we_go_on(storage, tmp_path, noted):
    """Rename is durable only between two fsyncs; a crash of the machine shows it, a kill never."""
    storage.put_file(part(tmp_path), VIDEO)
    assert noted == ["sync file", "rename", "sync folder"]
    noted.clear()
    storage.put_file(part(tmp_path), POSTER)
    assert noted == ["sync folder", "sync file", "rename", "sync folder"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the test's own."""
    others = [path for path in map(Path, ("/dev/shm", "/var/tmp")) if path.is_dir()]
    others = [path for path in others if path.stat().st_dev != tmp_path.stat().st_dev]
    if not others:
        pytest.skip("no second file system here")
    with tempfile.TemporaryDirectory(dir=others[0]) as folder:
        yield Path(folder)


def test_a_part_on_another_file_system_is_brought_in_whole(storage, elsewhere, noted):
    content = os.urandom(3_000_000)
    storage.put_file(part(elsewhere, content), VIDEO)
    assert (storage.root / VIDEO).read_bytes() == content
    assert list(elsewhere.iterdir()) == []
    assert [path.name for path in storage.root.iterdir()] == [VIDEO]
    assert noted == ["sync file", "sync file", "rename draft", "sync folder"]


def test_a_full_disk_leaves_the_part_and_nothing_half(small_disk, tmp_path):
    storage, source = LocalStorage(small_disk), part(tmp_path, bytes(1_200_000))
    storage.check_writable()

    with pytest.raises(StorageFull, match="full"):
        storage.put_file(source, VIDEO)

    assert source.stat().st_size == 1_200_000
    assert list(small_disk.iterdir()) == []
    assert storage.free_bytes() == 1024**2


# -- links and other things that were planted -----------------------------------------------------


def assert_not_there(storage: LocalStorage, key: str) -> None:
    assert storage.size(key) is None
    assert list(storage.list_keys()) == []
    for use in (storage.local_path, storage.open):
        with pytest.raises(FileNotFoundError):
            use(key)


def test_a_link_at_a_key_is_not_there_and_is_replaced_not_followed(storage, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    storage.check_writable()
    (storage.root / VIDEO).symlink_to(victim)
    assert_not_there(storage, VIDEO)
    storage.put_file(part(tmp_path), VIDEO)
    assert victim.read_bytes() == b"precious"
    assert not (storage.root / VIDEO).is_symlink()
    assert storage.size(VIDEO) == len(CONTENT)


def test_a_link_in_place_of_a_folder_is_never_entered(storage, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / f"{SHA}.webp").write_bytes(b"theirs")
    storage.check_writable()
    (storage.root / "posters").symlink_to(outside)
    assert_not_there(storage, POSTER)
    storage.remove(POSTER)
    with pytest.raises(StorageFull):
        storage.put_file(part(tmp_path), POSTER)
    assert [path.read_bytes() for path in outside.iterdir()] == [b"theirs"]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_only_a_regular_file_is_a_file(make, storage):
    storage.check_writable()
    make(storage.root / VIDEO)
    assert_not_there(storage, VIDEO)


def test_a_link_given_as_a_part_is_not_taken(storage, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "job.owner.part").symlink_to(tmp_path / "secret")
    with pytest.raises(StorageFull):
        storage.put_file(tmp_path / "job.owner.part", VIDEO)
    assert storage.size(VIDEO) is None


def test_an_empty_store_answers(storage):
    assert list(storage.list_keys()) == []
    assert storage.size(VIDEO) is None
    assert storage.free_bytes() == 0
    assert storage.direct_link(VIDEO, expires_s=60) is None
    storage.remove(VIDEO)
    storage.check_writable()
    assert (storage.free_bytes() or 0) > 0
    assert list(storage.root.iterdir()) == []


def test_drafts_that_a_crash_left_are_tidied_away_and_young_ones_are_not(storage, tmp_path):
    storage.put_file(part(tmp_path), POSTER)
    for folder in (storage.root, storage.root / "posters"):
        (folder / ".draft-old").write_bytes(b"half")
        os.utime(folder / ".draft-old", (time.time() - 2 * 24 * 3600,) * 2)
        (folder / ".draft-young").write_bytes(b"half")
    assert storage.remove_unfinished() == 2
    assert sorted(path.name for path in storage.root.rglob(".draft-*")) == [".draft-young"] * 2
    assert storage.size(POSTER) == len(CONTENT)
