"""Projects and collections: a name once, takes put in and taken out, deleted without a take being lost."""

from typing import Any

import pytest

from backend.services.access import Role, Viewer
from backend.services.audit import entries
from backend.services.audit.query import AuditFilter
from backend.services.library import bulk, edit, groups
from backend.services.library.changes import BulkChanges, TakeChanges
from backend.services.library.groups import GroupKind
from tests import databases
from tests.services.client import at_fault, said, status
from tests.viewers import make_token
from tests.world import ADMIN, ANA, at_once, run_sql

pytestmark = databases.BOTH
ONE = pytest.mark.databases(None)
KINDS = pytest.mark.parametrize("kind", ["collection", "project"])


def call(team: Any, method: str, path: str, who: str = "ana", **body: Any) -> Any:
    return team.call(who, method, f"/api/{path}", **({"json": body} if method in ("POST", "PATCH") else {}))


def created(team: Any, kind: str, name: str, who: str = "ana") -> str:
    answer = call(team, "POST", f"{kind}s", who, name=name)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return str(answer.get_json()["id"])


def counts(team: Any, kind: str, who: str = "ana") -> dict[str, int]:
    return {one["name"]: one["count"] for one in call(team, "GET", f"{kind}s", who).get_json()["items"]}


@ONE
@KINDS
def test_a_name_is_there_once_whatever_its_case_and_the_blanks_around_it(sidecar, kind):
    one = call(sidecar, "POST", f"{kind}s", name="  Spring   26 ")
    assert (one.status_code, one.get_json()["name"], one.get_json()["count"]) == (201, "Spring 26", 0)
    its = one.get_json()["id"]
    other = created(sidecar, kind, "Été 🌿")
    said(call(sidecar, "POST", f"{kind}s", name="SPRING 26"), 409)
    said(call(sidecar, "PATCH", f"{kind}s/{other}", name="spring 26"), 409)
    assert call(sidecar, "PATCH", f"{kind}s/{its}", name="SPRING 26").get_json()["name"] == "SPRING 26"
    assert list(counts(sidecar, kind)) == ["SPRING 26", "Été 🌿"]
    for wrong in ("", "   ", "x" * 201, "a\x07b"):
        assert list(at_fault(call(sidecar, "POST", f"{kind}s", name=wrong))) == ["name"]
    said(call(sidecar, "PATCH", f"{kind}s/none", name="x"), 404)
    said(call(sidecar, "DELETE", f"{kind}s/none"), 404)
    said(call(sidecar, "POST", f"{kind}s/none/takes", add=[]), 404)


def test_of_many_who_take_one_name_at_once_one_gets_it(sidecar):
    answers = at_once(6, lambda _: call(sidecar, "POST", "projects", name="Spring").status_code)
    assert sorted(answers) == [201] + [409] * 5


@KINDS
def test_takes_are_put_in_and_taken_out_and_only_their_makers_and_reviewers_may(sidecar, kind):
    sidecar.tokens["tom"] = make_token(sidecar.deps, "tom", Role.CREATOR)
    ids, others = [sidecar.started() for _ in range(3)], sidecar.started(who="ben")
    its = created(sidecar, kind, "Spring")
    answer = call(sidecar, "POST", f"{kind}s/{its}/takes", add=[*ids, others, "none"]).get_json()
    assert (answer["count"], answer["changed"]) == (3, 3)
    assert {one["id"] for one in answer["skipped"]} == {others, "none"}
    answer = call(sidecar, "POST", f"{kind}s/{its}/takes", "root", add=[others], remove=ids[:1]).get_json()
    assert (answer["count"], answer["changed"], answer["skipped"]) == (3, 2, [])
    assert (counts(sidecar, kind, "ben"), counts(sidecar, kind, "eve")) == ({"Spring": 1}, {"Spring": 3})
    sidecar.cancel(ids[1])
    edit.trash_take(sidecar.deps, ANA, ids[1])
    assert counts(sidecar, kind, "eve") == {"Spring": 2}, "the trash is not counted"
    told = status(sidecar, ids[2])
    assert (told["collections"] if kind == "collection" else [told["project"]]) == [its]
    said(call(sidecar, "POST", f"{kind}s/{its}/takes", "eve", add=ids), 403)


