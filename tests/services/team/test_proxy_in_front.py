"""A proxy in front says who comes: over HTTP and websockets alike, and never the browser."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from starlette.responses import PlainTextResponse

from backend.domain.clock import Clock
from backend.models import AuditEntry, Person
from backend.services.deps import Deps
from backend.services.team import visitors
from backend.services.team.visitors import SessionEnded
from backend.web.door.set_up import make_door
from tests.adapters.test_proxies import SECRET, Signed, said
from tests.login_providers import Issuer
from tests.services.conftest import installed
from tests.services.team.door import BASE, Browser, Wrapped, dashboard, who_comes
from tests.signing import FakeClock

ANA = said("Ana@Example.com")
RULES = "admin: ana@example.com; creator: @example.com"


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def deps(tmp_path_factory: pytest.TempPathFactory, clock: FakeClock) -> Iterator[Deps]:
    folder: Path = tmp_path_factory.mktemp("proxy")
    with installed(folder, clock, login_proxy="header", login_proxy_secret=SECRET, login_roles=RULES) as made:
        yield made


def ask(app: Any, kind: str, path: str, *pairs: tuple[str, str]) -> tuple[int | str, str]:
    """(status or close code, what stands behind the door was told) over `http` or `websocket`."""
    lines = [(name.lower().encode(), value.encode()) for name, value in pairs]
    scope = {
        "type": kind, "path": path, "raw_path": path.encode(), "query_string": b"", "method": "GET",
        "headers": [(b"host", b"127.0.0.1:8501"), *lines], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8501), "scheme": "http", "subprotocols": [], "http_version": "1.1",
    }  # fmt: skip
    got: list[Any] = []

    async def receive() -> Any:
        return {"type": f"{kind}.connect" if kind == "websocket" else "http.request", "body": b""}

    async def send(message: Any) -> None:
        got.append(message)

    asyncio.run(app(scope, receive, send))
    if kind == "http":
        return got[0]["status"], got[1]["body"].decode()
    return (got[0]["code"], "") if got[0]["type"] == "websocket.close" else (200, got[1]["text"])


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_whom_the_proxy_names_comes_in_as_a_person_and_whatever_a_browser_adds_is_nobody(deps, kind):
    app = dashboard(deps)
    refused = 401 if kind == "http" else 1008
    forged = ("X-Dailies-Viewer", "forged")
    for sent in (
        [], [forged], ANA[:1], ANA[1:], said("ana@example.com", "another-secret-of-it"),
        [("X-Forwarded-Email", "eve@example.com"), *ANA], [*ANA, ("X-Forwarded-Email", "eve@example.com")],
        [*ANA, ("X-Dailies-Proxy", SECRET)], [("X-Forwarded-For", "127.0.0.1"), *ANA[:1]],
    ):  # fmt: skip
        assert ask(app, kind, "/_stcore/stream", *sent)[0] == refused, sent

    status, told = ask(app, kind, "/_stcore/stream", forged, *ANA)

    assert status == 200
    assert SECRET not in told
    assert who_comes(deps, told) == "ana@example.com"
    with deps.store.read() as session:
        person = session.exec(select(Person)).one()
        refusals = session.exec(select(AuditEntry).where(AuditEntry.action == "sign_in.refused")).all()
    assert (person.issuer, person.subject, person.email) == ("proxy:header", *["ana@example.com"] * 2)
    assert refusals
    assert all(SECRET not in str(entry.changed) and "@" not in str(entry.changed) for entry in refusals)


def test_pages_are_told_who_comes_once_and_never_the_secret(deps):
    seen: list[list[bytes]] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        seen.append([name for name, _ in scope["headers"]])
        await PlainTextResponse("a page")(scope, receive, send)

    app = Wrapped(page, make_door(deps.settings, lambda: deps).middleware)
    for path in ("/media/x", "/static/x.js"):
        ask(app, "http", path, ("x-dailies-viewer", "forged"), ("X-DAILIES-VIEWER", "forged"), *ANA)

    assert seen == [[b"host", b"x-forwarded-email", b"x-dailies-viewer"], [b"host", b"x-forwarded-email"]]


def test_roles_are_given_by_the_rules_and_who_fits_none_is_told_so(deps):
    app = dashboard(deps)
    roles = {}
    for name in ("ana@example.com", "kim@example.com"):
        _, told = ask(app, "http", "/media/x", *said(name))
        roles[name] = visitors.viewer_of(deps, visitors.open_visit(deps.settings, told), acted=False).role
    assert roles == {"ana@example.com": "admin", "kim@example.com": "creator"}

    assert ask(app, "http", "/media/x", *said("kim@elsewhere.example"))[0] == 403
    browser = Browser(app)
    headers = {name.replace("-", "_"): value for name, value in said("kim@elsewhere.example")}
    assert "kim@elsewhere.example" in browser.open("/gallery", **headers).text
    with deps.store.read() as session:
        theirs = select(AuditEntry).where(AuditEntry.actor == "kim@elsewhere.example")
        refused = session.exec(theirs).one()  # of all three questions
    assert (refused.action, refused.changed) == ("sign_in.refused", {"why": [None, "no role"]})
    assert browser.open("/gallery").headers["location"].startswith("/sign-in?")
    assert "has not said who you are" in browser.open("/sign-in").text
    assert browser.open("/sign-out").headers["location"] == "/oauth2/sign_out?rd=/"


def test_beside_a_proxy_that_names_nobody_people_sign_in_and_out_by_a_provider(tmp_path):
    with (
        closing(Issuer()) as issuer,
        installed(
            tmp_path, Clock(), login_proxy="header", login_proxy_secret=SECRET, login_roles=RULES,
            login_base_url=BASE, login_providers="one", login_one_issuer=issuer.url,
            login_one_client_id="dailies", login_one_client_secret="s3cret",
        ) as deps,
    ):  # fmt: skip
        browser = Browser(dashboard(deps))
        assert browser.sign_in(issuer).status_code == 303
        assert who_comes(deps, browser.ask("/media/x").text) == "Maya"
        assert browser.ask("/media/x", x_forwarded_email="ana@example.com").status_code == 401
        named = {"x_forwarded_email": "ana@example.com", "x_dailies_proxy": SECRET}
        assert who_comes(deps, browser.ask("/media/x", **named).text) == "ana@example.com"
        assert browser.open("/sign-out").headers["location"] == "/sign-in?out=1"
        assert browser.ask("/media/x").status_code == 401


def test_an_open_page_ends_after_twelve_hours_and_the_proxy_is_asked_anew(deps, clock, monkeypatch):
    monkeypatch.setattr("time.time", lambda: clock.now().timestamp())
    app = dashboard(deps)
    _, told = ask(app, "websocket", "/_stcore/stream", *ANA)
    clock.pass_s(12 * 3600 - 1)
    assert who_comes(deps, told) == "ana@example.com"
    clock.pass_s(2)
    with pytest.raises(SessionEnded):
        who_comes(deps, told)
    assert ask(app, "websocket", "/_stcore/stream", *ANA)[0] == 200


def test_while_a_proxys_keys_can_not_be_had_people_are_told_to_try_again(tmp_path):
    signed = Signed("cloudflare")
    given = {name: getattr(signed.settings, name) for name in ("login_proxy_audience", "login_proxy_issuer")}
    header = "Cf-Access-Jwt-Assertion"
    with (
        closing(signed.publisher),
        installed(tmp_path, signed.clock, login_proxy="cloudflare", login_roles=RULES, **given) as deps,
    ):
        app = dashboard(deps)
        signed.publisher.status = 503
        for path, kind, expected in (
            ("/gallery", "http", 503), ("/media/x", "http", 503), ("/_stcore/stream", "websocket", 1008)
        ):  # fmt: skip
            assert ask(app, kind, path, (header, signed.token()))[0] == expected
        assert ask(app, "http", "/_stcore/health")[0] == 200
        signed.publisher.status = 200
        signed.clock.pass_s(3)
        status, told = ask(app, "websocket", "/_stcore/stream", (header, signed.token()))
        assert (status, who_comes(deps, told)) == (200, "Ana@Example.com")
        assert ask(app, "http", "/media/x", (header, signed.token(exp=1)))[0] == 401
