"""What was paid for and nobody ever opened is waste after two weeks; what was looked at is none."""

import pytest
from sqlmodel import select

from backend.models import Job
from backend.services.library import edit, openings
from backend.services.library.changes import TakeChanges
from backend.services.money import spending
from backend.services.money.spend_query import Dimension, SpendQuery
from backend.store.records import key_values
from tests import databases
from tests.services.money.test_same_inputs import take
from tests.viewers import LOCAL_VIEWER
from tests.world import ADMIN, ANA, BEN

pytestmark = databases.BOTH

MODEL = "fal-ai/wan/v2.7/text-to-video"


def waste(sidecar):
    return dict(spending.spend_report(sidecar.deps, LOCAL_VIEWER, SpendQuery()).waste_usd)


def change(**what):
    return lambda sidecar, job: edit.edit_take(sidecar.deps, ADMIN, job.id, TakeChanges(**what))


#: What somebody does with a take, by which it is not "never opened".
WAYS = {
    "opened": lambda sidecar, job: openings.note_opened(sidecar.deps, ANA, [job.id]),
    "asked for by a program": lambda sidecar, job: sidecar.get(f"/api/video/status/{job.id}"),
    "taken along": lambda sidecar, job: sidecar.get(f"/api/video/export?format=zip&ids={job.id}").data,
    "rated": change(rating=2),
    "a favourite": change(favourite=True),
    "rejected": change(review="rejected"),
}


def test_what_was_paid_for_and_nobody_opened_in_two_weeks_is_waste_until_somebody_does(sidecar):
    seeds = iter(range(10))
    left = [take(sidecar, model=MODEL, params={"seed": next(seeds)}) for _ in range(2)]
    for way in WAYS.values():
        way(sidecar, take(sidecar, model=MODEL, params={"seed": next(seeds)}))
    openings.note_opened(sidecar.deps, BEN, [left[1].id])  # may not see it
    each_usd = spending.spend_report(sidecar.deps, LOCAL_VIEWER, SpendQuery()).total.billed_usd / 8

    sidecar.clock.pass_s(13 * 86_400)
    assert waste(sidecar) == {}
    sidecar.clock.pass_s(2 * 86_400)
    assert waste(sidecar) == {spending.Waste.NEVER_OPENED: pytest.approx(2 * each_usd)}
    by_model = spending.spend_report(sidecar.deps, LOCAL_VIEWER, SpendQuery(Dimension.MODEL)).groups
    assert [group.spent.wasted_usd for group in by_model] == [pytest.approx(2 * each_usd)]

    openings.note_opened(sidecar.deps, ANA, [job.id for job in left])
    assert waste(sidecar) == {}
    with sidecar.deps.store.read() as session:
        first = {job.opened_at for job in session.exec(select(Job).where(Job.id == left[0].id))}
    sidecar.clock.pass_s(60)
    openings.note_opened(sidecar.deps, ANA, [left[0].id])
    with sidecar.deps.store.read() as session:
        assert {job.opened_at for job in session.exec(select(Job).where(Job.id == left[0].id))} == first


def test_of_takes_from_before_openings_were_noted_nobody_knows(sidecar):
    job = take(sidecar, model=MODEL)
    with sidecar.deps.store.begin() as session:
        key_values.set_value(session, "opened", {"after": job.id}, at=sidecar.clock.now())
    take(sidecar, model=MODEL, params={"seed": 1})
    sidecar.clock.pass_s(15 * 86_400)
    total = spending.spend_report(sidecar.deps, LOCAL_VIEWER, SpendQuery()).total
    assert total.wasted_micros * 2 == total.billed_micros
