"""`GET /api/video/changes`: what moved since, each take once, and nothing lost or told twice."""

import pytest
from sqlalchemy import text

from backend.domain.states import JobEvent
from tests import databases
from tests.services.client import SidecarClient
from tests.services.receiving import ACCEPTED
from tests.world import ANA, BEN

pytestmark = databases.BOTH
PATH = "/api/video/changes"


def asked(sidecar: SidecarClient, after: str | None = None, *, who: str = "ana", **more: int):
    answer = sidecar.get(PATH, query_string={"after": after, **more} if after else more, who=who)
    assert answer.status_code == 200, answer.text
    return answer.json["items"], answer.json["cursor"]


def test_what_moved_or_was_edited_since_is_told_once_as_it_is_now(sidecar: SidecarClient):
    sidecar.ask("before")
    items, cursor = asked(sidecar)
    assert items == []
    assert asked(sidecar, cursor) == ([], cursor)

    job = sidecar.ask("moves")
    sidecar.advance(job, *ACCEPTED)
    items, later = asked(sidecar, cursor)
    version = sidecar.job(job).version
    assert items == [{"id": job.id, "status": "processing", "state": "queued", "version": version}]
    assert asked(sidecar, later)[0] == []

    edited = sidecar.call("ana", "PATCH", f"/api/video/takes/{job.id}", json={"note": "darker", "rating": 4})
    assert edited.status_code == 200, edited.text
    (again,), last = asked(sidecar, later)
    assert (again["id"], again["version"] > version) == (job.id, True)
    assert asked(sidecar, last)[0] == []
    assert asked(sidecar, cursor)[0] == [again]


def test_pages_hold_each_take_once_and_end(sidecar: SidecarClient):
    cursor = asked(sidecar)[1]
    jobs = [sidecar.ask(f"take {number}") for number in range(5)]
    for event in ACCEPTED:
        for job in jobs:
            sidecar.advance(job, event)
    for number, job in enumerate((*jobs[:3], *reversed(jobs[:3]))):
        sidecar.call("ana", "PATCH", f"/api/video/takes/{job.id}", json={"note": f"{number}"})
    found, pages = [], 0
    while items := (page := asked(sidecar, cursor, limit=2))[0]:
        cursor, pages = page[1], pages + 1
        assert len({item["id"] for item in items}) == len(items) <= 2
        found += [item["id"] for item in items]
    assert sorted(found) == sorted(job.id for job in jobs)
    assert pages == 3


def test_others_takes_are_passed_over_without_being_counted(sidecar: SidecarClient):
    cursor = asked(sidecar)[1]
    his = [sidecar.ask(f"his {number}", viewer=BEN) for number in range(3)]
    hers = sidecar.ask("hers", viewer=ANA)

    assert [item["id"] for item in asked(sidecar, cursor, limit=1)[0]] == [hers.id]
    assert [item["id"] for item in asked(sidecar, cursor, who="ben")[0]] == [job.id for job in his]
    assert len(asked(sidecar, cursor, who="root")[0]) == 4


@pytest.mark.parametrize("after", ["x", "1", "1.0", "1.0-", "1.0-1.0-1.0", "-1.0-0.0", f"{'f' * 20}.0-0.0"])
def test_what_is_no_cursor_is_refused_by_its_name(sidecar: SidecarClient, after: str):
    answer = sidecar.get(PATH, query_string={"after": after})
    assert answer.status_code == 422
    assert [field["field"] for field in answer.json["error"]["fields"]] == ["after"]


@pytest.mark.databases("postgres")
def test_a_move_that_is_committed_late_is_told_late_not_never(sidecar: SidecarClient):
    first, second = sidecar.ask("first"), sidecar.ask("second")
    cursor = asked(sidecar)[1]
    moved = text("INSERT INTO history (job_id, event, state, at, by) VALUES (:id, 'x', 'queued', now(), 'x')")
    engine = sidecar.deps.store.engine
    with engine.connect() as early, engine.connect() as late:
        early.execute(moved, {"id": first.id})  # has the smaller id
        late.execute(moved, {"id": second.id})
        late.commit()
        items, cursor = asked(sidecar, cursor)
        assert [item["id"] for item in items] == [second.id]
        assert asked(sidecar, cursor)[0] == []
        early.commit()
    items, cursor = asked(sidecar, cursor)
    assert [item["id"] for item in items] == [first.id]
    assert asked(sidecar, cursor)[0] == []
    sidecar.advance(first, JobEvent.CANCELLED)
    assert [item["id"] for item in asked(sidecar, cursor)[0]] == [first.id]
