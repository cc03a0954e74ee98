"""Hashing what is stored: what is gone is told from what can't be asked now."""

import errno
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend import cli
from backend.domain.errors import StorageDown
from backend.media.storage.local import LocalStorage
from backend.models import Job
from backend.services.operations import sweep, verify
from backend.services.operations.verify import VerifyResult, verify_all
from backend.services.storage import migrate, relocatable
from backend.store.records import key_values
from tests.signing import FakeClock
from tests.world import World


def media_of(world: World) -> Path:
    return Path(world.deps.settings.resolved_storage_url.removeprefix("file://"))


def stored(world: World, takes: int = 1) -> list[Job]:
    """Takes that are finished in every way, each with bytes of its own."""
    made = [world.until(world.ask(f"Take {number} [sim:never]"), "stored") for number in range(takes)]
    for job in made:
        world.look(job)
    return [world.job(job) for job in made]


def sweep_now(world: World) -> dict[str, Any]:
    return sweep.run_sweep(world.deps, by="here", run_due=lambda: 0)


def verified(world: World) -> VerifyResult:
    return verify_all(world.deps, on_progress=lambda line: None)


def lost(world: World, looks: Callable[[World], Any]) -> int:
    """How many files are called missing now; none where nobody may tell."""
    try:
        found = looks(world)
    except StorageDown:
        return 0
    return len(found.problems) if isinstance(found, VerifyResult) else found.get("missing_files", 0)


def standing(world: World, made: list[Job]) -> Any:
    """All that a person or the provider could see of these takes."""
    seen = [(world.job(job), world.history(job), world.take(job).video.missing_at) for job in made]
    return seen, world.ledger()


