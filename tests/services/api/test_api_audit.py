"""The audit for clients: pages, filters and files; only for admins."""

import csv
import io
import json
from typing import Any

import pytest

from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.domain.errors import NotAllowed
from backend.services.access import Role, Viewer
from backend.services.audit.record import record
from backend.services.audit.refusals import REFUSALS_MAX, record_refusal
from tests import databases
from tests.services.client import SidecarClient, at_fault, ids, said
from tests.viewers import LOCAL_VIEWER

pytestmark = databases.BOTH


def audit(sidecar: SidecarClient, **query: str) -> Any:
    answer = sidecar.get("/api/audit", who="root", query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def told(sidecar: SidecarClient, **query: str) -> list[tuple[str, str]]:
    return [(item["actor"], item["action"]) for item in audit(sidecar, **query)["items"]]


@pytest.fixture
def busy(sidecar: SidecarClient) -> dict[str, str]:
    """Who did what, an hour apart; name -> the take."""
    takes = {}
    for name in ("ana", "ben"):
        sidecar.clock.pass_s(3600)
        takes[name] = sidecar.started(who=name)
        sidecar.clock.pass_s(3600)
        sidecar.cancel(takes[name], who=name)
    return takes


def test_who_did_what_is_found_by_each_filter_and_by_several_at_once(sidecar, busy):
    both = [(name, f"take.{what}") for name in ("ben", "ana") for what in ("cancelled", "started")]
    assert [one for one in told(sidecar) if one[1].startswith("take.")] == both
    assert told(sidecar, actor="ana") == both[2:]
    assert told(sidecar, action="take.started") == [both[1], both[3]]
    assert told(sidecar, action="take.cancelled") == [both[0], both[2]]
    assert told(sidecar, object=busy["ben"]) == both[:2]
    assert told(sidecar, object=busy["ben"], action="take.started", actor="ben") == [both[1]]
    assert told(sidecar, object=busy["ben"], actor="ana") == []
    assert told(sidecar, actor="nobody") == []
    started = audit(sidecar, object=busy["ana"], action="take.started")["items"][0]
    moment = started["at"]
    assert told(sidecar, actor="ana", since=moment) == both[2:]
    assert told(sidecar, actor="ana", until=moment.replace("+00:00", "Z")) == []
    assert told(sidecar, since=moment[:10], until=moment[:10]) == told(sidecar)
    for least, most in (("0001-01-01", "9999-12-30"), ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")):
        assert told(sidecar, since=least, until=most) == told(sidecar)
        assert told(sidecar, until=least) == told(sidecar, since=most, actor="ana") == []
    assert (started["actor_kind"], started["via"], started["object_type"]) == ("token", "api", "take")
    assert started["address"] == "127.0.0.1"


STARTED = {"action": "take.started"}


@pytest.mark.parametrize("query", [{}, {"actor": "ana"}, STARTED, {"actor": "ana", **STARTED}])
def test_pages_hold_every_row_once(sidecar, query):
    for _ in range(3):
        sidecar.cancel(sidecar.started())
    whole, found, cursor = ids(audit(sidecar, **query)), [], ""
    while cursor is not None:
        page = audit(sidecar, **query, limit="2", cursor=cursor)
        found += ids(page)
        cursor = page["next_cursor"]
    assert found == whole == sorted(whole, reverse=True)


@pytest.mark.databases("sqlite")  # nothing of it is asked of a database
def test_what_is_no_moment_or_action_or_is_not_known_is_refused_by_name(sidecar):
    bad = {
        "since": "yesterday", "until": "2026-11-21T09:00:00", "action": "take.stolen", "format": "xml",
        "limit": "0", "cursor": "x", "who": "ana",
    }  # fmt: skip
    faults = at_fault(sidecar.get("/api/audit", who="root", query_string=bad))
    assert faults.keys() == bad.keys()
    assert "2026-11-21T09:00:00Z" in faults["since"]
    turned = {"since": "2026-11-21", "until": "2026-11-19"}
    assert at_fault(sidecar.get("/api/audit", who="root", query_string=turned)).keys() == {"until"}
    for who in ("ana", "eve"):
        said(sidecar.get("/api/audit", who=who), 403)


def test_a_file_holds_all_that_fits_and_who_took_it_is_written_down(sidecar, busy):
    with sidecar.deps.store.begin() as session:
        record(
            session,
            sidecar.deps,
            LOCAL_VIEWER,
            Action.WORDS_CHANGED,
            object_id="=1+1",
            changed={"a": (1, "é")},
        )
    items = audit(sidecar)["items"]
    answer = sidecar.get("/api/audit", who="root", query_string={"format": "jsonl"})
    assert [json.loads(line) for line in answer.get_data().splitlines()] == items
    (export, *_) = audit(sidecar)["items"]
    assert (export["action"], export["actor"]) == ("audit.exported", "root")
    assert export["changed"] == {"format": [None, "jsonl"]}
    answer = sidecar.get("/api/audit", who="root", query_string={"format": "csv", "action": "words.changed"})
    (row,) = csv.DictReader(io.StringIO(answer.get_data(as_text=True)))
    assert (row["object_id"], row["changed"], row["micros"]) == ("'=1+1", '{"a": [1, "é"]}', "")
    assert audit(sidecar)["items"][0]["changed"]["action"] == [None, "words.changed"]


def test_who_was_refused_what_is_written_down_once_a_minute_for_each_thing(sidecar):
    for _ in range(3):
        said(sidecar.start(who="eve"), 403)
        said(sidecar.cancel("x", who="eve"), 403)
        said(sidecar.get("/api/audit", who="ana"), 403)
        more = {"name": "mine", "role": "admin"}
        said(sidecar.call("ana", "POST", "/api/tokens", json=more), 403)
    sidecar.clock.pass_s(61)
    said(sidecar.start(who="eve"), 403)
    items = audit(sidecar, action="access.refused")["items"]
    assert [(item["actor"], item["object_id"]) for item in items] == [
        ("eve", "start takes"), ("ana", "manage everybody's tokens"), ("ana", "read the audit"),
        ("eve", "change one's own takes"), ("eve", "start takes"),
    ]  # fmt: skip
    assert items[0]["changed"]["role"] == [None, "viewer"]
    assert sidecar.get("/api/audit", who=None).status_code == 401


def test_a_flood_of_refusals_is_bounded_and_others_are_written_on(sidecar):
    refused = NotAllowed("No.", status=403, deed=Do.START)
    for number in range(REFUSALS_MAX + 20):
        record_refusal(sidecar.deps, Viewer(f"eve {number}", Role.VIEWER), refused)
    assert len(audit(sidecar, action="access.refused", limit="1000")["items"]) == REFUSALS_MAX
    assert told(sidecar, object=sidecar.started()) == [("ana", "take.started")]
