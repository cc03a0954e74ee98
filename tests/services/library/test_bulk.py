"""Many takes are changed at once, and that is taken back: as far as nobody has changed it since."""

from datetime import timedelta
from typing import Any

import pytest

from backend.domain.states import JobEvent
from backend.domain.take_filter import TakeFilter
from backend.services.access import Role, Viewer
from backend.services.audit import entries
from backend.services.audit.query import AuditFilter
from backend.services.library import bulk, edit
from backend.services.library.changes import BulkChanges, TakeChanges
from tests import databases
from tests.services.client import at_fault, said, status
from tests.services.library.test_edit_take import NOTHING, about, told
from tests.services.receiving import WAY
from tests.viewers import make_token
from tests.world import ADMIN, ANA, at_once, run_sql

pytestmark = databases.BOTH
ONE = pytest.mark.databases(None)


def change(team: Any, ids: list[str], who: str = "root", **body: Any) -> Any:
    return told(team.call(who, "POST", "/api/video/takes/bulk", json={"ids": ids, **body}))


def undo(team: Any, which: str | None, who: str = "root") -> Any:
    return team.call(who, "POST", "/api/video/takes/bulk/undo", json={"undo": which})


def made(team: Any, kind: str, name: str) -> str:
    answer = team.call("root", "POST", f"/api/{kind}", json={"name": name})
    assert answer.status_code == 201
    return str(answer.get_json()["id"])


def seen(team: Any, job_id: str) -> dict[str, Any]:
    return about(status_of(team, job_id))


def status_of(team: Any, job_id: str, who: str = "root") -> dict[str, Any]:
    taken: dict[str, Any] = told(team.get(f"/api/video/status/{job_id}", who=who))
    return taken


def test_what_is_asked_for_becomes_so_of_every_take_and_undo_makes_it_as_it_was(sidecar):
    ids = [sidecar.started() for _ in range(3)]
    for job_id in ids:
        sidecar.cancel(job_id)
    shelf, film = made(sidecar, "collections", "Best"), made(sidecar, "projects", "Spring")
    change(sidecar, ids[:1], set={"rating": 2, "review": "rejected", "note": "a"}, add_tags=["old"])
    before = [seen(sidecar, job_id) for job_id in ids]
    answer = change(
        sidecar, [*ids, "unknown"], add_tags=["New"], remove_tags=["OLD"], collect=shelf, trash=True,
        set={"rating": 5, "favourite": True, "review": "approved", "note": "b", "project": film},
    )  # fmt: skip
    assert (answer["matched"], answer["changed"]) == (3, 3)
    assert [one["id"] for one in answer["skipped"]] == ["unknown"]
    at = sidecar.clock.now().isoformat()
    for job_id in ids:
        assert seen(sidecar, job_id) == NOTHING | {
            "rating": {"mine": 5, "mean": 5, "count": 1}, "favourite": True, "note": "b", "project": film,
            "review": {"state": "approved", "by": "root", "at": at}, "tags": ["New"], "trashed_at": at,
            "collections": [shelf],
        }  # fmt: skip
    sidecar.clock.pass_s(3599)
    back = told(undo(sidecar, answer["undo"]))
    assert (back["matched"], back["changed"], back["undo"]) == (3, 3, None)
    assert [seen(sidecar, job_id) for job_id in ids] == before
    said(undo(sidecar, answer["undo"]), 404)


def test_undo_leaves_what_somebody_else_has_changed_meanwhile(sidecar):
    sidecar.tokens["rea"] = make_token(sidecar.deps, "rea", Role.REVIEWER)
    one, two = sidecar.started(), sidecar.started()
    answer = change(sidecar, [one, two], add_tags=["a", "b"], set={"note": "x", "review": "selected"})
    path = f"/api/video/takes/{one}"
    told(sidecar.call("rea", "PATCH", path, json={"note": "y", "review": "selected"}))
    told(sidecar.call("rea", "PATCH", path, json={"review": "rejected", "tags": ["b"]}))
    told(sidecar.call("rea", "PATCH", path, json={"tags": ["a", "b"]}))  # hers now: she put it there
    back = told(undo(sidecar, answer["undo"]))
    assert (back["changed"], back["skipped"]) == (2, [])
    left = seen(sidecar, one)
    assert (left["note"], left["review"]["state"], left["tags"]) == ("y", "rejected", ["a"])
    assert seen(sidecar, two) == NOTHING


@ONE
def test_undo_is_for_an_hour_and_for_whoever_did_it(sidecar):
    job_id = sidecar.started()
    answer = change(sidecar, [job_id], add_tags=["a"])
    said(undo(sidecar, answer["undo"], who="ana"), 404)
    said(undo(sidecar, "none"), 404)
    sidecar.clock.pass_s(3601)
    said(undo(sidecar, answer["undo"]), 409)
    assert seen(sidecar, job_id)["tags"] == ["a"]
    assert change(sidecar, [job_id], add_tags=["A"]) == {
        "matched": 1, "changed": 0, "skipped": [], "undo": None,
    }  # fmt: skip


