"""The form becomes a row: everything is checked, nothing is sent, one commit."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import IntegrityError

from backend.domain.errors import InvalidRequest, KeyReused, NotFound
from backend.domain.prompt import AXES, compose
from backend.domain.states import JobState
from backend.domain.text import fault_in
from backend.models import Job
from backend.providers import catalog
from backend.providers.catalog import VideoModel
from backend.services import photos, spend
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.store import jobs

#: No prompt is longer, whatever a model says.
PROMPT_MAX_CHARS = 20_000
#: One axis of a style is a few words.
STYLE_MAX_CHARS = 500
#: A link to a photo.
LINK_MAX_CHARS = 2_000
#: An idempotency key.
KEY_MAX_CHARS = 255

FIELDS = frozenset({"model", "prompt", "params", "style", "image", "provider"})


@dataclass(frozen=True)
class Wish:
    """What was asked for, checked: this can be sent as it is."""

    model: VideoModel
    prompt: str
    sent_prompt: str
    params: dict[str, Any]
    style: dict[str, str]
    image: str | None
    payload: dict[str, Any]
    estimate_usd: float | None


def create_job(
    deps: Deps,
    viewer: Viewer,
    asked: Mapping[str, Any],
    *,
    key: str | None = None,
    parent_id: str | None = None,
) -> Job:
    """Make a job of what was asked for, once for each key.

    asked: {model, prompt, params?, style?: {movement, fabric, camera, aesthetic}, image?, provider?}.
    key: the form's or client's idempotency key; the same key and wish again give the same job.

    Raises:
        NotAllowed: the viewer may not start takes.
        InvalidRequest: names every field at fault; no job was made.
        KeyReused: the key was used for another wish.
        BudgetExceeded: a limit would be passed; no job was made.
    """
    viewer.must(Role.CREATOR)
    _check_key(key)
    mark = _mark(asked)
    if key is not None:
        known = _known(deps, viewer, key, mark)
        if known is not None:
            return known
    wish = check(deps, viewer, asked)
    job = _row(deps, viewer, wish, key=key, mark=mark, parent_id=parent_id)
    try:
        with deps.store.begin() as session:
            spend.reserve(deps, session, job)
            jobs.add(session, job, by=viewer.name)
            deps.carrier.wake(session, job.id)
    except IntegrityError:
        known = _known(deps, viewer, key, mark) if key is not None else None
        if known is None:
            raise
        return known
    return job


def check(deps: Deps, viewer: Viewer, asked: Mapping[str, Any]) -> Wish:
    """Check what was asked for; nothing is written.

    Raises:
        InvalidRequest: names every field at fault.
    """
    faults: dict[str, str] = {str(name)[:80]: "is no field of a take" for name in asked if name not in FIELDS}
    prompt = _text(asked, "prompt", faults)
    style = _style(asked.get("style"), faults)
    params = _params(asked.get("params"), faults)
    image = _text(asked, "image", faults) or None
    model = _model(deps, asked, faults)
    if model is None:
        if not prompt.strip() and "prompt" not in faults:
            faults["prompt"] = "is empty; say what should be seen"
        raise InvalidRequest(faults)
    sent_prompt = _prompt(model, prompt, style, params, image, faults)
    faults.update(catalog.check_params(model, params))
    if params.get("sync_mode") is True:
        faults["params.sync_mode"] = (
            "must stay off: it puts the file into the answer, where it can't be resumed or asked for"
        )
    _image(deps, viewer, model, image, faults)
    if faults:
        raise InvalidRequest(faults)
    return Wish(
        model=model,
        prompt=prompt.strip(),
        sent_prompt=sent_prompt,
        params=params,
        style=style,
        image=image,
        payload=catalog.payload(model, sent_prompt, params, None),
        estimate_usd=catalog.estimate_usd(model, params),
    )


def _row(deps: Deps, viewer: Viewer, wish: Wish, *, key: str | None, mark: str, parent_id: str | None) -> Job:
    now = deps.clock.now()
    price = wish.model.price
    return Job(
        id=deps.clock.new_id(),
        owner=viewer.name,
        form_key=key,
        form_hash=mark,
        parent_id=parent_id,
        provider=wish.model.provider,
        model=wish.model.id,
        prompt=wish.prompt,
        sent_prompt=wish.sent_prompt,
        style=wish.style,
        params=wish.params,
        image=wish.image,
        payload=wish.payload,
        image_field=wish.model.image_field if wish.image else None,
        estimate_usd=wish.estimate_usd,
        price={"unit": price.unit, "unit_usd": price.unit_usd} if price else None,
        state=JobState.CREATED,
        state_at=now,
        created_at=now,
        due_at=now,
    )


def _known(deps: Deps, viewer: Viewer, key: str, mark: str) -> Job | None:
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


def _text(asked: Mapping[str, Any], name: str, faults: dict[str, str]) -> str:
    value = asked.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        faults[name] = f"must be text, not {_kind(value)}"
        return ""
    fault = fault_in(value)
    if fault:
        faults[name] = fault
    return value


def _style(value: Any, faults: dict[str, str]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        faults["style"] = f"must be an object with {', '.join(AXES)}, not {_kind(value)}"
        return {}
    style = {}
    for axis, words in value.items():
        name = f"style.{str(axis)[:40]}"
        if axis not in AXES:
            faults[name] = f"is no part of a style; there are {', '.join(AXES)}"
        elif words is None or words == "":
            continue
        elif not isinstance(words, str):
            faults[name] = f"must be text, not {_kind(words)}"
        elif len(words) > STYLE_MAX_CHARS:
            faults[name] = f"has {len(words):,} characters; at most {STYLE_MAX_CHARS} fit"
        elif fault := fault_in(words):
            faults[name] = fault
        else:
            style[axis] = words
    return style


def _params(value: Any, faults: dict[str, str]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        faults["params"] = f"must be an object, not {_kind(value)}"
        return {}
    return dict(value)


def _model(deps: Deps, asked: Mapping[str, Any], faults: dict[str, str]) -> VideoModel | None:
    name, provider = asked.get("model"), asked.get("provider")
    known = isinstance(provider, str) and provider in deps.providers
    if provider is not None and not known:
        faults["provider"] = f"is unknown; there are {', '.join(sorted(deps.providers))}"
    if not isinstance(name, str) or not name:
        faults["model"] = "is missing; name one of the models on offer"
        return None
    try:
        model = deps.catalog.get(name)
    except KeyError:
        faults["model"] = f"{name[:80]!r} is not on offer; GET /api/models lists what is"
        return None
    if not model.usable:
        faults["model"] = f"can't be used: {model.reason}"
    elif known and provider != model.provider:
        faults["provider"] = f"doesn't offer {model.id}; {model.provider} does"
    return model


def _prompt(
    model: VideoModel,
    prompt: str,
    style: dict[str, str],
    params: dict[str, Any],
    image: str | None,
    faults: dict[str, str],
) -> str:
    sent = compose(prompt, style)
    if "prompt" in faults:
        return sent
    shown_instead = image is not None and model.image_field is not None
    told_instead = any("prompt" in name and name != "negative_prompt" for name in params)
    may_be_empty = model.prompt_field is None or (
        not model.prompt_required and (shown_instead or told_instead)
    )
    if not prompt.strip() and not may_be_empty:
        faults["prompt"] = "is empty; say what should be seen"
    elif len(prompt) > PROMPT_MAX_CHARS:
        faults["prompt"] = f"has {len(prompt):,} characters; at most {PROMPT_MAX_CHARS:,} fit"
    elif fault := catalog.check_prompt(model, sent):
        faults["prompt"] = fault
    return sent


def _image(deps: Deps, viewer: Viewer, model: VideoModel, image: str | None, faults: dict[str, str]) -> None:
    if "image" in faults:
        return
    if image is None:
        if model.image_required:
            faults["image"] = f"is missing; {model.title} starts from a photo"
        return
    if model.image_field is None:
        faults["image"] = f"is of no use to {model.title}; choose a model that starts from a photo"
    elif ":" in image or "/" in image:
        if fault := _link_fault(image):
            faults["image"] = fault
    else:
        try:
            photos.get_upload(deps, viewer, image)
        except NotFound:
            faults["image"] = f"there is no upload {image[:80]!r}; upload the photo first"


def _link_fault(link: str) -> str | None:
    try:
        parts = urlsplit(link)
        fine = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        return "is neither an upload's id nor a link that starts with https://"
    return f"is longer than {LINK_MAX_CHARS:,} characters" if len(link) > LINK_MAX_CHARS else None


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "nothing")
