"""A refresh in which a price rises a great deal: new takes alone pay it."""

import pytest

from backend.services.catalogue import live_catalogue
from tests import databases
from tests.world import MODEL, World

pytestmark = databases.BOTH


def test_a_price_that_rises_three_times_holds_for_takes_that_are_asked_for_afterwards_alone(world: World):
    before = world.ask(params={"duration": "5"})
    entry = world.sim.offer.entries[MODEL]
    world.sim.offer.entries[MODEL] = {**entry, "price": {"unit": "seconds", "unit_usd": 0.42}}
    live_catalogue.refresh_catalogue(world.deps, on_progress=lambda line: None)
    after = world.ask(params={"duration": "5"})
    for job, usd in ((before, 0.70), (after, 2.10)):
        *_, job = world.looks(world.until(job, "stored"), 2)
        assert (job.billed_units, job.billed_usd) == (5.0, pytest.approx(usd))
