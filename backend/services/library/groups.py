"""Projects and collections: what takes are put together in. Deleting either deletes no take."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, NotAllowed, StateConflict
from backend.domain.library.marks import IN, PROJECT, fold_name
from backend.domain.text import clean_text, fault_in
from backend.models import Collection, Project
from backend.services.access import Viewer
from backend.services.audit.record import record
from backend.services.deps import Deps
from backend.services.library import bulk
from backend.services.library.bulk import BulkResult
from backend.services.library.changes import BulkChanges, TakeChanges
from backend.store.library import edits, groups
from backend.store.library.groups import Group

#: A name is read in a list; more of a kind than these nobody finds again.
NAME_MAX_CHARS, GROUPS_MAX = 200, 2000
#: So many takes are taken out of one that is deleted, in one transaction.
BATCH = 500


class GroupKind(StrEnum):
    """What takes are put together in: one project at most, any number of collections."""

    PROJECT = "project"
    COLLECTION = "collection"


#: kind -> its table, and what deeds are called
_TABLES: dict[GroupKind, type[Group]] = {GroupKind.PROJECT: Project, GroupKind.COLLECTION: Collection}
_CREATED = {GroupKind.PROJECT: Action.PROJECT_CREATED, GroupKind.COLLECTION: Action.COLLECTION_CREATED}
_CHANGED = {GroupKind.PROJECT: Action.PROJECT_CHANGED, GroupKind.COLLECTION: Action.COLLECTION_CHANGED}
_DELETED = {GroupKind.PROJECT: Action.PROJECT_DELETED, GroupKind.COLLECTION: Action.COLLECTION_DELETED}


@dataclass(frozen=True)
class GroupOfTakes:
    """A project or a collection. count: its takes that the viewer sees, without those in the trash."""

    id: str
    name: str
    count: int
    created_by: str


def list_groups(deps: Deps, viewer: Viewer, kind: GroupKind) -> Sequence[GroupOfTakes]:
    """All of a kind, by name."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        counted = groups.count_takes(session, _TABLES[kind], owners=viewer.visible_names)
        found = groups.list_groups(session, _TABLES[kind])
    return [_told(row, counted.get(row.id, 0)) for row in found]


