"""The form becomes a row: everything is checked, nothing is sent, one commit."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.domain.errors import IdempotencyKeyReused, InvalidRequest
from backend.domain.states import JobState
from backend.models import Job
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.money import budgets
from backend.services.takes.request import TakeRequest, check_request
from backend.store.fast.new_row import new_row
from backend.store.fast.take import insert_take
from backend.store.jobs import jobs

#: An idempotency key.
IDEMPOTENCY_KEY_MAX_CHARS = 255


@dataclass(frozen=True)
class ReplacedJob:
    """A job whose place a new one takes, and how it ends when that one is made."""

    job_id: str
    end_job: Callable[[Session, Job], None]


def create_job(
    deps: Deps,
    viewer: Viewer,
    form: Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    replaces: ReplacedJob | None = None,
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
    viewer.require_role(Role.CREATOR)
    _check_key(idempotency_key)
    mark = None if idempotency_key is None else _mark(form)
    if idempotency_key is not None:
        known = _known(deps, viewer, idempotency_key, mark)
        if known is not None:
            return known
    request = check_request(deps, viewer, form)
    job = _row(
        deps, viewer, request, key=idempotency_key, mark=mark, parent_id=replaces.job_id if replaces else None
    )
    try:
        with deps.store.begin(shared=True) as session:
            budgets.check_budget(deps, session, job)
            insert_take(session, job, by=viewer.name)
            if replaces is not None:
                replaces.end_job(session, job)
            deps.carrier.enqueue_job(session, job.id)
    except IntegrityError:
        known = _known(deps, viewer, idempotency_key, mark) if idempotency_key is not None else None
        if known is None:
            raise
        return known
    return job


def _row(
    deps: Deps,
    viewer: Viewer,
    request: TakeRequest,
    *,
    key: str | None,
    mark: str | None,
    parent_id: str | None,
) -> Job:
    now = deps.clock.now()
    price = request.model.price
    return new_row(
        Job,
        id=deps.clock.new_id(),
        owner=viewer.name,
        form_key=key,
        form_hash=mark,
        parent_id=parent_id,
        provider=request.model.provider,
        model=request.model.id,
        prompt=request.prompt,
        sent_prompt=request.composed.text,
        template_version=request.composed.template_version,
        style=request.style,
        params=request.params,
        image=request.image,
        payload=request.payload,
        image_field=request.model.image_field if request.image else None,
        images=request.images,
        estimate_usd=request.estimate_usd,
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
        raise IdempotencyKeyReused("This idempotency key was used before, for another take. Use a new key.")
    return job


def _mark(form: Mapping[str, Any]) -> str:
    """The same for the same wish, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(form, sort_keys=True, default=repr).encode()).hexdigest()


def _check_key(key: str | None) -> None:
    if key is not None and not (
        0 < len(key) <= IDEMPOTENCY_KEY_MAX_CHARS and key.isascii() and key.isprintable()
    ):
        raise InvalidRequest(
            {"Idempotency-Key": f"use 1 to {IDEMPOTENCY_KEY_MAX_CHARS} printable ASCII characters"}
        )
