"""An experiment as people see it: its cells with their takes, how these go, what was spent and found."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import NotFound
from backend.domain.experiments.errors import CapReached
from backend.domain.experiments.words import ExperimentState, TrialState
from backend.domain.states import API_STATUS
from backend.models import Cell, Experiment, ExperimentAxis
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.planning.naming import combination_words
from backend.store.experiments import outcomes, plans, running, takes
from backend.store.experiments.plans import TrialNow
from backend.store.money.ledger import MICROS_PER_USD

#: Experiments on one page of a list.
PAGE_SIZE, PAGE_SIZE_MAX = 50, 200
#: What a trial counts as; those that another one stands for, or that were dropped, count as nothing.
COUNTED = ("completed", "processing", "failed", "held", "cancelled", "planned")
#: What a take counts as, by its state's own word: looked up for each of thousands.
_STATUS: Mapping[str, str] = {str(state): word for state, word in API_STATUS.items()}
TOO_EARLY = {"words": "Too early: nobody has voted yet.", "code": "too_early", "leader": None}


@dataclass(frozen=True)
class ExperimentSummary:
    """An experiment at one moment, without its cells. counts: how many of its takes are how far, by each
    word of `COUNTED`; not_made: how many of those that count as failed could not be made, so cost nothing."""

    experiment: Experiment
    cell_number: int
    counts: Mapping[str, int]
    votes: int
    verdict: Mapping[str, Any]
    not_made: int
    spent_micros: int  #: what its takes were billed or, until then, have reserved; in millionths of a USD


@dataclass(frozen=True)
class ExperimentView(ExperimentSummary):
    """The same with its cells. trials: by cell, in their order."""

    cells: Sequence[Cell]
    trials: Mapping[str, Sequence[TrialNow]]


@dataclass(frozen=True)
class ExperimentPage:
    """Experiments, the newest first. next_cursor: of the page behind it; None: there is none."""

    items: Sequence[ExperimentSummary]
    next_cursor: str | None


@dataclass(frozen=True)
class Matrix:
    """An experiment with its axes, for a table of rows × columns."""

    view: ExperimentView
    axes: Sequence[ExperimentAxis]


def status_of(trial: TrialNow) -> str | None:
    """What a trial counts as, a word of `COUNTED`; None: as nothing."""
    return _counts_as(trial.state, trial.job_state)


def _counts_as(state: str, job_state: str | None) -> str | None:
    if state in (TrialState.RETRIED, TrialState.DROPPED):
        return None
    if state == TrialState.BLOCKED:
        return "failed"
    return "planned" if job_state is None else _STATUS[job_state]


def get_experiment(deps: Deps, viewer: Viewer, experiment_id: str) -> ExperimentView:
    """One experiment. Raises NotAllowed; NotFound: there is none, or none that this viewer may know of."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        return _views(session, [seen_experiment(session, viewer, experiment_id)])[0]


def get_own_experiment(deps: Deps, viewer: Viewer, experiment_id: str) -> ExperimentView:
    """The same for who plans and runs experiments, whose token may be good for that alone."""
    viewer.must(Do.EXPERIMENT)
    with deps.store.read() as session:
        return _views(session, [seen_experiment(session, viewer, experiment_id)])[0]


def read_matrix(deps: Deps, viewer: Viewer, experiment_id: str) -> Matrix:
    """One experiment with its axes. Raises as `get_experiment`."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        view = _views(session, [seen_experiment(session, viewer, experiment_id)])[0]
        return Matrix(view, plans.list_axes(session, experiment_id))


def list_experiments(
    deps: Deps, viewer: Viewer, *, limit: int = PAGE_SIZE, cursor: str | None = None, whole: bool = False
) -> ExperimentPage:
    """A page of the experiments that the viewer may see. Raises NotAllowed.

    whole: with their cells, as `ExperimentView`; without, what is read doesn't grow with their takes.
    """
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        rows = plans.list_experiments(session, viewer.visible_names, before=cursor, limit=limit + 1)
        views = (_views if whole else _summaries)(session, rows[:limit])
    return ExperimentPage(views, rows[limit - 1].id if len(rows) > limit else None)


def name_places(deps: Deps, viewer: Viewer, ids: Sequence[str]) -> dict[str, str]:
    """Id -> what it is called, of experiments and cells among these that this viewer may know of."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        found = takes.named_places(session, ids) if ids else []
    return {
        cell.id if cell else one.id: (combination_words(cell.levels) or cell.key) if cell else one.name
        for one, cell in found
        if viewer.may_see(one.owner)
    }


def seen_experiment(session: Session, viewer: Viewer, experiment_id: str) -> Experiment:
    """The row, if this viewer may know of it. Raises NotFound."""
    row = running.get(session, experiment_id)
    if not viewer.may_see(row.owner):
        raise NotFound(running.NO_EXPERIMENT)
    return row


