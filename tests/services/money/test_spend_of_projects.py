"""What the takes of a project cost: whichever project they are in now, crossed with anything else."""

from datetime import timedelta

import pytest
from sqlmodel import select

from backend.domain.library.review import ReviewState
from backend.domain.states import JobEvent as E
from backend.models import Job, Trial
from backend.services.library import edit, groups
from backend.services.library.changes import TakeChanges
from backend.services.library.groups import GroupKind
from backend.services.money import spending
from backend.services.money.spend_query import NONE, Dimension, SpendQuery
from backend.services.money.spending import Spent
from tests import databases
from tests.services.experiments.building import planned
from tests.services.money.test_spending import add_up, bill, spent
from tests.world import ADMIN, ANA, BEN, MODEL, make_unpriced

pytestmark = databases.BOTH


def project(sidecar, name: str) -> str:
    return groups.create_group(sidecar.deps, ADMIN, GroupKind.PROJECT, name).id


def put(sidecar, job: Job, its: str | None) -> None:
    edit.edit_take(sidecar.deps, ADMIN, job.id, TakeChanges(project=its))


@pytest.mark.parametrize("added", [False, True], ids=["from the lines", "from the sums"])
def test_what_takes_of_a_project_cost_follows_them_and_the_rest_is_that_of_none(sidecar, added):
    spring, autumn = project(sidecar, "Spring"), project(sidecar, "Autumn")
    takes = [sidecar.ask(f"Take {number}", viewer=BEN if number == 3 else ANA) for number in range(5)]
    make_unpriced(sidecar.deps, takes[4])
    bill(sidecar, takes[0], 10, E.FINISHED)
    bill(sidecar, takes[1], 5, E.ERRORED)
    assert add_up(sidecar) if added else True
    for job in (takes[0], takes[1], takes[3]):
        put(sidecar, job, spring)
    put(sidecar, takes[4], autumn)

    told = {group.names[Dimension.PROJECT]: group for group in spent(sidecar, by=Dimension.PROJECT).groups}
    sums = {its: one.spent for its, one in told.items()}
    assert {its: (one.takes, one.billed_micros, one.open_micros) for its, one in sums.items()} == {
        spring: (3, 2_100_000, 700_000), autumn: (1, 0, 0), NONE: (1, 0, 700_000),
    }  # fmt: skip
    assert (told[spring].spent.wasted_usd, told[autumn].spent.unpriced) == (0.7, 1)
    assert {one.called[Dimension.PROJECT] for one in told.values()} == {"Spring", "Autumn", None}
    total = spent(sidecar).total
    assert sum((one.spent for one in told.values()), Spent()) == total

    crossed = spent(sidecar, by=Dimension.PERSON, crossed=Dimension.PROJECT).groups
    assert {tuple(one.names.values()): one.spent.takes for one in crossed} == {
        ("ana", spring): 2, ("ben", spring): 1, ("ana", autumn): 1, ("ana", NONE): 1,
    }  # fmt: skip
    for its, number in ((spring, 3), (NONE, 1), ("gone", 0)):
        assert spent(sidecar, by=Dimension.MODEL, fitting={Dimension.PROJECT: its}).total.takes == number
    put(sidecar, takes[0], None)
    groups.delete_group(sidecar.deps, ADMIN, GroupKind.PROJECT, spring)
    (autumns, nones) = sorted(
        spent(sidecar, by=Dimension.PROJECT).groups, key=lambda one: one.names[Dimension.PROJECT] == NONE
    )
    assert (autumns.spent.takes, nones.spent.takes, nones.spent.wasted_usd) == (1, 4, 0.7)


