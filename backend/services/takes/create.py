"""A request becomes a row: everything is checked, nothing is sent, one commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import IdempotencyKeyReused, InvalidRequest
from backend.domain.library.origin import Origin
from backend.domain.library.review import OriginHow
from backend.domain.states import JobState
from backend.models import Job
from backend.services.access import Viewer
from backend.services.audit.record import Action, entry_values
from backend.services.deps import Deps
from backend.services.money import budgets, limits
from backend.services.money.quotes import price_columns
from backend.services.takes.check_request import CheckedRequest, check_request
from backend.services.takes.remake.place import hand_on
from backend.services.takes.request import TakeRequest
from backend.store.fast.new_row import new_row
from backend.store.fast.take import insert_take
from backend.store.jobs import jobs
from backend.store.library import groups

IDEMPOTENCY_KEY_MAX_CHARS = 255


@dataclass(frozen=True)
class ReplacedJob:
    """A job whose place a new one takes, and how it ends when that one is made."""

    job_id: str
    end_job: Callable[[Session, Job], None]


def create_job(
    deps: Deps,
    viewer: Viewer,
    request: TakeRequest,
    *,
    idempotency_key: str | None = None,
    replaces: ReplacedJob | None = None,
    also: Callable[[Session, Job], None] | None = None,
) -> Job:
    """Make a job of a request, once for each key.

    idempotency_key: the form's or client's; the same key and request again give the same job.
    replaces: the job whose place it takes, in its experiment, too; ended in the same commit or not at all.
    also: what else is written in that commit, by statements alone; whatever it raises, no job is made.

    Raises:
        NotAllowed: the viewer may not start takes.
        InvalidRequest: names every field at fault; no job was made.
        IdempotencyKeyReused: the key was used for another request.
        BudgetExceeded: a limit would be passed; no job was made.
        StaleState: the job whose place it was to take has moved on; no job was made.
        CapReached, PriceNotKnown: that job's place in an experiment has no room for it; no job was made.
    """
    viewer.must(Do.START)
    check_key(idempotency_key)
    form_hash = None if idempotency_key is None else request.body_hash()
    known = _known_job(deps, viewer, idempotency_key, form_hash)
    if known is not None:
        return known
    checked = check_request(deps, viewer, request)
    job = _row(deps, viewer, checked, form_key=idempotency_key, form_hash=form_hash, replaces=replaces)
    rules = limits.all_rules(deps, facts=checked.facts)
    try:
        with deps.store.begin(shared=True) as session:
            if also is not None:
                also(session, job)
            if replaces is not None:
                hand_on(deps, session, replaces.job_id, job)
            _insert(deps, session, viewer, job, rules, checked.request, replaces)
            if replaces is not None:
                replaces.end_job(session, job)
            deps.carrier.enqueue_job(session, job.id)
    except IntegrityError:
        known = _known_job(deps, viewer, idempotency_key, form_hash)
        if known is None:
            raise
        return known
    return job


def check_room(deps: Deps, viewer: Viewer, request: TakeRequest, *, takes: int, key: str) -> None:
    """Is there room in every limit for so many takes of this request? Nothing is written.

    key: the idempotency key of the first; if that one is there, all of them were judged before.

    Raises:
        InvalidRequest: names every field at fault.
        BudgetExceeded: together they would pass a limit.
    """
    if _known_job(deps, viewer, key, request.body_hash()) is not None:
        return
    checked, rules = check_request(deps, viewer, request), limits.all_rules(deps)
    job = _row(deps, viewer, checked, form_key=None, form_hash=None, replaces=None)
    with deps.store.read() as session:
        budgets.check_budget(
            deps, session, job, rules, owners=viewer.owner_names, collections=request.collections, takes=takes
        )


def _row(
    deps: Deps,
    viewer: Viewer,
    checked: CheckedRequest,
    *,
    form_key: str | None,
    form_hash: str | None,
    replaces: ReplacedJob | None,
) -> Job:
    now = deps.clock.now()
    request, model, composed = checked.request, checked.model, checked.composed
    return new_row(
        Job,
        id=deps.clock.new_id(),
        owner=viewer.name,
        form_key=form_key,
        form_hash=form_hash,
        parent_id=replaces.job_id if replaces else None,
        project_id=request.project,
        provider=model.provider,
        model=model.id,
        prompt=request.prompt,
        sent_prompt=composed.text,
        template_version=composed.template_version,
        variables=dict(composed.variables) or None,
        style=request.style,
        params=request.params,
        image=request.image,
        payload=checked.payload,
        image_field=model.image_field if request.image else None,
        images=request.images,
        estimate_usd=checked.quote.usd,
        price=price_columns(model, checked.quote),
        state=JobState.CREATED,
        state_at=now,
        created_at=now,
        due_at=now,
    )


def _insert(
    deps: Deps,
    session: Session,
    viewer: Viewer,
    job: Job,
    rules: Sequence[limits.LimitRule],
    request: TakeRequest,
    replaces: ReplacedJob | None,
) -> None:
    """Its rows, if there is room for it in every limit."""
    owners, collections = viewer.owner_names, request.collections
    reserved = budgets.check_budget(deps, session, job, rules, owners=owners, collections=collections)
    deed = entry_values(
        deps, viewer, Action.TAKE_STARTED, object_type="take", object_id=job.id, micros=reserved.micros
    )
    made_from = _made_from(request, replaces)
    insert_take(session, job, by=viewer.name, reserved=reserved, deed=deed, made_from=made_from)
    if collections:  # few starts name any
        groups.put_new_take(session, collections, job.id, by=viewer.name, at=job.created_at)


def _made_from(request: TakeRequest, replaces: ReplacedJob | None) -> list[Origin]:
    again = [Origin(replaces.job_id, OriginHow.RETRY)] if replaces else []
    return [*again, *request.made_from]


def _known_job(deps: Deps, viewer: Viewer, key: str | None, form_hash: str | None) -> Job | None:
    """The job that was made with this key; None: there is no key, or it is a new one."""
    if key is None:
        return None
    with deps.store.read() as session:
        job = jobs.by_form_key(session, viewer.name, key)
    if job is not None and job.form_hash != form_hash:
        raise IdempotencyKeyReused("This idempotency key was used before, for another take. Use a new key.")
    return job


def check_key(key: str | None) -> None:
    """Can it be an idempotency key, if there is one? Raises InvalidRequest."""
    most = IDEMPOTENCY_KEY_MAX_CHARS
    if key is not None and not (0 < len(key) <= most and key.isascii() and key.isprintable()):
        raise InvalidRequest({"Idempotency-Key": f"use 1 to {most} printable ASCII characters"})
