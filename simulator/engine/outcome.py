"""How a request ends: the output it gives, the error it dies of, and what it is billed."""

import io
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from simulator.config import SimulatorConfig
from simulator.engine import faults as wanted
from simulator.engine import inputs
from simulator.engine.inputs import BadInput
from simulator.engine.ledger import JSON, Request
from simulator.engine.offer import Offer

#: fal's words for a model's failure, by its code.
FAILURES = {
    422: ("content_policy_violation", "The content was flagged by a content checker."),
    503: ("downstream_service_unavailable", "Downstream service unavailable"),
    504: ("generation_timeout", "Generation timeout"),
}
BREAKDOWN = ("internal_server_error", "Internal server error")

#: A photo beyond this is refused before it is decoded.
PHOTO_MAX_PIXELS = 80_000_000
#: The EXIF tag that says how a photo is turned; from 5 on its sides are swapped.
TURNED = 0x0112
#: Photos are kept this large, which leaves a camera move something to move over.
PHOTO_SIDE = 1440


def spec_for(request: Request, *, offer: Offer, config: SimulatorConfig, media: Path, own_url: str) -> JSON:
    """What to render for a request; its pictures are fetched and lie in the data folder afterwards.

    Raises:
        BadInput: a picture can't be had or read, or isn't what the model takes.
    """
    _look_at_pictures(request, offer, own_url)
    first, ratio = _kept(request, "first", inputs.FIRST, config, own_url)
    last, last_ratio = _kept(request, "last", inputs.LAST, config, own_url)
    shape = inputs.shape(
        request.input,
        default=offer.default(request.endpoint, "duration"),
        small=config.small,
        photo_ratio=ratio or last_ratio,
    )
    return {
        "path": str(media / f"{request.request_id}.mp4"),
        "prompt": wanted.without_markers(str(request.input.get("prompt") or "")),
        "seed": request.seed,
        "duration_s": shape.duration_s,
        "fps": inputs.SMALL_FPS if config.small else inputs.FPS,
        "width": shape.width,
        "height": shape.height,
        "first": first,
        "last": last,
    }


def succeed(request: Request, made: JSON, *, offer: Offer, own_url: str) -> None:
    """A video is there: the output says so, and it is billed; faults of the result apply."""
    asked_s = inputs.duration_s(request.input, offer.default(request.endpoint, "duration"))
    request.units = offer.units(
        request.endpoint, duration_s=asked_s, width=made["width"], height=made["height"]
    )
    request.code, request.billed = 200, True
    video = {
        "url": f"{own_url}/media/{request.request_id}.mp4",
        "content_type": "video/mp4",
        "file_name": "output.mp4",
        **made,
        "file_size": served_size(request.faults, made["file_size"]),
    }
    request.output = {"video": video, "seed": request.seed}
    if "no-video" in request.faults:
        request.output = {"detail": "Path / not found"}


def fail(request: Request, code: int) -> None:
    """The model failed with this code; nothing is billed."""
    kind, message = FAILURES.get(code, BREAKDOWN)
    refuse(
        request, code, {"loc": ["body", "prompt"] if code == 422 else ["body"], "msg": message, "type": kind}
    )


def refuse(request: Request, code: int, detail: JSON) -> None:
    """The model answered with an error's `detail`; nothing is billed."""
    full = {"url": f"https://docs.fal.ai/errors#{detail.get('type')}", "input": request.input, **detail}
    request.code, request.output = code, {"detail": [full]}
    request.error = f"Invalid status code: {code}"
    request.error_type = str(detail.get("type"))


def cancelled(request: Request) -> None:
    """It was stopped; nothing is billed."""
    message = "Request was cancelled by the client"
    request.code, request.error, request.error_type = 499, message, "client_cancelled"
    request.output = {"detail": message, "error_type": "client_cancelled"}


def served_size(faults: wanted.Faults, size_bytes: int) -> int:
    """How many bytes a download gets, where faults shorten or pad the file."""
    if "media-short" in faults:
        return size_bytes * 2 // 3
    if "media-big" in faults:
        return max(size_bytes + 16, round(wanted.number(faults, "media-big") * 1_000_000))
    return size_bytes


def _look_at_pictures(request: Request, offer: Offer, own_url: str) -> None:
    """Every picture that the input names, against what its field takes; those of lists are read, too."""
    limits = offer.photo_limits(request.endpoint)
    found = inputs.pictures(request.input, own_url=own_url)
    for field in limits:
        body = inputs.picture(request.input, (field,), own_url=own_url)
        if body is not None and field not in found:
            found[field] = [body]
    for field, bodies in found.items():
        for body in bodies:
            with _opened(field, body) as photo:
                inputs.check_picture(field, _upright(photo), len(body), limits.get(field, {}))


def _opened(field: str, body: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(body))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadInput(field, "image_load_error", "Failed to load the image.") from error


def _upright(photo: Image.Image) -> tuple[int, int]:
    turned = photo.getexif().get(TURNED, 1) >= 5
    return (photo.height, photo.width) if turned else photo.size


def _kept(
    request: Request, name: str, fields: tuple[str, ...], config: SimulatorConfig, own_url: str
) -> tuple[str | None, float | None]:
    """(path of a picture, its width by height), or two Nones where the input names none."""
    body = inputs.picture(request.input, fields, own_url=own_url)
    if body is None:
        return None, None
    folder = config.data_dir / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{request.request_id}-{name}.png"
    try:
        with Image.open(io.BytesIO(body)) as photo:
            if photo.width * photo.height > PHOTO_MAX_PIXELS:
                raise BadInput(fields[0], "image_too_large", "Image dimensions are too large.")
            upright = ImageOps.exif_transpose(photo)
            upright.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
            upright.convert("RGB").save(path, compress_level=1)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadInput(fields[0], "image_load_error", "Failed to load the image.") from error
    return str(path), upright.width / upright.height