@pytest.mark.parametrize("added", [False, True], ids=["from the lines", "from the sums"])
def test_what_takes_of_an_experiment_cost_is_what_was_made_for_it_crossed_with_their_project(sidecar, added):
    """Of four takes one was made for it, one as well and in a project, one reused, one in a project alone."""
    asked, spring = planned(sidecar, 3), project(sidecar, "Spring")
    takes = [sidecar.ask(f"Take {number}") for number in range(4)]
    bill(sidecar, takes[0], 10, E.ERRORED)
    assert add_up(sidecar) if added else True
    for job in (takes[1], takes[3]):
        put(sidecar, job, spring)
    with sidecar.deps.store.begin() as session:
        trials = session.exec(select(Trial).where(Trial.experiment_id == asked)).all()
        for trial, job, origin in zip(trials, takes, ("made", "retried", "reused"), strict=False):
            trial.job_id, trial.origin, trial.state = job.id, origin, "made"
            session.add(trial)

    experiments = spent(sidecar, by=Dimension.EXPERIMENT)
    sums = {group.names[Dimension.EXPERIMENT]: group for group in experiments.groups}
    assert {its: (one.spent.takes, one.spent.wasted_usd) for its, one in sums.items()} == {
        asked: (2, 1.4), NONE: (2, 0.0),
    }  # fmt: skip
    assert sums[asked].called == {Dimension.EXPERIMENT: "Which red?"}
    assert experiments.total == spent(sidecar).total
    crossed = spent(sidecar, by=Dimension.EXPERIMENT, crossed=Dimension.PROJECT).groups
    assert {tuple(one.names.values()): one.spent.takes for one in crossed} == {
        (asked, NONE): 1, (asked, spring): 1, (NONE, spring): 1, (NONE, NONE): 1,
    }  # fmt: skip
    for fitting, number in (
        ({Dimension.EXPERIMENT: asked}, 2), ({Dimension.EXPERIMENT: NONE}, 2),
        ({Dimension.EXPERIMENT: asked, Dimension.PROJECT: spring}, 1),
        ({Dimension.EXPERIMENT: NONE, Dimension.PROJECT: NONE}, 1), ({Dimension.EXPERIMENT: "gone"}, 0),
    ):  # fmt: skip
        assert spent(sidecar, by=Dimension.MODEL, fitting=fitting).total.takes == number
    lines = sidecar.get("/api/spend?by=experiment&format=csv", who="root").get_data(as_text=True).splitlines()
    assert lines[0].startswith("experiment,experiment_name,takes")


def test_days_and_people_limit_what_is_told_of_projects(sidecar):
    spring = project(sidecar, "Spring")
    for viewer in (ANA, BEN):
        put(sidecar, sidecar.ask(viewer=viewer), spring)
    sidecar.clock.pass_s(timedelta(days=3).total_seconds())
    put(sidecar, sidecar.ask(), spring)
    sidecar.ask()
    day = f"{sidecar.clock.now():%Y-%m-%d}"
    late = spent(sidecar, by=Dimension.PROJECT, since=day, until=day).groups
    assert {one.names[Dimension.PROJECT]: one.spent.takes for one in late} == {spring: 1, NONE: 1}
    own = spent(sidecar, BEN, by=Dimension.PROJECT).groups
    assert [(one.names[Dimension.PROJECT], one.spent.takes) for one in own] == [(spring, 1)]


def test_picks_are_counted_of_the_takes_that_are_asked_about(sidecar):
    spring = project(sidecar, "Spring")
    takes = [sidecar.ask(viewer=BEN if number == 3 else ANA) for number in range(4)]
    for job, review in zip(takes, ("approved", "selected", "rejected", "approved"), strict=True):
        edit.edit_take(sidecar.deps, ADMIN, job.id, TakeChanges(review=ReviewState(review)))
    put(sidecar, takes[0], spring)

    def picks(viewer=ADMIN, **asked):
        found = spending.count_picks(sidecar.deps, viewer, SpendQuery(**asked))
        return found.picked, found.approved

    assert (picks(), picks(BEN)) == ((3, 2), (1, 1))
    assert picks(fitting={Dimension.PROJECT: spring}) == (1, 1)
    assert picks(fitting={Dimension.PROJECT: NONE, Dimension.PERSON: "ana"}) == (1, 0)
    assert picks(until="2020-01-01") == (0, 0)


@pytest.mark.databases(None)
def test_clients_and_files_are_told_a_projects_id_and_its_name(sidecar):
    spring = project(sidecar, "Spring")
    put(sidecar, sidecar.ask(), spring)
    (item,) = sidecar.get("/api/spend?by=project&and=model", who="root").get_json()["items"]
    assert (item["project"], item["project_name"], item["model"]) == (spring, "Spring", MODEL)
    lines = sidecar.get("/api/spend?by=project&format=csv", who="root").get_data(as_text=True).splitlines()
    assert lines[0].startswith("project,project_name,takes")
    assert lines[1].startswith(f"{spring},Spring,1")
    assert sidecar.get("/api/spend?by=project&format=parquet", who="root").status_code == 200
