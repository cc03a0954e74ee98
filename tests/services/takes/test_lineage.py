"""What a take was made from is written down with it, and told both ways to whoever may see the other one."""

from datetime import timedelta

from backend.domain.library.origin import Origin
from backend.domain.library.review import OriginHow
from backend.models import Project, TakeInputs
from backend.services.gallery.lineage import get_lineage, list_origins
from backend.services.takes import retry, same_inputs
from backend.store.database.rows import insert_row
from tests import databases
from tests.services.receiving import WAY
from tests.world import ADMIN, ANA, BEN

pytestmark = databases.BOTH
FRAME, VARIED, RETRY = OriginHow.FRAME, OriginHow.VARIED, OriginHow.RETRY


def both_ways(world, viewer, job) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    found = get_lineage(world.deps, viewer, job.id)
    before, after = found.made_from, found.led_to
    return [(take.job.id, how) for take, how in before], [(take.job.id, how) for take, how in after]


def test_a_take_is_for_its_project_and_names_what_it_was_made_from(still):
    with still.deps.store.begin() as session:
        project = Project(id="p1", name="P", folded="p", created_at=still.deps.clock.now(), created_by="ana")
        insert_row(session, project)
    first = still.ask("one")
    origins = [{"take": first.id, "how": "frame"}, {"take": first.id, "how": "varied"}]
    made = still.ask("two", project="p1", made_from=[*origins, origins[0]])
    assert (still.job(made).project_id, still.job(first).project_id) == ("p1", None)
    assert both_ways(still, ANA, made) == ([(first.id, FRAME), (first.id, VARIED)], [])
    assert both_ways(still, ANA, first) == ([], [(made.id, FRAME), (made.id, VARIED)])


def test_a_take_that_may_not_be_seen_is_neither_named_nor_told_of(still):
    hidden = still.ask("hidden", viewer=BEN)
    faults = still.faults("mine", made_from=[{"take": hidden.id, "how": "frame"}])
    assert list(faults) == ["made_from"]
    made = still.ask("root's", viewer=ADMIN, made_from=[{"take": hidden.id, "how": "rerun"}])
    assert both_ways(still, BEN, hidden) == ([], [])
    assert both_ways(still, ADMIN, hidden)[1] == [(made.id, OriginHow.RERUN)]
    told = list_origins(still.deps, ADMIN, [hidden.id, made.id])
    assert dict(told.made_from) == {made.id: [Origin(hidden.id, OriginHow.RERUN)]}


def test_a_retry_and_a_variation_are_no_mistake_though_they_ask_for_the_same(still, clock):
    """The control: the same again without a word counts as sent twice."""
    failed = still.advance(still.ask("one"), *WAY["failed"])
    again = retry.retry_job(still.deps, ANA, failed.id)
    assert both_ways(still, ANA, again)[0] == [(failed.id, RETRY)]
    varied = still.ask("one", made_from=[{"take": again.id, "how": "varied"}])
    twice = still.ask("one")
    clock.pass_s(60)
    same_inputs.note_inputs(still.deps, before=still.deps.clock.now() + timedelta(seconds=1))
    with still.deps.store.read() as session:
        twins = [session.get(TakeInputs, job.id).twin_id for job in (again, varied, twice)]
    assert twins == [None, None, varied.id]
