"""Several takes at once that differ by their seed: one click, each made once, paid as one sum."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from backend.catalogue.models import VideoModel
from backend.domain.access.roles import Do
from backend.domain.errors import DailiesError, InvalidRequest
from backend.domain.library.origin import Origin
from backend.domain.library.review import OriginHow
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.takes import create
from backend.services.takes.check_request import check_request
from backend.services.takes.request import TakeRequest, parse_request

#: More at once is a plan, not a look at a few.
VARIATIONS_MAX = 8
#: Seeds stay below this, whatever a model would take: 31 bits fit everywhere.
SEED_BELOW = 2**31
#: The prompts that one press makes takes of; more are an experiment, with a cap and a plan.
PROMPTS_MAX = 24


@dataclass(frozen=True)
class Started:
    """The takes that were made; why the others were not, if any."""

    jobs: tuple[Job, ...]
    wanted: int
    error: DailiesError | None = None

    def words(self) -> str:
        """What happened, in a sentence; with the reason where something was not sent."""
        made = len(self.jobs)
        if self.error is None:
            return "Saved. You can close this tab." if made == 1 else f"{made} takes saved."
        return f"{made} of {self.wanted} takes saved; {self.wanted - made} not sent: {self.error}"


def start_variations(
    deps: Deps,
    viewer: Viewer,
    request: TakeRequest,
    *,
    number: int,
    key: str,
    of: str | None = None,
    on_progress: Callable[[int], object] = lambda made: None,
) -> Started:
    """Make so many takes of a request, each once for each key; the same again gives the same takes.

    of: the take that all of them vary, by a seed of their own; None: the first is made as it is asked for,
    and the others vary that one. on_progress: is called with how many are made.

    Raises:
        NotAllowed: the viewer may not start takes.
        InvalidRequest: names every field at fault; no take was made.
        BudgetExceeded: all of them together would pass a limit; no take was made.
        DailiesError: anything else that stood in the way of the first.
    """
    viewer.must(Do.START)
    if not 1 <= number <= VARIATIONS_MAX:
        raise InvalidRequest({"number": f"must be 1 to {VARIATIONS_MAX}"})
    if number > 1:
        create.check_room(deps, viewer, request, takes=number, key=key)
    made: list[Job] = []
    for place in range(number):
        origin = of or (made[0].id if made else None)
        asked = _variation(deps, request, f"{key}:{place}", origin) if origin else request
        own_key = f"{key}:{place}" if place else key
        try:
            made.append(create.create_job(deps, viewer, asked, idempotency_key=own_key))
        except DailiesError as error:
            if not made:
                raise
            return Started(tuple(made), number, error)
        on_progress(len(made))
    return Started(tuple(made), number)


def start_prompts(
    deps: Deps,
    viewer: Viewer,
    request: TakeRequest,
    prompts: Sequence[str],
    *,
    number: int,
    key: str,
    on_progress: Callable[[int], object] = lambda made: None,
) -> Started:
    """Make so many takes of a request with each of these prompts, each once for each key.

    All of them are checked, and there is room for all, before the first is made. Otherwise as
    `start_variations`, also what it raises.
    """
    viewer.must(Do.START)
    if not 1 <= len(prompts) <= PROMPTS_MAX:
        raise InvalidRequest({"prompt": f"must stand for 1 to {PROMPTS_MAX} prompts, not {len(prompts)}"})
    asked = [with_prompt(request, prompt) for prompt in prompts]
    for one in asked[1:]:
        check_request(deps, viewer, one)
    made: list[Job] = []
    wanted = number * len(asked)
    for place, one in enumerate(asked):
        own_key = f"{key}:{place}:" if place else key
        if place == 0 and wanted > 1:
            create.check_room(deps, viewer, one, takes=wanted, key=own_key)
        try:
            started = start_variations(
                deps, viewer, one, number=number, key=own_key,
                on_progress=partial(_after, len(made), on_progress),
            )  # fmt: skip
        except DailiesError as error:
            if not made:
                raise
            return Started(tuple(made), wanted, error)
        made += started.jobs
        if started.error is not None:
            return Started(tuple(made), wanted, started.error)
    return Started(tuple(made), wanted)


def _after(before: int, on_progress: Callable[[int], object], made: int) -> None:
    on_progress(before + made)


def with_prompt(request: TakeRequest, prompt: str) -> TakeRequest:
    """The same request with another prompt; itself, if that is its own."""
    if (request.body.get("prompt") or "") == prompt:
        return request
    return parse_request({**request.given, "prompt": prompt})


def _variation(deps: Deps, request: TakeRequest, mark: str, origin: str) -> TakeRequest:
    """The same with a seed of its own, if its model has one: the same one for the same mark."""
    limits = seed_limits(deps.catalogue.get(request.model))
    params = dict(request.params)
    if limits is not None:
        low, high = limits
        drawn = int.from_bytes(hashlib.sha256(mark.encode()).digest()[:8])
        params["seed"] = low + drawn % (high - low + 1)
    varied = Origin(origin, OriginHow.VARIED)
    made_from = [{"take": one.take, "how": str(one.how)} for one in (*request.made_from, varied)]
    return parse_request({**request.given, "params": params, "made_from": made_from})


def seed_limits(model: VideoModel) -> tuple[int, int] | None:
    """The least and the greatest seed of a model; None: it takes none."""
    prop: Mapping[str, Any] | None = model.schema["properties"].get("seed")
    if prop is None:
        return None
    parts = [prop, *(part for part in prop.get("anyOf", []) if isinstance(part, Mapping))]
    low = max([0, *(int(part["minimum"]) for part in parts if "minimum" in part)])
    high = min([SEED_BELOW - 1, *(int(part["maximum"]) for part in parts if "maximum" in part)])
    return (low, high) if low < high else None
