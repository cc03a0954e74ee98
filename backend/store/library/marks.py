"""What people made of some takes, for their cards: tags, collections, opinions."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import BindParameter, bindparam
from sqlmodel import Session, col, select

from backend.models import CollectionTake, TakeOpinion, TakeTag

#: Written once: every card asks, and making a query costs more than asking it.
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_TAGS = select(TakeTag.job_id, TakeTag.tag).where(col(TakeTag.job_id).in_(_IDS)).order_by(TakeTag.folded)
_INSIDE = (
    select(CollectionTake.job_id, CollectionTake.collection_id)
    .where(col(CollectionTake.job_id).in_(_IDS))
    .order_by(CollectionTake.collection_id)
)
_OPINIONS = select(TakeOpinion).where(
    col(TakeOpinion.job_id).in_(_IDS),
    col(TakeOpinion.person).in_(bindparam("persons", expanding=True)),
)


@dataclass
class Marks:
    """Of one take: its tags as they were typed, and the ids of its collections, both in order."""

    tags: list[str] = field(default_factory=list)
    collections: list[str] = field(default_factory=list)


def load_marks(session: Session, job_ids: Sequence[str]) -> dict[str, Marks]:
    """Of each of these takes; one without any is there all the same."""
    found: dict[str, Marks] = {job_id: Marks() for job_id in job_ids}
    asked = {"ids": list(job_ids)}
    for job_id, tag in session.exec(_TAGS, params=asked):
        found[job_id].tags.append(tag)
    for job_id, collection_id in session.exec(_INSIDE, params=asked):
        found[job_id].collections.append(collection_id)
    return found


def load_opinions(
    session: Session, job_ids: Sequence[str], persons: Collection[str]
) -> dict[str, dict[str, TakeOpinion]]:
    """person -> take -> what they think of it, where they think anything."""
    found: dict[str, dict[str, TakeOpinion]] = defaultdict(dict)
    for opinion in session.exec(_OPINIONS, params={"ids": list(job_ids), "persons": list(persons)}):
        found[opinion.person][opinion.job_id] = opinion
    return found
