"""Hash stored files against the database; what is missing or altered is fetched again."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.models import Video
from backend.services.deps import Deps
from backend.services.sweep import mark_missing
from backend.store import videos

#: Read in pieces of this size.
CHUNK_BYTES = 1024 * 1024
BATCH = 100


@dataclass
class Verified:
    """What was found. bad: a line for each file that is missing or altered."""

    checked: int = 0
    whole: int = 0
    bad: list[str] = field(default_factory=list)


def verify_all(deps: Deps, *, told: Callable[[str], None]) -> Verified:
    """Hash every stored video. Afterwards each bad one is marked missing and its take is due for a fetch."""
    found, last_id = Verified(), ""
    while True:
        with deps.store.read() as session:
            batch = videos.after(session, last_id, limit=BATCH)
        if not batch:
            return found
        for video in batch:
            _verify(deps, video, found)
            told(f"{found.checked} files, {len(found.bad)} bad")
        last_id = batch[-1].id


def _verify(deps: Deps, video: Video, found: Verified) -> None:
    found.checked += 1
    sha256 = _sha256(deps, video.key)
    if sha256 == video.sha256:
        found.whole += 1
        with deps.store.begin() as session:
            videos.amend(session, video.id, checked_at=deps.clock.now(), missing_at=None)
        return
    what = "is missing" if sha256 is None else "is altered"
    found.bad.append(f"{video.key} {what}; it is fetched again while the provider has it")
    if sha256 is not None:
        deps.storage.remove(video.key)
    with deps.store.begin() as session:
        mark_missing(deps, session, video.id)


def _sha256(deps: Deps, key: str) -> str | None:
    digest = hashlib.sha256()
    try:
        with deps.storage.open(key) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
