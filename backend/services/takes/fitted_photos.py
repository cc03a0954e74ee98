"""Photos of ours as a model takes them: what is only too large for it is drawn smaller, once."""

import logging
import math
from pathlib import Path

from backend.catalogue.photo_limits import PhotoLimits
from backend.domain.errors import MediaError, ProviderRefused, ProviderUnsent
from backend.media.decode.clean_photo import CleanPhoto, draw_smaller
from backend.media.decode.sandbox import RejectedFile
from backend.media.partial.partial_file import own_folder
from backend.models import Upload
from backend.services.deps import Deps
from backend.services.storage.local_copy import local_file
from backend.services.takes.photos import UPLOAD_PREFIX
from backend.store.records import uploads

log = logging.getLogger(__name__)

#: A photo of too many bytes is drawn smaller by a little more than they are too many.
SAFE_SHARE = 0.97


def fitted_photo(deps: Deps, upload: Upload, limits: PhotoLimits) -> Upload:
    """The photo as these limits take it: itself, or a smaller one that is made of it the first time.

    Raises:
        ProviderUnsent: our storage or this machine can't do it now.
        ProviderRefused: no smaller photo can fit.
    """
    if not _is_too_large(limits, upload.width, upload.height, upload.size_bytes):
        return upload
    limit = f"{limits.max_width or 0}x{limits.max_height or 0}x{limits.max_bytes or 0}"
    key = f"{uploads.FITTED_FOLDER}/{upload.sha256}-{limit}{Path(upload.key).suffix}"
    with deps.store.read() as session:
        known = uploads.find_by_key(session, upload.owner, key)
    if known is not None:
        return known
    try:
        with (
            local_file(deps, upload.key) as source,
            own_folder(deps.settings.parts_dir, UPLOAD_PREFIX) as folder,
        ):
            photo = _drawn_to_fit(source, folder / "photo.part", upload, limits)
            deps.storage.put_file(photo.path, key)
    except (OSError, MediaError, RejectedFile) as error:  # not there, or we have no room: that may pass
        why = f"The photo {upload.file_name!r} can't be made smaller for the model now: {error}."
        raise ProviderUnsent(why, code="photo_missing") from error
    return _kept(deps, upload, photo, key)


def _is_too_large(limits: PhotoLimits, width: int, height: int, size_bytes: int) -> bool:
    return limits.scaled_size(width, height) != (width, height) or size_bytes > (limits.max_bytes or math.inf)


def _drawn_to_fit(source: Path, part: Path, upload: Upload, limits: PhotoLimits) -> CleanPhoto:
    most = limits.max_bytes or math.inf
    width, height = limits.scaled_size(upload.width, upload.height)
    size_bytes = upload.size_bytes * width * height / (upload.width * upload.height)
    share = 1.0
    while True:
        if size_bytes > most:
            share *= SAFE_SHARE * math.sqrt(most / size_bytes)
            width, height = limits.scaled_size(upload.width, upload.height, share)
        fault = limits.find_fault("the model", width=width, height=height, content_type=upload.content_type)
        if fault is not None:
            raise ProviderRefused(
                f"The photo {upload.file_name!r} can't be made to fit: it {fault}.", code="photo"
            )
        photo = draw_smaller(source, part, width, height)
        size_bytes = photo.size_bytes
        if size_bytes <= most:
            return photo


def _kept(deps: Deps, upload: Upload, photo: CleanPhoto, key: str) -> Upload:
    log.info("photo made smaller", extra={"upload": upload.id, "width": photo.width, "height": photo.height})
    smaller = Upload(
        id=deps.clock.new_id(),
        owner=upload.owner,
        sha256=photo.sha256,
        key=key,
        file_name=upload.file_name,
        content_type=photo.content_type,
        size_bytes=photo.size_bytes,
        width=photo.width,
        height=photo.height,
        created_at=deps.clock.now(),
    )
    with deps.store.begin() as session:
        return uploads.get_or_insert(session, smaller)
