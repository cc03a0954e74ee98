"""What it costs to know who comes and what they may do: a request of the dashboard, a run of a page, a call.

On SQLite and on PostgreSQL, with the sessions of 400 people there; one after the other, by the wall clock, so
that what waits for the database counts.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.common import Result, at_most, on_both_databases
from benchmarks.people import LOGINS, sign_in

PEOPLE, EACH = 400, 2_000
LIMIT_MS = 0.3


def run() -> list[Result]:
    return on_both_databases(_on)


def _on(kind: str) -> Iterator[Result]:
    with _installation(kind) as deps:
        cookies = sign_in(deps, PEOPLE)
        whole, bare = asyncio.run(_requests(deps, cookies))
        took = {
            "a request through the door": [a - b for a, b in zip(whole, bare, strict=True)],
            "a run of a page": _timed(partial(_run_of_page, deps), _visits(deps, cookies)),
            "a call of the API": _timed(partial(_call, deps), _tokens(deps)),
        }
        for name, seconds in took.items():
            note = f"p95 {statistics.quantiles(seconds, n=20)[-1] * 1000:.2f} ms"
            yield at_most(f"{kind}: {name}, median", statistics.median(seconds) * 1000, LIMIT_MS, "ms", note)


def _timed(what: Callable[[Any], object], given: list[Any]) -> list[float]:
    """Seconds that each of `EACH` took, everybody in turn."""
    took = []
    for number in range(EACH):
        begun = time.perf_counter()
        what(given[number % len(given)])
        took.append(time.perf_counter() - begun)
    return took


async def _requests(deps: Any, cookies: list[str]) -> tuple[list[float], list[float]]:
    """Seconds of requests through the door, and of the same without it, in turns."""
    from backend.web.door.set_up import make_door

    made = make_door(deps.settings, lambda: deps, clock=deps.clock).middleware
    door = made.cls(_behind, *made.args, **made.kwargs)
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(EACH):
        for app, times in zip((door, _behind), took, strict=True):
            begun = time.perf_counter()
            await app(_asked(cookies[number % PEOPLE]), _nothing, _nothing)
            times.append(time.perf_counter() - begun)
    return took


async def _behind(scope: Any, receive: Any, send: Any) -> None:
    """In the page's place: it finds out whether the door let this one through."""
    assert receive is _nothing


async def _nothing(*message: Any) -> Any:
    """Nobody is sent anything: whoever comes is let in."""
    raise AssertionError(message)


def _asked(cookie: str) -> dict[str, Any]:
    return {
        "type": "http", "method": "GET", "path": "/media/x", "root_path": "", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"cookie", f"dailies={cookie}".encode())],
        "client": ("127.0.0.1", 1), "scheme": "http", "server": ("127.0.0.1", 1),
    }  # fmt: skip


def _visits(deps: Any, cookies: list[str]) -> list[str]:
    """What the door tells pages of each."""
    from backend.services.team import sessions, visitors

    now = time.time()
    return [
        visitors.seal_visit(
            deps.settings, visitors.Visit(now, session_id=sessions.session_id(one), address="127.0.0.1")
        )
        for one in cookies
    ]


def _run_of_page(deps: Any, header: str) -> None:
    """As `pages.ui.context` asks in every run."""
    from backend.domain.access.roles import Do
    from backend.services.team import visitors

    visitors.viewer_of(deps, visitors.open_visit(deps.settings, header), acted=True).must(Do.START)


def _tokens(deps: Any) -> list[str]:
    from backend.services import access
    from backend.services.team import tokens
    from backend.services.team.token_request import parse_token_request

    admin, now = access.cli_viewer(deps), deps.clock.now()
    asked = [parse_token_request({"name": f"bench{n}", "role": "creator"}, now=now) for n in range(20)]
    return [f"Bearer {tokens.create_token(deps, admin, one).secret}" for one in asked]


def _call(deps: Any, authorization: str) -> None:
    from backend.domain.access.roles import Do
    from backend.services.team import tokens

    tokens.authenticate_token(deps, authorization).viewer.must(Do.START)


@contextlib.contextmanager
def _installation(kind: str) -> Iterator[Any]:
    from backend.bootstrap import open_deps
    from backend.settings import load_settings
    from tests import databases

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        stack.enter_context(databases.choose(kind))
        url = stack.enter_context(databases.fresh_url())
        given = {name.lower(): value.replace("PORT", "8501") for name, value in LOGINS.items()}
        given |= {"data_dir": folder, **({"database_url": url} if url else {})}
        deps = open_deps(load_settings(**given))
        yield deps
        deps.store.close()
