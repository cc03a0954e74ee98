"""Every deed leaves a row that says who did it, in the transaction of the deed."""

from datetime import timedelta

import pytest
from sqlmodel import select

from backend.domain.errors import StoreUnavailable
from backend.models import AuditEntry
from backend.services.audit import purge
from backend.store.database.engine import Store
from tests import databases
from tests.world import World, run_sql

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


def test_rows_older_than_the_days_to_keep_are_deleted_by_a_sweep_and_that_is_a_row_itself(world):
    job = world.ask()
    with world.deps.store.begin() as session:
        for days in (1, 40, 50):
            entry = AuditEntry(
                id=f"{days}", at=world.deps.clock.now() - timedelta(days=days), actor_kind="person",
                actor="ana", via="api", action="take.decided",
            )  # fmt: skip
            session.add(entry)
    assert purge.purge_old(world.deps) == 0
    world = world.with_settings(audit_keep_days=30)
    assert world.sweep()["audit_purged"] == 2
    assert "audit_purged" not in world.sweep()
    left = entries(world)
    assert {entry.id for entry in left if entry.actor == "ana"} == {"1", job.id}
    (purged,) = [entry for entry in left if entry.action == "audit.purged"]
    assert (purged.actor_kind, purged.actor, purged.changed["rows"]) == ("worker", "worker", [2, 0])


OLD_ROW = (
    "INSERT INTO audit (id, at, actor_kind, actor, via, action) "
    "VALUES ('1', '2020-01-01T00:00:00Z', 'person', 'ana', 'api', 'take.decided')"
)


@pytest.mark.databases("postgres")
def test_where_the_database_lets_nobody_change_the_audit_deeds_go_on_and_rows_stay(world, caplog):
    run_sql(
        world.deps, OLD_ROW, "DROP ROLE IF EXISTS clerk", "CREATE ROLE clerk",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO clerk",
        "REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM clerk",
    )  # fmt: skip
    owner, clerk = world.deps, Store(f"{world.deps.store.url}?options=-c%20role%3Dclerk")
    world = world.another(store=clerk).with_settings(audit_keep_days=1)
    try:
        job = world.ask()
        for change in ("UPDATE audit SET actor = 'ben'", "DELETE FROM audit"):
            with pytest.raises(StoreUnavailable):
                run_sql(world.deps, change)
        assert purge.purge_old(world.deps) == 0
        assert "AUDIT_KEEP_DAYS" in caplog.text
        assert {entry.id for entry in entries(world)} == {"1", job.id}
    finally:
        clerk.close()
        run_sql(owner, "DROP OWNED BY clerk", "DROP ROLE clerk")
