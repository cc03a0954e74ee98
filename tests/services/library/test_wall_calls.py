"""What the wall asks the dashboard by itself: cards, changes, choices; by whom, and from where."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from backend.domain.trouble import Charged, Trouble
from backend.services.deps import Deps
from backend.services.team import sessions
from backend.web.door.set_up import make_door
from backend.web.wall.routes import routes
from tests.services.conftest import installed
from tests.services.receiving import WAY
from tests.services.team.door import BASE, Wrapped
from tests.signing import FakeClock
from tests.world import ANA, BEN, World

OURS = {"origin": BASE, "x-dailies": "1"}
ISSUER = "http://127.0.0.1:1"
Ask = Callable[..., httpx.Response]


def asker(deps: Deps, *middleware: Middleware, **how: Any) -> Ask:
    """A page that asks: `ask("GET", "/wall/takes?…", json=…)`."""
    app = Starlette(routes=routes(lambda: deps, **how), middleware=list(middleware))

    def ask(method: str, path: str, json: Any = None, **headers: str) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as line:
                return await line.request(method, path, json=json, headers=headers or OURS)

        return asyncio.run(answer())

    return ask


@pytest.fixture
def ask(still: World) -> Ask:
    return asker(still.deps)


def take(world: World, state: str = "failed", prompt: str = "A red dress", **asked: Any) -> str:
    job = world.ask(prompt, **asked)
    world.advance(job, *(event for event in WAY[state] if event != "saved"))
    return job.id


def test_pages_of_cards_follow_each_other_and_the_whole_is_counted(still: World, ask: Ask):
    made = [take(still) for _ in range(5)]
    take(still, prompt="A blue coat")
    first = ask("GET", "/wall/takes?q=dress&limit=3&count=1").json()
    second = ask("GET", f"/wall/takes?q=dress&limit=3&cursor={first['next_cursor']}").json()
    assert [card["id"] for card in first["items"] + second["items"]] == made[::-1]
    assert (first["total"], second["next_cursor"], "total" in second) == (5, None, False)
    some = ask("GET", f"/wall/takes?ids={made[0]},{made[2]}").json()["items"]
    assert {card["id"] for card in some} == {made[0], made[2]}


def test_one_take_is_told_with_facts_and_history_and_changed_at_once(still: World, ask: Ask):
    job = take(still, params={"duration": "7"})
    told = ask("GET", f"/wall/takes/{job}").json()
    assert {"label": "Duration", "value": "7 s"} in told["facts"]
    assert [event["word"] for event in told["history"]][-1] == "Failed"
    card = ask("PATCH", f"/wall/takes/{job}", {"rating": 4, "favourite": True, "review": "rejected"}).json()
    assert (card["rating"]["mine"], card["favourite"], card["review"]["state"]) == (4, True, "rejected")
    assert card["version"] > told["version"]


def test_a_page_that_nothing_is_pushed_to_asks_for_the_same_news(still: World, ask: Ask):
    begun = ask("GET", "/wall/news?since=0").json()["at"]
    shown, failed = take(still, "queued"), take(still)
    news = ask("GET", f"/wall/news?since={begun}&ids={shown}").json()
    assert (set(news["made"]), news["ended"]) == ({shown, failed}, [failed])
    assert {card["id"]: card["word"] for card in news["takes"]} == {shown: "Queued", failed: "Failed"}
    assert news["counts"] == {"moving": 1, "held": 0}
    after = ask("GET", f"/wall/news?since={news['at']}").json()
    assert (after["made"], after["ended"], after["takes"]) == ([], [], [])
    assert ask("GET", "/wall/news?since=x").status_code == 422
    assert ask("GET", "/wall/news").status_code == 422


def test_a_take_that_came_to_nothing_tells_what_happened_what_it_cost_and_what_can_be_done(
    still: World, ask: Ask
):
    job = still.ask("A red dress")
    refused = Trouble("refused", "The prompt was refused.", Charged.NO, "Change the prompt.", None)
    still.advance(job, *WAY["failed"][:-1])
    still.advance(job, WAY["failed"][-1], error=refused.as_json())
    told = ask("GET", f"/wall/takes/{job.id}").json()["told"]
    assert (told["what"], told["rest"]) == (
        "The prompt was refused.",
        "Nothing was charged. Change the prompt.",
    )
    assert told["edit"] == f"./?from={job.id}"
    assert told["retry"].startswith("Retry · ")
    assert "$" in told["retry"]
    assert ask("GET", f"/wall/takes/{take(still, 'stored')}").json()["told"] is None


def test_many_are_changed_by_ids_or_by_a_filter_and_that_is_taken_back(still: World, ask: Ask):
    made = [take(still) for _ in range(3)]
    other = take(still, prompt="A blue coat")
    group = ask("POST", "/wall/collections", {"name": "Spring"})
    assert (group.status_code, group.json()["count"]) == (201, 0)
    collected = {"filter": {"q": "dress"}, "collect": group.json()["id"], "add_tags": ["best"]}
    done = ask("POST", "/wall/bulk", collected).json()
    assert (done["matched"], done["changed"], done["skipped"]) == (3, 3, [])
    choices = ask("GET", "/wall/choices").json()
    assert choices["collections"] == [{"id": group.json()["id"], "name": "Spring", "count": 3}]
    assert (choices["projects"], choices["tags"]) == ([], ["best"])
    ask("POST", "/wall/bulk/undo", {"undo": done["undo"]})
    assert ask("GET", "/wall/takes?tag=best").json()["items"] == []
    trashed = ask("POST", "/wall/bulk", {"ids": [*made, other], "trash": True}).json()
    assert (trashed["changed"], ask("GET", "/wall/takes").json()["items"]) == (4, [])
    assert len(ask("GET", "/wall/takes?trashed=1").json()["items"]) == 4


#: What a page of somebody else's may send, or something that is no page: headers, and what becomes of it.
SENDERS = [
    (OURS, 200),
    ({"origin": BASE}, 403),
    ({"x-dailies": "1"}, 403),
    ({"origin": "https://elsewhere.example", "x-dailies": "1"}, 403),
    ({"origin": "null", "x-dailies": "1"}, 403),
    ({"origin": "http://[", "x-dailies": "1"}, 403),
    ({"origin": "https://studio.example:8443", "host": "studio.example", "x-dailies": "1"}, 200),
]


@pytest.mark.parametrize(("headers", "status"), SENDERS)
def test_only_a_page_of_ours_changes_anything(still: World, ask: Ask, headers: dict[str, str], status: int):
    job = take(still)
    answer = ask("PATCH", f"/wall/takes/{job}", {"favourite": True}, **headers)
    assert answer.status_code == status
    assert bool(still.take(still.job(job)).job.edits) == (status == 200)


#: What can't be done -> status, code, and the fields at fault.
REFUSED = [
    ("GET", "/wall/takes?colour=blue&rating_min=9", None, 422, "invalid", {"colour", "rating_min"}),
    ("GET", "/wall/takes?limit=0", None, 422, "invalid", {"limit"}),
    ("GET", f"/wall/takes?ids={','.join('x' * 201)}", None, 422, "invalid", {"ids"}),
    ("GET", "/wall/takes/none", None, 404, "not_found", set()),
    ("PATCH", "/wall/takes/none", {"rating": 1}, 404, "not_found", set()),
    ("PATCH", "/wall/takes/none", {"rating": 6, "colour": 1}, 422, "invalid", {"rating", "colour"}),
    ("PATCH", "/wall/takes/none", [], 422, "invalid", {"body"}),
    ("POST", "/wall/bulk", {"filter": {"colour": "x"}, "trash": True}, 422, "invalid", {"filter.colour"}),
    ("POST", "/wall/bulk", {"trash": True}, 422, "invalid", {"ids"}),
    ("POST", "/wall/projects", {"name": " "}, 422, "invalid", {"name"}),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code", "fields"), REFUSED)
def test_what_can_not_be_done_is_told_as_the_api_tells_it(
    ask: Ask, method: str, path: str, body: Any, status: int, code: str, fields: set[str]
):
    answer = ask(method, path, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert {fault["field"] for fault in error.get("fields", [])} >= fields


@pytest.fixture
def team(clock: FakeClock, tmp_path: Path) -> Iterator[World]:
    given = {
        "login_base_url": BASE, "login_providers": "one", "login_one_issuer": ISSUER,
        "login_one_client_id": "x", "login_one_client_secret": "s3cret",
        "login_roles": "creator: @example.com",
    }  # fmt: skip
    with installed(tmp_path, clock, **given) as deps:
        yield World(deps, sim=None)


def test_behind_the_door_each_sees_and_changes_what_is_theirs_and_a_stranger_nothing(team: World):
    door = make_door(team.deps.settings, lambda: team.deps, clock=team.deps.clock)
    ask = asker(team.deps, Middleware(Wrapped, door=door.middleware), base_path="")
    claims = {"iss": ISSUER, "sub": "ana", "email": "ana@example.com", "email_verified": True, "name": "ana"}
    cookie = sessions.begin_session(team.deps, "one", claims, origin=ANA.origin).cookie
    ana = {**OURS, "cookie": f"dailies={cookie}"}
    hers, his = take(team, viewer=ANA), take(team, viewer=BEN)
    assert [card["id"] for card in ask("GET", "/wall/takes", **ana).json()["items"]] == [hers]
    assert ask("PATCH", f"/wall/takes/{hers}", {"review": "selected"}, **ana).status_code == 200
    assert ask("PATCH", f"/wall/takes/{his}", {"rating": 5}, **ana).status_code == 404
    approved = ask("PATCH", f"/wall/takes/{hers}", {"review": "approved"}, **ana)
    assert (approved.status_code, approved.json()["error"]["code"]) == (403, "forbidden")
    for method, path in (("GET", "/wall/takes"), ("POST", "/wall/bulk"), ("GET", "/wall/choices")):
        assert ask(method, path).status_code == 401
