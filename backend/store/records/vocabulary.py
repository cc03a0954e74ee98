"""The team's vocabulary and the versions of its prompt template."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict, Unpack

from sqlalchemy import func, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.models import Job, KeyValue, Template, Trial, VocabularyEntry
from backend.store.database.rows import get_row

#: The fact that says which version of the template is in production.
PRODUCTION = "template_production"


class WordColumns(TypedDict, total=False):
    """The columns of a word that change."""

    label: str
    folded: str
    words: str
    position: int
    poster_key: str | None
    retired_at: datetime | None
    changed_at: datetime
    changed_by: str


_REVISION = columns(
    columns(func.max(Template.version)).scalar_subquery(),
    columns(func.max(VocabularyEntry.changed_at)).scalar_subquery(),
    columns(func.count(col(VocabularyEntry.id))).scalar_subquery(),
    columns(col(KeyValue.value)).where(col(KeyValue.name) == PRODUCTION).scalar_subquery(),
)


def list_words(session: Session) -> Sequence[VocabularyEntry]:
    """Every word, also retired ones, in the order in which they are shown."""
    order = col(VocabularyEntry.axis), col(VocabularyEntry.position), col(VocabularyEntry.id)
    return session.exec(select(VocabularyEntry).order_by(*order)).all()


def current_revision(session: Session) -> tuple[object, ...]:
    """Differs whenever a word or the template has changed."""
    return tuple(session.connection().execute(_REVISION).one())


def get_word(session: Session, word_id: str) -> VocabularyEntry:
    """The word; NotFound when there is none with that id."""
    return get_row(session, VocabularyEntry, word_id, "There is no such word in the vocabulary.")


def update_word(session: Session, word_id: str, **changes: Unpack[WordColumns]) -> VocabularyEntry:
    """Change a word; returns it as it is then."""
    session.exec(update(VocabularyEntry).where(col(VocabularyEntry.id) == word_id).values(**changes))
    return get_word(session, word_id)


def next_position(session: Session, axis: str) -> int:
    """The place behind the last word of an axis."""
    last = select(func.coalesce(func.max(VocabularyEntry.position), -1))
    return session.exec(last.where(VocabularyEntry.axis == axis)).one() + 1


def newest_template(session: Session) -> Template | None:
    """The newest template; None when there is none yet."""
    return session.exec(select(Template).order_by(col(Template.version).desc()).limit(1)).first()


def list_templates(session: Session) -> Sequence[Template]:
    """Every version, the newest first."""
    return session.exec(select(Template).order_by(col(Template.version).desc())).all()


def count_uses(session: Session) -> dict[int, int]:
    """version -> how many takes it made the prompt of; an index knows."""
    query = columns(col(Job.template_version), func.count()).group_by(col(Job.template_version))
    found = session.connection().execute(query.where(col(Job.template_version).is_not(None)))
    return {int(version or 0): number for version, number in found}


def count_experiments(session: Session) -> dict[int, int]:
    """version -> in how many experiments its takes stand; only trials that have a take are read."""
    number = func.count(col(Trial.experiment_id).distinct())
    query = columns(col(Job.template_version), number).join_from(Trial, Job, col(Trial.job_id) == col(Job.id))
    known = col(Trial.job_id).is_not(None), col(Job.template_version).is_not(None)
    found = session.connection().execute(query.where(*known).group_by(col(Job.template_version)))
    return {int(version or 0): experiments for version, experiments in found}
