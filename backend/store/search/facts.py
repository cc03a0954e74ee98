"""All that takes are found by, read from their rows: what the index is made of, and what holds where it lags.

Numbers are whole, so that index and rows never disagree: `rating` in thousandths of a star, `cost` in
hundredths of a cent, `length` in hundredths of a second.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from backend.domain import words
from backend.domain.library.ratio import ratio_of
from backend.domain.states import ACTIVE_STATES, JobState
from backend.domain.trouble import was_free
from backend.models import CollectionTake, Job, TakeOpinion, TakeTag, Upload, Video

RATING_UNITS, COST_UNITS, LENGTH_UNITS = 1_000, 10_000, 100
#: Ids in one statement.
CHUNK = 500
#: Ended without a video: what says of itself that it was free cost nothing.
_MAY_BE_FREE = frozenset({JobState.FAILED, JobState.CANCELLED})

_COLUMNS = (
    Job.id, Job.owner, Job.provider, Job.model, Job.state, Job.prompt, Job.sent_prompt, Job.style, Job.params,
    Job.image, Job.images, Job.request_id, Job.error, Job.created_at, Job.estimate_usd, Job.billed_usd,
    Job.billed_units, Job.project_id, Job.review, Job.note, Job.trashed_at, Job.rating_sum, Job.rating_count,
    Video.width, Video.height, Video.duration_s,
)  # fmt: skip


_IDS: Any = bindparam("ids", expanding=True)
_TAKES: Any = (
    select(*_COLUMNS)  # type: ignore[call-overload]  # too many columns for its overloads
    .outerjoin(Video, col(Video.id) == col(Job.video_id))
    .where(col(Job.id).in_(_IDS))
)
_TAGS = select(TakeTag.job_id, TakeTag.folded, TakeTag.tag).where(col(TakeTag.job_id).in_(_IDS))
_LINKS = select(CollectionTake.job_id, CollectionTake.collection_id).where(
    col(CollectionTake.job_id).in_(_IDS)
)
_LIKED = select(TakeOpinion.job_id, TakeOpinion.person).where(
    col(TakeOpinion.job_id).in_(_IDS), col(TakeOpinion.favourite)
)


@dataclass
class TakeFacts:
    """What a take is found by. `row`: its columns of `job` and of its main file."""

    row: Any
    tags: dict[str, str] = field(default_factory=dict)  #: as folded -> as written
    collections: set[str] = field(default_factory=set)
    favourite_of: set[str] = field(default_factory=set)
    file_names: list[str] = field(default_factory=list)  #: of the photos that were given

    @property
    def id(self) -> str:
        """The take's id."""
        found: str = self.row.id
        return found

    @property
    def created_at(self) -> datetime:
        """When it was asked for."""
        at: datetime = self.row.created_at
        return at

    @property
    def has_error(self) -> bool:
        """Did it end, or stop, with one? What is tried again is none."""
        return bool(self.row.error) and self.row.state not in ACTIVE_STATES

    @property
    def rating(self) -> int | None:
        """The team's mean."""
        count = self.row.rating_count
        return round(self.row.rating_sum * RATING_UNITS / count) if count else None

    @property
    def cost(self) -> int | None:
        """What was billed, else the estimate."""
        row = self.row
        usd = row.estimate_usd if row.billed_usd is None else row.billed_usd
        if row.billed_usd is None and row.billed_units is None and row.state in _MAY_BE_FREE:
            usd = 0.0 if was_free(row.error) else usd
        return None if usd is None else round(max(0.0, usd) * COST_UNITS)

    @property
    def length(self) -> int | None:
        """How long its main file plays."""
        return round(self.row.duration_s * LENGTH_UNITS) if self.row.duration_s else None

    @property
    def ratio(self) -> str | None:
        """As asked for, else of the file."""
        return ratio_of(self.row.params or {}, self.row.width, self.row.height)

    @cached_property
    def style(self) -> set[tuple[str, str]]:
        """(axis, label), without case."""
        return {style_part(axis, label) for axis, label in (self.row.style or {}).items()}

    @cached_property
    def first_words(self) -> set[str]:
        """The words by which it is found for ever."""
        row = self.row
        return words.index_terms(row.prompt, row.sent_prompt, row.model, row.owner, *self.file_names)

    @property
    def later_words(self) -> set[str]:
        """Those that people may change."""
        return words.index_terms(self.row.note or "", *self.tags, *self.tags.values())


def style_part(axis: str, label: str) -> tuple[str, str]:
    """A part of a style, without case."""
    return axis, words.fold_text(str(label)).strip()


def load_facts(session: Session, ids: Iterable[str]) -> list[TakeFacts]:
    """What these takes are found by, in the order of the ids; of those that are there."""
    asked = list(dict.fromkeys(ids))
    found: dict[str, TakeFacts] = {}
    for begin in range(0, len(asked), CHUNK):
        some = asked[begin : begin + CHUNK]
        found |= _load(session, some)
    return [found[one] for one in asked if one in found]


def _load(session: Session, ids: Sequence[str]) -> dict[str, TakeFacts]:
    these = {"ids": list(ids)}
    found = {row.id: TakeFacts(row) for row in session.exec(_TAKES, params=these)}
    for job_id, folded, tag in session.exec(_TAGS, params=these):
        if job_id in found:
            found[job_id].tags[folded] = tag
    for job_id, collection_id in session.exec(_LINKS, params=these):
        if job_id in found:
            found[job_id].collections.add(collection_id)
    for job_id, person in session.exec(_LIKED, params=these):
        if job_id in found:
            found[job_id].favourite_of.add(person)
    _name_photos(session, found.values())
    return found


def _name_photos(session: Session, found: Iterable[TakeFacts]) -> None:
    """What the photos were called that people gave; a link's name is none of theirs."""
    given = {one.id: _photos(one.row) for one in found}
    ids = sorted({photo for photos in given.values() for photo in photos})
    names: dict[str, str] = {}
    for begin in range(0, len(ids), CHUNK):
        query = select(Upload.id, Upload.file_name).where(col(Upload.id).in_(ids[begin : begin + CHUNK]))
        names.update(session.exec(query).all())
    for one in found:
        one.file_names = [names[photo] for photo in given[one.id] if photo in names]


def _photos(row: Any) -> list[str]:
    """The uploads that a take was given."""
    given = [row.image, *(row.images or {}).values()]
    flat = [one for some in given for one in (some if isinstance(some, list) else [some])]
    return [one for one in flat if isinstance(one, str) and ":" not in one]