def test_a_take_is_in_one_project_and_is_taken_out_of_that_one_alone(sidecar):
    job_id = sidecar.started()
    one, two = created(sidecar, "project", "One"), created(sidecar, "project", "Two")
    for its in (one, two):
        call(sidecar, "POST", f"projects/{its}/takes", add=[job_id])
    assert counts(sidecar, "project") == {"One": 0, "Two": 1}
    call(sidecar, "POST", f"projects/{one}/takes", remove=[job_id])
    assert status(sidecar, job_id)["project"] == two
    call(sidecar, "POST", f"projects/{two}/takes", remove=[job_id])
    assert status(sidecar, job_id)["project"] is None


@KINDS
def test_deleting_one_deletes_no_take_and_open_pages_are_told_of_each(sidecar, kind, monkeypatch):
    monkeypatch.setattr(groups, "BATCH", 2)
    ids = [sidecar.started() for _ in range(5)]
    its, other = created(sidecar, kind, "Spring"), created(sidecar, kind, "Kept")
    call(sidecar, "POST", f"{kind}s/{its}/takes", add=ids)
    edits = [sidecar.job(job_id).edits for job_id in ids]
    assert call(sidecar, "DELETE", f"{kind}s/{its}").status_code == 204
    assert len(sidecar.page()["items"]) == 5
    told = [status(sidecar, job_id) for job_id in ids]
    assert [(take["project"], take["collections"]) for take in told] == [(None, [])] * 5
    assert [sidecar.job(job_id).edits - before for job_id, before in zip(ids, edits, strict=True)] == [1] * 5
    assert counts(sidecar, kind) == {"Kept": 0}
    deeds = entries.list_entries(sidecar.deps, ADMIN, AuditFilter(object_id=its)).items
    assert [deed.action for deed in deeds] == [f"{kind}.deleted", f"{kind}.created"]
    assert other


@ONE
def test_what_a_colleague_made_is_a_reviewers_to_change(sidecar):
    its = created(sidecar, "collection", "Spring", who="ben")
    said(call(sidecar, "PATCH", f"collections/{its}", name="x"), 403)
    said(call(sidecar, "DELETE", f"collections/{its}"), 403)
    said(call(sidecar, "POST", "collections", "eve", name="x"), 403)
    assert call(sidecar, "DELETE", f"collections/{its}", "root").status_code == 204


def test_a_take_that_is_put_in_while_it_is_deleted_is_in_nothing_that_is_gone(sidecar):
    ids = [sidecar.started() for _ in range(4)]
    for kind in GroupKind:
        its = created(sidecar, kind, "Spring")
        into = TakeChanges(project=its) if kind is GroupKind.PROJECT else TakeChanges()
        asked = BulkChanges(set=into, collect=() if kind is GroupKind.PROJECT else (its,))

        def act(number: int, kind: GroupKind = kind, its: str = its, asked: BulkChanges = asked) -> str:
            try:
                if number == 0:
                    groups.delete_group(sidecar.deps, ADMIN, kind, its)
                else:
                    bulk.edit_many(sidecar.deps, Viewer(f"p{number}", Role.ADMIN), ids[number - 1 :], asked)
            except Exception as error:  # whoever comes too late is told so
                return type(error).__name__
            return "done"

        assert set(at_once(5, act)) <= {"done", "InvalidRequest"}
        assert run_sql(sidecar.deps, "SELECT count(*) FROM job WHERE project_id IS NOT NULL") == [(0,)]
        assert run_sql(sidecar.deps, "SELECT count(*) FROM collection_take") == [(0,)]
