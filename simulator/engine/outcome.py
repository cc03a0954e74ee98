"""How a request ends: the output it gives, the error it dies of, and what it is billed."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from simulator.config import SimulatorConfig
from simulator.engine import inputs
from simulator.engine.faults import Faults, fault_number, without_markers
from simulator.engine.inputs import BadInput
from simulator.engine.ledger import JSON, Output, Request
from simulator.engine.offer import Offer

#: fal's words for a model's failure, by its code.
FAILURES = {
    422: ("content_policy_violation", "The content was flagged by a content checker."),
    503: ("downstream_service_unavailable", "Downstream service unavailable"),
    504: ("generation_timeout", "Generation timeout"),
}
BREAKDOWN = ("internal_server_error", "Internal server error")

#: The EXIF tag that says how a photo is turned; from 5 on its sides are swapped.
TURNED = 0x0112
#: Photos are kept this large, which leaves a camera move something to move over.
PHOTO_SIDE = 1440


def video_path(config: SimulatorConfig, request_id: str) -> Path:
    """Where the video of a request lies when it is finished."""
    return config.media_dir / f"{request_id}.mp4"


def names_video(wanted: Output) -> bool:
    """Does this output link to the video that would be rendered?"""
    return "{video}" in json.dumps(wanted.output)


def spec_for(request: Request, *, offer: Offer, config: SimulatorConfig, seen: bool = True) -> JSON:
    """What to render for a request; its pictures are fetched and lie in the data folder afterwards.

    seen: will anybody be given the link to it? Else it need not be rendered.

    Raises:
        BadInput: a picture can't be had or read, or isn't what the model takes.
    """
    limits = offer.photo_limits(request.endpoint)
    fields = [*inputs.FIRST, *inputs.LAST, *limits]
    photos = inputs.load_pictures(request.input, fields, own_url=config.public_url)
    for field, bodies in photos.items():
        for body in bodies:
            _check_photo(field, body, limits.get(field, {}))
    stem = config.inputs_dir / request.request_id
    first, ratio = _kept(photos, inputs.FIRST, stem.with_suffix(".first.png"))
    last, last_ratio = _kept(photos, inputs.LAST, stem.with_suffix(".last.png"))
    shape = inputs.video_shape(
        request.input,
        default=offer.default_of(request.endpoint, "duration"),
        small=config.small,
        photo_ratio=ratio or last_ratio,
    )
    return {
        "seen": seen,
        "path": str(video_path(config, request.request_id)),
        "prompt": without_markers(str(request.input.get("prompt") or "")),
        "seed": request.seed,
        "duration_s": shape.duration_s,
        "fps": inputs.SMALL_FPS if config.small else inputs.FPS,
        "width": shape.width,
        "height": shape.height,
        "first": first,
        "last": last,
    }


def set_success(
    request: Request, made: JSON, offer: Offer, config: SimulatorConfig, *, wanted: Output | None = None
) -> None:
    """A video is there: the output says so, and it is billed; faults of the result apply.

    wanted: another output that was asked for.
    """
    request.code = 200
    _charge(request, offer, width=made["width"], height=made["height"])
    video = {
        "url": f"{config.public_url}/media/{request.request_id}.mp4",
        "content_type": "video/mp4",
        "file_name": "output.mp4",
        **made,
        "file_size": served_size(request.faults, made["file_size"]),
    }
    request.output = {"video": video, "seed": request.seed, **_expanded(request, offer)}
    if "files" in request.faults:
        request.output["others"] = [_made_gif(request, number, config) for number in _others(request)]
    if wanted is not None:
        text = json.dumps(wanted.output).replace("{video}", str(video["url"]))
        request.output = json.loads(text.replace("{files}", f"{config.public_url}/files"))
    if "no-video" in request.faults:
        request.output = {"detail": "Path / not found"}


def _expanded(request: Request, offer: Offer) -> JSON:
    """The prompt as the model rewrote it, of those that do unless told not to; under fal's names."""
    prompt = str(request.input.get("prompt") or "")
    richer = f"{prompt.rstrip('. ')}. Natural light, fine detail, steady motion."
    if offer.default_of(request.endpoint, "enable_prompt_expansion") is not None:
        given = request.input.get("enable_prompt_expansion", True)
        return {"actual_prompt": richer if given else prompt}
    if offer.default_of(request.endpoint, "prompt_expansion_mode") is not None:
        return {"expanded_prompt": richer}
    return {}


