"""What people have made of takes: read under a lock, and written as differences, many takes at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, delete, select

from backend.domain.library.marks import FAVOURITE, IN, NOTE, PROJECT, RATING, REVIEW, TAG, TRASHED
from backend.domain.library.marks import Difference as Difference
from backend.domain.library.marks import Marks as Marks
from backend.models import CollectionTake, History, LibraryColumns, TakeEdit, TakeOpinion, TakeTag
from backend.store.database.locks import needs_locks
from backend.store.jobs.transitions import JOB_TABLE


class TakeHead(NamedTuple):
    """Whose a take is, where it stands, and what stands about it on its row."""

    id: str
    owner: str
    state: str
    video_id: str | None
    claimed_until: datetime | None
    project_id: str | None
    review: str | None
    review_by: str | None
    review_at: datetime | None
    note: str | None
    trashed_at: datetime | None
    trashed_by: str | None
    emptied_at: datetime | None

    @property
    def is_gone(self) -> bool:
        """Were its files deleted for good?"""
        return self.emptied_at is not None and self.video_id is None


@dataclass(frozen=True)
class MarkedTake:
    """A take, and what people have made of it; opinions are those of one person."""

    head: TakeHead
    marks: Marks
    has_opinion: bool = field(default=False)  #: is there a row of that person's?


class HistoryLine(NamedTuple):
    """What the history of a take says of what people made of it."""

    job_id: str
    event: str
    state: str
    note: str


def lock_heads(session: Session, ids: Collection[str]) -> list[TakeHead]:
    """Those of these takes that there are, by id; nobody else changes them until the transaction ends."""
    query = columns(*(JOB_TABLE.c[name] for name in TakeHead._fields)).where(JOB_TABLE.c.id.in_(ids))
    query = query.order_by(JOB_TABLE.c.id)  # in one order everywhere, or two could wait for each other
    if needs_locks(session):
        query = query.with_for_update(key_share=True)
    return [TakeHead(*row) for row in session.connection().execute(query)]


def lock_takes(session: Session, ids: Collection[str], person: str) -> list[MarkedTake]:
    """The same with all that people have made of them, and what this person thinks of them."""
    heads = lock_heads(session, ids)
    found = [head.id for head in heads]
    marks: dict[str, Marks] = {head.id: _marks_of_row(head) for head in heads}
    mine = col(TakeOpinion.job_id).in_(found), col(TakeOpinion.person) == person
    opinions = {row.job_id: row for row in session.exec(select(TakeOpinion).where(*mine))}
    for job_id, opinion in opinions.items():
        marks[job_id] |= {RATING: opinion.rating, FAVOURITE: opinion.favourite or None}
    for tag in session.exec(select(TakeTag).where(col(TakeTag.job_id).in_(found))):
        marks[tag.job_id][f"{TAG}{tag.folded}"] = [tag.tag, tag.by, tag.at.isoformat()]
    for row in session.exec(select(CollectionTake).where(col(CollectionTake.job_id).in_(found))):
        marks[row.job_id][f"{IN}{row.collection_id}"] = [row.added_by, row.added_at.isoformat()]
    return [MarkedTake(head, marks[head.id], head.id in opinions) for head in heads]


def write_differences(
    session: Session, takes: Sequence[MarkedTake], changed: Mapping[str, Difference], *,
    person: str, at: datetime, history: Sequence[HistoryLine] = (),
) -> None:  # fmt: skip
    """Write what changed of takes that this transaction has locked, and that something did change.

    changed: id -> its difference; takes without one are left alone. person: whose opinions are meant.
    """
    touched = [take for take in takes if changed.get(take.head.id)]
    if not touched:
        return
    _write_opinions(session, touched, changed, person, at)
    _write_rows(session, touched, changed)
    _write_tags(session, changed)
    _write_collections(session, changed)
    note_edits(session, [take.head.id for take in touched], at=at)
    add_history(session, history, by=person, at=at)


def add_history(session: Session, lines: Sequence[HistoryLine], *, by: str, at: datetime) -> None:
    """Lines of takes' histories that tell of no move of a state."""
    if lines:
        rows = [line._asdict() | {"by": by, "at": at} for line in lines]
        session.connection().execute(insert(History), rows)


def note_edits(session: Session, ids: Sequence[str], *, at: datetime) -> None:
    """Tell open pages that something of these takes changed that is no move of their state."""
    if ids:
        session.connection().execute(insert(TakeEdit), [{"job_id": one, "at": at} for one in ids])
        raised = {"edits": JOB_TABLE.c.edits + 1}
        session.connection().execute(update(JOB_TABLE).where(JOB_TABLE.c.id.in_(ids)).values(raised))


def _marks_of_row(head: TakeHead) -> Marks:
    reviewed, trashed = head.review_at, head.trashed_at
    return {
        REVIEW: [head.review, head.review_by, reviewed.isoformat()] if reviewed else None,
        NOTE: head.note,
        PROJECT: head.project_id,
        TRASHED: [head.trashed_by, trashed.isoformat()] if trashed else None,
    }


