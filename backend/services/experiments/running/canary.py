"""Which takes are made first, before a person says that it goes on: those that differ most."""

from collections.abc import Mapping, Sequence

from backend.store.experiments.running import PlannedTrial


def choose_canary(planned: Sequence[PlannedTrial], number: int) -> list[str]:
    """Ids of so many places: one each of the cells that lie farthest apart, then their next ones.

    planned: each cell's first places first. The first is the first cell's; each further one is of the cell
    whose nearest chosen one differs from it on the most axes, the earliest where several do.
    """
    places: dict[str, list[PlannedTrial]] = {}
    for trial in planned:
        places.setdefault(trial.cell_id, []).append(trial)
    chosen: list[str] = []
    while len(chosen) < number and places:
        firsts = [trials[0] for trials in places.values()]
        for cell in _spread(firsts, number - len(chosen)):
            chosen.append(places[cell.cell_id].pop(0).id)
        places = {cell_id: trials for cell_id, trials in places.items() if trials}
    return chosen


def _spread(cells: Sequence[PlannedTrial], number: int) -> list[PlannedTrial]:
    """So many of these, each as far as can be from those before it."""
    found, left = [cells[0]], list(cells[1:])
    nearest = [_distance(cells[0].levels, one.levels) for one in left]
    while left and len(found) < number:
        farthest = max(range(len(left)), key=nearest.__getitem__)
        found.append(left.pop(farthest))
        nearest.pop(farthest)
        nearest = [
            min(near, _distance(found[-1].levels, one.levels))
            for near, one in zip(nearest, left, strict=True)
        ]
    return found


def _distance(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    """On how many axes they differ."""
    return sum(one.get(axis) != other.get(axis) for axis in one.keys() | other.keys())
