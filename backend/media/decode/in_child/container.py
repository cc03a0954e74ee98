"""The outside of a video file: which container its first bytes say it is, and whether it is all there.

A header promises things that the rest of the file may lack: a file cut to two thirds still tells its
full length. So the outermost boxes are walked, and must end exactly where the file ends.

Sources: ISO/IEC 14496-12, 4.2 (boxes); RFC 8794 (EBML); RFC 9559 (Matroska).
"""

import os
from dataclasses import dataclass
from typing import BinaryIO

from backend.media.decode.sandbox import RejectedFile

#: Boxes that may come first in a file of this family; old QuickTime files have no `ftyp`.
_FIRST_BOXES = {b"ftyp": None, b"moov": "mov", b"mdat": "mov", b"wide": "mov", b"free": "mov", b"skip": "mov"}
#: More top-level boxes than this are no video: an hour of fragments, one a second, has 7,200.
BOXES_MAX = 200_000

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = 0x18538067

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
    """extension: mp4, mov or webm. demuxer: the one reader that may open it, by FFmpeg's name."""

    extension: str
    content_type: str
    demuxer: str


_MP4 = Container("mp4", "video/mp4", "mov")
_MOV = Container("mov", "video/quicktime", "mov")
_WEBM = Container("webm", "video/webm", "matroska")


def detect_container(file: BinaryIO) -> Container:
    """Which container this is, by its content; RejectedFile: none, or its outermost parts are not whole."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(64)
    if not head:
        raise RejectedFile("the file is empty")
    if head.startswith(_EBML):
        _walk_ebml(file, size)
        return _WEBM
    kind = head[4:8]
    if kind not in _FIRST_BOXES:
        raise RejectedFile(f"it is {_other(head)}, not a video")
    _walk_boxes(file, size)
    quicktime = _FIRST_BOXES[kind] == "mov" or head[8:12] == b"qt  "
    return _MOV if quicktime else _MP4


def _other(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a picture"
    for starts, what in _OTHERS:
        if text.startswith(starts):
            return what
    return "something else"


def _walk_boxes(file: BinaryIO, size: int) -> None:
    """Every top-level box lies within the file, the last one ends with it, and none is missing."""
    at, seen = 0, set()
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
        if len(head) < skip or length < skip:
            raise RejectedFile("its structure is damaged")
        if at + length > size:
            raise RejectedFile(f"it is cut: {at + length - size} bytes are missing at its end")
        seen.add(kind)
        at += length
    else:
        raise RejectedFile("its structure is damaged")
    if b"moov" not in seen:
        raise RejectedFile("it is cut: its index is missing")
    if not seen & {b"mdat", b"moof"}:
        raise RejectedFile("it is cut: its pictures are missing")


def _walk_ebml(file: BinaryIO, size: int) -> None:
    """The segment ends with the file, and so does every known element directly within it."""
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
    for _ in range(BOXES_MAX):
        if file.tell() >= end:
            return
        _, length = _element(file)
        if length is None:  # a live recording: the reader finds its way
            return
        if file.tell() + length > size:
            raise RejectedFile("it is cut: its last part is missing")
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
