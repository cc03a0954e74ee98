"""What changes of many takes changed, kept so that they can be taken back: a row a transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from backend.domain.library.marks import Difference
from backend.models import UndoStep
from backend.store.database.rows import insert_row


def add_step(
    session: Session, step_id: str, *, by: str, at: datetime, changes: Mapping[str, Difference]
) -> None:
    """Keep what one transaction changed. step_id: the change's own id, a dot, and the step's number."""
    kept = {its: {key: list(pair) for key, pair in one.items()} for its, one in changes.items()}
    insert_row(session, UndoStep(id=step_id, by=by, at=at, changes=kept))


def list_steps(session: Session, undo_id: str, *, by: str) -> Sequence[UndoStep]:
    """The steps of a change that this person made, the latest first."""
    its = col(UndoStep.id) > f"{undo_id}.", col(UndoStep.id) < f"{undo_id}/"
    query = select(UndoStep).where(*its, UndoStep.by == by)
    return session.exec(query.order_by(col(UndoStep.id).desc())).all()


def take_step(session: Session, step_id: str) -> UndoStep | None:
    """The step, which is taken back only once: nobody else gets it. None: it is gone."""
    found = session.scalars(delete(UndoStep).where(col(UndoStep.id) == step_id).returning(UndoStep))
    return found.one_or_none()


def has_before(session: Session, at: datetime) -> bool:
    """Is there a step from before that moment?"""
    return session.exec(select(UndoStep.id).where(col(UndoStep.at) < at).limit(1)).first() is not None


def delete_before(session: Session, at: datetime) -> int:
    """Forget what was changed before that moment; returns how many steps that were."""
    done = session.connection().execute(delete(UndoStep).where(col(UndoStep.at) < at))
    return int(done.rowcount)
