"""The Spend page: any days, by what and crossed with what, from the URL; figures, bars, table and files."""

from datetime import timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from backend.domain.library.review import ReviewState
from backend.domain.take_filter import TakeFilter
from backend.services.library import bulk, edit, groups
from backend.services.library.changes import BulkChanges, TakeChanges
from backend.services.library.groups import GroupKind
from backend.services.money import settling, spending
from backend.services.money.spend_query import Dimension, SpendQuery
from backend.services.operations.account import balance
from pages.ui.spend import charts, statements
from tests.pages.conftest import rows_of, words
from tests.viewers import LOCAL_VIEWER
from tests.world import BEN, MODEL, make_unpriced, run_sql

SPEND = "operate/spend.py"
SPENT, DRIFT = "What was spent", "Bills against estimates"
OTHER = "fal-ai/veo3.1"


def bill(desk, job, units: float) -> None:
    with desk.deps.store.begin() as session:
        news = settling.settle_bill(session, desk.job(job), units, at=desk.deps.clock.now())
    desk.change(job, **news)


def figures(app: AppTest) -> dict[str, tuple[str, str]]:
    return {one.label: (one.value.replace("\\", ""), one.delta.replace("\\", "")) for one in app.metric}


@pytest.fixture
def spent(desk):
    """Two takes that are billed, of which one failed; one without a bill; one without a price."""
    bill(desk, desk.take("stored"), 10)
    bill(desk, desk.take("failed", viewer=BEN), 5)
    desk.take("queued", viewer=BEN)
    make_unpriced(desk.deps, desk.take("queued", model=OTHER))
    return desk


def test_what_was_spent_is_told_and_what_nobody_knows_is_no_amount(visit, spent):
    app = visit(SPEND, by="model")
    told = figures(app)
    assert told["Estimated"] == ("$2.10", "4 takes, +1 unpriced")
    assert told["Billed"] == ("$2.10", "+1 unpriced")
    assert told["Open"] == ("$0.70", "counts without a bill")
    assert told["Wasted"] == ("$0.70", "33% of what was billed")
    assert "Per pick" not in told
    (known, unknown) = rows_of(app, SPENT)
    title = spent.deps.catalogue.get(MODEL).title
    assert (known["Model"], known["Takes"], known["Billed"], known["Wasted"]) == (title, 3, "$2.10", "$0.70")
    assert (unknown["Estimated"], unknown["Billed"], unknown["Unpriced"]) == (None, None, 1)
    (drift,) = rows_of(app, DRIFT)
    assert (drift["Takes"], drift["Billed/estimated"]) == (2, "×1.50 ▲ dearer")


def test_projects_stand_there_by_their_names(visit, spent):
    its = groups.create_group(spent.deps, LOCAL_VIEWER, GroupKind.PROJECT, "Spring").id
    bulk.edit_many(spent.deps, LOCAL_VIEWER, TakeFilter(), BulkChanges(set=TakeChanges(project=its)))
    spent.take("queued")
    app = visit(SPEND, by="project")
    assert not app.exception
    assert {row["Project"]: row["Takes"] for row in rows_of(app, SPENT)} == {"Spring": 4, "No project": 1}
    edit.edit_take(
        spent.deps, LOCAL_VIEWER, spent.take("stored").id, TakeChanges(review=ReviewState.APPROVED)
    )
    told = figures(visit(SPEND))
    assert told["Per pick"] == told["Per approved"]
    assert told["Per approved"][1] == "1 of 6 takes"
    only = visit(SPEND, only=f"project:{its}").button(key="spend-only-project")
    assert only.label == "Spring"


def test_the_query_stands_in_the_url_and_a_filter_goes_by_a_press(visit, spent):
    app = visit(SPEND, by="person", range="30 days", only="person:ben", **{"and": "model"})
    (row,) = rows_of(app, SPENT)
    assert (row["Person"], row["Takes"]) == ("ben", 2)
    assert figures(app)["Estimated"][0] == "$1.40"
    app.button(key="spend-only-person").click().run()
    assert {row["Person"] for row in rows_of(app, SPENT)} == {"ben", "studio"}
    assert app.query_params.get("only") in (None, [])


@pytest.mark.parametrize("only", ["colour:red", "person", "template:x", "day:soon"])
def test_a_url_that_says_it_wrongly_shows_a_page(visit, spent, only):
    assert not visit(SPEND, only=only, by="shoe", range="never", since="tomorrow").exception


def test_a_bar_for_each_group_and_what_can_not_be_seen_apart_is_one(spent, monkeypatch):
    monkeypatch.setattr(charts, "BARS_MAX", 1)
    by_person = SpendQuery(Dimension.PERSON, Dimension.TEMPLATE, "2020-01-01", "2099-01-01")
    report = spending.spend_report(spent.deps, LOCAL_VIEWER, by_person)
    rows = charts.bar_rows(report, {Dimension.PERSON: "ben"})
    lit = {row["of"]: row["lit"] for row in rows}
    assert lit == {"ben": True, charts.OTHERS: False}
    assert sum(row["usd"] for row in rows) == pytest.approx(report.total.counted_usd)


