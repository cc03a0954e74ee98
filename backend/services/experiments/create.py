"""A plan becomes an experiment: one transaction of rows. No take is made, nothing is paid."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from backend.domain.errors import IdempotencyKeyReused, InvalidRequest
from backend.domain.experiments.axes import AS_IN_BASE, Level
from backend.domain.experiments.inputs import canonical_json
from backend.domain.experiments.words import ExperimentState, TrialOrigin, TrialState
from backend.models import Cell, Criterion, Experiment, ExperimentAxis, Trial
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.experiments.plan import DELTA, Plan
from backend.services.experiments.planning.cells import PlannedCell
from backend.services.experiments.quote import PlanFigures, PricedPlan, price_plan, takes_at_once
from backend.services.experiments.reuse import PlannedTrial
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.takes.create import check_key
from backend.store.experiments import plans
from backend.store.money.ledger import to_micros


@dataclass(frozen=True)
class CreatedExperiment:
    """An experiment that was just made, or was before with the same key; figures: what its plan comes to."""

    experiment: Experiment
    figures: PlanFigures


def create_experiment(
    deps: Deps, viewer: Viewer, plan: Plan, *, idempotency_key: str | None = None
) -> CreatedExperiment:
    """Keep a plan as a draft, once for each key.

    Raises:
        NotAllowed: the viewer may not plan experiments.
        InvalidRequest: names everything at fault, also what a model refuses; nothing was written.
        IdempotencyKeyReused: the key was used for another plan.
    """
    check_key(idempotency_key)
    body_sha256 = hashlib.sha256(canonical_json(plan.body).encode()).hexdigest()
    plan = _pin_template(deps, plan)
    priced = price_plan(deps, viewer, plan)
    known = _known(deps, viewer, idempotency_key, body_sha256)
    if known is not None:
        return CreatedExperiment(known, priced.figures)
    must_fit(priced, varied="axes" if plan.rows is None else "rows")
    at_once = takes_at_once(deps, plan, priced.cells)
    row = _experiment(deps, viewer, plan, at_once)
    cells = cell_rows(deps, row.id, priced.cells)
    row.idempotency_key, row.body_sha256 = idempotency_key, body_sha256 if idempotency_key else None
    by_levels = {canonical_json(cell.levels): cell.id for cell in cells}
    row.baseline_cell = by_levels.get(canonical_json(plan.baseline)) if plan.baseline else None
    trials = trial_rows(deps, row.id, cells, priced.trials)
    question = Criterion(id=deps.clock.new_id(), experiment_id=row.id, question=plan.question, kind="pair")
    try:
        with deps.store.begin() as session:
            for rows in ([row], _axes(row.id, plan), cells, trials, [question]):
                plans.insert_rows(session, rows)
            record(
                session, deps, viewer, Action.EXPERIMENT_CREATED, object_type="experiment", object_id=row.id,
                changed={"takes": (None, len(trials))}, micros=to_micros(priced.figures.usd),
            )  # fmt: skip
    except IntegrityError:
        known = _known(deps, viewer, idempotency_key, body_sha256)
        if known is None:
            raise
        return CreatedExperiment(known, priced.figures)
    return CreatedExperiment(row, priced.figures)


def _pin_template(deps: Deps, plan: Plan) -> Plan:
    """The plan with the version of the template that is in production now, unless it names one.

    Another version put into production in the middle would change the prompts of the later takes.
    """
    if plan.base.get("template") is not None:
        return plan
    pinned = {"template": current_vocabulary(deps).template.version}
    base = plan.body["base"]
    return replace(plan, base={**plan.base, **pinned}, body={**plan.body, "base": {**base, **pinned}})


def must_fit(priced: PricedPlan, *, varied: str) -> None:
    """Can it be kept? varied: the field that says what is varied.

    Raises InvalidRequest: names all that stands against it, and what a model refuses.
    """
    faults = dict(priced.figures.wrong)
    refused = priced.figures.faults
    if refused:
        named = "; ".join(one.words for one in refused[:20])
        more = f"; and {len(refused) - 20:,} more" if len(refused) > 20 else ""
        faults[varied] = (
            f"make {len(refused):,} combinations that a model refuses: {named}{more}. Change them, or leave "
            "them out with drop_refused"
        )
    if faults:
        raise InvalidRequest(faults)


def _known(deps: Deps, viewer: Viewer, key: str | None, body_sha256: str) -> Experiment | None:
    if key is None:
        return None
    with deps.store.read() as session:
        found = plans.find_by_key(session, viewer.name, key)
    if found is not None and found.body_sha256 != body_sha256:
        why = "This idempotency key was used before, for another experiment. Use a new key."
        raise IdempotencyKeyReused(why)
    return found


def _experiment(deps: Deps, viewer: Viewer, plan: Plan, at_once: int) -> Experiment:
    return Experiment(
        id=deps.clock.new_id(),
        owner=viewer.name,
        name=plan.name,
        question=plan.question,
        state=ExperimentState.DRAFT,
        plan=plan.kept_body(),
        seeds=plan.seeds,
        repeats=plan.repeats,
        reuse=plan.reuse,
        cap_micros=None if plan.cap_usd is None else to_micros(plan.cap_usd),
        canary=plan.canary,
        at_once=at_once,
        delta=DELTA,
        planned_votes=plan.planned_votes,
        project_id=plan.base.get("project"),
        open_to_team=plan.open_to_team,
        created_at=deps.clock.now(),
    )


def _axes(experiment_id: str, plan: Plan) -> list[ExperimentAxis]:
    return [
        ExperimentAxis(
            experiment_id=experiment_id,
            name=axis.name,
            position=place,
            kind=axis.kind,
            levels=list(map(kept_level, axis.levels)),
        )
        for place, axis in enumerate(plan.axes)
    ]


def kept_level(level: Level) -> dict[str, Any]:
    """As an axis keeps it; a level as in the base has no value."""
    return (
        {"label": level.label} if level.value is AS_IN_BASE else {"label": level.label, "value": level.value}
    )


def cell_rows(deps: Deps, experiment_id: str, cells: Sequence[PlannedCell], *, first: int = 0) -> list[Cell]:
    """Rows of these cells, in their order from the place `first` on."""
    return [
        Cell(
            id=deps.clock.new_id(),
            experiment_id=experiment_id,
            key=cell.key,
            position=place,
            levels=dict(cell.levels),
            request=dict(cell.request),
            estimate_micros=None if cell.quote.usd is None else to_micros(cell.quote.usd),
        )
        for place, cell in enumerate(cells, first)
    ]


def trial_rows(
    deps: Deps, experiment_id: str, cells: Sequence[Cell], trials: Sequence[PlannedTrial]
) -> list[Trial]:
    """Rows of these places; what was reused is there."""
    return [
        Trial(
            id=deps.clock.new_id(),
            experiment_id=experiment_id,
            cell_id=cells[trial.cell].id,
            number=trial.number,
            state=TrialState.PLANNED if trial.reused is None else TrialState.MADE,
            seed=trial.seed,
            job_id=trial.reused,
            origin=None if trial.reused is None else TrialOrigin.REUSED,
        )
        for trial in trials
    ]
