"""A small muted preview of a stored video, made once, after the video is safe."""

import logging

from backend.domain import policy
from backend.domain.errors import MediaError, StorageFull
from backend.media.decode import inspect
from backend.media.partial import folder
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.fetching.one_file import has_pictures
from backend.services.storage.local_copy import local_file
from backend.store.records import videos

log = logging.getLogger(__name__)

#: After this many failures a video goes without a preview; its poster is shown instead.
PREVIEW_TRIES_MAX = 3
#: A bucket that is down or a disk that is full is no failure of the video: looked for again after this.
STORAGE_RETRY_S = 60.0


def make_preview(deps: Deps, claim: Claim) -> None:
    """Make the preview of a stored job's video; without one the take is just as safe."""
    if claim.job.video_id is None:
        claim.defer(due_in_s=None)
        return
    with deps.store.read() as session:
        video = videos.get(session, claim.job.video_id)
    if not has_pictures(video) or video.preview_key is not None or video.preview_tries >= PREVIEW_TRIES_MAX:
        claim.defer(due_in_s=None)
        return
    part = deps.settings.parts_dir / folder.part_name(f"{claim.job.id}--preview", claim.lease_token)
    key = f"previews/{video.sha256}.webm"
    try:
        with local_file(deps, video.key) as source:
            inspect.make_preview(source, part)
        deps.storage.put_file(part, key)
    except FileNotFoundError:  # the sweep will find that, too
        claim.defer(due_in_s=None)
    except StorageFull as error:
        log.warning("no preview yet", extra={"job": claim.job.id, "why": str(error)})
        claim.defer(due_in_s=STORAGE_RETRY_S)
    except MediaError as error:
        log.warning("no preview", extra={"job": claim.job.id, "why": str(error)})
        tries = video.preview_tries + 1
        with deps.store.begin() as session:
            videos.update_video(session, video.id, preview_tries=tries)
        claim.defer(due_in_s=policy.backoff_s(tries) if tries < PREVIEW_TRIES_MAX else None)
    else:
        with deps.store.begin() as session:
            videos.update_video(session, video.id, preview_key=key)
        claim.defer(due_in_s=None)
    finally:
        part.unlink(missing_ok=True)
