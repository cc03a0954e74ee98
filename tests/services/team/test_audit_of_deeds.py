"""Every deed leaves a row that says who did it, in the transaction of the deed."""

from sqlmodel import select

from backend.models import AuditEntry
from tests import databases
from tests.world import World

pytestmark = databases.BOTH


def entries(world: World) -> list[AuditEntry]:
    """Every row of the audit, in the order in which they were written."""
    with world.deps.store.read() as session:
        return sorted(session.exec(select(AuditEntry)).all(), key=lambda entry: entry.id)


def test_a_start_says_who_asked_for_which_take_and_for_how_much(world):
    job = world.ask(key="once")
    world.ask(key="once")
    (entry,) = entries(world)
    assert (entry.action, entry.actor, entry.actor_kind) == ("take.started", "ana", "person")
    assert (entry.object_type, entry.object_id, entry.id) == ("take", job.id, job.id)
    assert entry.micros == round(job.estimate_usd * 1e6)
    assert (entry.changed, entry.via) == (None, "dashboard")
