"""What a machine sees in the stored files of an experiment's takes: measured once each, and kept.

Still and black seconds, flicker, sharpness, and how far length and shape are from what was asked for. They
flag what a person should look at, and don't vote.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.access.roles import Do
from backend.domain.errors import CheckUnfinished, MediaBroken, MediaError
from backend.media.decode.inspect import measure_video
from backend.models import FileCheck
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.view import seen_experiment
from backend.services.gallery.durations import length_asked
from backend.services.storage.local_copy import local_file
from backend.store.experiments import checks
from backend.store.experiments.checks import StoredFile

log = logging.getLogger(__name__)

#: With another version files are measured anew.
VERSION = 1
#: Files that one tick measures: they take about half a second each.
FILES_A_TICK = 4
#: Above these seconds, and this mean of 255, a person should look.
STILL_S, BLACK_S, FLICKER = 1.0, 0.5, 4.0
#: Below this it is a blur, or next to nothing is in it.
SHARPNESS = 1.0
#: A video may be so much shorter or longer than asked, in seconds, and so much wider or narrower, in parts.
LENGTH_S, SHAPE = 0.5, 0.03
#: The name under which stands that a file could not be measured.
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Check:
    """One thing that was measured of a take. name: see `LIMITS`; flagged: should a person look?"""

    take: str
    name: str
    value: float
    flagged: bool


def measure_due_files(deps: Deps, *, limit: int = FILES_A_TICK) -> int:
    """Measure files of experiments that nobody has measured yet; returns how many."""
    due = checks.list_unmeasured(deps.store, version=VERSION, limit=limit)
    return sum(_measure(deps, file) for file in due)


def list_checks(deps: Deps, viewer: Viewer, experiment_id: str) -> list[Check]:
    """What was measured of an experiment's takes so far. Raises NotFound."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        seen_experiment(session, viewer, experiment_id)
        found = checks.list_of(session, experiment_id)
    return [Check(take, row.name, row.value, row.flagged) for take, row in found]


def _measure(deps: Deps, file: StoredFile) -> bool:
    """Measure one; what it is, is kept, also that it can't be read. False: not now."""
    if deps.stopping.is_set():
        return False
    try:
        with local_file(deps, file.key) as path:
            found = {**measure_video(path), **_beside_asked(file)}
    except (MediaBroken, CheckUnfinished, FileNotFoundError):
        found = {UNREADABLE: 1.0}
    except MediaError as error:  # our own disk or machine: another time
        log.warning("a file is not measured now", extra={"video": file.video, "why": str(error)})
        return False
    now = deps.clock.now()
    rows = [
        FileCheck(
            video_id=file.video,
            name=name,
            value=value,
            flagged=is_flagged(name, value),
            version=VERSION,
            at=now,
        )
        for name, value in found.items()
    ]
    with deps.store.begin() as session:
        checks.put(session, file.video, rows)
    return True


def is_flagged(name: str, value: float) -> bool:
    """Should a person look at it?"""
    return {
        "frozen_s": value > STILL_S,
        "black_s": value > BLACK_S,
        "flicker": value > FLICKER,
        "sharpness": value < SHARPNESS,
        "length_off_s": abs(value) > LENGTH_S,
        "shape_off": abs(value) > SHAPE,
        UNREADABLE: True,
    }[name]


def _beside_asked(file: StoredFile) -> dict[str, float]:
    """How much longer it is than asked, in seconds, and how much wider for its height, in parts.

    Nothing of what was not asked for, or is not known.
    """
    found = {}
    seconds = length_asked({}, file.params)
    if seconds and file.duration_s:
        found["length_off_s"] = file.duration_s - seconds
    shape = _shape_asked(file.params)
    if shape and file.width and file.height:
        found["shape_off"] = file.width / file.height / shape - 1
    return found


def _shape_asked(params: Mapping[str, object]) -> float | None:
    """Width by height, of an aspect ratio such as "16:9"; None: it says none."""
    width, _, height = str(params.get("aspect_ratio") or "").partition(":")
    if width.isdecimal() and height.isdecimal() and int(width) and int(height):
        return int(width) / int(height)
    return None
