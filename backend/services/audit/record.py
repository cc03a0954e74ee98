"""A deed is written down in its own transaction: both are committed, or neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from backend.domain.access.actions import Action as Action
from backend.domain.access.actions import ActorKind
from backend.domain.access.origin import Origin, Via
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.store.fast.audit_row import insert_entry

#: What was changed: field -> (before, after). Never a prompt, a key or a token.
Changes = Mapping[str, tuple[Any, Any]]
#: A name of who did it, or of what, is no longer than this in the audit.
NAME_MAX_CHARS = 200


@dataclass(frozen=True)
class Actor:
    """Who did it, where it is no viewer: the worker, or somebody who is not let in."""

    kind: ActorKind
    name: str
    origin: Origin


#: The program, where it acted by itself.
WORKER = Actor(ActorKind.WORKER, "worker", Origin(Via.WORKER))


def record(
    session: Session,
    deps: Deps,
    by: Viewer | Actor,
    action: Action,
    *,
    object_type: str | None = None,
    object_id: str | None = None,
    changed: Changes | None = None,
    micros: int | None = None,
) -> str:
    """Write down that `by` did this, as is so once the session's transaction is committed; returns its id.

    object_type, object_id: what it was done to. micros: the money that it was about, in millionths of a USD.
    """
    values = entry_values(
        deps, by, action, object_type=object_type, object_id=object_id, changed=changed, micros=micros
    )
    insert_entry(session, values)
    return str(values["id"])


def entry_values(
    deps: Deps,
    by: Viewer | Actor,
    action: Action,
    *,
    object_type: str | None = None,
    object_id: str | None = None,
    changed: Changes | None = None,
    micros: int | None = None,
) -> dict[str, Any]:
    """The columns of such a row, for whoever writes it with other rows in one statement."""
    kind = by.kind if isinstance(by, Actor) else _kind_of(by)
    values = {
        "id": object_id if action == Action.TAKE_STARTED else deps.clock.new_id(),
        "at": deps.clock.now(),
        "actor_kind": kind,
        "actor": by.name[:NAME_MAX_CHARS],
        "via": by.origin.via,
        "action": action,
        "object_type": object_type,
        "object_id": object_id and object_id[:NAME_MAX_CHARS],
        "micros": micros,
        "changed": {field: list(pair) for field, pair in changed.items()} if changed else None,
        "address": by.origin.address,
        "request_id": by.origin.request_id,
    }
    return {name: value for name, value in values.items() if value is not None}


def _kind_of(viewer: Viewer) -> str:
    return ActorKind.CLI if viewer.origin.via == Via.CLI else viewer.kind
