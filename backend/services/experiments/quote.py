"""What a plan comes to before anything is paid: cells, takes, price, time, and what it can show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.catalogue.pricing.quote import dollars
from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.plan import Plan
from backend.services.experiments.planning.cells import PlannedCell, cells_of
from backend.services.experiments.planning.combinations import Levels
from backend.services.experiments.planning.naming import level_words
from backend.services.experiments.reuse import PlannedTrial, plan_trials
from backend.services.experiments.running.canary import choose_canary
from backend.services.experiments.running.fair_share import AT_ONCE, usual_at_once
from backend.services.gallery.durations import length_asked, usual_time
from backend.store.experiments import running
from backend.store.money.ledger import MICROS_PER_USD, to_micros


@dataclass(frozen=True)
class Power:
    """What so many takes can show. picks_better: how probably the best cell is found, 0 to 1, where a fresh
    take of it is preferred to one of any other so often (`win_rate`)."""

    takes_each: int
    win_rate: float
    picks_better: float
    words: str


@dataclass(frozen=True)
class RefusedCell:
    """A combination that its model refuses, and why: field -> what is wrong with it."""

    levels: Levels
    fields: dict[str, str]

    @property
    def words(self) -> str:
        """It in one sentence."""
        named = ", ".join(f"{axis} {level_words(axis, label)}" for axis, label in self.levels.items())
        return f"{named}: {'; '.join(f'{field} {why}' for field, why in self.fields.items())}"


@dataclass(frozen=True)
class PlanFigures:
    """A plan in numbers. Prices are of what is still to be paid."""

    cells: int
    takes: int
    reused: int
    usd: float
    at_most_usd: float
    unknown: int  #: takes whose price nobody knows, those among them that are refused
    refused: int  #: takes without a price, because their model refuses what they ask for
    usual_s: float | None  #: until the last take is home; None: nobody knows
    power: Power
    faults: tuple[RefusedCell, ...]
    wrong: dict[str, str]  #: field of the plan -> what stands against it, besides

    @property
    def unpriced(self) -> int:
        """Takes that could be made, and whose price nobody knows."""
        return self.unknown - self.refused


@dataclass(frozen=True)
class PricedPlan:
    """A plan with its cells and trials."""

    plan: Plan
    cells: Sequence[PlannedCell]
    trials: Sequence[PlannedTrial]
    figures: PlanFigures


def dry_run(deps: Deps, viewer: Viewer, plan: Plan) -> PlanFigures:
    """What a plan comes to. Nothing is written.

    Raises:
        NotAllowed: the viewer may not plan experiments.
        InvalidRequest: what all cells are refused for.
    """
    return price_plan(deps, viewer, plan).figures


def price_plan(deps: Deps, viewer: Viewer, plan: Plan) -> PricedPlan:
    """The same with its cells and trials. Raises as `dry_run`."""
    viewer.must(Do.EXPERIMENT)
    cells = cells_of(deps, viewer, plan)
    trials = plan_trials(deps, viewer, plan, cells)
    return PricedPlan(plan, cells, trials, figures_of(deps, plan, cells, trials))


def figures_of(
    deps: Deps, plan: Plan, cells: Sequence[PlannedCell], trials: Sequence[PlannedTrial]
) -> PlanFigures:
    """What these cells and trials come to."""
    bought = [cells[trial.cell] for trial in trials if trial.reused is None]
    priced = [cell.quote for cell in bought if cell.quote.usd is not None]
    usd = sum(to_micros(quote.usd or 0.0) for quote in priced)
    at_most = sum(_ceiling(cell) for cell in bought)
    return PlanFigures(
        cells=len(cells),
        takes=len(trials),
        reused=len(trials) - len(bought),
        usd=usd / MICROS_PER_USD,
        at_most_usd=at_most / MICROS_PER_USD,
        unknown=len(bought) - len(priced),
        refused=sum(1 for cell in bought if cell.faults and cell.quote.usd is None),
        usual_s=_usual_s(deps, plan, bought),
        power=power_of(len(cells), plan.repeats),
        faults=tuple(RefusedCell(cell.levels, dict(cell.faults)) for cell in cells if cell.faults),
        wrong=_wrong(plan, cells, trials),
    )


def power_of(cells: int, takes_each: int) -> Power:
    """What so many takes of each of so many cells can show, if votes are plenty."""
    from backend.science import power  # NumPy, which no start is to wait for

    chance = power.picks_better(takes_each, cells=cells)
    takes = f"{takes_each} take{'s' if takes_each != 1 else ''} each"
    which = "the better of two" if cells == 2 else f"the best of {cells:,}"
    words = (
        f"With {takes}, {which} at {power.as_odds(power.WIN_RATE)} is picked about "
        f"{round(10 * chance)} times in 10."
    )
    return Power(takes_each, power.WIN_RATE, round(chance, 3), words)


def figures_json(figures: PlanFigures) -> dict[str, Any]:
    """The figures, as clients see them."""
    estimate = {"usd": figures.usd, "at_most_usd": figures.at_most_usd, "unknown": figures.unknown}
    power = figures.power
    return {
        "cells": figures.cells,
        "takes": figures.takes,
        "reused": figures.reused,
        "estimate": estimate,
        "usual_s": figures.usual_s,
        "power": {
            "takes_each": power.takes_each,
            "win_rate": power.win_rate,
            "picks_better": power.picks_better,
            "words": power.words,
        },
        "faults": [
            {"levels": dict(one.levels), "fields": one.fields, "message": one.words} for one in figures.faults
        ],
    }


def _ceiling(cell: PlannedCell) -> int:
    """What a take of it counts for in a cap, in millionths of a USD; 0 where nobody knows."""
    return to_micros(max(cell.quote.at_most_usd or 0.0, cell.quote.usd or 0.0))


def takes_at_once(deps: Deps, plan: Plan, cells: Sequence[PlannedCell]) -> int:
    """How many of its takes are on their way at most: as the plan says, else a fair share."""
    providers = {cell.checked.model.provider for cell in cells if cell.checked is not None}
    return plan.at_once or min((usual_at_once(deps, one) for one in providers), default=AT_ONCE)


def _usual_s(deps: Deps, plan: Plan, bought: Sequence[PlannedCell]) -> float | None:
    """So many at once as the plan says; the last one is home no sooner than the longest take lasts."""
    known: dict[tuple[str, float | None], float | None] = {}
    lasts: list[float] = []
    for cell in bought:
        if cell.checked is None:
            return None
        model, params = cell.checked.model, cell.checked.request.params
        key = model.id, length_asked(model.schema, params)
        if key not in known:
            usual = usual_time(deps, model.id, params)
            known[key] = usual.middle_s if usual else None
        middle_s = known[key]
        if middle_s is None:
            return None
        lasts.append(middle_s)
    return round(max(sum(lasts) / takes_at_once(deps, plan, bought), max(lasts)), 1) if lasts else 0.0


def _wrong(plan: Plan, cells: Sequence[PlannedCell], trials: Sequence[PlannedTrial]) -> dict[str, str]:
    """What stands against a plan once its cells and prices are known."""
    wrong = {}
    if plan.baseline is not None and dict(plan.baseline) not in [dict(one.levels) for one in cells]:
        wrong["baseline"] = "is none of the cells"
    if len(cells) < 2:
        wrong["axes"] = "leave one cell; there is nothing to compare"
    takes = sorted((trial.number, trial.cell) for trial in trials if trial.reused is None)
    waiting = [
        running.PlannedTrial(f"{place}", f"{place}", number, cells[place].levels) for number, place in takes
    ]
    canary = choose_canary(waiting, plan.canary)
    costs = sum(_ceiling(cells[int(place)]) for place in canary) / MICROS_PER_USD
    if plan.cap_usd is not None and costs > plan.cap_usd:
        wrong["cap_usd"] = (
            f"is below the price of the canary, {dollars(costs)} for {len(canary)} takes; raise the cap or "
            "make the canary smaller"
        )
    return wrong
