"""A take as a row of data: every field that somebody who counts, sorts or trains with takes needs, flat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import partial
from typing import Any

from backend.domain.library.review import short_id
from backend.domain.prompt import AXES
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.pictures import ratio_of
from backend.services.gallery.provider_said import provider_said
from backend.services.gallery.takes import Take
from backend.services.library.about import AboutTake, describe_takes
from backend.services.money.charges import Charge, charge_of, told_trouble
from backend.store.library import names

#: A take by its columns' names.
TakeRow = Mapping[str, Any]


class Kind(Enum):
    """What a column holds; None in any of them: not known, or there is none."""

    TEXT = auto()
    WHOLE = auto()
    NUMBER = auto()
    MOMENT = auto()
    FLAG = auto()
    TEXTS = auto()  #: a list of texts
    VALUE = auto()  #: anything that JSON holds


@dataclass(frozen=True)
class Told:
    """What a row is made of. names: of projects and collections, by id."""

    take: Take
    about: AboutTake
    charge: Charge
    names: Mapping[str, str]
    now: datetime

    @property
    def job(self) -> Job:
        """Its row."""
        return self.take.job


@dataclass(frozen=True)
class NamedKind:
    """A column of any table."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Column(NamedKind):
    """A column, and how a take fills it."""

    read: Callable[[Told], Any]


def _job(kind: Kind, *names: str) -> list[Column]:
    """Columns of the job, as they are."""
    return [Column(name, kind, partial(_of_job, name)) for name in names]


def _of_job(name: str, told: Told) -> Any:
    return getattr(told.job, name)


def _file(kind: Kind, *names: str) -> list[Column]:
    """Columns of the main file; sizes and lengths that nobody knows are empty."""
    return [Column(name, kind, partial(_of_file, name)) for name in names]


def _of_file(name: str, told: Told) -> Any:
    value = None if told.take.video is None else getattr(told.take.video, name)
    return None if value == 0 else value


def _param(name: str) -> Column:
    """What the request says under this name, as text: models want numbers, or words, by the same name."""

    def read(told: Told) -> str | None:
        value = told.job.params.get(name)
        return None if value is None else str(value)

    return Column(name, Kind.TEXT, read)


def _style(axis: str, told: Told) -> str | None:
    return told.job.style.get(axis)


def _trouble(told: Told, name: str) -> str | None:
    trouble = told_trouble(told.job, told.charge)
    value = None if trouble is None else getattr(trouble, name)
    return None if value is None else str(value)


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else round((end - begin).total_seconds(), 3)


#: In the order of a file.
COLUMNS: Sequence[Column] = (
    *_job(Kind.TEXT, "id"),
    Column("short_id", Kind.TEXT, lambda told: short_id(told.job.id)),
    Column("status", Kind.TEXT, lambda told: told.take.status),
    *_job(Kind.TEXT, "state", "owner"),
    *_job(Kind.MOMENT, "created_at", "submitted_at", "started_at", "rendered_at", "ended_at"),
    Column("elapsed_s", Kind.NUMBER, lambda told: round(told.take.elapsed_s(told.now), 3)),
    Column("queued_s", Kind.NUMBER, lambda told: _seconds(told.job.submitted_at, told.job.started_at)),
    Column("rendering_s", Kind.NUMBER, lambda told: _seconds(told.job.started_at, told.job.rendered_at)),
    Column("project", Kind.TEXT, lambda told: told.names.get(told.about.project or "")),
    Column("project_id", Kind.TEXT, lambda told: told.about.project),
    Column("collections", Kind.TEXTS, lambda told: [told.names[one] for one in told.about.collections]),
    Column("tags", Kind.TEXTS, lambda told: list(told.about.tags)),
    Column("note", Kind.TEXT, lambda told: told.about.note),
    Column("review", Kind.TEXT, lambda told: str(told.about.review)),
    Column("review_by", Kind.TEXT, lambda told: told.about.review_by),
    Column("review_at", Kind.MOMENT, lambda told: told.about.review_at),
    Column("rating_mean", Kind.NUMBER, lambda told: told.about.mean),
    Column("rating_count", Kind.WHOLE, lambda told: told.about.count),
    Column("rating_mine", Kind.WHOLE, lambda told: told.about.mine),
    Column("favourite", Kind.FLAG, lambda told: told.about.favourite),
    *_job(Kind.TEXT, "provider", "model", "prompt", "sent_prompt"),
    *_job(Kind.WHOLE, "template_version"),
    *_job(Kind.VALUE, "variables"),
    *(Column(f"style_{axis}", Kind.TEXT, partial(_style, axis)) for axis in AXES),
    _param("seed"),
    Column("returned_seed", Kind.WHOLE, lambda told: provider_said(told.job).seed),
    Column("returned_prompt", Kind.TEXT, lambda told: provider_said(told.job).prompt),
    Column("ratio", Kind.TEXT, lambda told: ratio_of(told.job, told.take.video)),
    _param("resolution"),
    *_job(Kind.VALUE, "params"),
    *_job(Kind.TEXT, "image"),
    *_job(Kind.VALUE, "images"),
    *_job(Kind.TEXT, "parent_id"),
    Column("made_from", Kind.TEXTS, lambda told: [one.take for one in told.about.made_from]),
    Column("led_to", Kind.TEXTS, lambda told: [one.take for one in told.about.led_to]),
    *_job(Kind.TEXT, "request_id"),
    Column("error_code", Kind.TEXT, lambda told: _trouble(told, "code")),
    Column("error_message", Kind.TEXT, lambda told: _trouble(told, "message")),
    Column("charged", Kind.TEXT, lambda told: _trouble(told, "charged")),
    *_job(Kind.NUMBER, "estimate_usd"),
    Column("billed_usd", Kind.NUMBER, lambda told: told.charge.billed_usd),
    Column("cost_state", Kind.TEXT, lambda told: str(told.charge.state)),
    Column("cost", Kind.TEXT, lambda told: told.charge.words),
    Column("file_count", Kind.WHOLE, lambda told: sum(file.here for file in told.take.files)),
    Column("file_kind", Kind.TEXT, lambda told: told.take.video and told.take.video.kind),
    *_file(Kind.TEXT, "content_type"),
    *_file(Kind.WHOLE, "size_bytes", "width", "height"),
    *_file(Kind.NUMBER, "duration_s", "fps"),
    *_file(Kind.TEXT, "sha256"),
    *_job(Kind.MOMENT, "trashed_at"),
)


def tell_rows(deps: Deps, viewer: Viewer, takes: Sequence[Take]) -> list[dict[str, Any]]:
    """These takes as rows, of what this viewer was given to see."""
    about = describe_takes(deps, viewer, [take.job for take in takes])
    groups = {one for its in about.values() for one in (*its.collections, its.project) if one}
    now, reads = deps.clock.now(), deps.settings.reads_bills
    with deps.store.read() as session:
        named = names.list_names(session, groups)
    told = [
        Told(take, about[take.job.id], charge_of(take.job, reads_events=reads), named, now) for take in takes
    ]
    return [{column.name: column.read(one) for column in COLUMNS} for one in told]
