"""What sweeps did: one row for each that found something to do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from backend.models import Sweep


def record_sweep(session: Session, *, started_at: datetime, took_s: float, did: dict[str, Any]) -> None:
    """Remember a sweep that did something."""
    session.add(Sweep(started_at=started_at, took_s=took_s, did=did))
    session.flush()


def list_newest(session: Session, *, limit: int) -> Sequence[Sweep]:
    """The last sweeps that did something, newest first."""
    return session.exec(select(Sweep).order_by(col(Sweep.id).desc()).limit(limit)).all()


def delete_before(session: Session, moment: datetime) -> None:
    """Remove what is older than `moment`."""
    session.exec(delete(Sweep).where(col(Sweep.started_at) < moment))
