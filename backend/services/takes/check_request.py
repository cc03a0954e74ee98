"""What is asked for, checked: every field at fault is named before anything is written, sent or paid."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from backend.catalogue.check_params import check_params
from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.quote import Quote, unknown_quote
from backend.catalogue.prompts import build_payload, check_prompt, may_be_blank
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.money.quotes import quote_take
from backend.services.prompting.template_variables import value_faults
from backend.services.prompting.vocabulary import ComposedPrompt, Vocabulary, current_vocabulary
from backend.services.takes.remake.named_faults import named_faults
from backend.services.takes.request import TakeRequest
from backend.services.takes.request_photos import check_photos
from backend.store.records.start_facts import StartFacts

T = TypeVar("T")

#: What stands for an uploaded photo where the payload is shown.
PHOTO_TO_COME = "(the photo's link, made when it is sent)"
SYNC_MODE_FAULT = "must stay off: it puts the file into the answer, where it can't be resumed or asked for"
BLANK_PROMPT = "is empty; say what should be seen"


@dataclass(frozen=True)
class CheckedRequest:
    """A request that can be sent as it is: its model, the prompt as it is sent, what it will cost."""

    request: TakeRequest
    model: VideoModel
    composed: ComposedPrompt
    payload: dict[str, Any]  #: what is posted, the photos aside
    quote: Quote
    facts: StartFacts  #: what its price rests on, and which limits are in force

    def shown_payload(self) -> dict[str, Any]:
        """Exactly what is posted; an uploaded photo gets its link only when it is."""
        photos_of = self.request.photos_by_field(self.model.image_field)
        return {**self.payload, **{field: _shown(given) for field, given in photos_of.items()}}


def check_request(deps: Deps, viewer: Viewer, request: TakeRequest) -> CheckedRequest:
    """Check what is asked for; nothing is written. Raises InvalidRequest: names every field at fault."""
    checked, faults = RequestCheck(deps, viewer, current_vocabulary(deps), several=False).look_at(request)
    if faults or checked is None:
        raise InvalidRequest(faults)
    return checked


class RequestCheck:
    """Checks requests of one viewer, at one moment: what several have in common is worked out once.

    several: false where there is one alone: telling what it has in common with others costs as much as it.
    """

    def __init__(self, deps: Deps, viewer: Viewer, vocabulary: Vocabulary, *, several: bool = True) -> None:
        self._deps, self._viewer, self._vocabulary, self._several = deps, viewer, vocabulary, several
        self._known: dict[tuple[str, ...], Any] = {}

    def look_at(self, request: TakeRequest) -> tuple[CheckedRequest | None, dict[str, str]]:
        """(the request as it would be sent, every field at fault); None: it names no model on offer."""
        try:
            model, facts, found = self._once(
                lambda: (request.model, str(request.provider)), lambda: _find_model(self._deps, request)
            )
        except InvalidRequest as error:
            return None, error.fields
        faults = dict(found) | self._vocabulary.style_faults(request.style)
        if self._vocabulary.find_template(request.template) is None:
            faults["template"] = f"has no version {request.template}; leave it out for the one in production"
        faults |= value_faults(self._vocabulary.list_variables(request.template), request.variables)
        composed = _compose(self._vocabulary, request)
        # Where a photo must come and lacks, that is what is said; with it the prompt may stay empty.
        has_photo = request.image is not None or model.image_required
        if not (request.prompt or may_be_blank(model, request.params, has_photo=has_photo)):
            faults["prompt"] = BLANK_PROMPT
        elif fault := check_prompt(model, composed.text):
            faults["prompt"] = fault
        faults |= self._once(
            lambda: _as_key(model, request, request.params),
            lambda: _field_faults(self._deps, self._viewer, model, request),
        )
        faults |= request.faults
        quote = (
            unknown_quote("it can't be sent as it is") if faults else self._quote_once(model, request, facts)
        )
        payload = build_payload(model, composed.text, request.params)
        return CheckedRequest(request, model, composed, payload, quote, facts), faults

    def _quote_once(self, model: VideoModel, request: TakeRequest, facts: StartFacts) -> Quote:
        return self._once(
            lambda: _as_price_key(model, request), lambda: _quote(self._deps, model, request, facts)
        )

    def _once(self, get_key: Callable[[], tuple[str, ...]], look: Callable[[], T]) -> T:
        if not self._several:
            return look()
        key = get_key()
        if key not in self._known:
            self._known[key] = look()
        found: T = self._known[key]
        return found


def _as_key(model: VideoModel, request: TakeRequest, params: dict[str, Any]) -> tuple[str, ...]:
    """The same for requests that differ in their words alone."""
    about = [params, request.image, request.images, request.project, request.collections, request.made_from]
    return model.id, json.dumps(about, sort_keys=True, default=repr)


def _as_price_key(model: VideoModel, request: TakeRequest) -> tuple[str, ...]:
    """The same for requests that cost the same: words and seeds move no price."""
    priced = {name: value for name, value in request.params.items() if name != "seed"}
    return "quote", *_as_key(model, request, priced)


def estimate_request(deps: Deps, viewer: Viewer, request: TakeRequest) -> Quote:
    """What a take would cost, as far as it is described; nothing is written.

    Raises NotAllowed; InvalidRequest: names every field at fault. A model must be named, the rest may lack.
    """
    viewer.must(Do.ESTIMATE)
    model, facts, faults = _find_model(deps, request, partial=True)
    vocabulary = current_vocabulary(deps)
    faults |= vocabulary.style_faults(request.style)
    faults |= value_faults(vocabulary.list_variables(request.template), request.variables)
    sent = _compose(vocabulary, request).text
    if request.prompt and (fault := check_prompt(model, sent)):
        faults["prompt"] = fault
    faults |= _field_faults(deps, viewer, model, request, partial=True)
    faults |= request.faults
    if faults:
        raise InvalidRequest(faults)
    return _quote(deps, model, request, facts)


def _compose(vocabulary: Vocabulary, request: TakeRequest) -> ComposedPrompt:
    return vocabulary.compose_prompt(request.prompt, request.style, request.template, request.variables)


def _quote(deps: Deps, model: VideoModel, request: TakeRequest, facts: StartFacts) -> Quote:
    photos = request.photos_by_field(model.image_field)
    return quote_take(deps, model, request.params, photos=photos, facts=facts)


def _field_faults(
    deps: Deps, viewer: Viewer, model: VideoModel, request: TakeRequest, *, partial: bool = False
) -> dict[str, str]:
    """What is wrong with photos, parameters and what is named of the library."""
    links, faults = check_photos(deps, viewer, model, request)
    if partial and request.image is None:
        faults.pop("image", None)
    for name, fault in check_params(model, {**links, **request.params}, partial=partial).items():
        field = name.removeprefix("params.")  # a fault of the number of photos belongs where they were given
        faults[f"images.{field}" if field in links else name] = fault
    faults |= named_faults(deps, viewer, request)
    if request.params.get("sync_mode") is True:
        faults["params.sync_mode"] = SYNC_MODE_FAULT
    return faults


def _find_model(
    deps: Deps, request: TakeRequest, *, partial: bool = False
) -> tuple[VideoModel, StartFacts, dict[str, str]]:
    """The model, what its price rests on, and what stands against it.

    Without a model, InvalidRequest names what else can be known.
    """
    faults: dict[str, str] = {}
    if request.provider is not None and request.provider not in deps.providers:
        faults["provider"] = f"is unknown; there are {', '.join(sorted(deps.providers))}"
    try:
        model, facts = deps.catalogue.get_with_facts(request.model)
    except KeyError:
        unknown = f"{request.model[:80]!r} is not on offer; GET /api/models lists what is"
        faults["model"] = unknown if request.model else "is missing; name one of the models on offer"
        if not (request.prompt or partial):
            faults["prompt"] = BLANK_PROMPT
        faults |= request.faults
        raise InvalidRequest(faults) from None
    if not model.usable:
        faults["model"] = f"can't be used: {model.reason}"
    if request.provider not in (None, model.provider):
        faults.setdefault("provider", f"doesn't offer {model.id}; {model.provider} does")
    return model, facts, faults


def _shown(given: str | list[str]) -> str | list[str]:
    """A photo, or several, as the payload shows them before they have their links."""
    if isinstance(given, list):
        return [image if "/" in image else PHOTO_TO_COME for image in given]
    return given if "/" in given else PHOTO_TO_COME
