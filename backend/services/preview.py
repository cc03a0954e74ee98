"""A small muted preview of a stored video, made once, after the video is safe."""

import logging

from backend.domain import policy
from backend.domain.errors import MediaError
from backend.media import parts, probe
from backend.services.claims import Claim, defer
from backend.services.deps import Deps
from backend.store import videos

log = logging.getLogger(__name__)

#: After this many failures a video goes without a preview; its poster is shown instead.
TRIES = 3


def make_preview(deps: Deps, claim: Claim) -> None:
    """Make the preview of a stored job's video; without one the take is just as safe."""
    assert claim.job.video_id is not None
    with deps.store.read() as session:
        video = videos.get(session, claim.job.video_id)
    source = deps.storage.path(video.key)
    if video.preview_key is not None or video.preview_tries >= TRIES or source is None:
        defer(deps, claim, due_in_s=None)
        return
    part = parts.path_for(deps.settings.parts_dir, claim.job.id, claim.owner).with_suffix(".webm")
    key = f"previews/{video.sha256}.webm"
    try:
        probe.make_preview(source, part)
        deps.storage.place(part, key)
    except MediaError as error:
        log.warning("no preview", extra={"job": claim.job.id, "why": str(error)})
        with deps.store.begin() as session:
            videos.amend(session, video.id, preview_tries=video.preview_tries + 1)
        more = video.preview_tries + 1 < TRIES
        defer(deps, claim, due_in_s=policy.backoff_s(video.preview_tries + 1) if more else None)
    else:
        with deps.store.begin() as session:
            videos.amend(session, video.id, preview_key=key)
        defer(deps, claim, due_in_s=None)
    finally:
        part.unlink(missing_ok=True)
