"""Experiments in the hands of a test: plans and their rows, and what becomes of takes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlmodel import col, select

from backend.domain.errors import StaleState
from backend.domain.experiments.words import ExperimentState, TrialState
from backend.domain.states import JobEvent as E
from backend.models import Cell, Experiment, Job, Trial
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import control, create, view, waves
from backend.services.experiments.plan import Plan, parse_plan
from backend.store.experiments import running
from backend.store.jobs import jobs
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA, MODEL, World

#: A model with a seed, priced by a rule.
SEEDED = "fal-ai/wan/v2.7/text-to-video"
PROMPTS = ["A red dress in the wind", "A blue dress in the rain"]
#: A take of `MODEL` with 5 seconds costs so much.
TAKE_USD = 0.70
SENT = (E.SUBMIT_BEGUN, E.ACCEPTED)
#: What becomes of a take that was sent -> what moves it there.
MOVES: Mapping[str, Sequence[E]] = {
    "failed": (E.ERRORED,),
    "held": (E.UNANSWERED,),
    "stored": (E.FINISHED, E.SAVED),
}


def plan_body(**more: Any) -> dict[str, Any]:
    """A plan of two prompts on one model, two takes each; more: what is otherwise, None: a field less."""
    body: dict[str, Any] = {
        "name": "Which dress?",
        "base": {"model": MODEL, "params": {"duration": "5"}},
        "axes": {"prompt": PROMPTS},
        "repeats": 2,
    }
    return {name: value for name, value in {**body, **more}.items() if value is not None}


def make_plan(**more: Any) -> Plan:
    """The same, read."""
    return parse_plan(plan_body(**more))


def make_experiment(deps: Deps, viewer: Viewer = ANA, **more: Any) -> view.ExperimentView:
    """A draft of such a plan, made as people make it."""
    made = create.create_experiment(deps, viewer, make_plan(**more))
    return view.get_experiment(deps, viewer, made.experiment.id)


def planned(world: World, cells: int = 4, *, repeats: int = 1, request: Any = None, **columns: Any) -> str:
    """A planned experiment whose cells have a prompt each; its id.

    columns: of its row, and `cap_usd`; `marks`: cell -> how its prompt ends.
    """
    deps, now = world.deps, world.deps.clock.now()
    cap_usd, marks = columns.pop("cap_usd", None), columns.pop("marks", {})
    row = Experiment(
        id=deps.clock.new_id(), name="Which red?", state=ExperimentState.DRAFT, repeats=repeats,
        cap_micros=None if cap_usd is None else round(cap_usd * 1e6), created_at=now,
        **{"owner": LOCAL_VIEWER.name, "seeds": "free", "canary": 0, "at_once": 100, "delta": 0.2, **columns},
    )  # fmt: skip
    asked = {"model": MODEL, "params": {"duration": "5"}, **(request or {})}
    rows = [
        Cell(
            id=deps.clock.new_id(), experiment_id=row.id, key=f"{number}", position=number,
            levels={"prompt": f"{number}"},
            request={**asked, "prompt": f"A dress, number {number}{marks.get(number) or ''}"},
        )
        for number in range(cells)
    ]  # fmt: skip
    trials = [
        Trial(id=deps.clock.new_id(), experiment_id=row.id, cell_id=cell.id, number=number,
              state=TrialState.PLANNED)
        for number in range(repeats)
        for cell in rows
    ]  # fmt: skip
    with deps.store.begin() as session:
        session.add_all([row, *rows, *trials])
    return row.id


def started(world: World, cells: int = 4, **more: Any) -> str:
    """The same, and started."""
    experiment = planned(world, cells, **more)
    control.start(world.deps, LOCAL_VIEWER, experiment)
    return experiment


def ticks(world: World, number: int = 1) -> int:
    """So many ticks of a worker, whose takes are all sent after each; returns how many takes were made."""
    made = 0
    for _ in range(number):
        made += waves.make_due_takes(world.deps)
        with world.deps.store.read() as session:
            unsent = session.exec(select(Job.id).where(Job.state == "created")).all()
        for job_id in unsent:
            with suppress(StaleState):  # another worker of the test has sent it
                world.advance(job_id, *SENT)
    return made


def retire_model_of(deps: Deps, *cells: str) -> None:
    """The model of these cells is offered no more: they are planned with one that nobody knows now."""
    with deps.store.begin() as session:
        for cell in session.exec(select(Cell).where(col(Cell.id).in_(cells))).all():
            cell.request = {**cell.request, "model": "fal-ai/retired"}
            session.add(cell)


def experiment_of(world: World, experiment_id: str) -> Experiment:
    with world.deps.store.read() as session:
        return running.get(session, experiment_id)


def trials_of(world: World, experiment_id: str) -> list[Trial]:
    """Its places, in order."""
    with world.deps.store.read() as session:
        query = select(Trial).where(Trial.experiment_id == experiment_id)
        return list(session.exec(query.order_by(col(Trial.id))).all())


def takes_of(world: World, experiment_id: str) -> list[Job]:
    """The takes of its places, in order."""
    with world.deps.store.read() as session:
        return [jobs.get(session, one.job_id) for one in trials_of(world, experiment_id) if one.job_id]
