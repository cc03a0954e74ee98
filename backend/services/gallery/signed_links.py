"""Links to our files: signed, expiring, the same for hours so that browsers can cache, and opened again."""

import hashlib
import hmac
import math
import mimetypes
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlencode

from backend.domain.errors import NotAllowed, NotFound
from backend.media.decode.file_types import SERVED_TYPES
from backend.media.file_names import content_disposition, saved_name
from backend.media.storage.base import valid_key
from backend.services.deps import Deps
from backend.services.gallery.blind_links import GONE, is_blind, stored_key
from backend.services.gallery.downloads import FILES_MIN, Archive, open_archive, whole_files
from backend.services.gallery.takes import Take

#: A link lives at least this long, and at most twice as long.
LINK_LIFE_S = 12 * 3600
#: A link to a bucket itself is anybody's who has it, so it is short; a film is paused and gone on with.
STORAGE_LINK_LIFE_S = 3600
#: Browsers keep the way to such a link for half of its life, and with it what they have loaded.
REDIRECT_LIFE_S = STORAGE_LINK_LIFE_S // 2
#: Where the dashboard serves files on its own origin; its kit takes relative links only from below here.
DASHBOARD_BASE = "/app/static/media"

#: What our files are, by the ending that we gave them; never by what somebody else says.
CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    **{f".{ending}": content_type for ending, content_type in SERVED_TYPES.items()},
}
#: Where a take's ZIP is asked for: no stored file lies in this folder.
ZIP_FOLDER = "takes"


@dataclass(frozen=True)
class MediaFile:
    """A file to be served: its bytes lie at `path`, or a store serves them at `redirect`, or it is a ZIP."""

    path: Path | None
    redirect: str | None
    content_type: str
    size_bytes: int | None  #: where a store serves them
    etag: str
    max_age_s: int
    archive: Archive | None = None
    disposition: str | None = None  #: has a browser save it under a name, instead of showing it
    #: its bytes from a place on, where a store has them and its own link would say whose file it is
    read_from: Callable[[int], BinaryIO] | None = None
    is_blind: bool = False  #: nothing may be told of it, not even when it was made


def api_link(deps: Deps, key: str | None) -> str | None:
    """An absolute link for clients of the HTTP API; None for no file."""
    return key and _signed(deps, key, f"{deps.settings.public_url}/media")


def zip_key(take: Take) -> str | None:
    """By which key all files of a take are asked for at once; None while fewer than two are here."""
    return f"{ZIP_FOLDER}/{take.job.id}.zip" if len(whole_files(take.files)) >= FILES_MIN else None


def dashboard_link(deps: Deps, key: str | None, *, download_as: str | None = None) -> str | None:
    """A link for the dashboard: a path below the root of its pages, unless something else serves media."""
    base = f"{deps.settings.media_url}/media" if deps.settings.media_url else DASHBOARD_BASE
    link = key and _signed(deps, key, base)
    return f"{link}&{urlencode({'name': download_as})}" if link and download_as else link


def own_link(deps: Deps, key: str) -> str:
    """A link for the dashboard on its own origin, also where something else serves other media."""
    return _signed(deps, key, DASHBOARD_BASE)


def open_media(
    deps: Deps, key: str, *, expires: str | None, signature: str | None, download_as: str | None = None
) -> MediaFile:
    """The file that a link gives access to. download_as: the name under which browsers are to save it.

    Raises:
        MediaError: the store can't be asked now.
        NotAllowed: 403; the link is altered or has expired.
        NotFound: the key can't be one of ours, or the file is not there.
    """
    if not valid_key(key):
        raise NotFound("There is no such file.")
    now = deps.clock.now().timestamp()
    ours = _signature(deps, key, expires or "").encode()
    fits = hmac.compare_digest(ours, (signature or "").encode("utf-8", "replace"))
    if not fits or not (expires or "").isdecimal() or int(expires or 0) < now:
        why = "This link is altered or has expired; load the page again for a fresh one."
        raise NotAllowed(why, status=403)
    if key.startswith(f"{ZIP_FOLDER}/"):
        archive = open_archive(deps, Path(key).stem)
        named = content_disposition(archive.name)
        return MediaFile(None, None, "application/zip", archive.size_bytes, "", 0, archive, named)
    left_s = max(0, math.floor(int(expires or 0) - now))
    if is_blind(key):
        return _open_blind(deps, key, left_s)
    content_type = _content_type(key)
    name = saved_name(download_as, key) if download_as else None
    try:
        path, size_bytes, redirect = deps.storage.local_path(key), None, None
        if path is None:
            size_bytes, redirect = _at_store(deps, key, content_type, name)
            left_s = min(left_s, REDIRECT_LIFE_S)
    except FileNotFoundError:
        raise NotFound("This file is not there. If it is a take's, it is being fetched again.") from None
    etag, disposition = Path(key).stem, content_disposition(name) if name else None
    return MediaFile(path, redirect, content_type, size_bytes, etag, left_s, disposition=disposition)


def _open_blind(deps: Deps, key: str, left_s: int) -> MediaFile:
    """One side of a pair. A bucket's own links name the file, so its bytes come through here."""
    lies = stored_key(deps, key)
    made = MediaFile(None, None, _content_type(lies), None, Path(key).name, left_s, is_blind=True)
    try:
        path = deps.storage.local_path(lies)
        if path is not None:
            return replace(made, path=path)
        size_bytes = deps.storage.size(lies)
        if size_bytes is None:
            raise FileNotFoundError(lies)
    except FileNotFoundError:
        raise NotFound(GONE) from None
    return replace(made, size_bytes=size_bytes, read_from=lambda start: deps.storage.open(lies, start=start))


def _content_type(key: str) -> str:
    return CONTENT_TYPES.get(Path(key).suffix) or mimetypes.types_map[".bin"]


def _at_store(deps: Deps, key: str, content_type: str, download_as: str | None) -> tuple[int, str | None]:
    """Size of a remote file, and a link to it there."""
    size_bytes = deps.storage.size(key)
    if size_bytes is None:
        raise FileNotFoundError(key)
    link = deps.storage.direct_link(
        key, expires_s=STORAGE_LINK_LIFE_S, content_type=content_type, download_as=download_as
    )
    return size_bytes, link


def _signed(deps: Deps, key: str, base: str) -> str:
    """The expiry is rounded up to a window, so that the link stays the same within it."""
    now = deps.clock.now().timestamp()
    expires = str((math.floor(now / LINK_LIFE_S) + 2) * LINK_LIFE_S)
    return f"{base}/{quote(key)}?{urlencode({'e': expires, 's': _signature(deps, key, expires)})}"


def _signature(deps: Deps, key: str, expires: str) -> str:
    secret = deps.settings.secret_key.get_secret_value().encode()
    mac = hmac.new(secret, f"media|v1|{key}|{expires}".encode("utf-8", "replace"), hashlib.sha256)
    return urlsafe_b64encode(mac.digest()[:24]).decode()
