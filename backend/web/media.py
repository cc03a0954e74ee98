"""Files by signed, expiring links: bytes with Range and ETag, a redirect to the store with them, or a ZIP."""

from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from flask import Blueprint, Response, redirect, request, send_file
from flask.typing import ResponseReturnValue
from werkzeug.http import parse_range_header

from backend.services.deps import Deps
from backend.services.gallery.downloads import Archive
from backend.services.gallery.signed_links import MediaFile, open_media
from backend.web.long_answers import long_answer

#: What is said of when a file was changed where that would tell which one it is.
NO_DATE = "Thu, 01 Jan 1970 00:00:00 GMT"
#: So much of a store's file is in memory.
CHUNK_BYTES = 256 * 1024


class FilePart(NamedTuple):
    """A part of a file, or all of it, as it is sent."""

    status: int
    headers: dict[str, str]
    chunks: Iterator[bytes]


def routes(deps: Deps) -> Blueprint:
    """GET /media/<key>."""
    blueprint = Blueprint("media", __name__)

    @blueprint.get("/media/<path:key>")
    def media(key: str) -> ResponseReturnValue:
        file = open_media(
            deps,
            key,
            expires=request.args.get("e"),
            signature=request.args.get("s"),
            download_as=request.args.get("name"),
        )
        if file.archive is not None:
            return _sent(file, file.archive)
        if file.path is not None:
            return _served(file)
        if request.method == "HEAD":
            return Response(headers=head_headers(file))
        if file.read_from is not None:
            return long_answer(lambda: _part_sent(file))
        response = redirect(file.redirect or "", 302)
        response.headers.update(media_headers(file))
        return response

    return blueprint


def media_headers(file: MediaFile) -> dict[str, str]:
    """The headers of a file, whoever serves it: it is only ever what we say that it is."""
    named = {"Content-Disposition": file.disposition} if file.disposition else {}
    dated = {"Last-Modified": NO_DATE} if file.is_blind else {}
    return {
        **named,
        **dated,
        "Cache-Control": f"private, max-age={file.max_age_s}, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


def archive_headers(file: MediaFile, archive: Archive) -> dict[str, str]:
    """The headers of a ZIP: of known size, to be saved, made anew each time."""
    return {
        **media_headers(file),
        "Content-Type": file.content_type,
        "Content-Length": str(archive.size_bytes),
        "Cache-Control": "no-store",
    }


def head_headers(file: MediaFile) -> dict[str, str]:
    """What HEAD tells of a ZIP, or of a file at a store: a presigned link is good for GET alone."""
    if file.archive is not None:
        return archive_headers(file, file.archive)
    return {
        **media_headers(file),
        "Content-Type": file.content_type,
        "Content-Length": str(file.size_bytes),
        "Accept-Ranges": "bytes",
        "ETag": f'"{file.etag}"',
    }


def part_of(file: MediaFile, asked: str | None) -> FilePart:
    """What of a store's file a request asks for. asked: its `Range`. Source: RFC 9110, 14."""
    assert file.read_from is not None
    size = file.size_bytes or 0
    wanted = parse_range_header(asked) if asked else None
    begin, end = (wanted and wanted.range_for_length(size)) or (0, size)
    headers = {**head_headers(file), "Content-Length": str(end - begin)}
    if (begin, end) == (0, size) and wanted is None:
        return FilePart(200, headers, _chunks(file.read_from, 0, size))
    if wanted is not None and wanted.range_for_length(size) is None:
        return FilePart(416, {**headers, "Content-Length": "0", "Content-Range": f"bytes */{size}"}, iter(()))
    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    return FilePart(206, headers, _chunks(file.read_from, begin, end - begin))


def _chunks(read_from: Callable[[int], BinaryIO], start: int, size: int) -> Iterator[bytes]:
    with read_from(start) as file:
        while size and (chunk := file.read(min(size, CHUNK_BYTES))):
            size -= len(chunk)
            yield chunk


def _part_sent(file: MediaFile) -> Response:
    part = part_of(file, request.headers.get("Range"))
    return Response(part.chunks, part.status, part.headers)


def _sent(file: MediaFile, archive: Archive) -> ResponseReturnValue:
    if request.method == "HEAD":
        return Response(headers=head_headers(file))
    return long_answer(lambda: Response(archive.chunks, headers=archive_headers(file, archive)))


def _served(file: MediaFile) -> Response:
    assert file.path is not None
    response = send_file(
        file.path, mimetype=file.content_type, conditional=True, etag=file.etag, max_age=file.max_age_s
    )
    if file.is_blind:  # Flask would tell the name of the file
        response.headers.remove("Content-Disposition")
    response.headers.update(media_headers(file))
    response.headers["Accept-Ranges"] = "bytes"
    return response
