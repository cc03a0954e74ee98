"""Files on their way: their names, what a dead runner left, and what a sweep may remove."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from backend.media.partial.folder import find_leftovers, part_name, remove_dead
from backend.media.partial.partial_file import open_part


@pytest.fixture
def folder(tmp_path):
    """Parts of two jobs, an hour old, and a file that is none of ours."""
    for text in ("a.one.part", "a.two.part", "a.two.part.json", "b.one.part", "notes.txt", "c.one.part.json"):
        (tmp_path / text).write_bytes(b"x" * (200 if "a.two" in text else 100))
        os.utime(tmp_path / text, (time.time() - 3600,) * 2)
    return tmp_path


def test_leftovers_of_a_job_come_largest_first_without_what_goes_meanwhile(folder, monkeypatch):
    assert [path.name for path in find_leftovers(folder, "a")] == ["a.two.part", "a.one.part"]
    assert find_leftovers(folder, "unknown") == find_leftovers(folder / "nowhere", "a") == []
    whole = Path.lstat

    def late(path):
        if path.name == "a.two.part":
            path.unlink()  # its runner ended at this moment
        return whole(path)

    monkeypatch.setattr(Path, "lstat", late)
    assert [path.name for path in find_leftovers(folder, "a")] == ["a.one.part"]


def test_a_sweep_removes_dead_parts_and_their_notes_and_nothing_else(folder):
    """Neither of a living claim, nor one that is being written, nor a young one of a claim not known yet."""
    (folder / "a.new.part").write_bytes(b"x")
    living = {("b", "one")}
    with open(folder / "a.one.part", "rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert remove_dead(folder, live_claims=living) == ["a.two.part"]
    left = ["a.new.part", "a.one.part", "b.one.part", "notes.txt"]
    assert sorted(path.name for path in folder.iterdir()) == left

    assert remove_dead(folder, live_claims=living) == ["a.one.part"]
    assert remove_dead(folder, live_claims=living, older_than_s=0) == ["a.new.part"]


def test_a_sweep_at_the_moment_a_part_is_made_does_not_cost_it_its_name(tmp_path, monkeypatch):
    """Between making a file and locking it there is a gap, and somebody may step into it."""
    real, swept = fcntl.flock, []

    def flock(handle, how):
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
def test_a_part_is_named_after_its_job_and_owner_if_both_are_plain_words(job, owner):
    assert part_name("0199-aa", "worker_1") == "0199-aa.worker_1.part"
    with pytest.raises(ValueError, match="part"):
        part_name(job, owner)