@ONE
def test_a_take_that_can_not_be_changed_so_is_skipped_and_said_why(sidecar):
    moving, held, failed, own = (sidecar.started(who=who) for who in ("ana", "ana", "ana", "ben"))
    sidecar.advance(held, *WAY["held"])
    sidecar.advance(failed, *WAY["failed"])
    sidecar.tokens["tom"] = make_token(sidecar.deps, "tom", Role.CREATOR)
    ids = [moving, held, failed, own]
    answer = change(sidecar, ids, trash=True)
    assert {one["id"]: one["why"].split(";")[0] for one in answer["skipped"]} == {
        moving: "This take is in progress", own: "This take is in progress",
        held: "This take needs a decision first",
    }  # fmt: skip
    assert (answer["matched"], answer["changed"]) == (4, 1)
    # To a creator who sees their own alone, others' takes are not there.
    hidden = change(sidecar, ids, who="ben", add_tags=["x"])
    assert (hidden["matched"], hidden["changed"], len(hidden["skipped"])) == (1, 1, 3)
    assert {one["why"] for one in hidden["skipped"]} == {"There is no take with that id."}
    viewer = Viewer("ben", Role.CREATOR)  # who sees the team's, and may change their own
    result = bulk.edit_many(sidecar.deps, viewer, ids, BulkChanges(add_tags=("y",)))
    assert (result.matched, result.changed, len(result.skipped)) == (4, 1, 3)
    said(sidecar.call("eve", "POST", "/api/video/takes/bulk", json={"ids": ids, "add_tags": ["x"]}), 403)
    said(
        sidecar.call(
            "ben", "POST", "/api/video/takes/bulk", json={"ids": ids, "set": {"review": "approved"}}
        ),
        403,
    )
    assert change(sidecar, ids, who="eve", set={"rating": 1})["changed"] == 4


@ONE
def test_cancel_and_retry_are_done_for_those_for_whom_there_is_something_to_do(sidecar):
    waits, stored, failed = (sidecar.started() for _ in range(3))
    sidecar.stored(stored)
    sidecar.advance(failed, *WAY["failed"])
    cancelled = change(sidecar, [waits, stored, failed], who="ana", cancel=True)
    assert (cancelled["changed"], cancelled["undo"]) == (1, None)
    assert {one["id"] for one in cancelled["skipped"]} == {stored, failed}
    assert status(sidecar, waits)["error"]["message"].startswith("Cancelled by ana.")
    retried = change(sidecar, [waits, stored, failed], who="ana", retry=True)
    assert (retried["changed"], {one["id"] for one in retried["skipped"]}) == (1, {waits, stored})
    (again,) = status(sidecar, failed)["led_to"]
    assert (again["how"], status(sidecar, again["take"])["made_from"]) == (
        "retry", [{"take": failed, "how": "retry"}],
    )  # fmt: skip


@ONE
def test_what_can_not_be_asked_for_is_refused_by_name_and_changes_nothing(sidecar):
    job_id = sidecar.started()
    path = "/api/video/takes/bulk"
    faults = {
        "ids": [{"ids": ["x"] * 2 + [str(number) for number in range(10_001)], "trash": True}],
        "set": [{"ids": [job_id]}, {"ids": [job_id], "set": {}}],
        "set.rating": [{"ids": [job_id], "set": {"rating": 9}}],
        "set.project": [{"ids": ids, "set": {"project": "none"}} for ids in ([job_id], [])],
        "collect": [{"ids": [job_id], "collect": ["none"]}],
        "restore": [{"ids": [job_id], "trash": True, "restore": True}],
        "retry": [{"ids": [job_id], "cancel": True, "retry": True}],
        "add_tags": [{"ids": [job_id], "add_tags": [" "]}],
    }
    for name, bodies in faults.items():
        for body in bodies:
            assert list(at_fault(sidecar.call("root", "POST", path, json=body))) == [name]
    assert seen(sidecar, job_id) == NOTHING


def test_two_people_who_tag_the_same_takes_at_once_are_both_kept(sidecar):
    ids = [sidecar.started() for _ in range(4)]
    people = [Viewer(f"p{number}", Role.REVIEWER) for number in range(6)]

    def tag(number: int) -> None:
        turned = ids if number % 2 else ids[::-1]
        bulk.edit_many(sidecar.deps, people[number], turned, BulkChanges(add_tags=(f"t{number}", "all")))

    at_once(6, tag)
    for job_id in ids:
        assert status(sidecar, job_id)["tags"] == ["all", *(f"t{number}" for number in range(6))]


