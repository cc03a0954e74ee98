"""A download that was cut goes on where it stopped, or from the start, and never as a mixture."""

import fcntl
from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import StaleState, StorageFull
from backend.media.download.download import download_file
from tests.adapters.download.downloads import BODY, ETAG, HERE, assert_whole, cut_short, note

DATED = "Mon, 02 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    "validator", [{"ETag": ETAG}, {"Last_Modified": DATED, "Date": "Mon, 02 Nov 2026 10:00:02 GMT"}]
)
def test_a_cut_file_goes_on_where_it_stopped(
    media: Any, leftover: Path, part: Path, validator: dict[str, str]
) -> None:
    cut_short(media, leftover, **validator)
    other = media.at("/renewed-link", lambda e: e.offer(BODY, Content_Type="video/mp4", **validator))

    got = download_file(other, part, guard=HERE, leftover=leftover)

    assert_whole(got, part)
    assert media.requests[1].header("Range") == "bytes=5000-"
    assert media.requests[1].header("If-Range") == validator.get("ETag", validator.get("Last_Modified"))
    assert not leftover.exists()
    assert not note(leftover).exists()


def test_the_same_part_can_be_gone_on_with(media: Any, part: Path) -> None:
    cut_short(media, part)

    assert_whole(download_file(media.at("/v", lambda e: e.offer(BODY, ETag=ETAG)), part, guard=HERE), part)
    assert media.requests[1].header("Range") == "bytes=5000-"


CHANGED = BODY[::-1]


@pytest.mark.parametrize(
    ("now", "body"),
    [
        (lambda e: e.answer("200 OK", BODY, ETag=ETAG), BODY),
        (lambda e: e.offer(CHANGED, ETag='"other"'), CHANGED),
    ],
    ids=["it ignores the range", "it has another file by now"],
)
def test_a_server_that_sends_it_all_again_is_believed_and_nothing_is_mixed(
    media: Any, leftover: Path, part: Path, now: Any, body: bytes
) -> None:
    cut_short(media, leftover)

    assert_whole(download_file(media.at("/v", now), part, guard=HERE, leftover=leftover), part, body)


@pytest.mark.parametrize(
    ("first", "content_range", "etag"),
    [
        (5000, f"bytes 5000-{len(BODY) - 1}/{len(BODY)}", '"other"'),
        (4000, f"bytes 4000-{len(BODY) - 1}/{len(BODY)}", ETAG),
        (5000, f"bytes 5000-{len(BODY) - 1}/{len(BODY) + 1}", ETAG),
        (5000, f"bytes 5000-{len(BODY) - 2}/{len(BODY)}", ETAG),
        (5000, "bytes 5000-4999/3145728", ETAG),
        (5000, "bytes 5000-/*", ETAG),
        (5000, None, ETAG),  # multipart/byteranges has none
    ],
)
def test_a_rest_that_does_not_fit_is_thrown_away_and_all_asked_for_again(
    media: Any, leftover: Path, part: Path, first: int, content_range: str | None, etag: str
) -> None:
    cut_short(media, leftover)

    def route(e: Any) -> None:
        if e.header("Range"):
            e.answer("206 Partial Content", CHANGED[first:], Content_Range=content_range, ETag=etag)
        else:
            e.offer(BODY, ETag=ETAG)

    assert_whole(download_file(media.at("/v", route), part, guard=HERE, leftover=leftover), part)


def test_a_whole_leftover_is_not_sent_again(media: Any, leftover: Path, part: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG, Content_Type="video/mp4"))
    download_file(url, leftover, guard=HERE)

    got = download_file(url, part, guard=HERE, leftover=leftover, promised_bytes=len(BODY))

    assert_whole(got, part)
    assert got.content_type == "video/mp4"
    assert media.requests[1].header("Range") == f"bytes={len(BODY)}-"


def test_a_leftover_longer_than_the_file_is_thrown_away(media: Any, leftover: Path, part: Path) -> None:
    download_file(media.at("/v", lambda e: e.offer(BODY + b"more", ETag=ETAG)), leftover, guard=HERE)
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))

    assert_whole(download_file(url, part, guard=HERE, leftover=leftover), part)
    assert len(media.requests) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "y"}, {"ETag": 'W/"weak"'}, {"ETag": "unquoted"}, {"ETag": ETAG, "Accept_Ranges": "none"},
        {"Last_Modified": DATED, "Date": DATED}, {"Last_Modified": DATED},
        {"Last_Modified": "yesterday", "Date": "today"},
    ],
)  # fmt: skip
def test_a_cut_file_that_nothing_identifies_is_not_kept(
    media: Any, part: Path, headers: dict[str, str]
) -> None:
    cut_short(media, part, **headers)

    assert not part.exists()
    assert not note(part).exists()


@pytest.mark.parametrize("damage", ["another boot", "no note", "half a note", "odd types"])
def test_a_leftover_whose_note_cannot_be_trusted_is_started_anew(
    media: Any, leftover: Path, part: Path, damage: str
) -> None:
    cut_short(media, leftover)
    text, boot = note(leftover).read_text(), Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    damaged = {
        "another boot": text.replace(boot, "0000"), "half a note": text[:-20],
        "odd types": text.replace('"\\"abc123\\""', "7"),
    }  # fmt: skip
    if damage in damaged:
        assert damaged[damage] != text
        note(leftover).write_text(damaged[damage])
    else:
        note(leftover).unlink()
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))

    assert_whole(download_file(url, part, guard=HERE, leftover=leftover), part)
    assert media.requests[1].header("Range") is None


def test_a_leftover_that_a_frozen_runner_still_holds_is_left_alone(
    media: Any, leftover: Path, part: Path
) -> None:
    cut_short(media, leftover)
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))

    with open(leftover, "rb") as frozen:
        fcntl.flock(frozen, fcntl.LOCK_EX)
        got = download_file(url, part, guard=HERE, leftover=leftover)

    assert_whole(got, part)
    assert media.requests[1].header("Range") is None
    assert leftover.stat().st_size == 5000


def test_a_part_that_somebody_else_is_writing_is_not_touched(media: Any, part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(b"theirs")
    url = media.at("/v", lambda e: e.offer(BODY))

    with open(part, "rb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with pytest.raises(StaleState):
            download_file(url, part, guard=HERE)

    assert part.read_bytes() == b"theirs"
    assert media.requests == []


def test_nobody_else_can_take_a_part_while_it_is_written(media: Any, part: Path) -> None:
    held = []

    def progress(done: int, total: int | None) -> None:
        with open(part, "rb") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.append(False)
            except BlockingIOError:
                held.append(True)

    download_file(media.at("/v", lambda e: e.offer(BODY)), part, guard=HERE, on_progress=progress)

    assert held
    assert all(held)


def test_a_link_planted_as_a_part_is_not_written_through(media: Any, part: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    part.parent.mkdir()
    part.symlink_to(victim)

    with pytest.raises(StorageFull):
        download_file(media.at("/v", lambda e: e.offer(BODY)), part, guard=HERE)

    assert victim.read_bytes() == b"precious"
