"""Uploads: photos, kept once per owner and content; smaller ones of them for models that take no larger."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from backend.models import Upload
from backend.store.database.locks import acquire_advisory_lock
from backend.store.database.rows import get_row, one_of

#: Where storage keeps photos that were made smaller for a model; nobody chooses from these.
FITTED_FOLDER = "fitted"


def get_or_insert(session: Session, upload: Upload) -> Upload:
    """The row for these bytes: the one that this owner has already, or this one."""
    acquire_advisory_lock(session, f"upload:{upload.owner}:{upload.sha256}")
    same = select(Upload).where(Upload.owner == upload.owner, Upload.sha256 == upload.sha256)
    if (known := session.exec(same).first()) is not None:
        return known
    session.add(upload)
    session.flush()
    return upload


def get(session: Session, upload_id: str) -> Upload:
    """The upload; NotFound when there is none with that id."""
    return get_row(session, Upload, upload_id, "There is no upload with that id.")


def list_by_ids(session: Session, ids: Collection[str]) -> Sequence[Upload]:
    """Those of these uploads that there are."""
    return session.exec(select(Upload).where(col(Upload.id).in_(ids))).all()


def find_by_key(session: Session, owner: str, key: str) -> Upload | None:
    """What this owner has by that name in storage, if anything."""
    return session.exec(select(Upload).where(Upload.owner == owner, Upload.key == key)).first()


def list_newest(session: Session, owners: Sequence[str] | None, *, limit: int) -> Sequence[Upload]:
    """The newest uploads, of these owners or of all, as they were given."""
    query = select(Upload).where(~col(Upload.key).startswith(f"{FITTED_FOLDER}/"))
    if owners is not None:
        query = query.where(one_of(Upload.owner, owners))
    return session.exec(query.order_by(col(Upload.id).desc()).limit(limit)).all()


def set_provider_url(session: Session, upload_id: str, url: str, *, at: datetime) -> None:
    """Where the provider keeps its copy, and since when."""
    one = update(Upload).where(col(Upload.id) == upload_id)
    session.exec(one.values(provider_url=url, provider_url_at=at))
