"""Charges on the pages: what is open, what an admin decides about it, and what billing events said."""

import pytest
from sqlalchemy import text as sql

from backend.services.money import settling
from backend.services.money.charges import ChargeState, charge_of
from backend.services.operations import reconcile_bills, verify_money
from backend.services.operations.account import odd_bills
from backend.services.operations.reconcile_bills import REPORT, BillDifference, BillReport
from tests.pages.conftest import link, words
from tests.viewers import LOCAL_VIEWER
from tests.world import run_sql

OPERATIONS, TAKE = "operate/operations.py", "library/take.py"


def odd(desk, job) -> None:
    """A bill of a thousand million units has come."""
    with desk.deps.store.begin() as session:
        news = settling.settle_bill(session, desk.job(job), 1e9, at=desk.deps.clock.now())
    desk.change(job, **news)


def test_a_suspicious_bill_is_told_and_an_admin_counts_the_estimate_instead(visit, desk):
    job = desk.take("stored")
    odd(desk, job)
    operations = visit(OPERATIONS)
    assert link(operations, "Suspicious bill of ").endswith(job.id)
    assert "No charge is open" not in words(operations)
    app = visit(TAKE, take=job.id)
    assert "(1,000,000,000 units), which nobody believes" in words(app).replace("\\", "")
    app.button(key=f"bill-estimate-{job.id}").click().run()
    assert charge_of(desk.job(job)).decision.by == "studio"
    assert "The estimate counts" in words(app)
    after = words(visit(TAKE, take=job.id)).replace("\\", "")
    assert "(1,000,000,000 units); studio had the estimate count on " in after
    assert "suspicious" not in after
    assert "No bill is known" not in after
    assert "No charge is open" in words(visit(OPERATIONS))


def test_a_suspicious_bill_of_an_older_program_is_listed_after_the_next_sweep(visit, desk):
    job = desk.take("stored")
    odd(desk, job)
    run_sql(desk.deps, "DELETE FROM fact WHERE name LIKE 'odd_bill:%'")  # it noted nothing
    assert odd_bills.list_odd_bills(desk.deps, LOCAL_VIEWER) == []
    assert odd_bills.find_odd_bills(desk.deps) == 1
    assert [each.id for each in odd_bills.list_odd_bills(desk.deps, LOCAL_VIEWER)] == [job.id]
    settling.confirm_bill(desk.deps, LOCAL_VIEWER, job.id, as_told=False)
    assert odd_bills.list_odd_bills(desk.deps, LOCAL_VIEWER) == []


def test_an_admin_says_that_a_suspicious_bill_is_right(visit, desk):
    job = desk.take("stored")
    odd(desk, job)
    app = visit(TAKE, take=job.id)
    app.button(key=f"bill-told-{job.id}").click().run()
    assert charge_of(desk.job(job)).billed_usd == pytest.approx(0.14e9)


def test_what_may_be_charged_is_listed_and_written_off_and_said_the_same_way_everywhere(visit, desk):
    job = desk.take("held")
    app = visit(OPERATIONS)
    assert link(app, "May be charged: ").endswith(job.id)
    app = visit(TAKE, take=job.id)
    assert "It may have been charged" in words(app)
    app.button(key=f"write-off-{job.id}").click().run()
    assert charge_of(desk.job(job)).state == ChargeState.WRITTEN_OFF
    app = visit(TAKE, take=job.id)
    assert "studio wrote it off" in words(app)
    assert "No charge is open" in words(visit(OPERATIONS))


def test_no_figure_says_that_nothing_may_have_been_charged_beside_a_take_that_may(visit, desk):
    job = desk.take("failed")
    desk.change(job, error={"code": "x", "message": "Refused.", "charged": "maybe"})
    app = visit(OPERATIONS)
    assert link(app, "May be charged: ").endswith(job.id)
    free = [one.label for one in app.metric if one.value.replace("\\", "") == "$0.00"]
    assert "May have been charged" not in free


def test_without_an_admin_key_the_page_says_what_stays_open(visit, desk):
    assert "Without FAL_ADMIN_KEY" in words(visit(OPERATIONS)).replace("\\", "")


def test_what_billing_events_said_otherwise_is_told_with_its_takes(visit, desk, monkeypatch):
    job, other, now = desk.take("stored"), desk.take("stored"), desk.deps.clock.now()
    monkeypatch.setattr(type(desk.deps.settings), "reads_bills", True)
    differences = [BillDifference(job.id, 0.70, 0.63)]
    with desk.deps.store.begin() as session:
        report = BillReport(
            now, now, now, agreed=3, strangers=2, strangers_usd=1.4, differences=differences, untold=1,
            untold_jobs=[other.id],
        )  # fmt: skip
        REPORT.put(session, report)
    app = visit(OPERATIONS)
    said = words(app).replace("\\", "")
    assert "3 agree, 0 settled, 1 corrected" in said
    assert "2 requests that no take knows ($1.40)" in said
    assert link(app, "Corrected: ").endswith(job.id)
    assert link(app, "Billed, and not in the events: ").endswith(other.id)
    assert reconcile_bills.last_report(desk.deps) == report


def test_a_ledger_that_disagrees_is_told_to_operators(visit, desk):
    job = desk.take("stored")
    with desk.deps.store.begin() as session:
        session.connection().execute(sql("UPDATE line SET micros = 5"))
        at = desk.deps.clock.now()
        differences = [f"Take {job.id} (stored): its lines come to less"]
        verify_money.MONEY_CHECK.put(session, verify_money.MoneyCheck(at, at, differences=differences))
    assert "The ledger disagrees in 1 places" in words(visit(OPERATIONS)).replace("\\", "")
