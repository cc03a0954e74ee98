"""What a person asks for, as a value: from the API's body, the form, a preset or an earlier take."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.domain.library.origin import Origin
from backend.domain.library.review import OriginHow
from backend.domain.prompt import AXES
from backend.domain.text import PastedText, describe_kind, fault_in, unknown_names
from backend.models import Job

#: No prompt is longer, whatever a model says; one axis of a style is a few words.
TEXT_MAX_CHARS = {"prompt": 20_000, "style": 500}

#: A take without the photo that was asked for costs as much.
UNSEEN_PHOTO = "holds only characters that nobody sees; give an upload's id or a link, or leave it out"

REQUEST_FIELDS = frozenset(
    {
        "model",
        "prompt",
        "params",
        "style",
        "image",
        "images",
        "provider",
        "project",
        "collections",
        "made_from",
        "template",
        "variables",
    }
)
#: A take is made from a few others.
MADE_FROM_MAX = 50
#: And put into a few collections.
COLLECTIONS_MAX = 50

#: field -> an upload's id or a link; for a field that takes several, a list of them
Images = dict[str, str | list[str]]


@dataclass(frozen=True)
class TakeRequest:
    """What is asked for, made by `parse_request` alone. What can't be read is left out, and in `faults`."""

    given: Mapping[str, Any] = field(compare=False)  #: the body as it came
    body: Mapping[str, Any] = field(compare=False)  #: without invisible characters; all else is made of it
    model: str  #: the model's id; "": none is named
    prompt: str  #: without the blanks around it
    params: dict[str, Any]
    style: dict[str, str]
    image: str | None  #: the photo that the video starts from: an upload's id or a link
    images: Images  #: the photos beside it
    provider: str | None
    faults: Mapping[str, str]  #: field -> what is wrong with it by itself, whatever the model
    project: str | None = None  #: the id of the project that it is for
    collections: tuple[str, ...] = ()  #: ids of the collections that it is put into
    made_from: tuple[Origin, ...] = ()  #: the takes that it is made from
    template: int | None = None  #: the version of the prompt's template; None: the one in production
    variables: dict[str, Any] = field(default_factory=dict)  #: values for the variables of that version
    notes: tuple[str, ...] = ()  #: what was done to the texts, for the person who pasted them

    def body_hash(self) -> str:
        """The same for the same body as it came, whatever the order of its fields."""
        return hashlib.sha256(json.dumps(self.given, sort_keys=True, default=repr).encode()).hexdigest()

    def photos_by_field(self, image_field: str | None) -> Images:
        """Every photo by the field that it goes to; image_field: the model's own for the first."""
        return {**self.images, **({image_field: self.image} if self.image and image_field else {})}


def parse_request(given: Mapping[str, Any]) -> TakeRequest:
    """Read what is asked for: {model, prompt, params?, style?: {movement, fabric, camera, aesthetic}, image?,
    images?: {field: an upload's id or a link, or a list of them}, provider?, project?: its id,
    collections?: [ids],
    made_from?: [{take: its id, how}], template?: its version, variables?: {name: value}}. Nothing is raised.

    Every text in it is cleaned first: nothing of a take holds what nobody sees.
    """
    pasted = PastedText()
    body = pasted.clean(given)
    faults = unknown_names(body, REQUEST_FIELDS)
    model, provider = body.get("model"), body.get("provider")
    params = _read_object(body, "params", faults)
    style = _read_object(body, "style", faults)
    images = _read_object(body, "images", faults)
    faults |= unknown_names(style, AXES, within="style.")
    project, made_from = _read_project(body, faults), _read_origins(body, faults)
    if isinstance(model, str) and (fault := fault_in(model)):
        model, faults["model"] = "", fault
    texts = {name: body.get(name) for name in ("prompt", "image")}
    texts |= {f"style.{axis}": style[axis] for axis in AXES if axis in style}
    texts |= {f"images.{field[:80]}": image for field, image in images.items()}
    found = {name: value for name, value in texts.items() if value not in (None, "", [])}
    faults |= {name: fault for name, value in found.items() if (fault := _fault(name, value))}
    faults |= {name: UNSEEN_PHOTO for name in texts.keys() - found if _is_unseen_photo(given, name)}
    read = {name: value for name, value in found.items() if name not in faults}
    return TakeRequest(
        given=given,
        body=body,
        model=model if isinstance(model, str) else "",
        prompt=read.get("prompt", "").strip(),
        params=params,
        style={axis: read[f"style.{axis}"] for axis in AXES if f"style.{axis}" in read},
        image=read.get("image"),
        images={f: read[f"images.{f[:80]}"] for f in images if f"images.{f[:80]}" in read},
        provider=None if provider is None else str(provider),
        faults=faults,
        project=project,
        collections=_read_collections(body, faults),
        made_from=made_from,
        template=_read_version(body, faults),
        variables=_read_object(body, "variables", faults),
        notes=tuple(pasted.notes),
    )


