"""Money on the pages: what was spent, what is left, what a take costs, and a limit that says no."""

from dataclasses import asdict, replace

import pytest
from streamlit.testing.v1 import AppTest

from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.services.catalogue import live_catalogue
from backend.services.library import groups
from backend.services.library.groups import GroupKind
from backend.services.money import limits, limits_admin, settling
from backend.store.records import catalogue
from pages.ui import text
from tests.pages.conftest import filled, link, shown, words
from tests.viewers import LOCAL_VIEWER
from tests.world import BEN, MODEL, UNPRICED

ACTIVITY, OPERATIONS, TAKE = "operate/activity.py", "operate/operations.py", "library/take.py"


@pytest.fixture(autouse=True)
def set_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of everybody, set before the installation is made."""
    monkeypatch.setenv("BUDGET_DAY_USD", "2")
    monkeypatch.setenv("BUDGET_WARN_MONTH_USD", "1")
    monkeypatch.setenv("BUDGET_UNKNOWN_USD", "0.50")


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value.replace("\\", "") for metric in app.metric}


def bill(desk, job, units: float) -> None:
    with desk.deps.store.begin() as session:
        news = settling.settle_bill(session, desk.job(job), units, at=desk.deps.clock.now())
    desk.change(job, **news)


@pytest.mark.parametrize("page", [ACTIVITY, OPERATIONS])
def test_spent_left_and_at_risk_are_told(visit, desk, page):
    desk.take("held")
    bill(desk, desk.take("stored", viewer=BEN), 3)
    spent = {
        "Spent today": "$1.12",
        "This month": "$1.12",
        "Budget": "$0.88",
        "Needs a decision": "$0.70",
    }
    assert figures(visit(page)).items() >= spent.items()


def test_a_price_is_estimated_billed_or_unknown_and_never_guessed(visit, desk):
    desk.take("running", "unknown", **UNPRICED)
    app = visit(ACTIVITY)
    assert figures(app)["Spent today"] == "$0.50", "what it counts for"
    assert any("1 take of unknown price" in metric.delta for metric in app.metric)
    assert shown(app, "status")[0]["cost"] == "?"
    desk.take("running", "estimated")
    job = desk.take("stored", "billed")
    bill(desk, job, 4)
    (wall,) = shown(visit("library/gallery.py"), "wall")
    costs = {take["alt"]: take["cost"] for take in wall["takes"]}
    assert costs == {"unknown": "?", "estimated": "≈ $0.70", "billed": "$0.56"}
    facts = shown(visit(TAKE, take=job.id), "facts")
    (rows,) = [found["rows"] for found in facts if found["testid"] == "ledger"]
    ledger = [
        ("Cost", "$0.56"),
        ("Estimated", "≈ $0.70"),
        ("Billed", "$0.56 = 4 billed units × $0.14 (unit: second)"),
    ]
    assert [(row["label"], row["value"]) for row in rows] == ledger, "on a take's own page, units and price"


def test_operations_lead_to_what_was_spent(visit):
    assert link(visit(OPERATIONS), "What was spent, by what").startswith("spend")


def test_a_soft_limit_warns_and_a_start_beyond_a_hard_one_says_so_and_the_form_stays_filled(visit, desk):
    assert "warning level" not in words(visit(ACTIVITY))
    desk.take("queued")
    desk.take("queued")
    assert "Over the warning level; not blocked: this month's warning level is $1.00" in words(
        visit(ACTIVITY)
    ).replace("\\", "")
    app = filled(visit, prompt="A dress that is too dear")
    assert "$0.60 left today" in words(app).replace("\\", "")
    app.button(key="generate").click().run()
    assert not app.exception
    (error,) = [item.value for item in app.error if "budget" in item.value]
    assert error.startswith(text.plain("Today's budget has $0.60 left."))
    app.run()
    assert error in [item.value for item in app.error], "it stays until somebody has read it"
    app.button(key="dismiss-refusal").click().run()
    assert error not in [item.value for item in app.error]
    assert app.text_area(key="form:prompt").value == "A dress that is too dear"
    assert desk.count() == 2


def test_who_is_near_a_limit_is_told_beside_the_button_and_when_it_renews(visit, desk):
    assert "renews" not in words(filled(visit))
    desk.take("queued", params={"duration": "12"})
    message = words(filled(visit)).replace("\\", "")
    renews = limits.renewal(desk.deps, BudgetPeriod.DAY, desk.deps.clock.now())[1]
    assert f"Today's budget of $2.00 has $0.32 left; it renews on {renews}." in message


@pytest.mark.parametrize(
    ("scope", "name"), [(BudgetScope.ALL, ""), (BudgetScope.PERSON, "ben"), (BudgetScope.PERSON, "")]
)
def test_an_admin_sets_a_limit_for_everybody_a_person_or_each_person(visit, desk, scope, name):
    app = visit(OPERATIONS)
    app.selectbox(key="limit:scope").set_value(scope).run()
    if name:
        app.text_input(key="limit:name").set_value(name).run()
    app.button(key="limit-set").click().run()
    assert not app.exception
    (kept,) = [one.rule for one in limits_admin.list_limits(desk.deps, LOCAL_VIEWER) if one.rule.set_by]
    assert (kept.scope, kept.name or "", kept.limit_usd) == (scope, name, 20.0)


@pytest.mark.parametrize("kind", GroupKind)
def test_an_admin_sets_a_limit_for_a_project_or_a_collection_which_is_shown_by_its_name(visit, desk, kind):
    its = groups.create_group(desk.deps, LOCAL_VIEWER, kind, "Spring").id
    app = visit(OPERATIONS)
    app.selectbox(key="limit:scope").set_value(BudgetScope(kind)).run()
    app.selectbox(key=f"limit:{kind}").set_value(its).run()
    app.button(key="limit-set").click().run()
    assert not app.exception
    assert f"$20.00 a day for the {kind} Spring" in words(app).replace("\\", "")


def test_an_admin_sets_a_limit_for_a_model_which_is_shown_with_what_is_left_and_ends_it(visit, desk):
    desk.take("queued")
    app = visit(OPERATIONS)
    app.session_state["limit:open"] = True
    app.selectbox(key="limit:scope").set_value(BudgetScope.MODEL).run()
    app.selectbox(key="limit:model").set_value(MODEL).run()
    app.number_input(key="limit:usd").set_value(1.5).run()
    app.button(key="limit-set").click().run()
    assert not app.exception
    shown = words(app).replace("\\", "")
    assert f"$1.50 a day for {MODEL}" in shown
    assert not app.session_state["limit:open"], "it no longer covers what was set"
    assert "$0.80 left until" in shown
    assert "set by studio, just now" in shown
    (kept,) = [one.rule for one in limits_admin.list_limits(desk.deps, LOCAL_VIEWER) if one.rule.set_by]
    app.button(key=f"limit-end-{kept.source}").click().run()
    assert not app.exception
    assert "ended by studio" in words(app)
    assert [one.rule.set_by for one in limits_admin.list_limits(desk.deps, LOCAL_VIEWER)] == [None, None]


def test_a_take_without_a_price_says_on_its_button_what_it_counts_for_and_when_that_fits_no_more(visit, desk):
    unpriced = replace(desk.deps.catalogue.get(MODEL), id="new/unpriced", price=None)
    with desk.deps.store.begin() as session:
        now, offered = desk.deps.clock.now(), [*desk.deps.catalogue.search(provider="fal"), unpriced]
        catalogue.replace_all(session, [(model.id, asdict(model)) for model in offered], at=now)
        live_catalogue.NEWEST.put(session, live_catalogue.NewestCatalogue(now, "another", len(offered)))
    app = filled(visit, model=unpriced.id)
    assert app.button(key="generate").label.replace("\\", "").endswith(", counts for $0.50")
    assert "it counts for $0.50 until its bill comes" in words(app).replace("\\", "")
    assert "would be refused" not in words(app)
    desk.take("queued", params={"duration": "11"})
    told = words(filled(visit, model=unpriced.id)).replace("\\", "")
    assert "Today's budget of $2.00 has $0.46 left" in told
    assert "This take counts for $0.50 and would be refused." in told
