"""One take is rated, reviewed, tagged, noted: by whom, and what is told of it then."""

from typing import Any

import pytest
from sqlalchemy import event

from backend.domain.states import JobEvent
from backend.services.access import Role
from backend.services.audit import entries
from backend.services.audit.query import AuditFilter
from backend.services.gallery import takes as gallery
from tests import databases
from tests.services.client import ACCEPTED, at_fault, said, status
from tests.services.receiving import WAY
from tests.viewers import make_token
from tests.world import ADMIN, at_once

pytestmark = databases.BOTH
ONE = pytest.mark.databases(None)
#: What is told of a take of which nobody has made anything yet.
NOTHING = {
    "project": None, "collections": [], "tags": [], "note": None, "favourite": False, "trashed_at": None,
    "review": {"state": "none", "by": None, "at": None}, "rating": {"mine": None, "mean": None, "count": 0},
    "made_from": [], "led_to": [],
}  # fmt: skip


@pytest.fixture
def team(sidecar):
    """The sidecar, and a reviewer who is called rea."""
    sidecar.tokens["rea"] = make_token(sidecar.deps, "rea", Role.REVIEWER)
    return sidecar


def patch(team: Any, job_id: str, who: str = "ana", **body: Any) -> Any:
    return team.call(who, "PATCH", f"/api/video/takes/{job_id}", json=body)


def told(answer: Any) -> Any:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def about(take: dict[str, Any]) -> dict[str, Any]:
    return {name: take[name] for name in NOTHING}


def test_all_that_is_named_changes_and_nothing_else_wherever_the_take_is_told_of(team):
    job_id = team.started()
    assert about(status(team, job_id)) == NOTHING
    project = team.call("ana", "POST", "/api/projects", json={"name": "Spring"}).get_json()["id"]
    patch(team, job_id, tags=[" Slow  pan ", "slow PAN", "café"], note=" Hem first. ", project=project)
    changed = told(patch(team, job_id, rating=4, favourite=True, review="selected"))
    expected = NOTHING | {
        "tags": ["café", "Slow pan"], "note": "Hem first.", "project": project, "favourite": True,
        "rating": {"mine": 4, "mean": 4, "count": 1},
        "review": {"state": "selected", "by": "ana", "at": team.clock.now().isoformat()},
    }  # fmt: skip
    assert about(changed) == about(status(team, job_id)) == about(team.page()["items"][0]) == expected
    emptied = {
        "rating": None,
        "favourite": False,
        "review": "none",
        "tags": [],
        "note": None,
        "project": None,
    }
    at = team.clock.now().isoformat()
    assert about(told(patch(team, job_id, **emptied))) == NOTHING | {
        "review": {"state": "none", "by": "ana", "at": at}
    }


@ONE
def test_every_field_at_fault_is_named_and_nothing_is_changed(team):
    job_id = team.started()
    faults = {
        "rating": (0, 6, "4", 4.5, True), "favourite": (None, 1, "yes"), "review": ("done", None, ""),
        "tags": ("a", [""], ["x" * 61], [f"t{n}" for n in range(51)], [1], ["\ud83d"]),
        "note": ("n" * 5001, 7, "\ud83d"), "project": ("none", 7, "\ud83d"),
    }  # fmt: skip
    for name, wrong in faults.items():
        for value in wrong:
            found = at_fault(patch(team, job_id, **{name: value, "favourite": True} | {name: value}))
            assert {one.split(".")[0] for one in found} == {name}, value
    wrong = {"rating": 9, "tags": [""], "note": "n" * 5001, "project": "none", "review": "done", "statsu": 1}
    assert set(at_fault(patch(team, job_id, **wrong, favourite=True))) == set(wrong)
    assert about(status(team, job_id)) == NOTHING


@ONE
def test_who_may_change_what_of_whose(team):
    own, others = team.started(who="ana"), team.started(who="ben")
    opinions, marks = {"rating": 3, "favourite": True}, {"tags": ["x"], "note": "y", "project": None}
    reviews = [{"review": state} for state in ("selected", "rejected", "to_edit", "none")]
    approves = [{"review": "approved"}]
    table = {
        ("eve", own): ([opinions], [marks, *reviews, *approves]),
        ("ana", own): ([opinions, marks, *reviews], approves),
        ("rea", others): ([opinions, marks, *reviews, *approves], []),
        ("root", others): ([opinions, marks, *reviews, *approves], []),
    }
    for (who, job_id), (allowed, refused) in table.items():
        for body in allowed:
            told(patch(team, job_id, who, **body))
        for body in refused:
            said(patch(team, job_id, who, **body), 403)
    # Where a creator sees their own alone, others' are not there; a viewer sees the team's.
    said(patch(team, others, "ana", **opinions), 404)
    assert status(team, own)["review"]["state"] == "none"


