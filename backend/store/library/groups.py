"""Projects and collections: names, and how many takes each has. A take is in one project, or in none."""

from collections.abc import Collection as AnyOf
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, update
from sqlmodel import Session, col, select

from backend.domain.errors import NotFound
from backend.models import Collection, CollectionTake, Job, Project
from backend.store.database.locks import acquire_advisory_lock, needs_locks
from backend.store.database.rows import insert_row, one_of

#: A project or a collection.
Group = Project | Collection


def list_groups(session: Session, kind: type[Group]) -> Sequence[Group]:
    """All of a kind, by name."""
    table: Any = kind
    found: Sequence[Group] = session.exec(select(table).order_by(table.folded)).all()
    return found


def get_group(session: Session, kind: type[Group], group_id: str, *, alone: bool = False) -> Group:
    """The one with this id, which stays until the transaction ends if that writes.

    alone: and until then nobody puts a take in.

    Raises:
        NotFound: there is none.
    """
    table: Any = kind
    query = select(table).where(table.id == group_id)
    if needs_locks(session):
        query = query.with_for_update() if alone else query.with_for_update(read=True, key_share=True)
    found: Group | None = session.exec(query).first()
    if found is None:
        raise NotFound(f"There is no {kind.__tablename__} with that id.")
    return found


def find_known(session: Session, kind: type[Group], ids: AnyOf[str]) -> set[str]:
    """Those of these ids that a group of this kind has; nothing keeps them from being deleted next."""
    return set(session.exec(select(kind.id).where(col(kind.id).in_(ids))))


def find_unknown(session: Session, kind: type[Group], ids: AnyOf[str]) -> list[str]:
    """Those of these ids that no group of this kind has; the others stay until the transaction ends."""
    query = select(kind.id).where(col(kind.id).in_(ids)).order_by(col(kind.id))
    if needs_locks(session):
        query = query.with_for_update(read=True, key_share=True)
    known = set(session.exec(query))
    return sorted(set(ids) - known)


def is_named(session: Session, kind: type[Group], folded: str) -> bool:
    """Has one of this kind that name? Nobody else gives a name until the transaction ends."""
    acquire_advisory_lock(session, f"names:{kind.__tablename__}")
    return session.exec(select(kind.id).where(kind.folded == folded)).first() is not None


def put_new_take(session: Session, ids: Sequence[str], job_id: str, *, by: str, at: datetime) -> None:
    """Put a take that this transaction makes into these collections, as far as they are still there."""
    gone = find_unknown(session, Collection, ids)
    its = {"job_id": job_id, "added_by": by, "added_at": at}
    rows = [{"collection_id": one, **its} for one in dict.fromkeys(ids) if one not in gone]
    if rows:
        session.connection().execute(insert(CollectionTake), rows)


def add_group(session: Session, row: Group) -> None:
    """Put one in whose name is free."""
    insert_row(session, row)


def rename_group(session: Session, kind: type[Group], group_id: str, *, name: str, folded: str) -> None:
    """Give it another name, which is free."""
    session.exec(update(kind).where(col(kind.id) == group_id).values(name=name, folded=folded))


def delete_group(session: Session, kind: type[Group], group_id: str) -> None:
    """Delete it once it has no take."""
    session.exec(delete(kind).where(col(kind.id) == group_id))


def takes_of(session: Session, kind: type[Group], group_id: str, *, limit: int) -> list[str]:
    """Ids of takes in it, also of those in the trash."""
    if kind is Project:
        query = select(Job.id).where(Job.project_id == group_id)
    else:
        query = select(CollectionTake.job_id).where(CollectionTake.collection_id == group_id)
    return list(session.exec(query.limit(limit)))


def count_takes(
    session: Session, kind: type[Group], *, owners: Sequence[str] | None, only: str | None = None
) -> dict[str, int]:
    """id -> number of its takes that are not in the trash, of these owners or of all."""
    if kind is Project:
        its, query = col(Job.project_id), select(col(Job.project_id), func.count())
        query = query.where(its.is_not(None))
    else:
        its = col(CollectionTake.collection_id)
        query = select(its, func.count()).join(Job, col(Job.id) == col(CollectionTake.job_id))
    query = query.where(col(Job.trashed_at).is_(None))
    if owners is not None:
        query = query.where(one_of(Job.owner, owners))
    if only is not None:
        query = query.where(its == only)
    return {group_id: number for group_id, number in session.exec(query.group_by(its)) if group_id}
