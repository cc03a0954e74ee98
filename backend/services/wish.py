"""What is asked for, checked: every field at fault is named before anything is written, sent or paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from backend.domain.errors import InvalidRequest, NotFound
from backend.domain.prompt import AXES
from backend.domain.text import fault_in
from backend.providers import catalog
from backend.providers.catalog import VideoModel
from backend.services import photos
from backend.services import style as styles
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.vocabulary import Composed

#: No prompt is longer, whatever a model says.
PROMPT_MAX_CHARS = 20_000
#: One axis of a style is a few words.
STYLE_MAX_CHARS = 500
#: A link to a photo.
LINK_MAX_CHARS = 2_000
#: What stands for a further photo while the parameters are checked: it gets its link when it is sent.
LINK_TO_COME = "https://photo.invalid/"
#: What stands for an uploaded photo where the payload is shown.
PHOTO_TO_COME = "(the photo's link, made when it is sent)"

FIELDS = frozenset({"model", "prompt", "params", "style", "image", "images", "provider"})


@dataclass(frozen=True)
class Wish:
    """What was asked for, checked: this can be sent as it is."""

    model: VideoModel
    prompt: str
    composed: Composed
    params: dict[str, Any]
    style: dict[str, str]
    image: str | None
    images: dict[str, str]
    payload: dict[str, Any]
    estimate_usd: float | None

    def shown_payload(self) -> dict[str, Any]:
        """Exactly what is posted; an uploaded photo gets its link only when it is."""
        photos_of = dict(self.images)
        if self.image and self.model.image_field:
            photos_of[self.model.image_field] = self.image
        shown = {field: image if "/" in image else PHOTO_TO_COME for field, image in photos_of.items()}
        return {**self.payload, **shown}


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
    images = _texts(asked, "images", faults)
    model = _model(deps, asked, faults)
    if model is None:
        if not prompt.strip() and "prompt" not in faults:
            faults["prompt"] = "is empty; say what should be seen"
        raise InvalidRequest(faults)
    composed = _prompt(deps, model, prompt, style, params, image, faults)
    faults.update(_params_faults(model, params, images))
    if params.get("sync_mode") is True:
        faults["params.sync_mode"] = (
            "must stay off: it puts the file into the answer, where it can't be resumed or asked for"
        )
    _image(deps, viewer, model, image, faults)
    _further(deps, viewer, model, params, images, faults)
    if faults or composed is None:
        raise InvalidRequest(faults)
    return Wish(
        model=model,
        prompt=prompt.strip(),
        composed=composed,
        params=params,
        style=style,
        image=image,
        images=images,
        payload=catalog.payload(model, composed.text, params, None),
        estimate_usd=catalog.estimate_usd(model, params),
    )


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


def _texts(asked: Mapping[str, Any], name: str, faults: dict[str, str]) -> dict[str, str]:
    """An object of texts; empty ones count as left out."""
    value = asked.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        faults[name] = f"must be an object, not {_kind(value)}"
        return {}
    found: dict[str, str] = {}
    for field, text in value.items():
        if not isinstance(text, str | None):
            faults[f"{name}.{str(field)[:80]}"] = f"must be text, not {_kind(text)}"
        elif text:
            found[str(field)] = text
    return found


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
    deps: Deps,
    model: VideoModel,
    prompt: str,
    style: dict[str, str],
    params: dict[str, Any],
    image: str | None,
    faults: dict[str, str],
) -> Composed | None:
    """What is sent; None when it can't be made of this."""
    if len(prompt) > PROMPT_MAX_CHARS:
        faults.setdefault("prompt", f"has {len(prompt):,} characters; at most {PROMPT_MAX_CHARS:,} fit")
        return None
    vocabulary = styles.vocabulary(deps)
    faults.update(vocabulary.faults(style))
    sent = vocabulary.compose(prompt, style)
    if "prompt" in faults:
        return sent
    shown_instead = image is not None and model.image_field is not None
    told_instead = any("prompt" in name and name != "negative_prompt" for name in params)
    may_be_empty = model.prompt_field is None or (
        not model.prompt_required and (shown_instead or told_instead)
    )
    if not prompt.strip() and not may_be_empty:
        faults["prompt"] = "is empty; say what should be seen"
    elif fault := catalog.check_prompt(model, sent.text):
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
    elif fault := _photo_fault(deps, viewer, image):
        faults["image"] = fault


def _further(
    deps: Deps,
    viewer: Viewer,
    model: VideoModel,
    params: dict[str, Any],
    images: dict[str, str],
    faults: dict[str, str],
) -> None:
    """The photos beside the first, each by the model's own name for it."""
    names = photos.further_fields(model)
    for field, image in images.items():
        name = f"images.{field[:80]}"
        if field not in names:
            said = f"there are {', '.join(names)}" if names else "it takes none besides `image`"
            faults[name] = f"is no photo of {model.title}; {said}"
        elif field in params:
            faults[name] = "is given in params, too; give it once"
        elif fault := _photo_fault(deps, viewer, image):
            faults[name] = fault


def _params_faults(model: VideoModel, params: dict[str, Any], images: dict[str, str]) -> dict[str, str]:
    """What is wrong with the parameters once the further photos have their links."""
    to_come = {field: LINK_TO_COME for field in images if field in photos.further_fields(model)}
    return catalog.check_params(model, {**to_come, **params})


def _photo_fault(deps: Deps, viewer: Viewer, image: str) -> str | None:
    if ":" in image or "/" in image:
        return _link_fault(image)
    try:
        photos.get_upload(deps, viewer, image)
    except NotFound:
        return f"there is no upload {image[:80]!r}; upload the photo first"
    return None


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
