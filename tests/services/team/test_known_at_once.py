"""Who is signed in is known without a thread, where a server can be asked so, and no longer than it is so."""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import update

from backend.models import LoginSession, Person
from backend.services.operations import readiness
from backend.store.fast import loop_reader
from backend.store.team.sessions import SessionLookup
from backend.web.door import door
from tests import databases
from tests.services.team.door import FETCHES, Browser

pytestmark = pytest.mark.databases("postgres")
Ask = Callable[[], Awaitable[int]]


@pytest.fixture
def usual(team) -> Iterator[list[Any]]:
    """One entry for each question that the door asked the usual way, in one of its threads."""
    asked: list[str] = []

    def note(*_: object) -> None:
        if (name := threading.current_thread().name).startswith("AnyIO"):  # others look whether it hangs
            asked.append(name)

    event.listen(team.store.engine, "checkout", note)
    yield asked
    event.remove(team.store.engine, "checkout", note)


@pytest.fixture
def in_loop(team, browser, issuer, usual) -> Callable[[Callable[[Ask], Awaitable[None]]], None]:
    """Runs a story with a function that asks for a file as somebody signed in, once that needs no thread."""
    browser.sign_in(issuer)

    def run(story: Callable[[Ask], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with asking(browser, usual) as ask:
                await story(ask)

        asyncio.run(whole())

    return run


@asynccontextmanager
async def asking(browser: Browser, usual: list[Any]) -> AsyncIterator[Ask]:
    async with Browser.line(browser.app) as line:
        line.cookies = browser.cookies

        async def ask() -> int:
            return (await line.get("/media/x", headers=FETCHES)).status_code

        await until_at_once(ask, usual)
        yield ask


async def until_at_once(ask: Ask, usual: list[Any]) -> None:
    """Until the connection is made, in the background."""
    async with asyncio.timeout(60):
        while True:
            usual.clear()
            if await ask() == 200 and not usual:
                return
            await asyncio.sleep(0.01)


def change(team, statement: Any) -> Callable[[], None]:
    def run() -> None:
        with team.store.begin() as session:
            session.exec(statement)

    return run


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda team: change(team, update(LoginSession).values(ended_at=team.clock.now())), 401),
        (lambda team: change(team, update(Person).values(disabled_at=team.clock.now())), 401),
        (lambda team: change(team, update(LoginSession).values(claims={"iss": "elsewhere"})), 401),
        (lambda team: functools.partial(team.clock.pass_s, 5 * 3600), 401),
    ],
    ids=["signed out", "disabled", "of another issuer", "idle"],
)  # fmt: skip
def test_a_hundred_files_of_a_page_cost_no_thread_and_whoever_is_out_gets_none(
    team, in_loop, usual, end, status
):
    async def story(ask: Ask) -> None:
        assert set(await asyncio.gather(*(ask() for _ in range(100)))) == {200}
        assert not usual
        await asyncio.to_thread(end(team))
        assert await ask() == status

    in_loop(story)


def test_the_control_a_door_that_remembers_lets_in_whoever_is_out(team, in_loop, monkeypatch):
    find, known = SessionLookup.find, {}

    async def remember(self: SessionLookup, session_id: str) -> Any:
        if session_id not in known:
            known[session_id] = await find(self, session_id)
        return known[session_id]

    async def story(ask: Ask) -> None:
        monkeypatch.setattr(SessionLookup, "find", remember)
        assert await ask() == 200
        await asyncio.to_thread(change(team, update(LoginSession).values(ended_at=team.clock.now())))
        assert await ask() == 200

    in_loop(story)


def test_a_connection_that_broke_is_nobodys_trouble_and_is_made_anew(team, in_loop, usual, monkeypatch):
    monkeypatch.setattr(loop_reader, "RETRY_S", 0.0)

    def break_all() -> None:
        with databases.server().connect() as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )

    async def story(ask: Ask) -> None:
        await asyncio.to_thread(break_all)
        assert await ask() == 200
        assert usual
        await until_at_once(ask, usual)

    in_loop(story)


def test_a_server_that_hangs_holds_up_no_page_and_files_come_when_it_is_back(in_loop, usual, monkeypatch):
    monkeypatch.setattr(loop_reader, "RETRY_S", 0.0)
    monkeypatch.setattr(readiness, "WAIT_S", 0.2)
    monkeypatch.setattr(door, "PATIENCE_S", 0.2)

    async def story(ask: Ask) -> None:
        with databases.server().frozen():
            assert set(await asyncio.gather(*(ask() for _ in range(20)))) == {503}
        await until_at_once(ask, usual)

    in_loop(story)
