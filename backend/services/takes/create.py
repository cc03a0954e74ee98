"""The form becomes a row: everything is checked, nothing is sent, one commit."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.domain.errors import InvalidRequest, KeyReused
from backend.domain.states import JobState
from backend.models import Job
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.money import budgets
from backend.services.takes.request import Wish, check
from backend.store.fast.row_insert import new
from backend.store.jobs import jobs

#: An idempotency key.
KEY_MAX_CHARS = 255


@dataclass(frozen=True)
class Instead:
    """A job whose place a new one takes, and how it ends when that one is made."""

    id: str
    end: Callable[[Session, Job], None]


def create_job(
    deps: Deps,
    viewer: Viewer,
    asked: Mapping[str, Any],
    *,
    key: str | None = None,
    instead_of: Instead | None = None,
) -> Job:
    """Make a job of what was asked for, once for each key.

    asked: {model, prompt, params?, style?: {movement, fabric, camera, aesthetic}, image?, images?: {field:
    upload id or link}, provider?}.
    key: the form's or client's idempotency key; the same key and wish again give the same job.
    instead_of: the job whose place it takes, ended in the same commit or not at all.

    Raises:
        NotAllowed: the viewer may not start takes.
        InvalidRequest: names every field at fault; no job was made.
        KeyReused: the key was used for another wish.
        BudgetExceeded: a limit would be passed; no job was made.
        Outrun: what it was to take the place of has moved on; no job was made.
    """
    viewer.must(Role.CREATOR)
    _check_key(key)
    mark = None if key is None else _mark(asked)
    if key is not None:
        known = _known(deps, viewer, key, mark)
        if known is not None:
            return known
    wish = check(deps, viewer, asked)
    job = _row(deps, viewer, wish, key=key, mark=mark, parent_id=instead_of.id if instead_of else None)
    try:
        with deps.store.begin(shared=True) as session:
            budgets.reserve(deps, session, job)
            jobs.add(session, job, by=viewer.name)
            if instead_of is not None:
                instead_of.end(session, job)
            deps.carrier.wake(session, job.id)
    except IntegrityError:
        known = _known(deps, viewer, key, mark) if key is not None else None
        if known is None:
            raise
        return known
    return job


def _row(
    deps: Deps, viewer: Viewer, wish: Wish, *, key: str | None, mark: str | None, parent_id: str | None
) -> Job:
    now = deps.clock.now()
    price = wish.model.price
    return new(
        Job,
        id=deps.clock.new_id(),
        owner=viewer.name,
        form_key=key,
        form_hash=mark,
        parent_id=parent_id,
        provider=wish.model.provider,
        model=wish.model.id,
        prompt=wish.prompt,
        sent_prompt=wish.composed.text,
        template_version=wish.composed.template_version,
        style=wish.style,
        params=wish.params,
        image=wish.image,
        payload=wish.payload,
        image_field=wish.model.image_field if wish.image else None,
        images=wish.images,
        estimate_usd=wish.estimate_usd,
        price={"unit": price.unit, "unit_usd": price.unit_usd} if price else None,
        state=JobState.CREATED,
        state_at=now,
        created_at=now,
        due_at=now,
    )


def _known(deps: Deps, viewer: Viewer, key: str, mark: str | None) -> Job | None:
    with deps.store.read() as session:
        job = jobs.by_form_key(session, viewer.name, key)
    if job is not None and job.form_hash != mark:
        raise KeyReused("This idempotency key was used before, for another take. Use a new key.")
    return job


def _mark(asked: Mapping[str, Any]) -> str:
    """The same for the same wish, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=repr).encode()).hexdigest()


def _check_key(key: str | None) -> None:
    if key is not None and not (0 < len(key) <= KEY_MAX_CHARS and key.isascii() and key.isprintable()):
        raise InvalidRequest({"Idempotency-Key": f"use 1 to {KEY_MAX_CHARS} printable ASCII characters"})