def _charge(request: Request, offer: Offer, *, width: int = 0, height: int = 0) -> None:
    """Into the cashbook: so many units, at the price of a unit as it is now."""
    request.units = offer.billed_units(request.endpoint, request.input, width=width, height=height)
    if "units" in request.faults:
        request.units = fault_number(request.faults, "units")
    request.billed, request.unit_usd = request.units > 0, offer.unit_usd(request.endpoint)
    request.charged_usd = round(request.units * request.unit_usd, 6)


def charge_for_nothing(request: Request, offer: Offer) -> None:
    """It ended without a video; with the fault `charged` it costs what a video would have."""
    if "charged" in request.faults:
        _charge(request, offer)


def _others(request: Request) -> range:
    return range(1, int(fault_number(request.faults, "files")))


def _made_gif(request: Request, number: int, config: SimulatorConfig) -> JSON:
    """A small animated picture, with a comment in it that makes it this request's own."""
    name = f"{request.request_id}-{number}.gif"
    first, second = (Image.new("P", (32, 18), colour) for colour in (0, 1))
    comment = f"{request.request_id} {number}".encode()
    first.save(config.files_dir / name, save_all=True, append_images=[second], comment=comment)
    return {"url": f"{config.public_url}/files/{name}"}


def set_failure(request: Request, code: int) -> None:
    """The model failed with this code."""
    kind, message = FAILURES.get(code, BREAKDOWN)
    where = ["body", "prompt"] if code == 422 else ["body"]
    set_refusal(request, code, {"loc": where, "msg": message, "type": kind})


def set_refusal(request: Request, code: int, detail: JSON) -> None:
    """The model answered with an error's `detail`."""
    full = {"url": f"https://docs.fal.ai/errors#{detail.get('type')}", "input": request.input, **detail}
    request.code, request.output = code, {"detail": [full]}
    request.error = f"Invalid status code: {code}"
    request.error_type = str(detail.get("type"))


def set_cancelled(request: Request) -> None:
    """It was stopped."""
    message = "Request was cancelled by the client"
    request.code, request.error, request.error_type = 499, message, "client_cancelled"
    request.output = {"detail": message, "error_type": "client_cancelled"}


def served_size(faults: Faults, size_bytes: int) -> int:
    """How many bytes a download gets, where faults shorten or pad the file."""
    if "media-short" in faults:
        return size_bytes * 2 // 3
    if "media-big" in faults:
        return max(size_bytes + 16, round(fault_number(faults, "media-big") * 1_000_000))
    return size_bytes


@contextmanager
def _opened(field: str, body: bytes) -> Iterator[Image.Image]:
    try:
        with Image.open(io.BytesIO(body)) as photo:
            yield photo
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadInput(field, "image_load_error", "Failed to load the image.") from error


def _check_photo(field: str, body: bytes, limits: JSON) -> None:
    with _opened(field, body) as photo:
        turned = photo.getexif().get(TURNED, 1) >= 5
        size = (photo.height, photo.width) if turned else photo.size
        inputs.check_picture(field, size, len(body), limits)


def _kept(
    photos: dict[str, list[bytes]], fields: tuple[str, ...], path: Path
) -> tuple[str | None, float | None]:
    """(path of a picture, its width by height), or two Nones where the input names none."""
    field = next((field for field in fields if field in photos), None)
    if field is None:
        return None, None
    with _opened(field, photos[field][0]) as photo:
        upright = ImageOps.exif_transpose(photo)
        upright.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
        upright.convert("RGB").save(path, compress_level=1)
    return str(path), upright.width / upright.height
