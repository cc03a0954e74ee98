"""The same inputs on a better model, or at a higher resolution: what there is, what it costs, what is lost.

Better is what costs more for the same, of the same kind; first those of the same family, the nearest price
first. A family is whatever stands in the first two parts of an endpoint's id.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backend.catalogue.fields import read_fields
from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.quote import Quote
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, StateConflict
from backend.domain.library.review import OriginHow
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.money import price_rules
from backend.services.takes import create
from backend.services.takes.check_request import check_request
from backend.services.takes.remake.fitting import fit_request
from backend.services.takes.request import TakeRequest, parse_request, repeat_request

#: So many are offered: a choice, not a catalogue.
OFFERED_MAX = 6
#: The fields in which models name a resolution.
RESOLUTION_FIELDS = ("resolution", "video_size", "quality")


@dataclass(frozen=True)
class Promotion:
    """One way up. difference_usd: how much more than before it costs at most; None: nobody knows."""

    id: str  #: names it among those of its take
    model: VideoModel
    resolution: str | None  #: what it is raised to; None: as it comes
    request: TakeRequest
    left_out: tuple[str, ...]  #: in words, what of the take finds no place there
    quote: Quote
    difference_usd: float | None


def list_promotions(deps: Deps, viewer: Viewer, job_id: str) -> list[Promotion]:
    """What a take can be promoted to, first at its own model. Raises NotFound, NotAllowed."""
    job = gallery.get_take(deps, viewer, job_id).job
    models = {one.id: one for one in price_rules.with_team_rules(deps, gallery.list_usable_models(deps))}
    try:
        old = models.get(job.model) or deps.catalogue.recall(job.model)
    except KeyError:
        return []  # nobody knows any more what it was asked for
    request = repeat_request(job)
    before = _quoted(deps, viewer, request)
    found = list(_resolutions(deps, viewer, request, old, before)) if old.id in models else []
    better = _better(deps, viewer, request, old, before, list(models.values()))
    return [*found, *better][:OFFERED_MAX]


def promote_take(deps: Deps, viewer: Viewer, job_id: str, promotion_id: str, *, key: str) -> Job:
    """Make the take that a promotion stands for; `key` as `create_job` has it.

    Raises:
        NotFound, NotAllowed: there is no such take that this viewer may see, or they may not start takes.
        StateConflict: that promotion is not on offer (any more).
        InvalidRequest, BudgetExceeded: as `create_job` does.
    """
    viewer.must(Do.START)
    found = next((one for one in list_promotions(deps, viewer, job_id) if one.id == promotion_id), None)
    if found is None:
        raise StateConflict("That is not on offer any more; open the list again.")
    made_from = [{"take": job_id, "how": str(OriginHow.PROMOTED)}]
    asked = parse_request({**found.request.body, "made_from": made_from})
    return create.create_job(deps, viewer, asked, idempotency_key=key)


def family(model_id: str) -> str:
    """The models that are one line of one maker have it in common."""
    return "/".join(model_id.split("/")[:2])


def _resolutions(
    deps: Deps, viewer: Viewer, request: TakeRequest, model: VideoModel, before: Quote | None
) -> Iterator[Promotion]:
    for field in read_fields(model.schema):
        if field.name not in RESOLUTION_FIELDS:
            continue
        now = _lines(request.params.get(field.name, field.default))
        for option in sorted(field.options, key=_lines):
            if now and _lines(option) > now:
                raised = parse_request({**request.body, "params": {**request.params, field.name: option}})
                if (quote := _quoted(deps, viewer, raised)) is not None:
                    yield _promotion(model, raised, [], quote, before, resolution=str(option))


def _better(
    deps: Deps, viewer: Viewer, request: TakeRequest, old: VideoModel, before: Quote | None,
    models: list[VideoModel],
) -> list[Promotion]:  # fmt: skip
    found = []
    for new in models:
        if new.id == old.id or new.category != old.category:
            continue
        asked, left_out = fit_request(request, old, new)
        quote = _quoted(deps, viewer, asked)
        if quote is None or _usd(quote) is None or (_usd(quote) or 0.0) <= (_usd(before) or 0.0):
            continue
        found.append(_promotion(new, asked, left_out, quote, before))
    return sorted(
        found, key=lambda one: (family(one.model.id) != family(old.id), _usd(one.quote), one.model.title)
    )


def _promotion(
    model: VideoModel, request: TakeRequest, left_out: list[str], quote: Quote, before: Quote | None,
    *, resolution: str | None = None,
) -> Promotion:  # fmt: skip
    usd, was = _usd(quote), _usd(before)
    more = None if usd is None or was is None else usd - was
    name = f"{model.id}@{resolution}" if resolution else model.id
    return Promotion(name, model, resolution, request, tuple(left_out), quote, more)


def _quoted(deps: Deps, viewer: Viewer, request: TakeRequest) -> Quote | None:
    """What it would cost; None: it can't be asked for."""
    try:
        return check_request(deps, viewer, request).quote
    except InvalidRequest:
        return None


def _usd(quote: Quote | None) -> float | None:
    return None if quote is None else quote.usd if quote.usd is not None else quote.at_most_usd


def _lines(option: object) -> int:
    """How many lines a resolution has: 1080 of "1080p", 2160 of "4k"; 0 where no number says so."""
    found = re.search(r"(\d+)\s*(k?)", str(option).lower())
    if found is None:
        return 0
    return int(found[1]) * (540 if found[2] else 1)