def _write_opinions(
    session: Session,
    takes: Sequence[MarkedTake],
    changed: Mapping[str, Difference],
    person: str,
    at: datetime,
) -> None:
    new: list[dict[str, Any]] = []
    old: list[dict[str, Any]] = []
    sums: list[dict[str, Any]] = []
    for take in takes:
        difference = changed[take.head.id]
        if not difference.keys() & {RATING, FAVOURITE}:
            continue
        now = take.marks | {key: after for key, (_, after) in difference.items()}
        favourite = bool(now.get(FAVOURITE))
        row = {
            "job_id": take.head.id,
            "rating": now.get(RATING),
            "favourite": favourite,
            "at": at,
        }
        (old if take.has_opinion else new).append(row)
        before, after = difference.get(RATING, (None, None))
        if before != after:
            more = int(after is not None) - int(before is not None)
            sums.append({"the_id": take.head.id, "points": (after or 0) - (before or 0), "more": more})
    if new:
        session.connection().execute(insert(TakeOpinion), [row | {"person": person} for row in new])
    if old:
        known = {"the_id": bindparam("the_id"), "person": person}
        table = TakeOpinion.__table__  # type: ignore[attr-defined]  # SQLModel gives it one
        one = update(table).where(table.c.job_id == known["the_id"], table.c.person == known["person"])
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("rating", "favourite", "at")}
        given = [{"the_id": row["job_id"], **{f"new_{name}": row[name] for name in values}} for row in old]
        session.connection().execute(one.values(values), given)
    if sums:
        added = {
            "rating_sum": JOB_TABLE.c.rating_sum + bindparam("points"),
            "rating_count": JOB_TABLE.c.rating_count + bindparam("more"),
        }
        one = update(JOB_TABLE).where(JOB_TABLE.c.id == bindparam("the_id"))
        session.connection().execute(one.values(added), sums)


def _write_rows(session: Session, takes: Sequence[MarkedTake], changed: Mapping[str, Difference]) -> None:
    """What stands on the takes' own rows; takes that change in the same columns go together."""
    batches: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for take in takes:
        values = _row_values(changed[take.head.id])
        if values:
            given = {f"new_{name}": value for name, value in values.items()}
            batches.setdefault(tuple(sorted(values)), []).append({"the_id": take.head.id, **given})
    for names, given_all in batches.items():
        one = update(JOB_TABLE).where(JOB_TABLE.c.id == bindparam("the_id"))
        said = {name: bindparam(f"new_{name}", type_=JOB_TABLE.c[name].type) for name in names}
        session.connection().execute(one.values(said), given_all)


def _row_values(difference: Difference) -> LibraryColumns:
    values: LibraryColumns = {}
    for key, (_, after) in difference.items():
        if key == REVIEW:
            state, by, at = after or (None, None, None)
            values |= {"review": state, "review_by": by, "review_at": at and datetime.fromisoformat(at)}
        elif key == TRASHED:
            by, at = after or (None, None)
            values |= {"trashed_by": by, "trashed_at": at and datetime.fromisoformat(at), "emptied_at": None}
        elif key == NOTE:
            values["note"] = after
        elif key == PROJECT:
            values["project_id"] = after
    return values


def _write_tags(session: Session, changed: Mapping[str, Difference]) -> None:
    gone, new = _with_prefix(changed, TAG)
    for names, ids in gone.items():
        session.exec(delete(TakeTag).where(col(TakeTag.job_id).in_(ids), col(TakeTag.folded).in_(names)))
    rows = [
        {"job_id": job_id, "folded": folded, "tag": tag, "by": by, "at": datetime.fromisoformat(at)}
        for job_id, folded, (tag, by, at) in new
    ]
    if rows:
        session.connection().execute(insert(TakeTag), rows)


def _write_collections(session: Session, changed: Mapping[str, Difference]) -> None:
    gone, new = _with_prefix(changed, IN)
    for names, ids in gone.items():
        inside = col(CollectionTake.job_id).in_(ids), col(CollectionTake.collection_id).in_(names)
        session.exec(delete(CollectionTake).where(*inside))
    rows = [
        {"job_id": job_id, "collection_id": its, "added_by": by, "added_at": datetime.fromisoformat(at)}
        for job_id, its, (by, at) in new
    ]
    if rows:
        session.connection().execute(insert(CollectionTake), rows)


def _with_prefix(
    changed: Mapping[str, Difference], prefix: str
) -> tuple[dict[tuple[str, ...], list[str]], list[tuple[str, str, list[str]]]]:
    """(names that are removed -> the takes of which, what is put in: take, name, value); a change is both."""
    gone: dict[tuple[str, ...], list[str]] = {}
    new: list[tuple[str, str, list[str]]] = []
    for job_id, difference in changed.items():
        its = {key.removeprefix(prefix): pair for key, pair in difference.items() if key.startswith(prefix)}
        removed = tuple(sorted(name for name, (before, _) in its.items() if before is not None))
        if removed:
            gone.setdefault(removed, []).append(job_id)
        new += [(job_id, name, after) for name, (_, after) in its.items() if after is not None]
    return gone, new
