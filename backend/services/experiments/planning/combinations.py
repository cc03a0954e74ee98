"""Which combinations of levels a plan makes, and the request for a take that each of them is."""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from backend.domain.errors import InvalidRequest
from backend.domain.experiments.axes import AS_IN_BASE
from backend.domain.experiments.inputs import canonical_json
from backend.domain.experiments.words import DesignKind
from backend.services.experiments.plan import Plan
from backend.services.prompting.prompt_variables import fill_prompt, variables_in

#: So many draws for each combination that is wanted: models may refuse some.
DRAWS = 10
#: {axis: label}
Levels = Mapping[str, str]


def chosen_levels(plan: Plan, allowed: Callable[[Levels], bool]) -> list[Levels]:
    """The combinations that a plan makes, in order. allowed: those of a fraction are chosen among these."""
    if plan.rows is not None:
        return [row for row in plan.rows if allowed(row)]
    labels = [[level.label for level in axis.levels] for axis in plan.axes]
    names = [axis.name for axis in plan.axes]

    def as_levels(combination: Sequence[int]) -> Levels:
        return {name: of[place] for name, of, place in zip(names, labels, combination, strict=True)}

    sizes = [len(of) for of in labels]
    if plan.design is DesignKind.FRACTION:
        chosen = _fraction(plan, tuple(sizes), lambda one: allowed(as_levels(one)))
        return _with_baseline([as_levels(one) for one in chosen], plan.baseline)
    if plan.design is DesignKind.RANDOM:
        return _with_baseline(_drawn(plan, sizes, as_levels, allowed), plan.baseline)
    return [one for combination in product(*map(range, sizes)) if allowed(one := as_levels(combination))]


def _fraction(
    plan: Plan, sizes: tuple[int, ...], allowed: Callable[[Sequence[int]], bool]
) -> Sequence[Sequence[int]]:
    """The combinations that tell the effects of single axes best; known again while a person goes on."""
    if not plan.drop_refused:
        return _whole_fraction(sizes, plan.combinations, plan.seed or 0)
    from backend.science.designs import choose_fraction  # NumPy, which no start is to wait for

    return choose_fraction(sizes, plan.combinations, seed=plan.seed or 0, allowed=allowed)


@lru_cache(maxsize=32)
def _whole_fraction(sizes: tuple[int, ...], number: int, seed: int) -> Sequence[Sequence[int]]:
    from backend.science.designs import choose_fraction  # as above

    return choose_fraction(sizes, number, seed=seed)


def _with_baseline(chosen: list[Levels], baseline: Levels | None) -> list[Levels]:
    """With what others are compared with: in place of the combination that is most like it."""
    if baseline is None or not chosen or dict(baseline) in map(dict, chosen):
        return chosen
    alike = [sum(one[axis] == label for axis, label in baseline.items()) for one in chosen]
    place = alike.index(max(alike))
    return [*chosen[:place], baseline, *chosen[place + 1 :]]


def _drawn(
    plan: Plan,
    sizes: Sequence[int],
    as_levels: Callable[[Sequence[int]], Levels],
    allowed: Callable[[Levels], bool],
) -> list[Levels]:
    """Combinations by chance, the same ones for the same seed, in the order of a full design."""
    whole = prod(sizes)
    drawn = random.Random(plan.seed or 0).sample(range(whole), min(whole, plan.combinations * DRAWS))  # noqa: S311
    found: list[int] = []
    for place in drawn:
        if len(found) == plan.combinations:
            break
        if allowed(as_levels(_digits(place, sizes))):
            found.append(place)
    return [as_levels(_digits(place, sizes)) for place in sorted(found)]


def _digits(place: int, sizes: Sequence[int]) -> list[int]:
    """The combination at this place of a full design."""
    digits = []
    for size in reversed(sizes):
        place, digit = divmod(place, size)
        digits.append(digit)
    return digits[::-1]


def cell_key(levels: Levels) -> str:
    """The name of a combination within its experiment: the same for the same levels."""
    return hashlib.sha256(canonical_json(levels).encode()).hexdigest()


class RequestBuilder:
    """Makes the request of each combination: what its levels say, over the base."""

    def __init__(self, plan: Plan) -> None:
        self._base, self._constants = plan.base, plan.constants
        self._values = {axis.name: {level.label: level.value for level in axis.levels} for axis in plan.axes}

    def request_of(self, levels: Levels) -> tuple[dict[str, Any], dict[str, str]]:
        """(the request as `parse_request` reads it, what is wrong with its variables)."""
        said = {**self._constants} | {name: self._values[name][label] for name, label in levels.items()}
        request: dict[str, Any] = dict(self._base)
        style, params = dict(request.get("style") or {}), dict(request.get("params") or {})
        variables: dict[str, Any] = {}
        of_template = dict(request.get("variables") or {})
        for name, value in said.items():
            if value is AS_IN_BASE:
                continue
            within, _, part = name.partition(".")
            if within == "style":
                _put(style, part, value)
            elif within == "params":
                _put(params, part, value)
            elif within == "variables" and part:
                _put(of_template, part, value)
            elif name in ("prompt", "template", "model", "image"):
                _put(request, name, value)
            else:
                variables[name] = value
        if "model" in said and said["model"] is not AS_IN_BASE:
            request.pop("provider", None)  # each model has its own
        request |= {"style": style} if style else {}
        request |= {"params": params} if params else {}
        request |= {"variables": of_template} if of_template else {}
        return request, _fill(request, variables)


def _fill(request: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, str]:
    prompt = request.get("prompt")
    if not isinstance(prompt, str):
        return {}
    try:
        named = variables_in(prompt)
        request["prompt"] = fill_prompt(
            prompt, {name: one for name, one in variables.items() if name in named}
        )
    except InvalidRequest as error:
        return {name.removeprefix("variables."): fault for name, fault in error.fields.items()}
    return {}


def _put(into: dict[str, Any], name: str, value: Any) -> None:
    """What is None is left out."""
    if value is None:
        into.pop(name, None)
    else:
        into[name] = value