def test_the_files_have_what_the_table_shows(visit, spent):
    app = visit(SPEND, by="model")
    assert not app.download_button(key="spend-csv").click().run().exception
    assert not app.download_button(key="spend-parquet").click().run().exception
    assert len(rows_of(app, SPENT)) == 2


def test_days_without_anything_say_so_and_lead_to_the_form(visit, desk):
    app = visit(SPEND)
    assert "Nothing was spent in these days" in words(app)
    app.button(key="spend-first").click().run()
    assert app.text_area(key="form:prompt") is not None


def test_a_month_that_has_ended_is_closed_by_a_press_and_its_statement_stays(visit, spent):
    run_sql(
        spent.deps,
        "UPDATE line SET day = '2026-01-15'",
        "UPDATE job SET created_at = '2026-01-15 10:00:00+00:00'",
    )
    app = visit(SPEND)
    asked = words(app).replace("\\", "")
    assert "**January 2026** · 4 takes · billed $2.10 · open $0.70 · 1 of unknown price" in asked
    assert "can't be opened again" in asked
    app.button(key="close-month").click().run()
    assert "January 2026 is closed" in words(app)
    said = words(app).replace("\\", "")
    assert "**January 2026** · billed $2.10 · open $0.70 · 1 of unknown price" in said
    assert "can't be opened again" not in said
    assert not app.download_button(key="statement-json-2026-01").click().run().exception
    assert not app.download_button(key="statement-csv-2026-01").click().run().exception
    assert [button.key for button in app.button if button.key == "close-month"] == []


def test_crossed_bars_stand_in_the_order_of_what_each_comes_to():
    rows = [
        {"of": of, "shown": of, "usd": usd}
        for of, usd in [("one", 3.0), (charts.OTHERS, 9.0), ("two", 2.0), ("two", 2.0)]
    ]
    _, axis, _ = charts._axis_of_groups(SpendQuery(Dimension.MODEL, Dimension.PERSON), rows)
    assert axis["sort"] == ["two", "one", charts.OTHERS]


def test_a_line_for_each_group_keeps_its_height_and_its_name_however_long_the_legend_is(visit, spent):
    across = SpendQuery(Dimension.PERSON, Dimension.MODEL)
    heights = []
    for number in (3, 7):
        rows = [
            {"of": "ana", "part": str(n), "shown": "ana", "series": str(n), "usd": 1.0} for n in range(number)
        ]
        drawn, height = charts._bars(across, rows)
        heights.append(height)
        assert drawn["encoding"]["y"]["axis"]["labelOverlap"] is False
    assert heights[1] - heights[0] == 2 * charts.LEGEND_LINE_PX


def test_a_balance_that_runs_low_stands_in_full_on_spend_and_in_short_elsewhere(visit, desk, monkeypatch):
    monkeypatch.setattr(type(desk.deps.settings), "reads_bills", True)
    key, at = desk.deps.get_provider("fal").key_mark, desk.deps.clock.now()
    for usd, is_low in ((212.4, False), (6.4, True)):
        with desk.deps.store.begin() as session:
            balance.BALANCES.of("fal").put(session, balance.SeenBalance(at, usd, at, key=key))
        st.cache_data.clear()
        shown = [one.value.replace("\\", "") for one in visit(SPEND).warning]
        assert [one.startswith("Balance $6.40, seen just now.") for one in shown] == [True] * is_low
        assert not visit("operate/models.py").warning


def test_the_balance_stands_on_spend_and_operations_or_what_would_show_it(visit, desk, monkeypatch):
    pages = (SPEND, "operate/operations.py")
    seen_at = desk.deps.clock.now() - timedelta(minutes=3, seconds=2)
    key = desk.deps.get_provider("fal").key_mark
    with desk.deps.store.begin() as session:
        seen = balance.SeenBalance(seen_at, 212.4, seen_at, problem="fal answered 503.", key=key)
        balance.BALANCES.of("fal").put(session, seen)
    assert "once an ADMIN key of it is set" in words(visit(SPEND)).replace("\\", "")
    assert all("Balance" not in words(visit(page)) for page in pages)
    monkeypatch.setattr(type(desk.deps.settings), "reads_bills", True)
    for page in pages:
        said = words(visit(page)).replace("\\", "")
        assert "Balance $212.40" in said
        assert "seen 3 min ago" in said
        assert "fal answered 503." in said
        assert "ADMIN key" not in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"billed_usd": 1.4, "open_usd": -0.7}, "earlier months: billed $1.40, open −$0.70"),
        ({"wasted_usd": 0.8}, "earlier months: wasted $0.80"),
        ({"unpriced": -2}, "earlier months: of unknown price −2"),
        ({}, "earlier months, which come to nothing together"),
    ],
)
def test_what_changed_of_earlier_months_is_told_by_what_changed(changed, said):
    nothing = {"billed_usd": 0.0, "open_usd": 0.0, "wasted_usd": 0.0, "unpriced": 0}
    assert statements.corrected_words(nothing | changed) == f"corrections of {said}"
