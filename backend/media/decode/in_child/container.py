"""The outside of a video file: which container its first bytes say it is, and whether it is all there.

A header promises things that the rest of the file may lack: a file cut to two thirds still tells its
full length. So the outermost boxes are walked, and what belongs to the video must lie within the file.
What somebody hung on behind it (a line break, zeros, tags, a phone's trailer) is passed over, as players do.

Sources: ISO/IEC 14496-12, 4.2 (boxes); RFC 8794 (EBML); RFC 9559 (Matroska).
"""

import os
from dataclasses import dataclass
from typing import BinaryIO

from backend.media.decode.sandbox import RejectedFile

#: Boxes that may come first in a file of this family; old QuickTime files have no `ftyp`.
_FIRST_BOXES = {
    b"ftyp": None, b"styp": None, b"moov": "mov", b"mdat": "mov", b"wide": "mov", b"free": "mov",
    b"skip": "mov", b"pnot": "mov",
}  # fmt: skip
#: Boxes of the video itself: one that goes on behind the end of the file was cut.
_OWN_BOXES = frozenset(
    {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"ssix", b"prft", b"emsg", b"mfra"}
)
#: More top-level boxes than this are no video: an hour of fragments, one a second, has 7,200.
BOXES_MAX = 200_000

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
#: Elements of a segment: its head, tracks, clusters, index, chapters, tags, attached files.
_OWN_ELEMENTS = frozenset(
    {0x114D9B74, 0x1549A966, 0x1654AE6B, _CLUSTER, 0x1C53BB6B, 0x1043A770, 0x1254C367, 0x1941A469}
)

#: How other things begin that servers send in place of a video -> what they are, for a person.
_OTHERS = (
    ((b"\x89PNG", b"\xff\xd8\xff", b"GIF8"), "a picture"),
    ((b"%PDF",), "a PDF document"),
    ((b"PK\x03\x04", b"\x1f\x8b"), "an archive"),
    ((b"#EXTM3U",), "a playlist"),
    ((b"<",), "a web page or XML"),
    ((b"{", b"["), "JSON"),
)


@dataclass(frozen=True)
class Container:
    """extension: mp4, mov, webm or mkv. demuxer: the one reader that may open it, by FFmpeg's name."""

    extension: str
    content_type: str
    demuxer: str


_MP4 = Container("mp4", "video/mp4", "mov")
_MOV = Container("mov", "video/quicktime", "mov")
_WEBM = Container("webm", "video/webm", "matroska")
_MKV = Container("mkv", "video/x-matroska", "matroska")


def detect_container(file: BinaryIO) -> Container:
    """Which container this is, by its content; RejectedFile: none, or its outermost parts are not whole."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(64)
    if not head:
        raise RejectedFile("the file is empty")
    if head.startswith(_EBML):
        return _walk_ebml(file, size)
    at = 0 if head[4:8] in _FIRST_BOXES else _skip_unknown(file, head)
    file.seek(at)
    first = file.read(12)
    if first[4:8] not in _FIRST_BOXES:
        raise RejectedFile(f"it is {_other(head)}, not a video")
    _walk_boxes(file, size)
    quicktime = _FIRST_BOXES[first[4:8]] == "mov" or first[8:12] == b"qt  "
    return _MOV if quicktime else _MP4


def _skip_unknown(file: BinaryIO, head: bytes) -> int:
    """Where the second box begins, if the first is one that nobody knows."""
    return int.from_bytes(head[:4]) if head[4:8].isalnum() else 0


def _other(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a picture"
    for starts, what in _OTHERS:
        if text.startswith(starts):
            return what
    return "something else"


def _walk_boxes(file: BinaryIO, size: int) -> None:
    """Every box of the video lies within the file, and none is missing."""
    at, seen = 0, set[bytes]()
    for _ in range(BOXES_MAX):
        if at == size:
            break
        file.seek(at)
        head = file.read(16)
        length, kind, skip = int.from_bytes(head[:4]), head[4:8], 8
        if length == 1:
            length, skip = int.from_bytes(head[8:16]), 16
        elif length == 0:  # up to the end of the file
            length = size - at
        if len(head) < skip or length < skip or at + length > size:
            _judge_rest(head, at + length - size, seen)
            break
        seen.add(kind)
        at += length
    else:
        raise RejectedFile("its structure is damaged")
    if b"moov" not in seen:
        raise RejectedFile("it is cut: its index is missing")
    if not seen & {b"mdat", b"moof"}:
        raise RejectedFile("it is cut: its pictures are missing")


def _judge_rest(head: bytes, missing: int, seen: set[bytes]) -> None:
    """What can't be a box is something that was hung on, unless the video itself was cut there."""
    if missing > 0 and (head[4:8] in _OWN_BOXES or b"moov" not in seen):
        raise RejectedFile(f"it is cut: {missing} bytes are missing at its end")
    begun = len(head) < 8 and head[:1] == b"\0" and any(head)
    if begun and b"moof" in seen:
        raise RejectedFile("it is cut: a part of it has just begun at its end")


def _walk_ebml(file: BinaryIO, size: int) -> Container:
    """The segment lies within the file, and so does every element of the video directly within it."""
    file.seek(0)
    _, length = _element(file)
    header = file.read(min(length or 0, 4096))
    if b"webm" not in header and b"matroska" not in header:
        raise RejectedFile("it is no WebM file")
    kind, length = _element(file)
    if kind != _SEGMENT:
        raise RejectedFile("its structure is damaged")
    end = size if length is None else file.tell() + length
    if end > size:
        raise RejectedFile(f"it is cut: {end - size} bytes are missing at its end")
    _walk_segment(file, end, size, open_ended=length is None)
    return _WEBM if b"webm" in header else _MKV


def _walk_segment(file: BinaryIO, end: int, size: int, *, open_ended: bool) -> None:
    """open_ended: a live recording, behind which anything may have been hung on."""
    pictures = False
    for _ in range(BOXES_MAX):
        if file.tell() >= end:
            return
        try:
            kind, length = _element(file)
        except RejectedFile:
            if open_ended and pictures:
                return
            raise
        if length is None:  # a live recording: the reader finds its way
            return
        if file.tell() + length > size:
            if open_ended and pictures and kind not in _OWN_ELEMENTS:
                return
            raise RejectedFile("it is cut: its last part is missing")
        pictures = pictures or kind == _CLUSTER
        file.seek(length, os.SEEK_CUR)
    raise RejectedFile("its structure is damaged")


def _element(file: BinaryIO) -> tuple[int, int | None]:
    """The id and length of the element that begins here; a length of None is unknown."""
    kind, start = _vint(file, 4, keep_marker=True), file.tell()
    length = _vint(file, 8, keep_marker=False)
    return kind, None if length == (1 << 7 * (file.tell() - start)) - 1 else length


def _vint(file: BinaryIO, width_max: int, *, keep_marker: bool) -> int:
    """A number whose leading zero bits tell how many bytes it has."""
    first = file.read(1)
    width = 9 - first[0].bit_length() if first else 9
    if width > width_max:
        raise RejectedFile("it is cut, or its structure is damaged")
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        raise RejectedFile("it is cut: its last part is missing")
    value = first[0] if keep_marker else first[0] & ((1 << 8 - width) - 1)
    return int.from_bytes(bytes([value]) + rest)
