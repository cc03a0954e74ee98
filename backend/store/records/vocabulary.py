"""The team's vocabulary and the versions of its prompt template."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.errors import NotFound
from backend.models import Template, Word
from backend.store.fast.row_insert import insert_row

_REVISION = columns(
    columns(func.max(Template.version)).scalar_subquery(),
    columns(func.max(Word.changed_at)).scalar_subquery(),
    columns(func.count(col(Word.id))).scalar_subquery(),
)


def words(session: Session) -> Sequence[Word]:
    """Every word, also retired ones, in the order in which they are shown."""
    return session.exec(select(Word).order_by(col(Word.axis), col(Word.position), col(Word.id))).all()


def revision(session: Session) -> tuple[object, ...]:
    """Differs whenever a word or the template has changed."""
    return tuple(session.connection().execute(_REVISION).one())


def add_word(session: Session, word: Word) -> None:
    """Put a new word in."""
    insert_row(session, word)


def get_word(session: Session, word_id: str) -> Word:
    """The word.

    Raises:
        NotFound: there is none with that id.
    """
    word = session.get(Word, word_id, populate_existing=True)
    if word is None:
        raise NotFound("There is no such word in the vocabulary.")
    return word


def change_word(session: Session, word_id: str, **values: Any) -> Word:
    """Change a word; returns it as it is then."""
    session.exec(update(Word).where(col(Word.id) == word_id).values(**values))
    return get_word(session, word_id)


def next_position(session: Session, axis: str) -> int:
    """The place behind the last word of an axis."""
    return session.exec(select(func.coalesce(func.max(Word.position), -1)).where(Word.axis == axis)).one() + 1


def template(session: Session) -> Template | None:
    """The newest template; None when there is none yet."""
    return session.exec(select(Template).order_by(col(Template.version).desc()).limit(1)).first()


def templates(session: Session) -> Sequence[Template]:
    """Every version, the newest first."""
    return session.exec(select(Template).order_by(col(Template.version).desc())).all()


def add_template(session: Session, version: Template) -> None:
    """Put a new version in."""
    insert_row(session, version)
