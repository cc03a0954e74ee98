"""Tables and charts of every page: what they are given, and that no page loads pandas for them."""

import sys
from datetime import UTC, datetime

import pytest

from backend.models import Sweep
from backend.services.lifecycle.refused_deliveries import RefusalCounter
from pages.ui.experiments.steps import Step
from pages.ui.figures import tables
from tests.pages.conftest import ROOT, shown
from tests.pages.test_experiments import come_home, of, running, vote
from tests.pages.test_spend import bill
from tests.services.experiments.building import PROMPTS, make_experiment
from tests.viewers import LOCAL_VIEWER

#: 80 MB and more, for good, of whatever process loads them.
DEAR = ("pandas", "pyarrow", "altair")
ONE = "library/experiment.py"


def test_no_page_loads_pandas_pyarrow_or_altair(visit, desk, monkeypatch):
    """Every page, every step of an experiment, with every table and chart that the program has."""
    job = desk.take("stored")
    bill(desk, job, 10)
    desk.delivery(desk.take("queued"))
    refused = RefusalCounter(desk.deps)
    refused.count("signature")
    refused.write()
    with desk.deps.store.begin() as session:
        session.add(Sweep(started_at=desk.deps.clock.now(), took_s=1.5, did={"woken": 1}))
    judged = running(desk, axes={"prompt": PROMPTS}, repeats=2)
    come_home(desk, judged)
    vote(desk, judged, "bea", of(desk.deps, judged).cells[0].id)
    draft = make_experiment(desk.deps, LOCAL_VIEWER).experiment.id
    for name in DEAR:  # whoever imports one now is told that there is none
        monkeypatch.setitem(sys.modules, name, None)

    drawn, charts = set(), 0
    pages = sorted(path.relative_to(ROOT / "pages") for path in (ROOT / "pages").glob("*/*.py"))
    visits = [(str(page), {"take": job.id}) for page in pages if page.parts[0] != "ui"]
    visits += [("operate/spend.py", {"by": "model", "and": "person"})]
    visits += [(ONE, {"id": one, "step": str(step)}) for one in (judged, draft) for step in Step]
    for page, names in visits:
        app = visit(page, **names)
        if names.get("step") == Step.PLAN:
            app.button(key="plan-copy").click().run()
            app.session_state["plan-prompts"] = True
            app.run()
        assert not app.exception, (page, names, app.exception)
        drawn |= {table["name"] for table in shown(app, "table")}
        charts += len(app.get("vega_lite_chart"))

    assert drawn >= {
        "Webhook deliveries", "Refused deliveries", "Sweeps that found something to do", "What was spent",
        "Bills against estimates", "Audit", "Win rates of cells", "Cost, time and failures by value",
        "Every prompt as it is sent",
    }  # fmt: skip
    assert charts >= 3


@pytest.mark.parametrize(
    ("values", "kind", "cells"),
    [
        ([datetime(2026, 11, 30, tzinfo=UTC), None], "moment", [1_795_996_800_000, None]),
        ([3, 0.5, None], "number", [3, 0.5, None]),
        ([tables.dollars(0.7), tables.dollars(None)], "number", [["$0.70", 0.7], None]),
        ([tables.Shown("1 Dec 2026", "2026-12-01"), "-"], "text", [["1 Dec 2026", "2026-12-01"], "-"]),
        ([True, {"a": [1]}, float("nan"), 2**60], "text", ["yes", '{"a": [1]}', None, str(2**60)]),
    ],
)
def test_a_column_is_read_as_what_its_values_are(values, kind, cells):
    assert tables._kind(values) == kind
    assert [tables._cell(value) for value in values] == cells
