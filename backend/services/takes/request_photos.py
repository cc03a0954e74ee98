"""The photos of a request against the model's own fields and limits, before anything is sent."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from backend.catalogue import photo_limits
from backend.catalogue.models import VideoModel
from backend.models import Job, Upload
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.takes import photos
from backend.services.takes.request import Images, TakeRequest
from backend.store.records import uploads

#: A link to a photo.
LINK_MAX_CHARS = 2_000
#: More photos than any model takes in one field; where a model says less, that counts.
PHOTOS_MAX = 50
#: What stands for a photo while the parameters are checked: it gets its link when it is sent.
LINK_TO_COME = "https://photo.invalid/"


def check_photos(
    deps: Deps, viewer: Viewer, model: VideoModel, request: TakeRequest
) -> tuple[dict[str, str | list[str]], dict[str, str]]:
    """The links to come, by field, to check the parameters with; and what is wrong: field -> fault.

    There is a link for each photo that has its place beside the first, and none twice: the same photo
    twice is no fault of its link.
    """
    placed, faults = {}, {}
    for field, image in request.images.items():
        if fault := _place_fault(model, request, field):
            faults[f"images.{field[:80]}"] = fault
        else:
            placed[field] = image
    links = {field: _links_to_come(image) for field, image in placed.items()}
    if fault := _first_place_fault(model, request.image):
        faults["image"] = fault
    elif request.image and model.image_field:
        placed[model.image_field] = request.image
    for field, fault in photo_faults(deps, viewer, model, placed).items():
        faults["image" if field == model.image_field else f"images.{field[:80]}"] = fault
    return links, faults


def photo_faults(deps: Deps, viewer: Viewer, model: VideoModel, images: Images) -> dict[str, str]:
    """What is wrong with the photos for the fields of a model; of several in one, counted from 1."""
    known = _find_uploads(deps, viewer, images)
    faults = {}
    for field, image in images.items():
        if isinstance(image, str):
            fault = _photo_fault(known, model, field, image)
        else:
            found = [(number, _photo_fault(known, model, field, one)) for number, one in enumerate(image, 1)]
            fault = "; ".join(f"photo {number} {fault}" for number, fault in found if fault)
        if fault:
            faults[field] = fault
    return faults


def photo_notes(deps: Deps, viewer: Viewer, model: VideoModel, images: Images) -> list[str]:
    """What is done to the photos for the fields of a model when they are sent, in sentences for people."""
    known = _find_uploads(deps, viewer, images)
    notes = []
    for field, image in images.items():
        limits = photo_limits.parse_limits(model.photo_limits.get(field))
        for number, one in enumerate(image if isinstance(image, list) else [image], 1):
            if (upload := known.get(one)) is None:
                continue
            note = limits.scaling_note(
                model.title, width=upload.width, height=upload.height, size_bytes=upload.size_bytes
            )
            name = f"Photo {number} of {field}" if isinstance(image, list) else f"The photo of {field}"
            if note:
                notes.append(f"{name} {note}.")
    return notes


def photo_notes_of(deps: Deps, viewer: Viewer, job: Job) -> list[str]:
    """What is done to the photos of a take when they are sent; nothing when its model has gone since."""
    images: Images = dict(job.images or {})
    if job.image and job.image_field:
        images[job.image_field] = job.image
    try:
        return photo_notes(deps, viewer, deps.catalogue.get(job.model), images) if images else []
    except KeyError:
        return []


def _first_place_fault(model: VideoModel, image: str | None) -> str | None:
    """What is wrong with there being a photo that the video starts from, or none."""
    if image is None:
        return f"is missing; {model.title} starts from a photo" if model.image_required else None
    useless = f"is of no use to {model.title}; choose a model that starts from a photo"
    return None if model.image_field else useless


def _place_fault(model: VideoModel, request: TakeRequest, field: str) -> str | None:
    """What is wrong with there being such a photo, or so many, besides the first."""
    image = request.images[field]
    single, several = photos.further_fields(model), photos.multi_photo_fields(model)
    if field not in (*single, *several):
        names = ", ".join((*single, *several))
        hint = f"there are {names}" if names else "it takes none besides `image`"
        return f"is no photo of {model.title}; {hint}"
    if field in request.params:
        return "is given in params, too; give it once"
    if isinstance(image, str):
        return None if field in single else "takes a list of photos, not one"
    if field not in several:
        return "takes one photo, not a list"
    return f"has {len(image)} photos; at most {PHOTOS_MAX} fit" if len(image) > PHOTOS_MAX else None


def _links_to_come(image: str | list[str]) -> str | list[str]:
    if isinstance(image, str):
        return LINK_TO_COME
    return [f"{LINK_TO_COME}{number}" for number in range(len(image))]


def _is_link(image: str) -> bool:
    return ":" in image or "/" in image


def _find_uploads(deps: Deps, viewer: Viewer, images: Images) -> dict[str, Upload]:
    """The uploads that this viewer may use, by id."""
    given = [one for image in images.values() for one in ([image] if isinstance(image, str) else image)]
    ids = [image for image in given if not _is_link(image)]
    if not ids:
        return {}
    with deps.store.read() as session:
        return {row.id: row for row in uploads.list_by_ids(session, ids) if viewer.may_see(row.owner)}


def _photo_fault(known: Mapping[str, Upload], model: VideoModel, field: str, image: str) -> str | None:
    if _is_link(image):
        return _link_fault(image)
    if image not in known:
        return f"there is no upload {image[:80]!r}; upload the photo first"
    upload = known[image]
    return photo_limits.parse_limits(model.photo_limits.get(field)).find_fault(
        model.title,
        width=upload.width,
        height=upload.height,
        content_type=upload.content_type,
    )


def _link_fault(link: str) -> str | None:
    try:
        parts = urlsplit(link)
        fine = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        return "is neither an upload's id nor a link that starts with https://"
    return f"is longer than {LINK_MAX_CHARS:,} characters" if len(link) > LINK_MAX_CHARS else None
