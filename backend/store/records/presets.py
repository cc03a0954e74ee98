"""Presets: whole forms under a name; and the models that somebody wants to find first."""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import delete, func
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from backend.models import Favourite, Job, Preset
from backend.store.database.locks import acquire_advisory_lock
from backend.store.database.rows import get_row, one_of


def upsert_preset(session: Session, preset: Preset, owners: Sequence[str]) -> Preset:
    """Write a preset, over the one that its owner has under this name. owners: all names of that owner."""
    acquire_advisory_lock(session, f"presets:{preset.owner}")
    same = select(Preset).where(one_of(Preset.owner, owners), Preset.folded == preset.folded)
    known = {found.owner: found.id for found in session.exec(same).all()}
    if known:
        preset.id = known.get(preset.owner) or next(iter(known.values()))
    return session.merge(preset)


def list_visible(session: Session, owners: Sequence[str]) -> Sequence[Preset]:
    """The presets that a person may apply: their own and the team's, by name."""
    return session.exec(_visible(tuple(owners))).all()


@lru_cache(maxsize=128)  # making a query costs more than asking it, and every touch of the form asks
def _visible(owners: tuple[str, ...]) -> SelectOfScalar[Preset]:
    mine = or_(one_of(Preset.owner, owners), col(Preset.shared).is_(True))
    return select(Preset).where(mine).order_by(col(Preset.folded), col(Preset.owner))


def count_owned(session: Session, owners: Sequence[str]) -> int:
    """How many presets a person has."""
    return session.exec(select(func.count()).select_from(Preset).where(one_of(Preset.owner, owners))).one()


def get(session: Session, preset_id: str) -> Preset:
    """The preset; NotFound when there is none with that id."""
    return get_row(session, Preset, preset_id, "There is no preset with that id.")


def delete_preset(session: Session, preset_id: str) -> None:
    """Delete a preset; nothing happens when there is none."""
    session.exec(delete(Preset).where(col(Preset.id) == preset_id))


def list_favourites(session: Session, owners: Sequence[str]) -> Sequence[str]:
    """The models that somebody wants to find first, each once, the oldest choice first."""
    return list(dict.fromkeys(session.exec(_favourites(tuple(owners)))))


@lru_cache(maxsize=128)
def _favourites(owners: tuple[str, ...]) -> SelectOfScalar[str]:
    query = select(Favourite.model).where(one_of(Favourite.owner, owners))
    return query.order_by(col(Favourite.at), col(Favourite.model))


def add_favourite(session: Session, favourite: Favourite) -> None:
    """Add a favourite; nothing changes when it is one."""
    acquire_advisory_lock(session, f"favourites:{favourite.owner}")
    if session.get(Favourite, (favourite.owner, favourite.model)) is None:
        session.add(favourite)


def remove_favourite(session: Session, owners: Sequence[str], model: str) -> None:
    """Remove a favourite; nothing happens when it is none."""
    session.exec(delete(Favourite).where(one_of(Favourite.owner, owners), col(Favourite.model) == model))


def newest_models(session: Session, owners: Sequence[str], *, takes: int) -> Sequence[str]:
    """The models of somebody's newest takes, the newest first, each as often as it was used."""
    return session.exec(_newest_models(tuple(owners), takes)).all()


@lru_cache(maxsize=128)
def _newest_models(owners: tuple[str, ...], takes: int) -> SelectOfScalar[str]:
    return select(Job.model).where(one_of(Job.owner, owners)).order_by(col(Job.id).desc()).limit(takes)


def newest_prompts(session: Session, owners: Sequence[str], *, takes: int) -> Sequence[str]:
    """The prompts of somebody's newest takes, the newest first, each as often as it was used."""
    query = select(Job.prompt).where(one_of(Job.owner, owners)).order_by(col(Job.id).desc()).limit(takes)
    return session.exec(query).all()
