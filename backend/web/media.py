"""Files by signed, expiring links: bytes with Range and ETag, a redirect to the store with them, or a ZIP."""

from flask import Blueprint, Response, redirect, request, send_file
from flask.typing import ResponseReturnValue

from backend.services.deps import Deps
from backend.services.gallery.downloads import Archive
from backend.services.gallery.signed_links import MediaFile, open_media
from backend.web.long_answers import long_answer


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
        response = redirect(file.redirect or "", 302)
        response.headers.update(media_headers(file))
        return response

    return blueprint


def media_headers(file: MediaFile) -> dict[str, str]:
    """The headers of a file, whoever serves it: it is only ever what we say that it is."""
    named = {"Content-Disposition": file.disposition} if file.disposition else {}
    return {
        **named,
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


def _sent(file: MediaFile, archive: Archive) -> ResponseReturnValue:
    if request.method == "HEAD":
        return Response(headers=head_headers(file))
    return long_answer(lambda: Response(archive.chunks, headers=archive_headers(file, archive)))


def _served(file: MediaFile) -> Response:
    assert file.path is not None
    response = send_file(
        file.path, mimetype=file.content_type, conditional=True, etag=file.etag, max_age=file.max_age_s
    )
    response.headers.update(media_headers(file))
    response.headers["Accept-Ranges"] = "bytes"
    return response
