"""What is posted for a job: its payload, with each photo as a link at the provider, or inside the request."""

import logging
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from backend.catalogue.photo_limits import PhotoLimits, parse_limits
from backend.domain.errors import MediaError, ProviderRefused, ProviderUnsent
from backend.models import Job, Upload
from backend.providers.base import Provider
from backend.services.deps import Deps
from backend.services.takes.fitted_photos import fitted_photo
from backend.store.records import uploads

log = logging.getLogger(__name__)

#: A link at the provider is used again while it is younger than this; then the photo goes up anew.
LINK_REUSED_FOR = timedelta(days=5)
#: Where a provider takes no uploads, a photo travels inside the request, no larger than this.
INLINE_MAX_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class ProviderPayload:
    """What is posted for a job. links: field -> the photo's link there; none, or None in a list: inlined."""

    payload: dict[str, Any]
    link: str | None
    links: dict[str, str | list[str | None]]


def provider_payload(deps: Deps, provider: Provider, job: Job) -> ProviderPayload:
    """What is posted for a job, photos in the model's own fields, made smaller where it takes no larger.

    Raises:
        ProviderUnsent: a photo is not to be had now. ProviderRefused: one can't be made to fit.
    """
    known = _photo_limits(deps, job.model)
    images, first = dict(job.images or {}), job.image_field if job.image else None
    if first:
        images[first] = job.image
    payload, links = dict(job.payload), dict[str, Any]()
    for field, image in images.items():
        several = isinstance(image, list)
        limits = parse_limits(known.get(field))
        pairs = [_sendable(deps, provider, limits, one) for one in (image if several else [image])]
        sent, handed = [value for value, _ in pairs], [link for _, link in pairs]
        payload[field] = sent if several else sent[0]
        if several or handed[0] is not None:
            links[field] = handed if several else handed[0]
    return ProviderPayload(payload, links.pop(first, None) if first else None, links)


def _photo_limits(deps: Deps, model_id: str) -> Mapping[str, Any]:
    """What is known of the fields of a model; nothing of one that has gone from the catalogue."""
    try:
        return deps.catalogue.get(model_id).photo_limits
    except KeyError:
        return {}


def _sendable(deps: Deps, provider: Provider, limits: PhotoLimits, image: str) -> tuple[str, str | None]:
    """What stands for a photo in a request, and its link (None when it is inlined)."""
    if image.startswith(("https://", "http://")):
        return image, image
    with deps.store.read() as session:
        given = uploads.get(session, image)
    upload = fitted_photo(deps, given, limits)
    link = _fresh_link(deps, upload) or _hand_over(deps, provider, upload)
    if link is not None:
        return link, link
    inside = replace(limits, max_bytes=min(limits.max_bytes or INLINE_MAX_BYTES, INLINE_MAX_BYTES))
    return _inlined(deps, fitted_photo(deps, given, inside)), None


def _fresh_link(deps: Deps, upload: Upload) -> str | None:
    if upload.provider_url is None or upload.provider_url_at is None:
        return None
    return upload.provider_url if deps.clock.now() - upload.provider_url_at < LINK_REUSED_FOR else None


def _hand_over(deps: Deps, provider: Provider, upload: Upload) -> str | None:
    """Upload the photo to the provider; None when it takes no uploads."""
    try:
        link = provider.upload(_content(deps, upload), upload.content_type, Path(upload.key).name)
    except ProviderRefused as error:
        log.info("photo goes inside the request", extra={"upload": upload.id, "why": str(error)})
        return None
    with deps.store.begin() as session:
        uploads.set_provider_url(session, upload.id, link, at=deps.clock.now())
    return link


def _inlined(deps: Deps, upload: Upload) -> str:
    return f"data:{upload.content_type};base64,{b64encode(_content(deps, upload)).decode()}"


def _content(deps: Deps, upload: Upload) -> bytes:
    try:
        with deps.storage.open(upload.key) as file:
            return file.read()
    except (OSError, MediaError) as error:  # not there, or our bucket is away: that may pass
        why = f": {error}" if isinstance(error, MediaError) else "."
        message = f"The photo {upload.file_name!r} can't be read from our storage{why}"
        raise ProviderUnsent(message, code="photo_missing") from error
