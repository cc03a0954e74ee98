"""Photos: taken in, kept once, and handed to the provider when a job needs them."""

import contextlib
import logging
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from backend.catalogue import photo_limits
from backend.catalogue.models import VideoModel
from backend.domain.errors import MediaError, NotFound, ProviderRefused, ProviderUnsent, StateConflict
from backend.media.decode import inspect
from backend.media.decode.clean_photo import clean_photo
from backend.media.partial.partial_file import map_disk_errors
from backend.models import Job, Upload
from backend.providers.base import Provider
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.storage.local_copy import local_file
from backend.store.records import uploads

log = logging.getLogger(__name__)

#: A link at the provider is used again while it is younger than this; then the photo goes up anew.
LINK_REUSED_FOR = timedelta(days=5)
#: Where a provider takes no uploads, a photo up to this size travels inside the request.
INLINE_MAX_BYTES = 10 * 1024 * 1024
#: How long a file name may be to be remembered.
FILE_NAME_MAX_CHARS = 120


def create_upload(deps: Deps, viewer: Viewer, source: IO[bytes] | bytes, *, file_name: str) -> Upload:
    """Take a photo in: checked, turned upright, stripped of metadata, kept once per owner.

    Raises:
        InvalidRequest: it is no photo, or one that can't be used; says why.
        PayloadTooLarge: more bytes than are taken.
        StorageFull: our storage will not take it now.
    """
    with _own_folder(deps) as folder:
        photo = clean_photo(source, folder / "photo.part")
        key = f"uploads/{photo.sha256}.{photo.extension}"
        deps.storage.put_file(photo.path, key)
    upload = Upload(
        id=deps.clock.new_id(),
        owner=viewer.name,
        sha256=photo.sha256,
        key=key,
        file_name=_shown_name(file_name),
        content_type=photo.content_type,
        size_bytes=photo.size_bytes,
        width=photo.width,
        height=photo.height,
        created_at=deps.clock.now(),
    )
    with deps.store.begin() as session:
        return uploads.get_or_insert(session, upload)


def upload_from_take(deps: Deps, viewer: Viewer, job_id: str, *, last: bool) -> Upload:
    """Keep the first or the last picture of a stored take among the viewer's photos.

    Raises:
        NotAllowed, NotFound: not this viewer's to do.
        StateConflict: the take has no video (yet).
        MediaError: no picture can be read from its file, or none kept.
    """
    viewer.require_role(Role.CREATOR)
    take = gallery.get_take(deps, viewer, job_id)
    if take.video is None or take.video.missing_at is not None:
        raise StateConflict("This take has no video to take a picture from.")
    with _own_folder(deps) as folder:
        picture = folder / "frame.png"
        try:
            with local_file(deps, take.video.key) as source:
                inspect.save_frame(source, picture, last=last)
        except FileNotFoundError:
            raise StateConflict("Its file is not here now; it is being fetched again.") from None
        name = f"{'last' if last else 'first'} picture of {take.job.prompt[:60]}.png"
        return create_upload(deps, viewer, picture.read_bytes(), file_name=name)


@contextlib.contextmanager
def _own_folder(deps: Deps) -> Iterator[Path]:
    """A folder for one photo's way in; the sweep removes what a killed process left."""
    parts = deps.settings.parts_dir
    with map_disk_errors():
        parts.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="upload-", dir=parts))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def get_upload(deps: Deps, viewer: Viewer, upload_id: str) -> Upload:
    """The upload; NotFound: there is none that this viewer may use."""
    with deps.store.read() as session:
        upload = uploads.get(session, upload_id)
    if not viewer.may_see(upload.owner):
        raise NotFound("There is no upload with that id.")
    return upload


def list_uploads(deps: Deps, viewer: Viewer, *, limit: int = 24) -> Sequence[Upload]:
    """The newest photos that this viewer may use."""
    with deps.store.read() as session:
        return uploads.list_newest(session, None if viewer.sees_all else viewer.name, limit=limit)


def further_fields(model: VideoModel) -> list[str]:
    """The names of the photos that a model takes besides its first: its last frame, and others by a link."""
    return photo_limits.single_photo_fields(model.schema["properties"], model.end_image_field)


