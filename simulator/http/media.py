"""The videos: real bytes with Range, ETag and If-Range, to anybody who has the link; and their faults."""

import hashlib
import io
import re
import struct
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from flask import Blueprint, Response, abort, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from simulator.engine.faults import Faults, fault_number, still_happens
from simulator.engine.installation import Current, Installation
from simulator.engine.outcome import served_size, video_path
from simulator.http.answers import hang_up

CHUNK_BYTES = 256 * 1024
#: A slow download goes in steps of this length, in seconds.
SLOW_STEP_S = 0.05

_NAME = re.compile(r"[0-9a-f-]{36}\.mp4")
#: Faults that answer something else than the file, by how they are looked for.
_INSTEAD = {"media-404": 404, "media-500": 500, "media-html": 200}


def routes(current: Current) -> Blueprint:
    """The route of the videos."""
    blueprint = Blueprint("media", __name__)

    @blueprint.get("/media/<name>")
    def get_video(name: str) -> Response:
        if not _NAME.fullmatch(name):
            abort(404)
        return _video(current(), name.removesuffix(".mp4"))

    return blueprint


def _video(sim: Installation, request_id: str) -> Response:
    found = sim.ledger.find_request(request_id)
    path = video_path(sim.config, request_id)
    if found is None or not path.is_file():
        _note(sim, None, "", 404)
        abort(404)
    faults = found.faults

    def happens(name: str) -> bool:
        return still_happens(faults, name, sim.ledger.count_downloads(request_id, name))

    for name, code in _INSTEAD.items():
        if happens(name):
            _note(sim, request_id, name, code)
            page = "<!doctype html><title>Sorry</title><h1>This file can't be shown.</h1>"
            return Response(page, code, content_type="text/html; charset=utf-8")
    plain, cut = happens("media-no-range"), happens("media-cut")
    response = _file(path, faults, plain=plain)
    _note(sim, request_id, "media-cut" if cut else "media-no-range" if plain else "", response.status_code)
    _shape(sim, response, faults, cut_at=served_size(faults, path.stat().st_size) * 2 // 3 if cut else None)
    return response


def _file(path: Path, faults: Faults, *, plain: bool) -> Response:
    """The file, or the part of it that was asked for; `plain` knows no parts and no validators."""
    stat = path.stat()
    size = served_size(faults, stat.st_size)
    padded = Padded(path.open("rb"), stat.st_size, size)
    body = FileWrapper(cast(IO[bytes], padded), CHUNK_BYTES)
    response = Response(body, 200, content_type="video/mp4", direct_passthrough=True)
    response.call_on_close(padded.close)
    response.content_length = size
    if plain:
        return response
    response.set_etag(hashlib.sha256(f"{path.name} {stat.st_mtime_ns} {size}".encode()).hexdigest()[:32])
    response.last_modified = datetime.fromtimestamp(int(stat.st_mtime), UTC)
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        padded.close()
        raise
    response.headers.pop("Date", None)  # the server writes its own
    return response


def _shape(sim: Installation, response: Response, faults: Faults, *, cut_at: int | None) -> None:
    """Slow the answer down, or close the connection where the file is at `cut_at`."""
    slow = "media-slow" in faults
    if (cut_at is None and not slow) or response.status_code not in (200, 206):
        return
    start = response.content_range.start or 0
    pieces: Iterable[bytes] = response.response  # type: ignore[assignment]  # one that streams
    if cut_at is not None:
        pieces = _cut(pieces, max(0, cut_at - start), request.environ)
    if slow:
        pieces = _slowed(sim, pieces, fault_number(faults, "media-slow") * 1000, request.environ)
    response.response = pieces


def _cut(pieces: Iterable[bytes], after: int, environ: dict[str, Any]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[:after]
        after -= len(piece)
        if after <= 0:
            break
    hang_up(environ)


def _slowed(
    sim: Installation, pieces: Iterable[bytes], bytes_s: float, environ: dict[str, Any]
) -> Iterator[bytes]:
    step = max(1, int(bytes_s * SLOW_STEP_S))
    for piece in pieces:
        for start in range(0, len(piece), step):
            part = piece[start : start + step]
            yield part
            if sim.ended.wait(len(part) / bytes_s):
                hang_up(environ)
                return


def _note(sim: Installation, request_id: str | None, fault: str, status: int) -> None:
    asked = {
        "at": time.time(),
        "path": request.path,
        "request_id": request_id,
        "range": request.headers.get("Range"),
        "status": status,
        "fault": fault,
        "authorization": "Authorization" in request.headers,
    }
    sim.ledger.save_download(request_id, fault, asked)


class Padded(io.RawIOBase):
    """A file of `real` bytes shown as one of `shown`: cut short, or padded with an MP4 `free` box.

    The padding is made as it is read, so a file of gigabytes takes no memory and no disk.
    """

    def __init__(self, file: BinaryIO, real: int, shown: int) -> None:
        super().__init__()
        self._file = file
        self._real = min(real, shown)
        self._shown = shown
        # a box with a 64-bit length: 1, its name, then the length that counts
        self._head = struct.pack(">I4sQ", 1, b"free", shown - real) if shown > real else b""
        self._at = 0

    def close(self) -> None:
        """Afterwards the file is closed too."""
        self._file.close()
        super().close()

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes: a Range is answered without reading what stands before it."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._shown}[whence]
        self._at = min(max(0, base + offset), self._shown)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; never across the seam between file and padding."""
        left = self._shown - self._at
        size = left if size < 0 else min(size, left)
        if self._at < self._real:
            self._file.seek(self._at)
            piece = self._file.read(min(size, self._real - self._at))
        else:
            into = self._at - self._real
            piece = self._head[into : into + size] or bytes(size)
        self._at += len(piece)
        return piece
