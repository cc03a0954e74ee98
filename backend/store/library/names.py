"""What projects and collections are called."""

from collections.abc import Collection as AnyOf

from sqlmodel import Session, col, select

from backend.models import Collection, Project


def list_names(session: Session, ids: AnyOf[str]) -> dict[str, str]:
    """id -> name, of those of these ids that a project or a collection has."""
    found: dict[str, str] = {}
    for kind in (Project, Collection) if ids else ():
        found |= session.exec(select(kind.id, kind.name).where(col(kind.id).in_(ids))).all()
    return found