def unmount(media: Path, left: str) -> None:
    media.rename(media.with_name("unmounted"))
    if left == "an empty folder":
        media.mkdir()


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
@pytest.mark.parametrize("looks", [sweep_now, verified])
def test_a_folder_that_is_not_mounted_makes_no_file_missing_and_says_so(
    world: World, left: str, looks: Callable[[World], Any], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    made = stored(world, takes=2)
    before, media = standing(world, made), media_of(world)
    unmount(media, left)

    assert lost(world, looks) == 0
    if looks is verified:
        monkeypatch.setattr(sys, "argv", ["backend", "verify"])
        assert cli.main() == 1
        told = capsys.readouterr()
        assert (told.out, "Traceback" in told.err) == ("", False)
        assert re.match(r"(?s)Nothing was .*changed or charged\. .*holds nothing.*run", told.err)
    assert standing(world, made) == before

    if left != "nothing":
        media.rmdir()
    media.with_name("unmounted").rename(media)
    assert lost(world, looks) == 0
    assert standing(world, made) == before


@pytest.mark.parametrize("looks", [sweep_now, verified])
def test_a_folder_that_stays_empty_is_believed_and_its_files_are_fetched_again(
    world: World, looks: Callable[[World], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    [job] = stored(world)
    unmount(media_of(world), "nothing")
    assert lost(world, looks) == 0

    monkeypatch.setattr(sweep, "EMPTY_BELIEVED_AFTER", timedelta(0))

    assert lost(world, looks) == 1
    world.sweep()
    assert world.take(job).video.missing_at is None
    assert (media_of(world) / world.take(job).video.key).is_file()


def test_a_folder_that_goes_away_in_the_middle_makes_no_file_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stored(world, takes=3)
    media = media_of(world)

    def told(line: str) -> None:
        if line.startswith("1 files"):
            unmount(media, "an empty folder")

    with pytest.raises(StorageDown, match=r"Stopped after 1 files: 1 whole, 0 bad\. Of the others nothing"):
        verify_all(world.deps, on_progress=told)

    assert [world.take(job).video.missing_at for job in made] == [None] * 3


def test_one_missing_file_among_others_is_told_of_and_repaired(world: World) -> None:
    made = stored(world, takes=3)
    key = world.take(made[1]).video.key
    (media_of(world) / key).unlink()

    found = verified(world)

    assert (found.checked, found.whole) == (3, 2)
    assert found.problems == [f"{key} is missing; it is fetched again while the provider has it"]
    world.sweep()
    assert (verified(world).whole, world.take(made[1]).video.missing_at) == (3, None)
    assert len(world.ledger()["posts"]) == 3


@pytest.mark.parametrize("seen_by", [verified, sweep_now])
def test_two_short_absences_are_not_taken_for_a_long_one(
    world: World, seen_by: Callable[[World], object]
) -> None:
    """The folder was there again in between, and that was seen."""
    [job] = stored(world)
    media, clock = media_of(world), FakeClock()
    clock.at = world.deps.clock.now() + timedelta(hours=1)
    an_hour_later = World(replace(world.deps, clock=clock), world.sim)
    unmount(media, "nothing")
    with pytest.raises(StorageDown):
        verified(world)
    media.with_name("unmounted").rename(media)
    seen_by(world)

    unmount(media, "nothing")
    with pytest.raises(StorageDown):
        verified(an_hour_later)
    assert "missing_files" not in an_hour_later.sweep()

    assert world.take(job).video.missing_at is None


@pytest.mark.parametrize("what", ["open", "list_keys"])
def test_a_folder_that_this_user_may_not_read_has_lost_no_file(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As another user, or where a server of files has gone: the system refuses the question."""
    made = stored(world)
    before = standing(world, made)

    def refused(storage: LocalStorage, *_: str) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(LocalStorage, what, refused)
    with pytest.raises(StorageDown, match=r"changed or charged\..*can't be read \(Permission denied\)"):
        verified(world)

    assert standing(world, made) == before


def test_a_file_whose_disk_fails_is_told_of_and_left_and_the_others_are_verified(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stored(world, takes=2)
    broken = world.take(made[0]).video.key
    real = LocalStorage.open

    def failing(storage: LocalStorage, key: str) -> Any:
        if key == broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(storage, key)

    monkeypatch.setattr(LocalStorage, "open", failing)
    found = verified(world)

    assert (found.checked, found.whole) == (2, 1)
    assert found.problems == [f"{broken} can't be read (Input/output error); it stays: see to its disk"]
    assert (media_of(world) / broken).is_file()
    assert world.take(made[0]).video.missing_at is None


@pytest.mark.parametrize("looks", [sweep_now, verified])
def test_while_files_move_a_wrong_one_at_the_new_place_takes_none_from_the_old_one(
    world: World, tmp_path: Path, looks: Callable[[World], Any]
) -> None:
    (job,) = stored(world)
    old, new, key = media_of(world), tmp_path / "new", world.take(job).video.key
    whole = (old / key).read_bytes()
    new.mkdir()
    (new / key).write_bytes(b"cut" if looks is sweep_now else bytes(len(whole)))  # a sweep compares sizes
    migrate._begin(world.deps, world.deps.settings.resolved_storage_url, f"file://{new}")
    assert isinstance(world.deps.storage, relocatable.RelocatableStorage)
    assert world.deps.storage.current_places(uncached=True).current == f"file://{new}"

    looks(world)

    assert (old / key).read_bytes() == whole
    assert not (new / key).exists()
    assert world.take(job).video.missing_at is None
    here = world.deps.settings.resolved_storage_url
    moved = migrate.move_storage(world.deps, here, f"file://{new}", on_progress=lambda line: None)
    assert moved.problems == []
    assert (new / key).read_bytes() == whole


# -- controls: broken builds that the tests above would not let through -------------------------------


@pytest.mark.parametrize("looks", [sweep_now, verified])
def test_control_a_build_that_removes_from_both_places_would_be_caught(
    world: World, tmp_path: Path, looks: Callable[[World], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_both(self: relocatable.RelocatableStorage, key: str) -> None:
        for storage in self._all():
            storage.remove(key)

    monkeypatch.setattr(relocatable.RelocatableStorage, "remove", from_both)
    with pytest.raises(FileNotFoundError):
        test_while_files_move_a_wrong_one_at_the_new_place_takes_none_from_the_old_one(world, tmp_path, looks)


def test_control_a_build_that_takes_away_for_gone_would_be_caught(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "storage_looks_unmounted", lambda deps: False)
    with pytest.raises(AssertionError):
        test_a_folder_that_is_not_mounted_makes_no_file_missing_and_says_so(
            world, "nothing", verified, monkeypatch, capsys
        )


def test_control_a_sweep_that_believes_an_empty_folder_would_be_caught(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(LocalStorage, "list_keys", lambda storage, prefix="": iter(["a.mp4"]))
    with pytest.raises(AssertionError):
        test_a_folder_that_is_not_mounted_makes_no_file_missing_and_says_so(
            world, "nothing", sweep_now, monkeypatch, capsys
        )


def test_control_a_build_that_never_forgets_an_absence_would_be_caught(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_values, "delete_value", lambda session, name: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_two_short_absences_are_not_taken_for_a_long_one(world, verified)
