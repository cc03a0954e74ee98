"""The Audit page: who did what, for admins; filters in the URL, pages, and files that are written down."""

from backend.services.access import Role, Viewer
from backend.services.audit.record import Action, record
from backend.services.takes.cancel import cancel_job
from pages.ui import context
from tests.pages.conftest import link, rows_of, shown, words
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA, BEN

AUDIT = "team/audit.py"


def told(app) -> list[tuple[str, str]]:
    return [(row["Who"], row["What"]) for row in rows_of(app, "Audit")]


def test_the_audit_tells_who_did_what_by_the_filters_in_the_url(visit, desk):
    job = desk.ask(viewer=ANA)
    desk.ask(viewer=BEN)
    cancel_job(desk.deps, LOCAL_VIEWER, job.id)
    assert told(visit(AUDIT)) == [
        ("studio", "take.cancelled"),
        ("ben", "take.started"),
        ("ana", "take.started"),
    ]
    assert told(visit(AUDIT, action="take.started", actor="ana")) == [("ana", "take.started")]
    app = visit(AUDIT, object=job.id)
    assert told(app) == [("studio", "take.cancelled"), ("ana", "take.started")]
    app.button(key="audit-clear").click().run()
    assert len(told(app)) == 3
    assert "object" not in app.query_params
    assert not shown(visit(AUDIT, actor="nobody"), "table")


def test_a_row_says_what_was_changed_from_what_to_what_and_for_how_much(visit, desk):
    """A role that was taken back read like one that was given."""
    desk.ask(viewer=ANA)
    for before, after in ((None, "viewer"), ("viewer", None), ("viewer", "admin")):
        changed = {"name": ("Maya", "Maya"), "role": (before, after), "scope": (None, None)}
        with desk.deps.store.begin() as session:
            record(session, desk.deps, LOCAL_VIEWER, Action.ROLE_CHANGED, changed=changed)

    rows = rows_of(visit(AUDIT), "Audit")
    assert [row["Changed"] for row in rows[:3]] == [
        "name: Maya; role: viewer → admin",
        "name: Maya; role: viewer → –",
        "name: Maya; role: viewer",
    ]
    assert [row["Amount"] for row in rows] == [None, None, None, "$0.70"]


def test_a_page_of_the_audit_leads_on_to_the_next(visit, desk):
    with desk.deps.store.begin() as session:
        for _ in range(101):
            record(session, desk.deps, LOCAL_VIEWER, Action.MODELS_REFRESHED)
    app = visit(AUDIT)
    assert len(told(app)) == 100
    assert len(told(app.button(key="audit-older").click().run())) == 1
    assert len(told(app.button(key="audit-newest").click().run())) == 100


def test_a_row_leads_to_its_take_and_all_rows_are_to_be_had_as_a_file(visit, desk):
    job = desk.ask()
    app = visit(AUDIT)
    app.session_state["audit-table"] = {"chosen": shown(app, "table")[0]["ids"][0]}
    assert link(app.run(), "The take").endswith(f"?take={job.id}")
    for kind in ("csv", "jsonl"):
        assert not app.download_button(key=f"audit-{kind}").click().run().exception


def test_only_admins_see_the_audit(visit, desk, monkeypatch):
    desk.ask()
    reviewer = Viewer("rea", Role.REVIEWER)
    monkeypatch.setattr(context, "viewer", lambda **_: reviewer)
    app = visit(AUDIT)
    assert "the role admin is needed" in words(app)
    assert not shown(app, "table")
