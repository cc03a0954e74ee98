"""What is asked for, checked: every field at fault is named before anything is written, sent or paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.catalogue import models as catalogue
from backend.catalogue.models import VideoModel
from backend.domain.errors import InvalidRequest
from backend.domain.prompt import AXES
from backend.domain.text import describe_kind, fault_in
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.prompting import vocabulary_admin as styles
from backend.services.prompting.vocabulary import ComposedPrompt
from backend.services.takes import request_photos

#: No prompt is longer, whatever a model says.
PROMPT_MAX_CHARS = 20_000
#: One axis of a style is a few words.
STYLE_MAX_CHARS = 500
#: What stands for an uploaded photo where the payload is shown.
PHOTO_TO_COME = "(the photo's link, made when it is sent)"

REQUEST_FIELDS = frozenset({"model", "prompt", "params", "style", "image", "images", "provider"})


@dataclass(frozen=True)
class TakeRequest:
    """What was asked for, checked: this can be sent as it is."""

    model: VideoModel
    prompt: str
    composed: ComposedPrompt
    params: dict[str, Any]
    style: dict[str, str]
    image: str | None
    images: dict[str, str | list[str]]
    payload: dict[str, Any]
    estimate_usd: float | None

    def shown_payload(self) -> dict[str, Any]:
        """Exactly what is posted; an uploaded photo gets its link only when it is."""
        photos_of: dict[str, str | list[str]] = dict(self.images)
        if self.image and self.model.image_field:
            photos_of[self.model.image_field] = self.image
        return {**self.payload, **{field: _shown(given) for field, given in photos_of.items()}}


def check_request(deps: Deps, viewer: Viewer, form: Mapping[str, Any]) -> TakeRequest:
    """Check what was asked for; nothing is written.

    Raises:
        InvalidRequest: names every field at fault.
    """
    faults: dict[str, str] = {
        str(name)[:80]: "is no field of a take" for name in form if name not in REQUEST_FIELDS
    }
    prompt = _text(form, "prompt", faults)
    style = _style(form.get("style"), faults)
    params = _params(form.get("params"), faults)
    image = _text(form, "image", faults) or None
    images = request_photos.parse_images(form, faults)
    model = _model(deps, form, faults)
    if model is None:
        if not prompt.strip() and "prompt" not in faults:
            faults["prompt"] = "is empty; say what should be seen"
        raise InvalidRequest(faults)
    composed = _prompt(deps, model, prompt, style, params, image, faults)
    faults.update(request_photos.params_faults(model, params, images))
    if params.get("sync_mode") is True:
        faults["params.sync_mode"] = (
            "must stay off: it puts the file into the answer, where it can't be resumed or asked for"
        )
    request_photos.check_first_photo(deps, viewer, model, image, faults)
    request_photos.check_further_photos(deps, viewer, model, params, images, faults)
    if faults or composed is None:
        raise InvalidRequest(faults)
    return TakeRequest(
        model=model,
        prompt=prompt.strip(),
        composed=composed,
        params=params,
        style=style,
        image=image,
        images=images,
        payload=catalogue.build_payload(model, composed.text, params, None),
        estimate_usd=catalogue.estimate_usd(model, params),
    )


def _shown(given: str | list[str]) -> str | list[str]:
    """A photo, or several, as the payload shows them before they have their links."""
    if isinstance(given, list):
        return [image if "/" in image else PHOTO_TO_COME for image in given]
    return given if "/" in given else PHOTO_TO_COME


def _text(form: Mapping[str, Any], name: str, faults: dict[str, str]) -> str:
    value = form.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        faults[name] = f"must be text, not {describe_kind(value)}"
        return ""
    fault = fault_in(value)
    if fault:
        faults[name] = fault
    return value


def _style(value: Any, faults: dict[str, str]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        faults["style"] = f"must be an object with {', '.join(AXES)}, not {describe_kind(value)}"
        return {}
    style = {}
    for axis, words in value.items():
        name = f"style.{str(axis)[:40]}"
        if axis not in AXES:
            faults[name] = f"is no part of a style; there are {', '.join(AXES)}"
        elif words is None or words == "":
            continue
        elif not isinstance(words, str):
            faults[name] = f"must be text, not {describe_kind(words)}"
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
        faults["params"] = f"must be an object, not {describe_kind(value)}"
        return {}
    return dict(value)


def _model(deps: Deps, form: Mapping[str, Any], faults: dict[str, str]) -> VideoModel | None:
    name, provider = form.get("model"), form.get("provider")
    known = isinstance(provider, str) and provider in deps.providers
    if provider is not None and not known:
        faults["provider"] = f"is unknown; there are {', '.join(sorted(deps.providers))}"
    if not isinstance(name, str) or not name:
        faults["model"] = "is missing; name one of the models on offer"
        return None
    try:
        model = deps.catalogue.get(name)
    except KeyError:
        faults["model"] = f"{name[:80]!r} is not on offer; GET /api/models lists what is"
        return None
    if not model.usable:
        faults["model"] = f"can't be used: {model.reason}"
    elif known and provider != model.provider:
        faults["provider"] = f"doesn't offer {model.id}; {model.provider} does"
    return model


def prompt_substitutes(model: VideoModel) -> list[str]:
    """What makes the prompt of a model dispensable, in words: a photo, or a field that says as much."""
    if model.prompt_required or model.prompt_field is None:
        return []
    fields = [name.replace("_", " ") for name in model.schema["properties"] if _tells(model, name)]
    return (["a photo"] if model.image_field else []) + fields


def _tells(model: VideoModel, name: str) -> bool:
    """Does this parameter say what should be seen? A switch or a choice about the prompt doesn't."""
    prop = model.schema["properties"].get(name, {})
    chosen = "enum" in prop or prop.get("type") in ("boolean", "integer", "number")
    return "prompt" in name and name != "negative_prompt" and not chosen


def _prompt(
    deps: Deps,
    model: VideoModel,
    prompt: str,
    style: dict[str, str],
    params: dict[str, Any],
    image: str | None,
    faults: dict[str, str],
) -> ComposedPrompt | None:
    """What is sent; None when it can't be made of this."""
    if len(prompt) > PROMPT_MAX_CHARS:
        faults.setdefault("prompt", f"has {len(prompt):,} characters; at most {PROMPT_MAX_CHARS:,} fit")
        return None
    vocabulary = styles.current_vocabulary(deps)
    faults.update(vocabulary.style_faults(style))
    sent = vocabulary.compose_prompt(prompt, style)
    if "prompt" in faults:
        return sent
    shown_instead = image is not None and model.image_field is not None
    told_instead = any(_tells(model, name) for name in params)
    may_be_empty = model.prompt_field is None or (
        not model.prompt_required and (shown_instead or told_instead)
    )
    if not prompt.strip() and not may_be_empty:
        faults["prompt"] = "is empty; say what should be seen"
    elif fault := catalogue.check_prompt(model, sent.text):
        faults["prompt"] = fault
    return sent
