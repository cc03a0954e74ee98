"""Parts of an earlier take, put into what a form holds."""

from collections.abc import Collection
from enum import StrEnum

from backend.catalogue.models import VideoModel
from backend.domain.library.origin import Origin
from backend.domain.library.review import OriginHow
from backend.models import Job
from backend.services.deps import Deps
from backend.services.gallery.provider_said import provider_said
from backend.services.takes.remake.fitting import fit_params, fit_request
from backend.services.takes.request import TakeRequest, parse_request, repeat_request


class Part(StrEnum):
    """What of a take is taken over; as it stands in an address."""

    EVERYTHING = "everything"
    PROMPT = "prompt"
    LOOK = "look"
    PARAMETERS = "parameters"
    SEED = "seed"
    PHOTOS = "photos"


def take_parts(
    deps: Deps, current: TakeRequest, job: Job, parts: Collection[Part]
) -> tuple[TakeRequest, list[str]]:
    """The current request with these parts of a take in it, and in words what of them finds no place.

    All but everything leaves the current model: what the take has is put in that one's terms. Everything and
    the seed is the take once more: with the seed that was used, though none may have been asked for.
    """
    earlier = repeat_request(job)
    if Part.SEED in parts:
        earlier = _with_used_seed(deps, earlier, job)
    if Part.EVERYTHING in parts:
        return _made_from(earlier, job, ()), []
    old, new = _find(deps, job.model), _find(deps, current.model)
    body, left_out = dict(current.body), list[str]()
    if Part.PROMPT in parts:
        body["prompt"] = earlier.prompt
    if Part.LOOK in parts:
        body["style"] = earlier.style
    params = dict(current.params)
    wanted = {
        name: value
        for name, value in earlier.params.items()
        if (Part.SEED if name == "seed" else Part.PARAMETERS) in parts
    }
    if Part.PARAMETERS in parts:
        params = {name: value for name, value in params.items() if name == "seed"}
    if old is not None and new is not None:
        fitted, left_out = fit_params(wanted, old, new)
        params |= fitted
        if Part.PHOTOS in parts:
            moved, gone = fit_request(parse_request({**earlier.body, "params": {}, "prompt": ""}), old, new)
            body |= {"image": moved.image, "images": moved.images}
            left_out += gone
    elif wanted or Part.PHOTOS in parts:
        left_out = [f"{job.model} is no longer on offer, so its own parameters"]
    body["params"] = params
    return _made_from(parse_request(body), job, current.made_from), left_out


def used_seed(deps: Deps, job: Job) -> int | None:
    """The seed that the provider used, where it told one and its model takes seeds; else None."""
    seed, model = provider_said(job).seed, _find(deps, job.model)
    return None if model is not None and "seed" not in model.schema["properties"] else seed


def _with_used_seed(deps: Deps, earlier: TakeRequest, job: Job) -> TakeRequest:
    """The same with the seed that was used."""
    seed = used_seed(deps, job)
    if seed is None:
        return earlier
    return parse_request({**earlier.body, "params": {**earlier.params, "seed": seed}})


def _made_from(request: TakeRequest, job: Job, others: Collection[Origin]) -> TakeRequest:
    origins = dict.fromkeys([*others, Origin(job.id, OriginHow.RERUN)])
    listed = [{"take": one.take, "how": str(one.how)} for one in origins]
    return parse_request({**request.body, "made_from": listed})


def _find(deps: Deps, model_id: str) -> VideoModel | None:
    try:
        return deps.catalogue.recall(model_id)
    except KeyError:
        return None
