"""Month close: a statement never changes, and what comes later stands in the next as a correction."""

import csv
import hashlib
import io
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.domain.errors import InvalidRequest, NotAllowed, NotFound
from backend.domain.states import JobEvent as E
from backend.services.money import settling, statements
from backend.store.jobs import jobs
from tests import databases
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA, BEN, MODEL, run_sql

pytestmark = databases.BOTH


def bill(sidecar, job, units, *events):
    sidecar.advance(job, *events)
    with sidecar.deps.store.begin() as session:
        row = jobs.get(session, job.id)
        news = settling.settle_bill(session, row, units, at=sidecar.clock.now())
        jobs.update_if_unchanged(session, row, **news)


def month_of(sidecar):
    return f"{sidecar.clock.now():%Y-%m}"


def pass_a_month(sidecar):
    now = sidecar.clock.now()
    later = (now.replace(day=1) + timedelta(days=32)).replace(day=2)
    sidecar.clock.pass_s((later - now).total_seconds())


def close(sidecar, month, viewer=LOCAL_VIEWER):
    return statements.close_month(sidecar.deps, viewer, month)


def test_later_bills_change_no_statement_and_come_as_corrections_in_the_next_once(sidecar):
    first = month_of(sidecar)
    late, failed = sidecar.ask(viewer=ANA), sidecar.ask(viewer=BEN)
    bill(sidecar, failed, 5, E.SUBMIT_BEGUN, E.ACCEPTED, E.ERRORED)
    pass_a_month(sidecar)
    closed = close(sidecar, first)
    assert closed.said["total"] == {
        "takes": 2, "unpriced": 0, "estimated_usd": 1.4, "billed_usd": 0.7, "open_usd": 0.7,
        "wasted_usd": 0.7,
    }  # fmt: skip
    assert closed.sha256 == hashlib.sha256(closed.content).hexdigest()

    bill(sidecar, late, 10, E.SUBMIT_BEGUN, E.ACCEPTED, E.FINISHED)
    second = month_of(sidecar)
    sidecar.ask(viewer=ANA)
    pass_a_month(sidecar)
    assert statements.get_statement(sidecar.deps, LOCAL_VIEWER, first) == closed
    following = close(sidecar, second).said
    assert following["total"]["takes"] == 1
    assert following["corrections"] == [
        {"month": first, "person": "ana", "model": MODEL, "template": following["corrections"][0]["template"],
         "takes": 0, "unpriced": 0, "estimated_usd": 0.0, "billed_usd": 1.4, "open_usd": -0.7,
         "wasted_usd": 0.0}
    ]  # fmt: skip
    third = month_of(sidecar)
    pass_a_month(sidecar)
    assert close(sidecar, third).said["corrections"] == [], "told once"


def test_a_month_is_closed_once_after_it_has_ended_by_an_admin(sidecar):
    month = month_of(sidecar)
    sidecar.ask()
    for wrong in (month, "2026-13", "October", "2999-01", "0000-01", "\uff12026-10"):
        with pytest.raises(InvalidRequest):
            close(sidecar, wrong)
    assert statements.next_month(sidecar.deps, LOCAL_VIEWER) is None
    pass_a_month(sidecar)
    waiting = statements.next_month(sidecar.deps, LOCAL_VIEWER)
    assert waiting is not None
    assert (waiting[0], waiting[1].takes) == (month, 1)
    with pytest.raises(NotAllowed):
        close(sidecar, month, ANA)
    close(sidecar, month)
    with pytest.raises(InvalidRequest, match="was closed on"):
        close(sidecar, month)
    assert statements.next_month(sidecar.deps, LOCAL_VIEWER) is None
    assert statements.list_statements(sidecar.deps, ANA) == []
    with pytest.raises(NotFound):
        statements.get_statement(sidecar.deps, ANA, month)


def test_a_statement_that_was_changed_in_the_database_says_so(sidecar):
    month = month_of(sidecar)
    sidecar.ask()
    pass_a_month(sidecar)
    assert close(sidecar, month).is_whole
    run_sql(sidecar.deps, "UPDATE month_statement SET content = replace(content, '0.7', '0.6')")
    assert not statements.get_statement(sidecar.deps, LOCAL_VIEWER, month).is_whole


def test_a_statement_as_csv_has_rows_and_corrections_and_no_formula(sidecar):
    month = month_of(sidecar)
    sidecar.ask()
    run_sql(sidecar.deps, "UPDATE line SET owner = '=1+1'")
    pass_a_month(sidecar)
    (row,) = csv.DictReader(io.StringIO(close(sidecar, month).as_csv().decode()))
    assert (row["kind"], row["month"], row["person"], row["open_usd"]) == ("row", month, "'=1+1", "0.7")


@pytest.mark.databases("sqlite")  # the command does no more with another
def test_the_command_closes_a_month_once_and_prints_its_statement(sidecar, monkeypatch):
    month = month_of(sidecar)
    sidecar.ask()
    pass_a_month(sidecar)
    monkeypatch.setattr("backend.commands.money.open_deps", lambda: sidecar.deps)
    first, again = (CliRunner().invoke(app, ["statement", month]) for _ in range(2))
    kept = statements.get_statement(sidecar.deps, LOCAL_VIEWER, month)
    assert first.stdout_bytes == again.stdout_bytes == kept.content
    assert f"{month} was closed now. SHA-256: {kept.sha256}" in first.stderr
    assert "closed by studio" in again.stderr
    assert "kind,month,person" in CliRunner().invoke(app, ["statement", month, "--csv"]).stdout