def repeat_request(job: Job, *, same_template: bool = False) -> TakeRequest:
    """What was asked for with this job, to be asked for again.

    same_template: by the version that made its prompt, so that the same is sent again; else by the one in
    production, unless there are variables, which belong to a version.
    """
    versioned: dict[str, Any] = {"template": job.template_version} if same_template or job.variables else {}
    if job.variables:
        versioned["variables"] = job.variables
    return parse_request(
        {
            "model": job.model,
            "prompt": job.prompt,
            "params": job.params,
            "style": job.style,
            "image": job.image,
            "images": job.images or {},
            "provider": job.provider,
            "project": job.project_id,
            **versioned,
        }
    )


def _read_object(body: Mapping[str, Any], name: str, faults: dict[str, str]) -> dict[str, Any]:
    value = body.get(name)
    if value is None or isinstance(value, Mapping):
        return dict(value or {})
    parts = f" with {', '.join(AXES)}" if name == "style" else ""
    faults[name] = f"must be an object{parts}, not {describe_kind(value)}"
    return {}


def _read_project(body: Mapping[str, Any], faults: dict[str, str]) -> str | None:
    value = body.get("project")
    if value is None or (isinstance(value, str) and value and not fault_in(value)):
        return value
    kind = "empty" if value == "" else f"not {describe_kind(value)}"
    faults["project"] = f"must be a project's id; it is {kind}"
    return None


def _read_collections(body: Mapping[str, Any], faults: dict[str, str]) -> tuple[str, ...]:
    value = body.get("collections")
    listed = [] if value is None else value
    if not isinstance(listed, list) or len(listed) > COLLECTIONS_MAX:
        faults["collections"] = f"must be a list of at most {COLLECTIONS_MAX} collections' ids"
        return ()
    for number, one in enumerate(listed, 1):
        if not isinstance(one, str) or not one or fault_in(one):
            faults["collections"] = f"item {number} must be a collection's id"
            return ()
    return tuple(dict.fromkeys(listed))


def _read_version(body: Mapping[str, Any], faults: dict[str, str]) -> int | None:
    value = body.get("template")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    faults["template"] = f"must be the number of a version, not {describe_kind(value)}"
    return None


def _read_origins(body: Mapping[str, Any], faults: dict[str, str]) -> tuple[Origin, ...]:
    value = body.get("made_from")
    listed = [] if value is None else value
    ways = ", ".join(OriginHow)
    if not isinstance(listed, list) or len(listed) > MADE_FROM_MAX:
        faults["made_from"] = f"must be a list of at most {MADE_FROM_MAX} objects with take and how"
        return ()
    found = []
    for number, one in enumerate(listed, 1):
        take = one.get("take") if isinstance(one, Mapping) and one.keys() == {"take", "how"} else None
        if not isinstance(take, str) or not take or fault_in(take) or one["how"] not in list(OriginHow):
            faults["made_from"] = f"item {number} must be {{take: its id, how: one of {ways}}}"
            return ()
        found.append(Origin(take, OriginHow(one["how"])))
    return tuple(dict.fromkeys(found))


def _is_unseen_photo(given: Mapping[str, Any], name: str) -> bool:
    """Was there a text for this photo, before it was cleaned?"""
    photos = {"image": given.get("image")}
    if isinstance(given.get("images"), Mapping):
        photos |= {f"images.{field[:80]}": image for field, image in given["images"].items()}
    return bool(photos.get(name))


def _fault(name: str, value: Any) -> str | None:
    """What is wrong with a text, or with a list of them where photos are given."""
    listed = name.startswith("images.")
    if listed and isinstance(value, list):
        wrong = next((one for one in value if not isinstance(one, str) or not one), value)
        if wrong is not value:
            kind = "empty" if wrong == "" else describe_kind(wrong)
            return f"must be a list of texts; one of them is {kind}"
        return next((fault for one in value if (fault := fault_in(one))), None)
    if not isinstance(value, str):
        return f"must be text{' or a list of texts' if listed else ''}, not {describe_kind(value)}"
    limit = TEXT_MAX_CHARS.get(name.split(".")[0])
    if limit is not None and len(value) > limit:
        return f"has {len(value):,} characters; at most {limit:,} fit"
    return fault_in(value)
