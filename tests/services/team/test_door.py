"""The door: what is opened to whom over HTTP and websockets, and when a session is over."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from backend.domain.errors import NotFound
from backend.models import LoginSession, Person
from backend.services.access import Role, Viewer
from backend.services.team import sessions, visitors
from backend.services.team.visitors import SessionEnded, Visit
from backend.web import dashboard as kit
from backend.web.door.table import TABLE, Act, What, Who
from tests.services.client import PUBLIC
from tests.services.conftest import installed
from tests.services.team.door import Browser, dashboard, next_of, who_comes

OPEN = ("/static/js/index.js", "/_stcore/health", "/favicon.png", "/sign-in")
STREAM = ("/_stcore/stream", "/_stcore/host-config")
CLOSED = (
    "/app/static/media/a.mp4", "/media/0123", "/_stcore/upload_file/1/2", "/_stcore/metrics", "/live",
    "/component/x", "/_stcore/bidi-components/x", "/_stcore/streams", "/_stcore", "/static", "/sign-inside",
    "//_stcore/stream", "/manifest.json", "/STATIC/x", "/_stcore/health/x", "/gallery",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["nobody", "ended", "somebody"])
def test_each_path_is_open_to_whom_it_should_be(team, browser, issuer, kind):
    expected: dict[str, Any] = {
        "nobody": {"stream": (1008, 401), "closed": 401, "page": 303},
        "ended": {"stream": (0, 200), "closed": 401, "page": 303},
        "somebody": {"stream": (0, 200), "closed": 200, "page": 200},
    }[kind]
    if kind == "somebody":
        browser.sign_in(issuer)
    elif kind == "ended":
        browser.cookies.set("dailies", "of another deployment", domain="127.0.0.1")

    for path in OPEN[:3]:
        assert browser.ask(path).status_code == 200, path
    assert browser.open(OPEN[3]).status_code == (303 if kind == "somebody" else 200)
    refused = browser.connect(STREAM[0]) == 1008
    assert (refused, browser.ask(STREAM[1]).status_code) == (
        expected["stream"][0] == 1008,
        expected["stream"][1],
    )
    for path in CLOSED:
        assert browser.ask(path).status_code == expected["closed"], path
        if path != "/_stcore/stream":
            assert (browser.connect(path) == 1008) == (kind != "somebody"), path
    for path in ("/gallery", CLOSED[2]):
        assert browser.ask(path, "PUT").status_code == expected["closed"], path
    for path in CLOSED[:8]:
        assert browser.open(path).status_code == expected["closed"], path  # no page, whatever is asked for
    for path in ("/", "/gallery", "/take?take=1"):
        page = browser.open(path)
        assert page.status_code == expected["page"]
        assert kind == "somebody" or next_of(page) == path
    assert browser.open("/gallery", accept="*/*").status_code == expected["page"]
    assert browser.open("/gallery", sec_fetch_mode="no-cors").status_code == expected["closed"]


def test_the_table_names_everybody_for_everything():
    assert {(what, who) for what, row in TABLE.items() for who in row} == {
        (what, who) for what in What for who in Who
    }
    passed = {(what, who) for what, row in TABLE.items() for who, act in row.items() if act is Act.PASS}
    assert {who for what, who in passed if what is What.OTHER} == {Who.SOMEBODY}


def test_nobody_says_for_themselves_who_they_are(team, browser, issuer):
    """Neither by the door's own header, nor by a cookie that comes twice."""
    forged = "e30." + "0" * 64
    assert browser.ask("/media/x", x_dailies_viewer=forged).status_code == 401
    browser.sign_in(issuer)
    cookie = browser.cookies["dailies"]

    told = browser.ask("/media/x", x_dailies_viewer=forged, X_Dailies_Viewer=forged).text

    assert forged not in told
    assert who_comes(team, told) == "Maya"
    stranger = Browser(browser.app)
    assert stranger.ask("/media/x", cookie=f"dailies={cookie}; dailies=other").status_code == 401
    assert stranger.connect("/live", cookie=f"dailies={cookie}; dailies=other") == 1008
    assert stranger.ask("/media/x", cookie=f"dailies={cookie}").status_code == 200


def test_without_logins_everybody_is_let_in_and_says_nothing_of_who_they_are(clock, tmp_path):
    with installed(tmp_path, clock, public_url=PUBLIC) as deps:
        browser = Browser(dashboard(deps))
        assert browser.open("/gallery", x_dailies_viewer="forged").text == "nobody"
        assert browser.connect("/_stcore/stream", x_dailies_viewer="forged") == "nobody"
        assert browser.open("/sign-in").text == "nobody"  # the kit's own


