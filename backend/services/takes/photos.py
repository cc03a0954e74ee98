"""Photos that people give: taken in, kept once; and in which fields a model takes them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO

from backend.catalogue import photo_limits
from backend.catalogue.models import VideoModel
from backend.domain.access.roles import Do
from backend.domain.errors import NotFound, PayloadTooLarge, StateConflict
from backend.media.decode import clean_photo, inspect
from backend.media.file_names import readable_name
from backend.media.partial.partial_file import own_folder
from backend.models import Upload
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.storage.local_copy import local_file
from backend.store.records import uploads

#: What folders of photos on their way in are called; the sweep removes those that a killed process left.
UPLOAD_PREFIX = "upload-"
#: The largest photo that is taken, in MiB.
MAX_MEGABYTES = clean_photo.MAX_BYTES // 1024**2
#: What is taken and what is done to it, for people who are about to choose one.
TAKEN_TEXT = (
    f"Up to {clean_photo.MAX_PIXELS / 1e6:.0f} megapixels; what is larger than needed is scaled. "
    f"Over {MAX_MEGABYTES} MB? Save it as a smaller JPEG first."
)
#: A picture of a take is a PNG, larger than what people send: one of 8K takes up to 100 MB.
FRAME_MAX_BYTES = 256 * 1024 * 1024
#: How long a file name may be to be remembered.
FILE_NAME_MAX_CHARS = 120
#: How much of a prompt stands in the name of a picture that was kept of its take.
PROMPT_MAX_BYTES = 80


@dataclass(frozen=True)
class NewUpload:
    """A photo that was taken in, and what was done to it.

    scaled_from: its width and height before, when it was larger than what is kept. notes: for people.
    """

    upload: Upload
    scaled_from: tuple[int, int] | None
    notes: tuple[str, ...]


def create_upload(
    deps: Deps,
    viewer: Viewer,
    source: IO[bytes] | bytes,
    *,
    file_name: str,
    max_bytes: int = clean_photo.MAX_BYTES,
    on_progress: Callable[[float], None] | None = None,
) -> NewUpload:
    """Take a photo in: checked, scaled, turned upright, stripped of metadata, kept once per owner.

    on_progress: is called with the share of the work that is done.

    Raises:
        NotAllowed: the viewer may not upload.
        InvalidRequest: it is no photo, or one that can't be used; says why.
        PayloadTooLarge: more bytes than are taken.
        StorageFull: our storage will not take it now.
    """
    viewer.must(Do.UPLOAD)
    with own_folder(deps.settings.parts_dir, UPLOAD_PREFIX) as folder:
        photo = clean_photo.clean_photo(
            source, folder / "photo.part", max_bytes=max_bytes, on_progress=on_progress
        )
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
        kept = uploads.get_or_insert(session, upload)
        if kept.id == upload.id:  # else it was there
            record(session, deps, viewer, Action.UPLOAD_CREATED, object_type="upload", object_id=kept.id)
    return NewUpload(kept, photo.scaled_from, photo.notes)


def receive_upload(
    deps: Deps, viewer: Viewer, part: AbstractContextManager[tuple[IO[bytes], str]]
) -> NewUpload:
    """As `create_upload`, of a photo that is still to be read; of who may not upload nothing is read.

    part: gives the photo's bytes and its file name.
    """
    viewer.must(Do.UPLOAD)
    with part as (content, name):
        return create_upload(deps, viewer, content, file_name=name)


def too_large(size_bytes: int | None) -> PayloadTooLarge:
    """The refusal of a photo of so many bytes, with the limit and the way out. None: not known."""
    return clean_photo.too_many_bytes(size_bytes)


def upload_from_take(deps: Deps, viewer: Viewer, job_id: str, *, last: bool) -> Upload:
    """Keep the first or the last picture of a stored take among the viewer's photos.

    Raises:
        NotAllowed, NotFound: not this viewer's to do.
        StateConflict: the take has no video (yet).
        MediaError: no picture can be read from its file, or none kept.
    """
    viewer.must(Do.UPLOAD)
    take = gallery.get_take(deps, viewer, job_id)
    if take.video is None or take.video.missing_at is not None:
        raise StateConflict("This take has no video to take a picture from.")
    with own_folder(deps.settings.parts_dir, UPLOAD_PREFIX) as folder:
        picture = folder / "frame.png"
        try:
            with local_file(deps, take.video.key) as source:
                inspect.save_frame(source, picture, last=last)
        except FileNotFoundError:
            raise StateConflict("Its file is not here now; it is being fetched again.") from None
        words = readable_name(take.job.prompt, PROMPT_MAX_BYTES) or "a take"
        name = f"{'last' if last else 'first'} frame of {words}.png"
        with picture.open("rb") as content:
            return create_upload(deps, viewer, content, file_name=name, max_bytes=FRAME_MAX_BYTES).upload


def get_upload(deps: Deps, viewer: Viewer, upload_id: str) -> Upload:
    """The upload; NotFound: there is none that this viewer may use. Raises NotAllowed: no scope for it."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        upload = uploads.get(session, upload_id)
    if not viewer.may_see(upload.owner):
        raise NotFound("There is no upload with that id.")
    return upload


def list_uploads(deps: Deps, viewer: Viewer, *, limit: int = 24) -> Sequence[Upload]:
    """The newest photos that this viewer may use."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        return uploads.list_newest(session, viewer.visible_names, limit=limit)


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


def _shown_name(name: str) -> str:
    """A file name as text to show, never a path: the last part, printable, bounded."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in last if char.isprintable())[:FILE_NAME_MAX_CHARS] or "photo"
