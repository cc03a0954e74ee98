"""Open pages that listen: who may, what they say first, what they are told, and how it ends."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import update
from starlette.middleware import Middleware

from backend.models import LoginSession
from backend.services.access import Role, Viewer
from backend.services.team import sessions
from backend.web.door.set_up import make_door
from backend.web.live.onlookers import BAD_HELLO, SIGNED_OUT, TOO_SLOW, WAITING_MAX, Onlooker
from backend.web.live.routes import SHOWN_MAX, Live
from tests.services.conftest import installed
from tests.services.live.lines import HungUpError, Pages, served
from tests.services.receiving import ACCEPTED
from tests.services.team.door import BASE, Wrapped
from tests.signing import FakeClock
from tests.world import ANA, BEN, World

HOST = BASE.removeprefix("http://")
OURS = {"origin": BASE, "host": HOST}
ISSUER = "http://127.0.0.1:1"
HELLO = {"since": 0, "ids": []}


@pytest.fixture
def page(still: World) -> Iterator[Pages]:
    """The dashboard's server, as pages without logins reach it."""
    with served(Live(lambda: still.deps, own_names_only=True)) as client:
        yield client


def test_a_page_is_shown_what_it_missed_and_then_told_each_change_as_it_comes(still: World, page: Pages):
    job = still.ask()
    with page.open_line(OURS) as line:
        line.say({"since": 0, "ids": [job.id]})
        first = line.hear()
        assert [(card["id"], card["state"]) for card in first["takes"]] == [(job.id, "created")]

        still.advance(job, *ACCEPTED)
        second = line.hear()
        assert [(card["id"], card["state"]) for card in second["takes"]] == [(job.id, "queued")]
        assert second["at"] > first["at"]

        line.say({"since": second["at"], "ids": [job.id]})  # it shows more by now
        assert line.hear()["takes"] == second["takes"]


def test_what_happens_while_nobody_listens_is_in_the_next_hello(still: World, page: Pages):
    job = still.ask()
    with page.open_line(OURS) as line:
        line.say(HELLO)
        seen = line.hear()["at"]
    still.advance(job, *ACCEPTED)
    another = still.ask("another")
    with page.open_line(OURS) as line:
        line.say({"since": seen, "ids": [job.id]})
        made, states = set[str](), dict[str, str]()

        def hear_of(job_id: str) -> None:
            while job_id not in made:  # what came just before may be told once more
                said = line.hear()
                made.update(said["made"])
                states.update({card["id"]: card["state"] for card in said["takes"]})

        hear_of(another.id)
        assert states[job.id] == "queued"
        hear_of(still.ask("a third").id)


@pytest.mark.parametrize(
    ("host", "origin", "welcome"),
    [
        (HOST, BASE, True),
        ("localhost:8501", "http://localhost:8501", True),
        (HOST, None, True),
        (HOST, "https://elsewhere.example", False),
        (HOST, "http://127.0.0.1.elsewhere.example:8501", False),
        (HOST, "null", False),
        (HOST, "http://[", False),
        ("rebound.example:8501", "http://rebound.example:8501", False),
    ],
)
def test_only_pages_of_this_dashboard_are_listened_to(
    page: Pages, host: str, origin: str | None, welcome: bool
):
    headers = {"host": host} | ({"origin": origin} if origin else {})
    if welcome:
        with page.open_line(headers) as line:
            line.say(HELLO)
            assert line.hear()["takes"] == []
        return
    with page.open_line(headers) as line, pytest.raises(HungUpError) as refused:
        line.hear()
    assert not refused.value.accepted  # a browser is answered 403


@pytest.mark.parametrize(
    "said",
    [
        "", "x", "[]", "{}", '{"since": 0}', '{"since": "1", "ids": []}', '{"since": true, "ids": []}',
        '{"since": -1, "ids": []}', '{"since": 1.5, "ids": []}', '{"since": 0, "ids": "abc"}',
        '{"since": 0, "ids": [1]}', '{"since": 0, "ids": ["\\u0000"]}', '{"since": 0, "ids": ["é"]}',
        '{"since": 0, "ids": [], "more": 1}', '{"since": 1e999, "ids": []}', "[" * 5000,
        json.dumps({"since": 0, "ids": ["x"] * (SHOWN_MAX + 1)}), json.dumps({"since": 0, "ids": ["x" * 65]}),
        json.dumps({"since": 2**63, "ids": []}), b"\x00\xff",
    ],
)  # fmt: skip
def test_what_is_no_hello_ends_it_and_breaks_nothing(page: Pages, said: str | bytes):
    with page.open_line(OURS) as line:
        line.say(said)
        with pytest.raises(HungUpError) as ended:
            line.hear()
    assert ended.value.code == BAD_HELLO


