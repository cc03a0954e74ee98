"""What one model was asked for, in another model's terms: what fits is kept, the rest is named."""

from collections.abc import Mapping
from typing import Any

from backend.catalogue.fields import read_fields
from backend.catalogue.models import VideoModel
from backend.services.takes import photos
from backend.services.takes.request import Images, TakeRequest, parse_request


def fit_request(request: TakeRequest, old: VideoModel, new: VideoModel) -> tuple[TakeRequest, list[str]]:
    """The request for another model, and in words what of it finds no place there."""
    params, left_out = fit_params(request.params, old, new)
    image, images, gone = _fit_photos(request, old, new)
    prompt = request.prompt if new.prompt_field is not None else ""
    lost = ["the prompt"] if request.prompt and not prompt else []
    changed = {"model": new.id, "params": params, "image": image, "images": images, "prompt": prompt}
    body = {**request.body, **changed, "provider": new.provider}
    return parse_request(body), [*lost, *gone, *left_out]


def fit_params(
    params: Mapping[str, Any], old: VideoModel, new: VideoModel
) -> tuple[dict[str, Any], list[str]]:
    """Parameters in another model's own terms (5 for "5"), and in words those that it can't have."""
    fields = {field.name: field for field in read_fields(new.schema)}
    labels = {field.name: field.label for field in read_fields(old.schema)}
    fitted: dict[str, Any] = {}
    left_out = []
    for name, value in params.items():
        field = fields.get(name)
        found = field.convert_value(value) if field is not None else None
        if found is not None:
            fitted[name] = found
        else:
            left_out.append(f"{labels.get(name, name).lower()} {value!s:.40}")
    return fitted, left_out


def _fit_photos(
    request: TakeRequest, old: VideoModel, new: VideoModel
) -> tuple[str | None, Images, list[str]]:
    """The first photo and the others; last frames are one and the same in every model."""
    images: Images = {}
    gone = []
    places = {*photos.further_fields(new), *photos.multi_photo_fields(new)}
    for field, given in request.images.items():
        place = new.end_image_field if field == old.end_image_field else field
        if place in places and isinstance(given, list) == (place in photos.multi_photo_fields(new)):
            images[str(place)] = given
        else:
            gone.append(f"the photos in {field.replace('_', ' ')}")
    if request.image and new.image_field is None:
        return None, images, ["the start photo", *gone]
    return request.image, images, gone
