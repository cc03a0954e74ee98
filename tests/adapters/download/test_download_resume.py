"""A download that was cut goes on where it stopped, or from the start, and never as a mixture."""

import fcntl

import pytest

from backend.domain.errors import StaleState, StorageFull
from backend.media.partial.partial_file import boot_id, note_path
from tests.adapters.download.downloads import BODY, ETAG, whole

DATED, LATER = "Mon, 02 Nov 2026 10:00:00 GMT", "Mon, 02 Nov 2026 10:00:02 GMT"
CHANGED, SIZE = BODY[::-1], len(BODY)


@pytest.mark.parametrize("validator", [{"ETag": ETAG}, {"Last_Modified": DATED, "Date": LATER}])
@pytest.mark.parametrize("where", ["leftover", "part"])
def test_a_cut_file_goes_on_where_it_stopped(fetch, media, leftover, where, validator):
    """By a link that was renewed, too; in the part of an earlier try, or in the same one."""
    fetch.begins(to=getattr(fetch, where), **validator)
    fetch.goes_on(lambda e: e.offer(BODY, **validator), at="/renewed-link")
    assert fetch.asked_range() == "bytes=5000-"
    assert media.requests[1].header("If-Range") == validator.get("ETag", DATED)
    assert not leftover.exists()
    assert not note_path(leftover).exists()


def test_a_whole_leftover_is_not_sent_again(fetch, leftover):
    fetch(lambda e: e.offer(BODY, ETag=ETAG, Content_Type="video/mp4"), to=leftover)
    assert fetch.goes_on(promised_bytes=SIZE).content_type == "video/mp4"
    assert fetch.asked_range() == f"bytes={SIZE}-"


def test_a_leftover_longer_than_the_file_is_thrown_away(fetch, media, leftover):
    fetch(lambda e: e.offer(BODY + b"more", ETag=ETAG), to=leftover)
    fetch.goes_on()
    assert len(media.requests) == 3


def rest(first, content_range, etag=ETAG):
    """A server whose rest of the file is none."""

    def does(e):
        if e.header("Range"):
            e.answer("206 Partial Content", CHANGED[first:], Content_Range=content_range, ETag=etag)
        else:
            whole(e)

    return does


@pytest.mark.parametrize(
    ("does", "body"),
    [
        (lambda e: e.answer("200 OK", BODY, ETag=ETAG), BODY),
        (lambda e: e.offer(CHANGED, ETag='"other"'), CHANGED),
        (rest(5000, f"bytes 5000-{SIZE - 1}/{SIZE}", '"other"'), BODY),
        (rest(4000, f"bytes 4000-{SIZE - 1}/{SIZE}"), BODY),
        (rest(5000, f"bytes 5000-{SIZE - 1}/{SIZE + 1}"), BODY),
        (rest(5000, f"bytes 5000-{SIZE - 2}/{SIZE}"), BODY),
        (rest(5000, f"bytes 5000-4999/{SIZE}"), BODY),
        (rest(5000, "bytes 5000-/*"), BODY),
        (rest(5000, None), BODY),  # multipart/byteranges has none
    ],
    ids=["range ignored", "another file", "another tag", "another start", "another length", "another end",
         "no bytes", "no length", "no range"],
)  # fmt: skip
def test_what_does_not_fit_to_the_beginning_is_never_mixed_with_it(fetch, does, body):
    fetch.begins()
    fetch.goes_on(does, body)


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "y"}, {"ETag": 'W/"weak"'}, {"ETag": "unquoted"}, {"ETag": ETAG, "Accept_Ranges": "none"},
        {"Last_Modified": DATED, "Date": DATED}, {"Last_Modified": DATED},
        {"Last_Modified": "yesterday", "Date": "today"},
    ],
)  # fmt: skip
def test_a_cut_file_that_nothing_identifies_is_not_kept(fetch, leftover, headers):
    fetch.begins(**headers)
    assert list(leftover.parent.iterdir()) == []


@pytest.mark.parametrize(
    "damaged",
    [
        lambda note: note.replace(boot_id(), "0000"), lambda note: note[:-20],
        lambda note: note.replace('"\\"abc123\\""', "7"), lambda note: None,
    ],
    ids=["another boot", "half a note", "odd types", "no note"],
)  # fmt: skip
def test_a_leftover_whose_note_cannot_be_trusted_is_started_anew(fetch, leftover, damaged):
    fetch.begins()
    note = note_path(leftover)
    before, after = note.read_text(), damaged(note.read_text())
    assert before != after
    note.unlink() if after is None else note.write_text(after)
    fetch.goes_on()
    assert fetch.asked_range() is None


def test_a_leftover_that_a_frozen_runner_still_holds_is_left_alone(fetch, leftover):
    fetch.begins()
    with open(leftover, "rb") as frozen:
        fcntl.flock(frozen, fcntl.LOCK_EX)
        fetch.goes_on()
    assert fetch.asked_range() is None
    assert leftover.stat().st_size == 5000


def test_a_part_that_somebody_else_is_writing_is_not_touched(fetch, media, part):
    part.parent.mkdir()
    part.write_bytes(b"theirs")
    with open(part, "rb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with pytest.raises(StaleState):
            fetch()
    assert part.read_bytes() == b"theirs"
    assert media.requests == []


def test_nobody_else_can_take_a_part_while_it_is_written(fetch, part):
    asked = []

    def progress(done, total):
        with open(part, "rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        asked.append(done)

    fetch(on_progress=progress)

    assert asked


def test_a_link_planted_as_a_part_is_not_written_through(fetch, part, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    part.parent.mkdir()
    part.symlink_to(victim)
    with pytest.raises(StorageFull):
        fetch()
    assert victim.read_bytes() == b"precious"
