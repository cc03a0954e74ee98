"""What people have made of takes, as it is told of them: five questions for a page, however long it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.domain.library.origin import Origin
from backend.domain.library.review import ReviewState
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.store.library import origins
from backend.store.library.marks import load_marks, load_opinions


@dataclass(frozen=True)
class AboutTake:
    """What people have made of one take. mine, favourite: the viewer's own. mean: None: nobody rated it.

    review_by, review_at: None: nobody has reviewed it yet.
    """

    project: str | None
    collections: tuple[str, ...]
    tags: tuple[str, ...]
    note: str | None
    review: ReviewState
    review_by: str | None
    review_at: datetime | None
    mine: int | None
    mean: float | None
    count: int
    favourite: bool
    trashed_at: datetime | None
    made_from: tuple[Origin, ...]
    led_to: tuple[Origin, ...]


def describe_takes(deps: Deps, viewer: Viewer, jobs: Sequence[Job]) -> Mapping[str, AboutTake]:
    """take -> what people have made of it, of takes that this viewer was given to see."""
    ids, names = [job.id for job in jobs], viewer.visible_names
    if not ids:
        return {}
    with deps.store.read() as session:
        opinions = load_opinions(session, ids, [viewer.name]).get(viewer.name, {})
        marks = load_marks(session, ids)
        made_from = origins.made_from(session, ids, owners=names)
        led_to = origins.led_to(session, ids, owners=names)
    told = {}
    for job in jobs:
        mine = opinions.get(job.id)
        told[job.id] = AboutTake(
            project=job.project_id,
            collections=tuple(marks[job.id].collections),
            tags=tuple(marks[job.id].tags),
            note=job.note,
            review=ReviewState(job.review or ReviewState.NONE),
            review_by=job.review_by,
            review_at=job.review_at,
            mine=mine.rating if mine else None,
            mean=job.rating_sum / job.rating_count if job.rating_count else None,
            count=job.rating_count,
            favourite=bool(mine and mine.favourite),
            trashed_at=job.trashed_at,
            made_from=tuple(made_from.get(job.id, ())),
            led_to=tuple(led_to.get(job.id, ())),
        )
    return told
