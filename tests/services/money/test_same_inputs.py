"""What was billed for the same inputs twice is waste; variants and what was sent again on purpose are not."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from backend.domain.states import JobEvent as E
from backend.domain.states import JobState
from backend.models import Job
from backend.services.money import settling, spending
from backend.services.money.spend_query import Dimension, SpendQuery
from backend.services.operations import totals
from backend.services.takes import same_inputs
from backend.store.jobs import jobs
from tests import databases
from tests.services.experiments.building import make_experiment
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA, BEN, run_sql

pytestmark = databases.BOTH

FIXED = {"model": "fal-ai/wan/v2.7/text-to-video", "params": {"seed": 7}}
OTHER_SEED = {**FIXED, "params": {"seed": 8}}
FAILED = {"ends": JobState.FAILED}
WEEK = 7 * 24 * 60


def take(sidecar, *, minutes=0, ends=JobState.STORED, parent=None, **asked):
    """A take that is billed for five units and ends so, asked for so many minutes after what came before."""
    sidecar.clock.pass_s(minutes * 60 + 1)
    job = sidecar.ask(**asked)
    sidecar.advance(job, E.SUBMIT_BEGUN, E.ACCEPTED)
    with sidecar.deps.store.begin() as session:
        row = jobs.get(session, job.id)
        news = settling.settle_bill(session, row, 5, at=sidecar.clock.now())
        jobs.update_if_unchanged(session, row, **news)
        session.connection().execute(
            update(Job).where(col(Job.id) == job.id).values(state=ends, parent_id=parent and parent.id)
        )
    return job


def wasted(sidecar, **asked):
    """How many takes' bills are waste, as a sweep a quarter of an hour later finds; all are equal."""
    sidecar.clock.pass_s(900)
    totals.update_totals(sidecar.deps)
    total = spending.spend_report(sidecar.deps, LOCAL_VIEWER, SpendQuery(**asked)).total
    return round(total.wasted_micros * total.takes / total.billed_micros) if total.takes else 0


@pytest.mark.parametrize(
    ("takes", "waste"),
    [
        pytest.param([FIXED, FIXED | {"viewer": BEN, "minutes": WEEK}], 1, id="the same seed"),
        pytest.param([FIXED, OTHER_SEED], 0, id="another seed"),
        pytest.param([{}, {"minutes": 9}], 1, id="sent twice"),
        pytest.param([{}, {"minutes": 11}], 0, id="a variant, later"),
        pytest.param([{}, {"viewer": BEN}], 0, id="two people without a seed"),
        pytest.param([{}, {"prompt": "A blue dress"}], 0, id="another prompt"),
        pytest.param([FIXED, FIXED, FIXED], 2, id="three times"),
        pytest.param([FIXED | FAILED, FIXED], 1, id="after one that failed"),
        pytest.param([FIXED, FIXED | FAILED, FIXED], 2, id="around one that failed"),
        pytest.param([{"ends": JobState.RENDERED}, {}], 0, id="before the first is there"),
    ],
)
def test_what_was_made_already_is_waste_and_variants_are_not(sidecar, takes, waste):
    for asked in takes:
        take(sidecar, **asked)
    assert wasted(sidecar) == waste


def test_what_a_person_sent_again_from_a_held_take_is_no_waste(sidecar):
    take(sidecar, **FIXED, parent=take(sidecar, **FIXED))
    assert wasted(sidecar) == 0


def test_what_an_experiment_makes_several_times_of_one_prompt_is_no_waste(sidecar):
    of_it = make_experiment(sidecar.deps).experiment.id
    take(sidecar)
    again = take(sidecar, minutes=1)
    made = (
        "UPDATE trial SET job_id = :job, state = 'made', origin = 'made'"
        " WHERE experiment_id = :of_it AND number = 1 AND cell_id = (SELECT MIN(id) FROM cell)"
    )
    run_sql(sidecar.deps, made, job=again.id, of_it=of_it)
    assert wasted(sidecar) == 0


@pytest.mark.parametrize(("colour", "waste"), [("navy", 1), ("red", 0)])
def test_photos_are_the_same_by_their_content(sidecar, colour, waste):
    asked = {**FIXED, "model": "fal-ai/wan/v2.7/image-to-video"}
    take(sidecar, **asked, image=sidecar.photo("navy", viewer=ANA))
    take(sidecar, **asked, viewer=BEN, image=sidecar.photo(colour, viewer=BEN))
    assert wasted(sidecar) == waste


def test_twins_are_found_however_many_sweeps_lie_between_and_count_for_their_own_day(sidecar, monkeypatch):
    monkeypatch.setattr(same_inputs, "BATCH", 1)
    take(sidecar, **FIXED)
    take(sidecar, **OTHER_SEED)
    assert wasted(sidecar) == 0
    take(sidecar, **FIXED, viewer=BEN, minutes=WEEK)
    assert wasted(sidecar) == wasted(sidecar) == 1
    day = f"{sidecar.clock.now() - timedelta(days=3):%Y-%m-%d}"
    assert (wasted(sidecar, since=day), wasted(sidecar, until=day)) == (1, 0)
    assert wasted(sidecar, fitting={Dimension.PERSON: "ben"}) == 1
    assert wasted(sidecar, fitting={Dimension.PERSON: "ana"}) == 0
