"""An experiment whose takes are all here, to be judged: rows as planning and running leave them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.domain.experiments.words import ExperimentState, SeedPolicy, TrialOrigin, TrialState
from backend.domain.states import JobEvent
from backend.models import Cell, Experiment, Trial
from backend.services.access import Viewer
from backend.store.database.rows import insert_row
from tests.services.receiving import WAY
from tests.world import ANA, MODEL, World


@dataclass(frozen=True)
class Judged:
    """An experiment. takes: cell -> ids of its takes, in order."""

    id: str
    takes: dict[str, list[str]]

    @property
    def cell_of(self) -> dict[str, str]:
        return {take: cell for cell, takes in self.takes.items() for take in takes}


def make_judged(
    world: World,
    *,
    cells: int = 2,
    takes: int = 2,
    owner: Viewer = ANA,
    content: Callable[[str, int], bytes] = lambda job, cell: f"film of {job}".encode(),
    **columns: Any,
) -> Judged:
    """One that runs, with so many cells and stored takes of each; equal numbers have equal seeds.

    content: what is in the file of a take of so manyth cell.
    """
    deps, made = world.deps, dict[str, list[str]]()
    experiment = Experiment(
        id=deps.clock.new_id(), owner=owner.name, name="Silk or wool", seeds=SeedPolicy.PAIRED, repeats=takes,
        **{"canary": 0, "at_once": 4, "delta": 0.2, "state": ExperimentState.RUNNING,
           "created_at": deps.clock.now(), **columns},
    )  # fmt: skip
    rows: list[Cell | Trial] = []
    for place in range(cells):
        asked = {"model": MODEL, "prompt": f"A dress, {place}"}
        cell = Cell(
            id=deps.clock.new_id(), experiment_id=experiment.id, key=f"{place}", position=place, request=asked
        )
        jobs = [_stored(world, f"{place}-{number}", owner, content, place) for number in range(takes)]
        made[cell.id] = jobs
        rows += [cell, *(
            Trial(
                id=deps.clock.new_id(), experiment_id=experiment.id, cell_id=cell.id, number=number,
                state=TrialState.MADE, seed=number, job_id=job, origin=TrialOrigin.MADE,
            )
            for number, job in enumerate(jobs)
        )]  # fmt: skip
    with deps.store.begin() as session:
        for row in (experiment, *rows):
            insert_row(session, row)
    return Judged(experiment.id, made)


def _stored(world: World, name: str, owner: Viewer, content: Callable[[str, int], bytes], cell: int) -> str:
    job = world.ask(f"A dress, {name}", viewer=owner)
    for event in WAY["stored"][:-1]:
        world.advance(job, event, **({"request_id": job.id} if event == JobEvent.ACCEPTED else {}))
    world.saved(job, content(job.id, cell))
    return job.id
