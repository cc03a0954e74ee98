"""Files on their way: their names, what a dead runner left, and what a sweep may remove."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from backend.media.partial.folder import find_leftovers, part_name, remove_dead
from backend.media.partial.partial_file import open_part


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Parts of two jobs, an hour old, and a file that is none of ours."""
    for text in ("a.one.part", "a.two.part", "a.two.part.json", "b.one.part", "notes.txt", "c.one.part.json"):
        (tmp_path / text).write_bytes(b"x" * (200 if "a.two" in text else 100))
        os.utime(tmp_path / text, (time.time() - 3600,) * 2)
    return tmp_path


def test_leftovers_of_a_job_come_largest_first(folder: Path) -> None:
    assert [path.name for path in find_leftovers(folder, "a")] == ["a.two.part", "a.one.part"]
    assert find_leftovers(folder, "unknown") == []
    assert find_leftovers(folder / "nowhere", "a") == []


def test_a_sweep_removes_dead_parts_and_their_notes_and_nothing_else(folder: Path) -> None:
    """Neither of a living claim nor one that is being written."""
    with open(folder / "a.one.part", "rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert remove_dead(folder, live_claims={("b", "one")}) == ["a.two.part"]
    assert sorted(path.name for path in folder.iterdir()) == ["a.one.part", "b.one.part", "notes.txt"]

    assert remove_dead(folder, live_claims={("b", "one")}) == ["a.one.part"]


def test_a_sweep_leaves_young_parts_to_claims_that_it_does_not_know_of(tmp_path: Path) -> None:
    (tmp_path / "a.new.part").write_bytes(b"x")

    assert remove_dead(tmp_path, live_claims=set()) == []
    assert remove_dead(tmp_path, live_claims=set(), older_than_s=0) == ["a.new.part"]


def test_a_sweep_at_the_moment_a_part_is_made_does_not_cost_it_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making a file and locking it there is a gap, and somebody may step into it."""
    real, swept = fcntl.flock, []

    def flock(handle: int, how: int) -> None:
        if not swept:
            swept.append(True)
            swept[:] = remove_dead(tmp_path, live_claims=set(), older_than_s=0)
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)

    with open_part(tmp_path / "a.new.part") as part:
        part.write(b"abc")

    assert swept == ["a.new.part"]
    assert (tmp_path / "a.new.part").read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("job", "owner"), [("../x", "o"), ("", "o"), ("a", "b/c"), ("a.b", "c"), ("a", "x" * 200)]
)
def test_a_part_is_named_after_its_job_and_owner_if_both_are_plain_words(job: str, owner: str) -> None:
    assert part_name("0199-aa", "worker_1") == "0199-aa.worker_1.part"
    with pytest.raises(ValueError, match="part"):
        part_name(job, owner)


def test_a_part_that_goes_while_leftovers_are_listed_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.lstat

    def late(path: Path) -> os.stat_result:
        if path.name == "a.two.part":
            path.unlink()  # its runner ended at this moment
        return whole(path)

    monkeypatch.setattr(Path, "lstat", late)

    assert [path.name for path in find_leftovers(folder, "a")] == ["a.one.part"]
