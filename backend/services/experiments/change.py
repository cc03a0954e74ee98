"""An experiment grows while it runs, or loses cells; what was sent is never taken back."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from backend.domain.errors import InvalidRequest, StateConflict
from backend.domain.experiments.words import ExperimentState, SeedPolicy
from backend.models import Cell, Experiment
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.experiments.control import CLOSED
from backend.services.experiments.create import trial_rows
from backend.services.experiments.plan import REPEATS_MAX, TAKES_MAX
from backend.services.experiments.planning.cells import PlannedCell, check_cells
from backend.services.experiments.reuse import PlannedTrial, fill_trials
from backend.services.experiments.rights import get_to_run
from backend.services.takes.cancel import cancel_if_unsent
from backend.store.experiments import changing, plans, running
from backend.store.experiments.changing import CellEnd

LAST_CELL = "These are all cells that are left; close the experiment instead."


def grow(deps: Deps, viewer: Viewer, experiment_id: str, takes: Mapping[str, int]) -> Experiment:
    """So many further takes of these cells are planned, and made as all others are. takes: cell -> how many.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is closed.
        InvalidRequest: names the cells that it doesn't have, or that were dropped, and what is too many.
    """
    cells = _known_cells(deps, viewer, experiment_id, takes)
    planned = check_cells(deps, viewer, [(cell.key, cell.levels, cell.request) for cell in cells])
    with deps.store.begin() as session:
        row = get_open(session, viewer, experiment_id)
        ends = changing.cell_ends(session, experiment_id)
        before = sum(end.number for end in ends.values())
        if before + sum(takes.values()) > TAKES_MAX:
            raise InvalidRequest({"takes": f"would be more than {TAKES_MAX:,}; plan another experiment"})
        wanted = [
            PlannedTrial(place, end.number + step, _next_seed(row, end, step))
            for place, cell in enumerate(cells)
            for end in (ends.get(cell.id, CellEnd(0, None)),)
            for step in range(1, takes[cell.id] + 1)
        ]
        filled = _reused(session, viewer, row, cells, planned, wanted)
        trials = trial_rows(deps, row.id, cells, filled)
        plans.insert_rows(session, trials)
        running.change(session, experiment_id)
        _record(deps, session, viewer, experiment_id, {"takes": (before, before + len(trials))})
        return running.get(session, experiment_id)


def drop(deps: Deps, viewer: Viewer, experiment_id: str, cell_ids: Sequence[str]) -> Experiment:
    """These cells get no take any more, and those not sent yet are cancelled. What was sent comes home.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is closed, or no cell would be left.
        InvalidRequest: names the cells that it doesn't have.
    """
    why = f"Dropped by {viewer.name}."
    with deps.store.begin() as session:
        get_open(session, viewer, experiment_id)
        known = {cell.id: cell for cell in plans.list_cells(session, [experiment_id])}
        if unknown := [one for one in cell_ids if one not in known]:
            raise InvalidRequest({"cells": f"has no cell {unknown[0]!r:.80}"})
        standing = {one for one, cell in known.items() if cell.dropped_at is None}
        dropped = sorted(standing.intersection(cell_ids))
        if not dropped:
            return running.get(session, experiment_id)
        if standing == set(dropped):
            raise StateConflict(LAST_CELL)
        changing.drop_cells(session, dropped, at=deps.clock.now(), why=why)
        for job_id in changing.list_unsent(session, dropped):
            cancel_if_unsent(deps, session, viewer, job_id)
        running.change(session, experiment_id)
        cells = (len(standing), len(standing) - len(dropped))
        _record(deps, session, viewer, experiment_id, {"cells": cells})
        return running.get(session, experiment_id)


def get_open(session: Session, viewer: Viewer, experiment_id: str) -> Experiment:
    """The experiment to be changed, locked where the session writes.

    Raises NotFound, NotAllowed: it is not this viewer's to run; StateConflict: it is closed.
    """
    row = get_to_run(session, viewer, experiment_id)
    if row.state == ExperimentState.CLOSED:
        raise StateConflict(CLOSED)
    return row


def _known_cells(deps: Deps, viewer: Viewer, experiment_id: str, takes: Mapping[str, int]) -> list[Cell]:
    with deps.store.read() as session:
        get_open(session, viewer, experiment_id)
        standing = changing.list_standing(session, experiment_id)
    faults = {
        f"takes.{one[:80]}": "is no cell of it, or was dropped"
        for one in takes.keys() - {c.id for c in standing}
    }
    faults |= {
        f"takes.{one[:80]}": f"must be a whole number from 1 to {REPEATS_MAX}"
        for one, number in takes.items()
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= REPEATS_MAX
    }
    if faults or not takes:
        raise InvalidRequest(faults or {"takes": "is empty; say of which cells, and how many"})
    return [cell for cell in standing if cell.id in takes]


def _next_seed(row: Experiment, end: CellEnd, step: int) -> int | None:
    """The seed of a cell's next places: the one that all have, or the next one that none has yet."""
    if end.seed is None:
        return None
    return end.seed if row.seeds == SeedPolicy.FIXED else end.seed + step


def _reused(
    session: Session,
    viewer: Viewer,
    row: Experiment,
    cells: Sequence[Cell],
    planned: Sequence[PlannedCell],
    wanted: Sequence[PlannedTrial],
) -> Sequence[PlannedTrial]:
    if not row.reuse:
        return wanted
    used = changing.used_takes(session, row.id)
    by_place = {place: used.get(cell.id, set()) for place, cell in enumerate(cells)}
    return fill_trials(session, viewer, planned, wanted, used=by_place)


def _record(
    deps: Deps, session: Session, viewer: Viewer, experiment_id: str, changed: Mapping[str, Any]
) -> None:
    record(
        session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment", object_id=experiment_id,
        changed=changed,
    )  # fmt: skip
