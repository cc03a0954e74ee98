"""The cells of a plan: each combination as the request that it is, checked, with its price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.catalogue.pricing.quote import Quote, unknown_quote
from backend.domain.errors import InvalidRequest
from backend.domain.experiments.words import SeedPolicy
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.plan import Plan
from backend.services.experiments.planning.combinations import (
    Levels,
    RequestBuilder,
    cell_key,
    chosen_levels,
)
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.takes.check_request import CheckedRequest, RequestCheck
from backend.services.takes.request import parse_request


@dataclass(frozen=True)
class PlannedCell:
    """One combination. checked: None where its model is not on offer."""

    key: str
    levels: Levels
    request: Mapping[str, Any]  #: as `parse_request` reads it, without the seed of a trial
    checked: CheckedRequest | None
    faults: Mapping[str, str]  #: field -> why a model refuses it

    @property
    def quote(self) -> Quote:
        """What one take of it will cost."""
        return self.checked.quote if self.checked else unknown_quote("its model is not on offer")

    @property
    def takes_seeds(self) -> bool:
        """Does its model take a seed that the request itself doesn't name?"""
        return (
            self.checked is not None
            and "seed" in self.checked.model.schema.get("properties", {})
            and "seed" not in self.checked.request.params
        )


def cells_of(deps: Deps, viewer: Viewer, plan: Plan) -> list[PlannedCell]:
    """The cells of a plan in order, also those that a model refuses, unless the plan leaves these out.

    Raises InvalidRequest: what every one of them is refused for, as a fault of the base or an axis.
    """
    builder, check = RequestBuilder(plan), RequestCheck(deps, viewer, current_vocabulary(deps))
    made: dict[str, PlannedCell] = {}

    def cell(levels: Levels) -> PlannedCell:
        key = cell_key(levels)
        if key not in made:
            made[key] = _planned(check, key, levels, *builder.request_of(levels))
        return made[key]

    chosen = chosen_levels(plan, lambda levels: not (plan.drop_refused and cell(levels).faults))
    cells = [cell(levels) for levels in chosen]
    seen = cells or list(made.values())
    if seen and all(one.faults for one in seen):
        raise InvalidRequest(_common_faults(plan, seen))
    return cells


def check_cells(
    deps: Deps, viewer: Viewer, asked: Sequence[tuple[str, Levels, Mapping[str, Any]]]
) -> list[PlannedCell]:
    """Cells that are there, as (key, levels, request), checked as they would be sent now."""
    check = RequestCheck(deps, viewer, current_vocabulary(deps))
    return [_planned(check, key, levels, dict(request), {}) for key, levels, request in asked]


def trial_seed(plan: Plan, cell: PlannedCell, number: int) -> int | None:
    """The seed of a cell's n-th trial, counted from 1; None: its request says it, or chance decides."""
    if not cell.takes_seeds or plan.seeds is SeedPolicy.FREE:
        return None
    return plan.seed if plan.seeds is SeedPolicy.FIXED else number


def _planned(
    check: RequestCheck, key: str, levels: Levels, request: dict[str, Any], missing: Mapping[str, str]
) -> PlannedCell:
    checked, faults = check.look_at(parse_request(request))
    return PlannedCell(key, levels, request, checked, {**faults, **missing})


def _common_faults(plan: Plan, cells: Sequence[PlannedCell]) -> dict[str, str]:
    """What all cells are refused for; where each has a reason of its own, all of these."""
    fields = {field for cell in cells for field in cell.faults}
    common = {field for field in fields if all(field in cell.faults for cell in cells)} or fields
    varied = {axis.name for axis in plan.axes} | plan.constants.keys()
    within = "axes" if plan.rows is None else "rows"
    said: dict[str, str] = {}
    for cell in cells:
        for field in common & cell.faults.keys():
            said.setdefault(f"{within if field in varied else 'base'}.{field}", cell.faults[field])
    return said