def test_two_people_who_rate_one_take_at_once_are_both_counted(team):
    job_id = team.started()
    people = {f"p{number}": number % 5 + 1 for number in range(8)}
    for name in people:
        team.tokens[name] = make_token(team.deps, name, Role.REVIEWER)
    names = list(people)
    at_once(8, lambda number: told(patch(team, job_id, names[number], rating=people[names[number]])))
    rating = status(team, job_id)["rating"]
    assert (rating["count"], rating["mean"]) == (8, sum(people.values()) / 8)
    told(patch(team, job_id, "p0", rating=None))
    told(patch(team, job_id, "p1", rating=5))
    rating = status(team, job_id)["rating"]
    assert (rating["count"], rating["mean"]) == (7, (sum(people.values()) - 1 - 2 + 5) / 7)


def test_one_person_who_rates_in_several_tabs_at_once_counts_once(team):
    job_id = team.started()
    at_once(6, lambda number: told(patch(team, job_id, rating=number % 5 + 1, favourite=True)))
    rating = status(team, job_id)["rating"]
    assert (rating["count"], rating["mean"]) == (1, rating["mine"])


@ONE
def test_a_review_stands_in_the_history_and_in_the_audit_and_an_opinion_in_neither(team):
    job_id = team.started()
    team.advance(job_id, *ACCEPTED)
    told(patch(team, job_id, "rea", rating=2, favourite=True))
    told(patch(team, job_id, "rea", review="approved", note="secret words"))
    lines, _ = gallery.get_history(team.deps, ADMIN, job_id)
    assert [(line.event, line.state, line.by, line.note) for line in lines][-1] == (
        "reviewed", "queued", "rea", "Approved by rea",
    )  # fmt: skip
    deeds = entries.list_entries(team.deps, ADMIN, AuditFilter(object_id=job_id)).items
    assert sorted(deed.action for deed in deeds) == ["take.edited", "take.reviewed", "take.started"]
    assert "secret" not in str([deed.changed for deed in deeds])
    before = len(lines)
    told(patch(team, job_id, "rea", review="approved"))
    assert len(gallery.get_history(team.deps, ADMIN, job_id)[0]) == before, "nothing changed"


def test_an_edit_raises_the_number_of_edits_and_not_the_version_by_which_workers_guard(team):
    job_id = team.started()
    before = team.job(job_id)
    told(patch(team, job_id, favourite=True))
    told(patch(team, job_id, favourite=True))
    after = team.job(job_id)
    assert (after.edits - before.edits, after.version) == (1, before.version)


def test_a_take_that_has_ended_is_trashed_and_restored_and_one_that_moves_or_is_held_is_not(team):
    moving, held, cancelled, stored = (team.started() for _ in range(4))
    team.advance(held, *WAY["held"])
    team.cancel(cancelled)
    team.stored(stored)
    for job_id, word in ((moving, "in progress"), (held, "decision")):
        said(team.call("ana", "POST", f"/api/video/takes/{job_id}/restore"), 409)
        assert word in said(team.call("ana", "DELETE", f"/api/video/takes/{job_id}"), 409)["message"]
    for job_id in (cancelled, stored):
        path = f"/api/video/takes/{job_id}"
        for _ in range(2):
            assert told(team.call("ana", "DELETE", path))["trashed_at"] == team.clock.now().isoformat()
        for _ in range(2):
            assert told(team.call("ana", "POST", f"{path}/restore"))["trashed_at"] is None
    said(team.call("ana", "DELETE", "/api/video/takes/none"), 404)
    said(team.call("eve", "DELETE", f"/api/video/takes/{stored}"), 403)
    assert [line.event for line in gallery.get_history(team.deps, ADMIN, stored)[0]][-2:] == [
        "trashed", "untrashed",
    ]  # fmt: skip


@ONE
def test_a_page_of_takes_asks_the_same_number_of_questions_whatever_its_length(team):
    for number in range(6):
        told(patch(team, team.started(), tags=[f"t{number}"], rating=1))
    heard: list[str] = []
    event.listen(team.deps.store.engine, "before_cursor_execute", lambda *said: heard.append(said[2]))
    asked = []
    for limit in (1, 6):
        heard.clear()
        team.page(f"limit={limit}")
        asked.append(sum("take_" in statement for statement in heard))
    assert asked == [4, 4]


@ONE
def test_a_late_delivery_moves_a_take_that_was_edited_meanwhile(team):
    job_id = team.started()
    team.advance(job_id, *ACCEPTED)
    told(patch(team, job_id, note="x"))
    assert team.advance(job_id, JobEvent.STARTED).note == "x"