def told_verdict(experiment: Experiment, verdict: Mapping[str, Any]) -> Mapping[str, Any]:
    """What votes say, with what its state says of it: it may have stopped before it was answered."""
    why = experiment.why or "Closed"
    at_cap = experiment.state == ExperimentState.PAUSED and why.startswith(CapReached.BEGINS)
    ended = experiment.state == ExperimentState.CLOSED or at_cap
    if not ended or verdict["code"] not in ("too_early", "takes_missing"):
        return verdict
    said = "Stopped: cap reached" if at_cap else why.rstrip(".")
    if verdict["words"] == TOO_EARLY["words"]:
        words = f"{said}{',' if at_cap else ''} before anybody had voted."
    else:
        words = f"{said}{'' if at_cap else ' before it was answered'}. {verdict['words']}"
    return {"words": words, "code": "stopped", "leader": verdict["leader"]}


def experiment_json(view: ExperimentSummary) -> dict[str, Any]:
    """An experiment, as clients see it. cells: None where they were not read."""
    row = view.experiment
    cells = _cells(view) if isinstance(view, ExperimentView) else None
    return {
        "id": row.id,
        "name": row.name,
        "question": row.question,
        "owner": row.owner,
        "state": row.state,
        "why": row.why,
        "cells": cells,
        "takes": dict(view.counts),
        "spent_usd": view.spent_micros / MICROS_PER_USD,
        "cap_usd": None if row.cap_micros is None else row.cap_micros / MICROS_PER_USD,
        "votes": view.votes,
        "verdict": dict(view.verdict),
        "baseline": row.baseline_cell,
        "created_at": row.created_at.isoformat(),
        "version": row.version,
    }


def _cells(view: ExperimentView) -> list[dict[str, Any]]:
    return [
        {
            "id": cell.id,
            "levels": cell.levels,
            "takes": _takes(view.trials.get(cell.id, ())),
            "dropped": cell.dropped_at is not None,
        }
        for cell in view.cells
    ]


def _takes(trials: Iterable[TrialNow]) -> list[str]:
    """The takes that stand for a cell: those of trials that count."""
    return [one.job_id for one in trials if one.job_id is not None and status_of(one) is not None]


def _summaries(session: Session, rows: Sequence[Experiment]) -> list[ExperimentSummary]:
    """In seven statements, however many they are, and however many takes they have."""
    ids = [row.id for row in rows]
    if not ids:
        return []
    counted: dict[str, Counter[str]] = {}
    for experiment_id, state, job_state, number in plans.count_trials(session, ids):
        if status := _counts_as(state, job_state):
            counted.setdefault(experiment_id, Counter())[status] += number
        if state == TrialState.BLOCKED:
            counted[experiment_id][state] += number
    return _summed_up(session, rows, plans.count_cells(session, ids), counted)


def _views(session: Session, rows: Sequence[Experiment]) -> list[ExperimentView]:
    """In seven statements, however many they are."""
    ids = [row.id for row in rows]
    if not ids:
        return []
    cells: dict[str, list[Cell]] = {}
    for cell in plans.list_cells(session, ids):
        cells.setdefault(cell.experiment_id, []).append(cell)
    trials: dict[str, dict[str, list[TrialNow]]] = {}
    counted: dict[str, Counter[str]] = {}
    for trial in plans.list_trials(session, ids):
        trials.setdefault(trial.experiment_id, {}).setdefault(trial.cell_id, []).append(trial)
        if status := status_of(trial):
            counted.setdefault(trial.experiment_id, Counter())[status] += 1
        if trial.state == TrialState.BLOCKED:
            counted[trial.experiment_id][trial.state] += 1
    summed_up = _summed_up(session, rows, {one: len(of) for one, of in cells.items()}, counted)
    return [
        ExperimentView(
            **vars(one), cells=cells.get(one.experiment.id, []), trials=trials.get(one.experiment.id, {})
        )
        for one in summed_up
    ]


def _summed_up(
    session: Session,
    rows: Sequence[Experiment],
    cell_numbers: Mapping[str, int],
    counted: Mapping[str, Counter[str]],
) -> list[ExperimentSummary]:
    ids = [row.id for row in rows]
    votes, found = plans.count_votes(session, ids), plans.newest_findings(session, ids)
    spent = outcomes.spent_micros(session, ids)
    return [
        ExperimentSummary(
            row,
            cell_numbers.get(row.id, 0),
            {word: counted.get(row.id, Counter())[word] for word in COUNTED},
            votes.get(row.id, 0),
            told_verdict(row, found[row.id].data["finding"]["verdict"] if row.id in found else TOO_EARLY),
            counted.get(row.id, Counter())[TrialState.BLOCKED],
            spent.get(row.id, 0),
        )
        for row in rows
    ]
