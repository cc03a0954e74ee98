"""Hashing what is stored: what is gone is told from what can't be asked now."""

import errno
import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend import cli
from backend.domain.errors import StorageDown
from backend.media.storage.local import LocalStorage
from backend.models import Job
from backend.services.operations import sweep, verify
from backend.services.operations.verify import VerifyResult
from backend.services.storage import migrate
from backend.services.storage.relocatable import RelocatableStorage
from backend.store.records import key_values
from tests.signing import FakeClock
from tests.world import World, throw


def stored(world: World, takes: int = 1) -> list[Job]:
    """Takes that are finished in every way, each with bytes of its own."""
    made = [world.until(world.ask(f"Take {number} [sim:never]"), "stored") for number in range(takes)]
    return [world.look(job) for job in made]


swept, verified = World.sweep, World.verify
#: Both who look for files.
looks = pytest.mark.parametrize("look", [swept, verified], ids=["sweep", "verify"])


def lost(world: World, look: Any) -> int:
    """How many files are called missing now; none where nobody may tell."""
    try:
        found = look(world)
    except StorageDown:
        return 0
    return len(found.problems) if isinstance(found, VerifyResult) else found.get("missing_files", 0)


def standing(world: World, made: list[Job]) -> Any:
    """All that a person or the provider could see of these takes."""
    seen = [(world.job(job), world.history(job), world.take(job).video.missing_at) for job in made]
    return seen, world.ledger()


def unmount(media: Path, *_: Any) -> None:
    media.rename(media.with_name("unmounted"))


def empty(media: Path, *_: Any) -> None:
    """The folder itself is there."""
    unmount(media)
    media.mkdir()


def mount(media: Path) -> None:
    if media.exists():
        media.rmdir()
    media.with_name("unmounted").rename(media)


def refuse(what: str) -> Any:
    """The folder is another user's, or a server of files has gone: the system refuses the question."""
    refusal = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return lambda media, change: change.setattr(LocalStorage, what, lambda *_, **__: throw(refusal))


NOTHING, DENIED = "holds nothing", r"can't be read \(Permission denied\)"


@pytest.mark.parametrize(
    ("trouble", "why"),
    [(unmount, NOTHING), (empty, NOTHING), (refuse("open"), DENIED), (refuse("list_keys"), DENIED)],
)
@looks
def test_a_folder_that_is_away_or_not_ours_makes_no_file_missing_and_says_so(
    world, trouble, why, look, monkeypatch, capsys
):
    made = stored(world, takes=2)
    before = standing(world, made)
    with monkeypatch.context() as change:
        trouble(world.media, change)

        assert lost(world, look) == 0
        if look is verified:
            change.setattr(sys, "argv", ["backend", "verify"])
            assert cli.main() == 1
            told = capsys.readouterr()
            assert (told.out, "Traceback" in told.err) == ("", False)
            assert re.match(rf"(?s)Nothing was .*changed or charged\. .*{why}.*run", told.err)
        assert standing(world, made) == before

    if trouble in (unmount, empty):
        mount(world.media)
    assert lost(world, look) == 0
    assert standing(world, made) == before


@looks
def test_a_folder_that_stays_empty_is_believed_and_its_files_are_fetched_again(world, look, monkeypatch):
    [job] = stored(world)
    unmount(world.media)
    assert lost(world, look) == 0

    monkeypatch.setattr(sweep, "EMPTY_BELIEVED_AFTER", timedelta(0))

    assert lost(world, look) == 1
    world.sweep()
    video = world.take(job).video
    assert (video.missing_at, (world.media / video.key).is_file()) == (None, True)


def test_a_folder_that_goes_away_in_the_middle_makes_no_file_missing(world):
    made = stored(world, takes=2)

    with pytest.raises(StorageDown, match=r"Stopped after 1 files: 1 whole, 0 bad\. Of the others nothing"):
        world.verify(lambda line: empty(world.media))

    assert [world.take(job).video.missing_at for job in made] == [None, None]


@looks
def test_two_short_absences_are_not_taken_for_a_long_one(world, look):
    """The folder was there again in between, and that was seen."""
    [job], clock = stored(world), FakeClock()
    clock.at = world.deps.clock.now() + timedelta(hours=1)
    an_hour_later = world.another(clock=clock)
    unmount(world.media)
    with pytest.raises(StorageDown):
        world.verify()
    mount(world.media)
    look(world)

    unmount(world.media)
    with pytest.raises(StorageDown):
        an_hour_later.verify()
    assert "missing_files" not in an_hour_later.sweep()

    assert world.take(job).video.missing_at is None


def test_a_file_whose_disk_fails_is_told_of_and_left_and_the_others_are_verified(world, monkeypatch):
    made = stored(world, takes=2)
    broken, real = world.take(made[0]).video.key, LocalStorage.open

    def failing(storage: LocalStorage, key: str, *, start: int = 0) -> Any:
        if key == broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(storage, key, start=start)

    monkeypatch.setattr(LocalStorage, "open", failing)
    found = world.verify()

    assert (found.checked, found.whole) == (2, 1)
    assert found.problems == [f"{broken} can't be read (Input/output error); it stays: see to its disk"]
    assert (world.media / broken).is_file()
    assert world.take(made[0]).video.missing_at is None


@looks
def test_while_files_move_a_wrong_one_at_the_new_place_takes_none_from_the_old_one(world, tmp_path, look):
    [job] = stored(world)
    new, key = tmp_path / "new", world.take(job).video.key
    here, there = world.deps.settings.resolved_storage_url, f"file://{new}"
    whole = (world.media / key).read_bytes()
    new.mkdir()
    (new / key).write_bytes(b"cut" if look is swept else bytes(len(whole)))  # a sweep compares sizes
    migrate._begin(world.deps, here, there)
    assert world.deps.storage.current_places(uncached=True).current == there

    look(world)

    assert (world.media / key).read_bytes() == whole
    assert not (new / key).exists()
    assert world.take(job).video.missing_at is None
    assert migrate.move_storage(world.deps, here, there, on_progress=lambda line: None).problems == []
    assert (new / key).read_bytes() == whole


# -- controls: broken builds that the tests above would not let through -------------------------------


@looks
def test_control_a_build_that_removes_from_both_places_would_be_caught(world, tmp_path, look, monkeypatch):
    def from_both(self: RelocatableStorage, key: str) -> None:
        for storage in self._all():
            storage.remove(key)

    monkeypatch.setattr(RelocatableStorage, "remove", from_both)
    with pytest.raises(FileNotFoundError):
        test_while_files_move_a_wrong_one_at_the_new_place_takes_none_from_the_old_one(world, tmp_path, look)


@pytest.mark.parametrize(
    ("look", "where", "what", "broken"),
    [
        (verified, verify, "storage_looks_unmounted", lambda deps: False),
        (swept, LocalStorage, "list_keys", lambda storage, prefix="": iter(["a.mp4"])),
    ],
    ids=["a verify that takes away for gone", "a sweep that believes an empty folder"],
)
def test_control_a_build_that_looks_for_no_mount_would_be_caught(
    world, look, where, what, broken, monkeypatch, capsys
):
    monkeypatch.setattr(where, what, broken)
    with pytest.raises(AssertionError):
        test_a_folder_that_is_away_or_not_ours_makes_no_file_missing_and_says_so(
            world, unmount, NOTHING, look, monkeypatch, capsys
        )


def test_control_a_build_that_never_forgets_an_absence_would_be_caught(world, monkeypatch):
    monkeypatch.setattr(key_values, "delete_value", lambda session, name: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_two_short_absences_are_not_taken_for_a_long_one(world, verified)