@ONE
def test_a_bulk_is_one_row_of_the_audit_with_its_number_and_opinions_are_none(sidecar):
    ids = [sidecar.started() for _ in range(3)]
    change(sidecar, ids, set={"rating": 4})
    change(sidecar, ids, add_tags=["a"], set={"note": "secret", "favourite": True})
    rows = entries.list_entries(sidecar.deps, ADMIN, AuditFilter(action="takes.edited")).items
    assert [row.changed for row in rows] == [{"takes": [None, 3], "changed": [None, ["note", "tags"]]}]
    change(sidecar, ids[:1], set={"review": "selected"})
    change(sidecar, ids, set={"review": "rejected"})
    row, *_ = entries.list_entries(sidecar.deps, ADMIN, AuditFilter(action="takes.edited")).items
    assert row.changed["review"] == [["selected", "none"], "rejected"], (
        "what was decided, not only that it was"
    )


@ONE
def test_a_filter_is_the_historys_and_each_name_at_fault_is_told(sidecar):
    failed, tagged, plain = (sidecar.started() for _ in range(3))
    sidecar.advance(failed, *WAY["failed"])
    change(sidecar, [failed, tagged], add_tags=["x"])
    path = "/api/video/takes/bulk"

    def found(**asked: Any) -> list[str]:
        body = {"filter": asked, "set": {"favourite": True}}
        undo_id = told(sidecar.call("ana", "POST", path, json=body))["undo"]
        marked = [one for one in (failed, tagged, plain) if status(sidecar, one)["favourite"]]
        if undo_id:
            told(undo(sidecar, undo_id, who="ana"))
        return marked

    assert found(status=["failed", "held"]) == [failed]
    assert found(tag="X", status="processing") == [tagged]
    assert found(mine=True, trashed=0, min_cost=0.01) == found() == [failed, tagged, plain]
    assert found(q="3.0") == found(), "the model's title is searched, as in the history"
    told(sidecar.call("ana", "DELETE", f"/api/video/takes/{failed}"))
    assert (found(), found(trashed=True)) == ([tagged, plain], [failed])
    faults = {
        "filter.statsu": {"statsu": "held"}, "filter.rating_min": {"rating_min": 9},
        "filter.collection": {"collection": "none"},
    }  # fmt: skip
    for name, asked in faults.items():
        body = {"filter": asked, "add_tags": ["y"]}
        assert list(at_fault(sidecar.call("ana", "POST", path, json=body))) == [name]
    for both in ({}, {"ids": [plain], "filter": {}}):
        assert len(at_fault(sidecar.call("ana", "POST", path, json={**both, "add_tags": ["y"]}))) == 1
    assert status(sidecar, plain)["tags"] == []


@ONE
def test_a_filter_means_all_that_it_finds_of_what_one_may_see(sidecar):
    mine = [sidecar.started() for _ in range(2)]
    others = sidecar.started(who="ben")
    result = bulk.edit_many(sidecar.deps, ANA, TakeFilter(), BulkChanges(add_tags=("x",)))
    assert (result.matched, result.changed) == (2, 2)
    assert [status_of(sidecar, job_id)["tags"] for job_id in (*mine, others)] == [["x"], ["x"], []]


@ONE
def test_more_takes_than_fit_into_one_transaction_are_undone_as_one(sidecar, monkeypatch):
    monkeypatch.setattr(bulk, "BATCH", 2)
    ids = [sidecar.started() for _ in range(5)]
    result = bulk.edit_many(sidecar.deps, ANA, ids, BulkChanges(set=TakeChanges(favourite=True)))
    assert (result.matched, result.changed) == (5, 5)
    assert run_sql(sidecar.deps, "SELECT count(*) FROM undo_step") == [(3,)]
    assert bulk.undo(sidecar.deps, ANA, str(result.undo)).changed == 5
    assert [status(sidecar, job_id)["favourite"] for job_id in ids] == [False] * 5


@ONE
def test_undo_puts_no_take_into_what_was_deleted_meanwhile_and_brings_none_back_that_is_gone(sidecar):
    job_id, film = sidecar.started(), made(sidecar, "projects", "Spring")
    shelf = made(sidecar, "collections", "Best")
    change(sidecar, [job_id], set={"project": film}, collect=[shelf])
    answer = change(sidecar, [job_id], set={"project": None, "note": "x"}, uncollect=[shelf])
    for path in (f"/api/projects/{film}", f"/api/collections/{shelf}"):
        assert sidecar.call("root", "DELETE", path).status_code == 204
    assert told(undo(sidecar, answer["undo"]))["changed"] == 1
    assert seen(sidecar, job_id) == NOTHING
    sidecar.advance(job_id, JobEvent.CANCELLED)
    trashed = change(sidecar, [job_id], trash=True)
    run_sql(sidecar.deps, "UPDATE job SET emptied_at = trashed_at WHERE id = :id", id=job_id)
    back = told(undo(sidecar, trashed["undo"]))
    assert (back["changed"], len(back["skipped"])) == (0, 1)
    assert (
        timedelta(0)
        == sidecar.clock.now() - edit.edit_take(sidecar.deps, ADMIN, job_id, TakeChanges()).job.trashed_at
    )