def signed_in(deps: Any, *names: str) -> dict[str, dict[str, str]]:
    """Headers of the browsers of people who have signed in, all of them creators."""
    claims = {"iss": ISSUER}
    found = {}
    for name in names:
        told = {**claims, "sub": name, "email": f"{name}@example.com", "email_verified": True, "name": name}
        begun = sessions.begin_session(deps, "one", told, origin=ANA.origin)
        found[name] = {**OURS, "cookie": f"dailies={begun.cookie}"}
    return found


@pytest.fixture
def team(clock: FakeClock, tmp_path: Path) -> Iterator[World]:
    given = {
        "login_base_url": BASE, "login_providers": "one", "login_one_issuer": ISSUER,
        "login_one_client_id": "x", "login_one_client_secret": "s3cret",
        "login_roles": "creator: @example.com",
    }  # fmt: skip
    with installed(tmp_path, clock, **given) as deps:
        yield World(deps, sim=None)


def test_a_creator_never_hears_of_others_takes_and_nobody_does_without_a_session(team: World):
    live = Live(lambda: team.deps)
    door = make_door(team.deps.settings, lambda: team.deps, clock=team.deps.clock)
    browsers = signed_in(team.deps, "ana", "ben")
    hers, his = team.ask(viewer=ANA), team.ask(viewer=BEN)
    with served(live, Middleware(Wrapped, door=door.middleware)) as client:
        with client.open_line(OURS) as stranger, pytest.raises(HungUpError) as refused:
            stranger.hear()
        assert not refused.value.accepted
        with (
            client.open_line(browsers["ana"]) as ana,
            client.open_line(browsers["ben"]) as ben,
        ):
            for line, own in ((ana, hers), (ben, his)):
                line.say({"since": 0, "ids": [hers.id, his.id]})
                said = line.hear()
                assert [card["id"] for card in said["takes"]] == said["made"] == [own.id]
            team.advance(hers, *ACCEPTED)
            assert ana.hear()["takes"][0]["state"] == "queued"
            team.advance(his, *ACCEPTED)
            said = ben.hear()  # of hers, nothing has come before it
            assert [card["id"] for card in said["takes"]] == [his.id]
            assert said["counts"] == {"moving": 1, "held": 0}


def test_whoever_signs_out_is_hung_up_on_and_the_others_are_not(team: World):
    live = Live(lambda: team.deps, recheck_every_s=0.05)
    door = make_door(team.deps.settings, lambda: team.deps, clock=team.deps.clock)
    browsers = signed_in(team.deps, "ana", "ben")
    job = team.ask(viewer=BEN)
    with (
        served(live, Middleware(Wrapped, door=door.middleware)) as client,
        client.open_line(browsers["ana"]) as ana,
        client.open_line(browsers["ben"]) as ben,
    ):
        for line in (ana, ben):
            line.say(HELLO)
            line.hear()
        cookie = browsers["ana"]["cookie"].removeprefix("dailies=")
        ended = update(LoginSession).where(LoginSession.id == sessions.session_id(cookie))
        with team.deps.store.begin() as session:
            session.exec(ended.values(ended_at=team.deps.clock.now()))
        with pytest.raises(HungUpError) as hung_up:
            ana.hear()
        assert hung_up.value.code == SIGNED_OUT
        team.advance(job, *ACCEPTED)
        assert ben.hear()["takes"][0]["state"] == "queued"
        team.deps.clock.pass_s(timedelta(days=40).total_seconds())  # hers ended; his is over by its age
        with pytest.raises(HungUpError) as over:
            ben.hear()
        assert over.value.code == SIGNED_OUT


def test_a_page_that_takes_nothing_is_hung_up_on_instead_of_being_kept_for():
    async def flood() -> int:
        onlooker = Onlooker(Viewer("leo", Role.VIEWER), None)
        for number in range(WAITING_MAX):
            onlooker.tell(str(number))
        assert not onlooker.over.done()
        onlooker.tell("one too many")
        return await onlooker.over

    assert asyncio.run(flood()) == TOO_SLOW
