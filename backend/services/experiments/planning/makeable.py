"""Can further takes of cells be made, and what does one cost at most? As they would be sent now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.models import Cell, Experiment
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.experiments.planning.cells import PlannedCell, check_cells
from backend.services.team.owners import owner_viewer
from backend.store.money.ledger import to_micros


@dataclass(frozen=True)
class Makeable:
    """Cells as they are now. ceilings: what one take of each that can be made counts for in a cap, in
    millionths of a USD; None: nobody knows. refused: why nothing can be made of the others, a sentence each.
    """

    ceilings: Mapping[str, int | None] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def look_at_cells(deps: Deps, experiment: Experiment, cells: Sequence[Cell]) -> Makeable:
    """What can be made of these cells of an experiment, in its owner's name, as all of its takes are.

    Whether its owner may start takes at all is no matter of single cells: a wave says so.
    """
    if not cells:
        return Makeable()
    with deps.store.read() as session:
        owner = owner_viewer(deps, session, experiment.owner) or Viewer(experiment.owner, Role.CREATOR)
    checked = check_cells(deps, owner, [(cell.id, cell.levels, cell.request) for cell in cells])
    refused = {one.key: _why(one) for one in checked if one.faults}
    return Makeable({one.key: _ceiling(one) for one in checked if one.key not in refused}, refused)


def _ceiling(cell: PlannedCell) -> int | None:
    known = [usd for usd in (cell.quote.at_most_usd, cell.quote.usd) if usd is not None]
    return to_micros(max(known)) if known else None


def _why(cell: PlannedCell) -> str:
    """Why a take of it can't be made, as a sentence."""
    if cell.checked is None:
        return f"Its model, {cell.request.get('model')}, is not offered any more."
    if fault := cell.faults.get("model"):
        return f"Its model, {cell.request.get('model')}, {fault.rstrip('.')}."
    said = "; ".join(f"{name} {fault.rstrip('.')}" for name, fault in cell.faults.items())
    return f"Its model refuses it: {said}."
