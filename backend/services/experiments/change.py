"""An experiment grows while it runs, or loses cells; what was sent is never taken back."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from backend.domain.errors import InvalidRequest, StateConflict
from backend.domain.experiments.fields import FieldReader
from backend.domain.experiments.words import ExperimentState, SeedPolicy
from backend.models import Cell, Experiment
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.experiments.control import CLOSED, resume_within
from backend.services.experiments.create import trial_rows
from backend.services.experiments.plan import CAP_MAX_USD, REPEATS_MAX, TAKES_MAX
from backend.services.experiments.planning.cells import PlannedCell, check_cells
from backend.services.experiments.planning.makeable import look_at_cells
from backend.services.experiments.reuse import PlannedTrial, fill_trials
from backend.services.experiments.rights import get_to_run
from backend.services.takes.cancel import cancel_if_unsent
from backend.store.experiments import changing, plans, running
from backend.store.experiments.changing import CellEnd
from backend.store.money.ledger import to_micros

LAST_CELL = "These are all cells that are left; close the experiment instead."
NO_CELL = "is no cell of it, or was dropped"


def change_cells(
    deps: Deps,
    viewer: Viewer,
    experiment_id: str,
    *,
    takes: Mapping[str, int] | None = None,
    drop: Sequence[str] = (),
    raise_cap_usd: float | None = None,
) -> Experiment:
    """Cells are dropped and others get further takes, in one transaction with what its cap rises by.

    takes: cell -> how many more are planned, and made as all others are. drop: cells that get no take any
    more: what was not sent is cancelled, what was sent comes home. raise_cap_usd: added to the cap as it is
    then, so that two people lose nothing of each other; without a cap it says nothing.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is closed, or no cell would be left.
        InvalidRequest: names the cells that it doesn't have, that were dropped, or of which nothing can be
            made any more, and what is too many. Its cap stands as it was.
    """
    faults: dict[str, str] = {}
    micros = read_raise({"raise_cap_usd": raise_cap_usd}, faults)
    if faults:
        raise InvalidRequest(faults)
    cells: list[Cell] = []
    if takes or not drop:
        cells = _known_cells(deps, viewer, experiment_id, takes or {}, drop)
    planned = check_cells(deps, viewer, [(cell.key, cell.levels, cell.request) for cell in cells])
    with deps.store.begin() as session:
        row = get_open(session, viewer, experiment_id)
        changed = _drop(deps, session, viewer, row, drop)
        if takes:
            changed |= _grow(deps, session, viewer, row, cells, planned, takes)
        changed |= raised(row, micros)
        if changed:
            columns = {"cap_micros": changed["cap_micros"][1]} if "cap_micros" in changed else {}
            running.change(session, experiment_id, **columns)
            record(
                session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment",
                object_id=experiment_id, changed=changed,
            )  # fmt: skip
        return running.get(session, experiment_id)


def raise_cap(deps: Deps, viewer: Viewer, experiment_id: str, *, cap_usd: float) -> Experiment:
    """Its cap is at least this from now on, and it goes on if it was paused, in one transaction.

    Whoever presses second raises nothing further, and a cap that is higher meanwhile, or was taken away,
    stays so.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is closed.
        InvalidRequest: that is no cap.
    """
    faults: dict[str, str] = {}
    wanted = FieldReader({"cap_usd": cap_usd}, faults).number("cap_usd", CAP_MAX_USD, "an amount above 0")
    if faults or wanted is None:
        raise InvalidRequest(faults or {"cap_usd": "is missing"})
    with deps.store.begin() as session:
        row = get_open(session, viewer, experiment_id)
        if row.cap_micros is not None and row.cap_micros < to_micros(wanted):
            changed = {"cap_micros": (row.cap_micros, to_micros(wanted))}
            running.change(session, experiment_id, cap_micros=to_micros(wanted))
            record(
                session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment",
                object_id=experiment_id, changed=changed,
            )  # fmt: skip
        return resume_within(deps, session, viewer, running.get(session, experiment_id))


def read_raise(given: Mapping[str, Any], faults: dict[str, str]) -> int:
    """`raise_cap_usd` of a body in millionths of a USD; 0: there is none."""
    more = FieldReader(given, faults).number("raise_cap_usd", CAP_MAX_USD, "an amount in dollars above 0")
    return 0 if more is None else to_micros(more)


def raised(row: Experiment, micros: int) -> dict[str, tuple[int, int]]:
    """What becomes of the cap of an experiment that is locked; nothing where it has none."""
    if row.cap_micros is None or not micros:
        return {}
    return {"cap_micros": (row.cap_micros, min(row.cap_micros + micros, to_micros(CAP_MAX_USD)))}


def _grow(
    deps: Deps,
    session: Session,
    viewer: Viewer,
    row: Experiment,
    cells: Sequence[Cell],
    planned: Sequence[PlannedCell],
    takes: Mapping[str, int],
) -> dict[str, Any]:
    standing = {cell.id for cell in changing.list_standing(session, row.id)}
    if gone := [cell.id for cell in cells if cell.id not in standing]:
        raise InvalidRequest({f"takes.{one}": NO_CELL for one in gone})
    ends = changing.cell_ends(session, row.id)
    before = sum(end.number for end in ends.values())
    if before + sum(takes.values()) > TAKES_MAX:
        raise InvalidRequest({"takes": f"would be more than {TAKES_MAX:,}; plan another experiment"})
    wanted = [
        PlannedTrial(place, end.number + step, _next_seed(row, end, step))
        for place, cell in enumerate(cells)
        for end in (ends.get(cell.id, CellEnd(0, None)),)
        for step in range(1, takes[cell.id] + 1)
    ]
    trials = trial_rows(deps, row.id, cells, _reused(session, viewer, row, cells, planned, wanted))
    plans.insert_rows(session, trials)
    return {"takes": (before, before + len(trials))}


def _drop(
    deps: Deps, session: Session, viewer: Viewer, row: Experiment, cell_ids: Sequence[str]
) -> dict[str, Any]:
    known = {cell.id: cell for cell in plans.list_cells(session, [row.id])}
    if unknown := [one for one in cell_ids if one not in known]:
        raise InvalidRequest({"cells": f"has no cell {unknown[0]!r:.80}"})
    standing = {one for one, cell in known.items() if cell.dropped_at is None}
    dropped = sorted(standing.intersection(cell_ids))
    if not dropped:
        return {}
    if standing == set(dropped):
        raise StateConflict(LAST_CELL)
    changing.drop_cells(session, dropped, at=deps.clock.now(), why=f"Dropped by {viewer.name}.")
    for job_id in changing.list_unsent(session, dropped):
        cancel_if_unsent(deps, session, viewer, job_id)
    return {"cells": (len(standing), len(standing) - len(dropped))}


def get_open(session: Session, viewer: Viewer, experiment_id: str) -> Experiment:
    """The experiment to be changed, locked where the session writes.

    Raises NotFound, NotAllowed: it is not this viewer's to run; StateConflict: it is closed.
    """
    row = get_to_run(session, viewer, experiment_id)
    if row.state == ExperimentState.CLOSED:
        raise StateConflict(CLOSED)
    return row


def _known_cells(
    deps: Deps, viewer: Viewer, experiment_id: str, takes: Mapping[str, int], drop: Sequence[str]
) -> list[Cell]:
    with deps.store.read() as session:
        row = get_open(session, viewer, experiment_id)
        standing = [one for one in changing.list_standing(session, experiment_id) if one.id not in drop]
    faults = {f"takes.{one[:80]}": NO_CELL for one in takes.keys() - {c.id for c in standing}}
    faults |= {
        f"takes.{one[:80]}": f"must be a whole number from 1 to {REPEATS_MAX}"
        for one, number in takes.items()
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= REPEATS_MAX
    }
    wanted = [cell for cell in standing if cell.id in takes]
    refused = look_at_cells(deps, row, wanted).refused  # before its cap rises for what can't be made
    faults |= {f"takes.{one}": f"can't be made any more. {why}" for one, why in refused.items()}
    if faults or not takes:
        raise InvalidRequest(faults or {"takes": "is empty; say of which cells, and how many"})
    return wanted


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