def list_names(deps: Deps, viewer: Viewer, kind: GroupKind) -> dict[str, str]:
    """id -> name of all of a kind, by name; nothing is counted, so it may be asked at every look."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        return {row.id: row.name for row in groups.list_groups(session, _TABLES[kind])}


def create_group(deps: Deps, viewer: Viewer, kind: GroupKind, name: str) -> GroupOfTakes:
    """Make one, without takes.

    Raises:
        NotAllowed: the viewer may not. InvalidRequest: `name` is none.
        StateConflict: there is one of that name.
    """
    viewer.must(Do.ORGANISE)
    name = _clean_name(name)
    row = _TABLES[kind](
        id=deps.clock.new_id(),
        name=name,
        folded=fold_name(name),
        created_at=deps.clock.now(),
        created_by=viewer.name,
    )
    with deps.store.begin() as session:
        if groups.is_named(session, _TABLES[kind], row.folded):
            raise _taken(kind, name)
        groups.add_group(session, row)
        record(
            session, deps, viewer, _CREATED[kind], object_type=kind, object_id=row.id,
            changed={"name": (None, name)},
        )  # fmt: skip
    return _told(row, 0)


def rename_group(deps: Deps, viewer: Viewer, kind: GroupKind, group_id: str, name: str) -> GroupOfTakes:
    """Give one another name.

    Raises:
        NotFound: there is none with that id. NotAllowed, InvalidRequest, StateConflict: as `create_group`;
            also where somebody else made it, and the viewer may not change what is others'.
    """
    viewer.must(Do.ORGANISE)
    name, table = _clean_name(name), _TABLES[kind]
    with deps.store.begin() as session:
        taken = groups.is_named(session, table, fold_name(name))
        row = groups.get_group(session, table, group_id, alone=True)
        _must_own(viewer, kind, row)
        before = row.name
        if taken and row.folded != fold_name(name):
            raise _taken(kind, name)
        groups.rename_group(session, table, group_id, name=name, folded=fold_name(name))
        record(
            session, deps, viewer, _CHANGED[kind], object_type=kind, object_id=group_id,
            changed={"name": (before, name)},
        )  # fmt: skip
    return _load(deps, viewer, kind, group_id)


def delete_group(deps: Deps, viewer: Viewer, kind: GroupKind, group_id: str) -> None:
    """Delete one; its takes stay, and are in it no more.

    Raises:
        NotFound, NotAllowed: as `rename_group`.
    """
    viewer.must(Do.ORGANISE)
    table, left = _TABLES[kind], True
    while left:
        with deps.store.begin() as session:
            row = groups.get_group(session, table, group_id, alone=True)
            _must_own(viewer, kind, row)
            ids = groups.takes_of(session, table, group_id, limit=BATCH)
            left = bool(ids)
            if left:
                takes = edits.lock_takes(session, ids, viewer.name)
                key = PROJECT if kind is GroupKind.PROJECT else f"{IN}{group_id}"
                out = {take.head.id: {key: (take.marks.get(key), None)} for take in takes}
                edits.write_differences(session, takes, out, person=viewer.name, at=deps.clock.now())
            else:
                groups.delete_group(session, table, group_id)
                record(
                    session, deps, viewer, _DELETED[kind], object_type=kind, object_id=group_id,
                    changed={"name": (row.name, None)},
                )  # fmt: skip


def change_takes(
    deps: Deps,
    viewer: Viewer,
    kind: GroupKind,
    group_id: str,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
) -> tuple[GroupOfTakes, BulkResult]:
    """Put takes in, and take others out; returns it as it is then, and what became of each.

    A take that is put into a project leaves the one in which it was.

    Raises:
        NotFound: there is none with that id. NotAllowed: the viewer may change no take.
        InvalidRequest: too many are given.
    """
    viewer.must(Do.CHANGE_OWN)
    _load(deps, viewer, kind, group_id)
    result = BulkResult()
    if add:
        into = (
            BulkChanges(set=TakeChanges(project=group_id))
            if kind is GroupKind.PROJECT
            else BulkChanges(collect=(group_id,))
        )
        result = bulk.edit_many(deps, viewer, add, into)
    if remove:
        out_of = (
            BulkChanges(leave_project=group_id)
            if kind is GroupKind.PROJECT
            else BulkChanges(uncollect=(group_id,))
        )
        result = result.plus(bulk.edit_many(deps, viewer, remove, out_of))
    return _load(deps, viewer, kind, group_id), result


def get_group(deps: Deps, viewer: Viewer, kind: GroupKind, group_id: str) -> GroupOfTakes:
    """One of them. Raises NotFound: there is none with that id."""
    viewer.must(Do.SEE)
    return _load(deps, viewer, kind, group_id)


def _load(deps: Deps, viewer: Viewer, kind: GroupKind, group_id: str) -> GroupOfTakes:
    with deps.store.read() as session:
        row = groups.get_group(session, _TABLES[kind], group_id)
        counted = groups.count_takes(session, _TABLES[kind], owners=viewer.visible_names, only=group_id)
    return _told(row, counted.get(group_id, 0))


def _told(row: Group, count: int) -> GroupOfTakes:
    return GroupOfTakes(row.id, row.name, count, row.created_by)


def _clean_name(name: str) -> str:
    name = " ".join(clean_text(name).split())
    if not name:
        raise InvalidRequest({"name": "is missing; say what it is for"})
    if len(name) > NAME_MAX_CHARS:
        raise InvalidRequest({"name": f"has {len(name)} characters; at most {NAME_MAX_CHARS} fit"})
    if fault := fault_in(name):
        raise InvalidRequest({"name": fault})
    return name


def _taken(kind: GroupKind, name: str) -> StateConflict:
    return StateConflict(f"There is a {kind} called {name!r}; take another name.")


def _must_own(viewer: Viewer, kind: GroupKind, row: Group) -> None:
    if not (viewer.owns(row.created_by) or viewer.may(Do.CHANGE_OTHERS)):
        why = f"{row.name!r} is {row.created_by}'s; only they or a reviewer can change that {kind}."
        raise NotAllowed(why, status=403, deed=Do.CHANGE_OTHERS)
