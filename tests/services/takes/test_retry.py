"""A failed take is asked for once more: as a new one that names it, once, and only while it has failed."""

import contextlib

import pytest

from backend.domain.errors import NotFound, StateConflict
from backend.domain.states import JobEvent
from backend.services.takes import retry
from tests import databases
from tests.services.receiving import WAY
from tests.world import ADMIN, ANA, BEN, at_once

pytestmark = databases.BOTH


def failed(world, **more):
    job = world.ask(params={"duration": "10"}, style={"camera": "Pan"}, **more)
    return world.advance(job, *WAY["failed"])


def test_a_retry_asks_for_the_same_and_names_the_take_that_failed(still):
    job = failed(still)
    again = retry.retry_job(still.deps, ANA, job.id)
    same = ("model", "prompt", "params", "style", "payload", "owner")
    assert [getattr(again, name) for name in same] == [getattr(job, name) for name in same]
    assert (again.parent_id, again.state, still.job(job).state) == (job.id, "created", "failed")


def test_it_is_retried_once_however_many_press_and_then_it_is_the_retry_that_can_be_retried(still):
    job = failed(still)

    def press(number: int) -> str | None:
        with contextlib.suppress(StateConflict):
            return retry.retry_job(still.deps, (ANA, ADMIN)[number % 2], job.id).id
        return None

    (again,) = {made for made in at_once(8, press) if made}
    for viewer in (ANA, ADMIN):
        with pytest.raises(StateConflict, match=again[-6:]):
            retry.retry_job(still.deps, viewer, job.id)
    still.advance(again, *WAY["failed"])
    assert retry.retry_job(still.deps, ADMIN, again).parent_id == again


@pytest.mark.parametrize("state", [state for state in WAY if state != "failed"])
def test_only_what_failed_is_retried(still, state):
    job = still.ask()
    if WAY[state]:
        still.advance(job, *WAY[state])
    with pytest.raises(StateConflict, match="only a failed one"):
        retry.retry_job(still.deps, ANA, job.id)


def test_a_take_whose_video_comes_while_it_is_retried_is_not_paid_twice(still, monkeypatch):
    job, real = failed(still), retry.create.create_job

    def late(*args, **kwargs):
        still.advance(job, JobEvent.FINISHED)
        return real(*args, **kwargs)

    monkeypatch.setattr(retry.create, "create_job", late)
    with pytest.raises(StateConflict, match="moved on"):
        retry.retry_job(still.deps, ANA, job.id)


def test_a_take_of_somebody_else_is_not_retried(still):
    with pytest.raises(NotFound):
        retry.retry_job(still.deps, BEN, failed(still).id)