@pytest.mark.parametrize(
    ("address", "guarded", "refused"),
    [("127.0.0.1", False, False), ("localhost", False, False), ("0.0.0.0", False, True), (None, False, True),
     ("0.0.0.0", True, False), (None, True, False)],
)  # fmt: skip
def test_the_dashboard_listens_for_others_only_where_it_is_known_who_comes(address, guarded, refused):
    said = kit.listen_refusal(address, is_guarded=guarded)
    assert (said is not None) == refused
    assert said is None or "LOGIN_BASE_URL" in said


# -- when a session is over -------------------------------------------------------------------


def test_a_session_ends_by_its_age_by_idling_and_by_whoever_ends_it(team, browser, issuer, clock):
    def opens() -> bool:
        return browser.ask("/media/x").status_code == 200

    browser.sign_in(issuer)
    for _ in range(3):
        clock.pass_s(3.9 * 3600)
        assert opens()
        browser.open("/gallery")  # a person does something; a file that a page loads by itself is nothing
    clock.pass_s(0.5 * 3600)
    assert not opens()  # twelve hours

    browser.open("/sign-out", sec_fetch_site="none")
    browser.sign_in(issuer)
    clock.pass_s(2 * 3600)
    assert opens()
    clock.pass_s(2 * 3600 + 1)
    assert not opens()  # four hours without a deed

    for end in (end_all, disable):
        other = Browser(browser.app)
        other.sign_in(issuer)
        assert other.ask("/media/x").status_code == 200
        end(team)
        assert other.ask("/media/x").status_code == 401
        assert other.connect("/_stcore/stream") != 1008
    refused = Browser(browser.app).sign_in(issuer)
    assert refused.status_code == 403
    assert "Maya may not use Dailies any more." in refused.text


def end_all(deps: Any) -> None:
    with deps.store.read() as session:
        person = session.exec(select(Person)).one()
    viewer = sessions_viewer(person)
    assert sessions.end_sessions_of(deps, viewer, person.id) >= 1


def disable(deps: Any) -> None:
    with deps.store.begin() as session:
        session.exec(update(Person).values(disabled_at=deps.clock.now()))


def sessions_viewer(person: Person) -> Viewer:
    return Viewer(person.name, Role.CREATOR, person_id=person.id)


def test_that_somebody_is_here_is_written_once_a_minute_and_only_for_what_they_do(
    team, browser, issuer, clock
):
    browser.sign_in(issuer)
    begun = seen(team)
    clock.pass_s(59)
    browser.open("/gallery")
    assert seen(team) == begun
    clock.pass_s(2)
    browser.ask("/media/x")
    browser.connect("/_stcore/stream")
    assert seen(team) == begun
    browser.open("/gallery")
    assert seen(team) == begun + timedelta(seconds=61)


def seen(deps: Any) -> Any:
    with deps.store.read() as session:
        return session.exec(select(col(LoginSession.seen_at))).one()


def test_somebody_ends_sessions_of_their_own_alone_and_old_rows_go(team, browser, issuer, clock):
    browser.sign_in(issuer)
    with team.store.read() as session:
        maya = session.exec(select(Person)).one()
    viewer = sessions_viewer(maya)
    (mine,) = sessions.list_open_sessions(team, maya.id)
    stranger = sessions_viewer(Person(id="other", name="x", issuer="", subject="", created_at=clock.now()))
    with pytest.raises(NotFound):
        sessions.end_session(team, stranger, mine.id)
    sessions.end_session(team, viewer, mine.id)
    assert sessions.list_open_sessions(team, maya.id) == []
    assert browser.ask("/media/x").status_code == 401

    clock.pass_s(32 * 24 * 3600)
    again = Browser(browser.app)
    again.sign_in(issuer)
    with team.store.read() as session:
        assert len(session.exec(select(LoginSession)).all()) == 1


def test_what_the_door_says_holds_for_this_installation_and_nobody_else_can_say_it(team):
    sealed = visitors.seal_visit(team.settings, Visit(1.0, session_id="s", address="10.0.0.1"))
    assert visitors.open_visit(team.settings, sealed) == Visit(1.0, session_id="s", address="10.0.0.1")
    for altered in (
        sealed[:-1] + "0" * (sealed[-1] != "0"),
        "x" + sealed,
        sealed.partition(".")[0],
        "",
        "ü.ü",
    ):
        assert visitors.open_visit(team.settings, altered) is None
    with pytest.raises(SessionEnded):
        visitors.viewer_of(team, None, acted=True)


@pytest.mark.databases("sqlite")
def test_while_the_database_is_away_pages_open_and_say_so_and_files_wait(team, browser, issuer):
    browser.sign_in(issuer)
    path = team.settings.data_dir / "dailies.db"
    away = path.rename(path.with_suffix(".away"))
    path.mkdir()
    team.store.engine.dispose()
    try:
        assert browser.open("/gallery").status_code == 200
        assert browser.ask("/media/x").status_code == 503
        assert Browser(browser.app).ask("/media/x").status_code == 401
    finally:
        path.rmdir()
        away.rename(path)
    assert browser.ask("/media/x").status_code == 200