def multi_photo_fields(model: VideoModel) -> list[str]:
    """The names of the fields in which a model takes a list of photos."""
    return photo_limits.photo_list_fields(model.schema["properties"])


def max_photos(model: VideoModel, field: str) -> int | None:
    """How many photos such a field takes at most; None: the model doesn't say."""
    part = photo_limits.list_alternative(model.schema["properties"][field])
    limit = part.get("maxItems") if part else None
    return limit if isinstance(limit, int) else None


def limits_text(model: VideoModel, field: str | None) -> str:
    """What a photo must be for a field of a model, in a line for people; "" when nothing is known."""
    return photo_limits.parse_limits(model.photo_limits.get(field or "")).as_text()


@dataclass(frozen=True)
class ProviderPayload:
    """What is posted for a job. links: field -> the photo's link there; none for one that is inlined.

    In a list of photos an inlined one stands as None.
    """

    payload: dict[str, Any]
    link: str | None
    links: dict[str, str | list[str | None]]


def provider_payload(deps: Deps, provider: Provider, job: Job) -> ProviderPayload:
    """What is posted for a job, its photos in the model's own fields.

    Raises:
        ProviderUnsent: a photo can't be handed over now.
    """
    images, first = dict(job.images or {}), job.image_field if job.image else None
    if first:
        images[first] = job.image
    payload, links = dict(job.payload), dict[str, Any]()
    for field, image in images.items():
        several = isinstance(image, list)
        pairs = [_sendable(deps, provider, one) for one in (image if several else [image])]
        sent, handed = [value for value, _ in pairs], [link for _, link in pairs]
        payload[field] = sent if several else sent[0]
        if several or handed[0] is not None:
            links[field] = handed if several else handed[0]
    return ProviderPayload(payload, links.pop(first, None) if first else None, links)


def _sendable(deps: Deps, provider: Provider, image: str) -> tuple[str, str | None]:
    """What stands for a photo in a request, and its link (None when it is inlined)."""
    if image.startswith(("https://", "http://")):
        return image, image
    with deps.store.read() as session:
        upload = uploads.get(session, image)
    link = _fresh_link(deps, upload) or _hand_over(deps, provider, upload)
    return (_inlined(deps, upload), None) if link is None else (link, link)


def _fresh_link(deps: Deps, upload: Upload) -> str | None:
    if upload.provider_url is None or upload.provider_url_at is None:
        return None
    return upload.provider_url if deps.clock.now() - upload.provider_url_at < LINK_REUSED_FOR else None


def _hand_over(deps: Deps, provider: Provider, upload: Upload) -> str | None:
    """Upload the photo to the provider; None when it takes no uploads."""
    try:
        content = _content(deps, upload)
        link = provider.upload(content, upload.content_type, Path(upload.key).name)
    except ProviderRefused as error:
        log.info("photo goes inside the request", extra={"upload": upload.id, "why": str(error)})
        return None
    with deps.store.begin() as session:
        uploads.set_provider_url(session, upload.id, link, at=deps.clock.now())
    return link


def _inlined(deps: Deps, upload: Upload) -> str:
    if upload.size_bytes > INLINE_MAX_BYTES:
        raise ProviderUnsent(
            "The provider takes no uploads now, and the photo is too large to travel inside the request.",
            code="upload",
        )
    return f"data:{upload.content_type};base64,{b64encode(_content(deps, upload)).decode()}"


def _content(deps: Deps, upload: Upload) -> bytes:
    try:
        with deps.storage.open(upload.key) as file:
            return file.read()
    except (OSError, MediaError) as error:  # not there, or our bucket is away: that may pass
        why = f": {error}" if isinstance(error, MediaError) else "."
        raise ProviderUnsent(
            f"The photo {upload.file_name!r} can't be read from our storage{why}", code="photo_missing"
        ) from error


def _shown_name(name: str) -> str:
    """A file name as text to show, never a path: the last part, printable, bounded."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in last if char.isprintable())[:FILE_NAME_MAX_CHARS] or "photo"
