"""The photos in what is asked for, against the model's own fields and limits, before anything is sent."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from backend.catalogue import models as catalogue
from backend.catalogue.models import VideoModel
from backend.domain.errors import NotFound
from backend.domain.text import describe_kind
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.takes import photos

#: A link to a photo.
LINK_MAX_CHARS = 2_000
#: More photos than any model takes in one field; where a model says less, that counts.
PHOTOS_MAX = 50
#: What stands for a further photo while the parameters are checked: it gets its link when it is sent.
LINK_TO_COME = "https://photo.invalid/"

#: field -> an upload's id or a link; for a field that takes several, a list of them
Images = dict[str, str | list[str]]


def parse_images(form: Mapping[str, Any], faults: dict[str, str]) -> Images:
    """The further photos as they were given; empty ones count as left out."""
    value = form.get("images")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        faults["images"] = f"must be an object, not {describe_kind(value)}"
        return {}
    found: Images = {}
    for field, image in value.items():
        name = f"images.{str(field)[:80]}"
        if isinstance(image, list):
            wrong = next((one for one in image if not isinstance(one, str) or not one), None)
            if wrong is not None or None in image:
                faults[name] = f"must be a list of texts; one of them is {_or_empty(wrong)}"
                continue
        elif not isinstance(image, str | None):
            faults[name] = f"must be text or a list of texts, not {describe_kind(image)}"
            continue
        if image:
            found[str(field)] = image
    return found


def check_first_photo(
    deps: Deps, viewer: Viewer, model: VideoModel, image: str | None, faults: dict[str, str]
) -> None:
    """The photo that the video starts from."""
    if "image" in faults:
        return
    if image is None:
        if model.image_required:
            faults["image"] = f"is missing; {model.title} starts from a photo"
        return
    if model.image_field is None:
        faults["image"] = f"is of no use to {model.title}; choose a model that starts from a photo"
    elif fault := _photo_fault(deps, viewer, model, model.image_field, image):
        faults["image"] = fault


def check_further_photos(
    deps: Deps,
    viewer: Viewer,
    model: VideoModel,
    params: Mapping[str, Any],
    images: Images,
    faults: dict[str, str],
) -> None:
    """The photos beside the first, each by the model's own name for it."""
    for field, image in images.items():
        name = f"images.{field[:80]}"
        if (fault := _place_fault(model, params, field, image)) or (
            name not in faults and (fault := _photos_fault(deps, viewer, model, field, image))
        ):
            faults[name] = fault


def photo_fault(
    deps: Deps, viewer: Viewer, model: VideoModel, field: str | None, image: str | list[str]
) -> str | None:
    """What makes these photos unfit for a field of a model, for a form that shows it at once."""
    return None if field is None else _photos_fault(deps, viewer, model, field, image)


def params_faults(model: VideoModel, params: Mapping[str, Any], images: Images) -> dict[str, str]:
    """What is wrong with the parameters once the further photos have their links; field -> fault.

    What is wrong with the number of photos is said of `images`, where they were given.
    """
    to_come = {field: _links_to_come(image) for field, image in images.items() if _fits(model, field, image)}
    faults = catalogue.check_params(model, {**to_come, **params})
    renamed = {f"params.{field}": f"images.{field}" for field in to_come if field not in params}
    return {renamed.get(name, name): fault for name, fault in faults.items()}


def _place_fault(
    model: VideoModel, params: Mapping[str, Any], field: str, image: str | list[str]
) -> str | None:
    names = [*photos.further_fields(model), *photos.multi_photo_fields(model)]
    if field not in names:
        hint = f"there are {', '.join(names)}" if names else "it takes none besides `image`"
        return f"is no photo of {model.title}; {hint}"
    if field in params:
        return "is given in params, too; give it once"
    if not _fits(model, field, image):
        return "takes one photo, not a list" if isinstance(image, list) else "takes a list of photos, not one"
    if isinstance(image, list) and len(image) > PHOTOS_MAX:
        return f"has {len(image)} photos; at most {PHOTOS_MAX} fit"
    return None


def _fits(model: VideoModel, field: str, image: str | list[str]) -> bool:
    """Does the field take one photo, or a list, as it was given?"""
    if isinstance(image, list):
        return field in photos.multi_photo_fields(model)
    return field in photos.further_fields(model)


def _links_to_come(image: str | list[str]) -> str | list[str]:
    """A link for each photo, none twice: the same photo twice is no fault of its link."""
    if isinstance(image, list):
        return [f"{LINK_TO_COME}{number}" for number in range(len(image))]
    return LINK_TO_COME


def _photos_fault(
    deps: Deps, viewer: Viewer, model: VideoModel, field: str, image: str | list[str]
) -> str | None:
    """What is wrong with a photo, or with each of several, which are counted from 1."""
    if isinstance(image, str):
        return _photo_fault(deps, viewer, model, field, image)
    found = ((number, _photo_fault(deps, viewer, model, field, one)) for number, one in enumerate(image, 1))
    return "; ".join(f"photo {number} {fault}" for number, fault in found if fault) or None


def _photo_fault(deps: Deps, viewer: Viewer, model: VideoModel, field: str, image: str) -> str | None:
    if ":" in image or "/" in image:
        return _link_fault(image)
    try:
        upload = photos.get_upload(deps, viewer, image)
    except NotFound:
        return f"there is no upload {image[:80]!r}; upload the photo first"
    return photos.limit_fault(model, field, upload)


def _link_fault(link: str) -> str | None:
    try:
        parts = urlsplit(link)
        fine = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        return "is neither an upload's id nor a link that starts with https://"
    return f"is longer than {LINK_MAX_CHARS:,} characters" if len(link) > LINK_MAX_CHARS else None


def _or_empty(value: Any) -> str:
    return "empty" if value == "" else describe_kind(value)
