"""Signing in by a provider of OpenID Connect: what comes in, what is refused, and where one comes out."""

import hmac
import json
from asyncio import create_task, gather, run, sleep
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt
from sqlmodel import func, select
from starlette.responses import Response

from backend.domain.access.claims import read_identity
from backend.domain.errors import NotAllowed
from backend.identity import published
from backend.models import AuditEntry, LoginSession, Person
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.team import sessions, tokens
from backend.services.team.token_request import parse_token_request
from backend.web.door import cookies, sign_in
from tests.login_providers import key
from tests.loopback import answer
from tests.services.team.door import BASE, Browser, dashboard, next_of, who_comes
from tests.viewers import make_token
from tests.world import ADMIN, World

MEDIA = "/app/static/media/a.mp4"


def rows(deps: Deps, table: Any) -> int:
    with deps.store.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def who(deps: Deps, browser: Browser) -> str:
    """Whom a page would be drawn for now."""
    return who_comes(deps, browser.ask(MEDIA).text)


def test_whoever_signs_in_comes_to_the_page_that_they_asked_for_as_themselves(team, browser, issuer):
    asked = browser.open("/take?take=1&x=%2F")
    assert (asked.status_code, next_of(asked)) == (303, "/take?take=1&x=%2F")
    page = browser.open(asked.headers["location"])
    assert "Sign in with One" in page.text
    assert "Sign in with Two" in page.text

    back = browser.sign_in(issuer, page="/take%3Ftake%3D1")

    assert back.status_code == 303, back.text
    assert back.headers["location"] == "/take?take=1"
    assert who(team, browser) == "Maya"
    assert browser.open("/sign-in?next=/gallery").headers["location"] == "/gallery"
    assert browser.open("/sign-in/back?code=c0de&state=again").headers["location"] == "/"


def test_every_sign_in_has_a_challenge_a_nonce_and_a_state_of_its_own_announced_or_not(browser, issuer):
    first, second = (issuer.began(browser.open("/sign-in/one").headers["location"]) for _ in range(2))

    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == f"{BASE}/sign-in/back"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) > 30
        assert first[name] != second[name]


def test_a_cookie_is_of_this_host_alone_and_of_the_session_alone(team, issuer):
    secure = team.settings.model_copy(update={"login_base_url": "https://studio.example"})
    kept = {}
    for settings, base in ((team.settings, BASE), (secure, "https://studio.example")):
        door = cookies.DoorCookies(settings, "", team.clock)
        response = Response()
        door.write_session(response, "x" * 43)
        kept[base] = response.headers["set-cookie"]

    life = 12 * 3600 + 24 * 3600
    assert kept[BASE] == f"dailies={'x' * 43}; HttpOnly; Max-Age={life}; Path=/; SameSite=lax"
    assert kept["https://studio.example"] == (
        f"__Host-dailies={'x' * 43}; HttpOnly; Max-Age={life}; Path=/; SameSite=lax; Secure"
    )


# -- where somebody comes out -----------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        "//evil.example", "/%5Cevil.example", "https://evil.example/", "evil.example", "javascript:alert(1)",
        "/%09/evil.example", "/%0d%0aSet-Cookie:x", "/sign-out", "/sign-in/one", "", "/g%20x",
        "/" + "x" * 2000,
    ],
)  # fmt: skip
def test_next_leads_to_a_page_of_ours_or_to_the_first_one(browser, issuer, asked):
    assert browser.sign_in(issuer, page=asked).headers["location"] == "/"
    assert browser.open(f"/sign-in?next={asked}").headers["location"] == "/"


def test_somebody_at_another_name_of_this_host_is_sent_to_the_one_that_the_provider_knows(team, issuer):
    elsewhere = Browser(dashboard(team), "http://localhost:8501")
    sent = elsewhere.open("/sign-in?next=/gallery")
    assert sent.headers["location"].startswith(f"{BASE}/sign-in?next=%2Fgallery&")
    assert elsewhere.open("/sign-in/one?next=/spend").headers["location"].startswith(f"{BASE}/sign-in/one?")
    path = sent.headers["location"].removeprefix(BASE)
    assert elsewhere.open(path).status_code == 200  # a proxy that changes the host leads nobody round


def test_a_sign_in_begun_at_one_dashboard_ends_at_another_below_a_path_too(team, issuer):
    settings = team.settings.model_copy(update={"login_base_url": f"{BASE}/studio"})
    below = replace(team, settings=settings)
    browser = Browser(dashboard(below, "studio"))
    sent = browser.open("/studio/gallery")
    assert sent.headers["location"] == "/studio/sign-in?next=%2Fstudio%2Fgallery"
    asked = issuer.began(browser.open("/studio/sign-in/one?next=/studio/gallery").headers["location"])
    assert asked["redirect_uri"] == f"{BASE}/studio/sign-in/back"

    browser.app = dashboard(below, "studio")
    back = browser.open(f"/studio/sign-in/back?code=c&state={asked['state']}")

    assert back.headers["location"] == "/studio/gallery"
    assert who_comes(below, browser.ask("/studio/app/static/media/a").text) == "Maya"
    assert Browser(browser.app).open("/gallery").status_code == 303


# -- what is refused --------------------------------------------------------------------------


def without_signature(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "none"}, claims, key(), algorithms=["none"])


def with_the_public_key(claims: dict[str, Any]) -> str:
    """What is signed with what everybody knows is signed by anybody."""
    parts = ({"alg": "HS256", "kid": "first"}, claims)
    body = b".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    mac = hmac.new(key().as_pem(private=False), body, "sha256").digest()
    return (body + b"." + urlsafe_b64encode(mac).rstrip(b"=")).decode()


def by_another_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "first"}, claims, key("other"))


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(
    ("claims", "signs"),
    [
        ({"aud": "another"}, None),
        ({"aud": ["dailies-one", "another"]}, None),
        ({"iss": "https://evil.example"}, None),
        ({"nonce": "another"}, None),
        ({"nonce": None}, None),
        ({"exp": 1}, None),
        ({"exp": None}, None),
        ({"iat": 4102444800}, None),
        ({"sub": None}, None),
        ({"sub": ""}, None),
        ({"sub": "x" * 256}, None),
        ({}, without_signature),
        ({}, with_the_public_key),
        ({}, by_another_key),
        ({}, lambda claims: jwt.encode({"alg": "RS256", "kid": "unknown"}, claims, key("other"))),
        ({}, lambda claims: json.dumps(claims)),
        ({}, lambda claims: ""),
    ],
)
def test_a_token_that_is_not_of_this_sign_in_signs_nobody_in(
    team, browser, issuer, claims, signs: Callable[..., str] | None
):
    issuer.claims, issuer.signs = claims, signs

    refused = browser.sign_in(issuer)

    assert refused.status_code == 400
    assert "could not be verified" in refused.text
    assert "/sign-in?next=%2Fgallery" in refused.text
    assert browser.ask(MEDIA).status_code == 401
    assert (rows(team, Person), rows(team, LoginSession)) == (0, 0)


def test_an_answer_that_this_browser_did_not_ask_for_signs_nobody_in(team, browser, issuer, clock):
    begun_long_ago = issuer.began(browser.open("/sign-in/one").headers["location"])
    clock.pass_s(cookies.FLOW_LIFE_S + 1)
    assert browser.open(f"/sign-in/back?code=c&state={begun_long_ago['state']}").status_code == 400
    for altered in ({"state": "another"}, {"state": ""}, {"code": ""}, {"iss": "https://evil.example"}):
        assert browser.sign_in(issuer, **altered).status_code == 400
    asked = issuer.began(browser.open("/sign-in/one").headers["location"])
    stranger = Browser(browser.app)
    assert stranger.open(f"/sign-in/back?code=c&state={asked['state']}").status_code == 400
    stranger.cookies.set("dailies-sign-in", "e30.abc", domain="127.0.0.1", path="/sign-in/back")
    assert stranger.open(f"/sign-in/back?code=c&state={asked['state']}").status_code == 400
    issuer.token = answer(400, b'{"error": "invalid_grant"}', Content_Type="application/json")
    assert browser.sign_in(issuer).status_code == 400

    assert issuer.posts[:-1] == []
    assert rows(team, LoginSession) == 0


def test_of_two_sign_ins_at_once_the_one_begun_last_comes_to_its_end(team, browser, issuer):
    first, last = (
        issuer.began(browser.open(f"/sign-in/one?next=/{page}").headers["location"]) for page in "ab"
    )
    early = browser.open(f"/sign-in/back?code=c&state={first['state']}")
    assert (early.status_code, "in another window" in early.text) == (400, True)
    assert browser.open(f"/sign-in/back?code=c&state={last['state']}").headers["location"] == "/b"
    issuer.began(browser.open("/sign-in/one?next=/c").headers["location"])
    late = browser.open(f"/sign-in/back?code=c&state={first['state']}")
    assert (late.status_code, late.headers["location"]) == (303, "/c"), "they are in, so they go on"
    assert rows(team, LoginSession) == 1


def test_what_another_issuer_said_under_the_same_name_no_longer_counts(team, browser, issuer, monkeypatch):
    """The settings named a test's provider first, where anybody could call themselves anybody."""
    browser.sign_in(issuer)
    with team.store.read() as session:
        person = session.exec(select(Person)).one()
    maya = Viewer(person.name, Role.CREATOR, person_id=person.id)
    asked = parse_token_request({"name": "mine", "role": "creator"}, now=team.clock.now())
    bearer = f"Bearer {tokens.create_token(team, maya, asked).secret}"
    assert tokens.authenticate_token(team, bearer).viewer.name == "Maya"
    known = team.settings.login_provider_settings
    assert isinstance(known, dict)
    monkeypatch.setitem(known, "one", known["one"].model_copy(update={"issuer": f"{issuer.url}/"}))
    assert who(team, browser) == "Maya", "a slash at its end is nothing"
    monkeypatch.setitem(known, "one", known["one"].model_copy(update={"issuer": "https://new.example"}))
    assert browser.ask(MEDIA).status_code == 401
    with pytest.raises(NotAllowed):
        tokens.authenticate_token(team, bearer)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("access_denied", "One says that you did not let Dailies know who you are."),
        ("server_error", "One did not sign you in and says: server_error."),
        ("%3Cscript%3E", "One did not sign you in and says: an error."),
    ],
)
def test_whoever_is_sent_back_without_a_code_is_told_in_words(browser, issuer, error, said):
    back = browser.sign_in(issuer, code="", error=error)

    assert back.status_code == 400
    assert said in back.text
    assert "<script>" not in back.text
    assert issuer.posts == []


def test_a_provider_that_is_away_is_told_of_in_one_sentence_and_the_dashboard_goes_on(
    team, browser, issuer, clock
):
    issuer.away = True
    for _ in range(2):
        away = browser.open("/sign-in/one?next=/gallery")
        assert away.status_code == 503
        assert "One can&#x27;t be reached just now (it answers 503)." in away.text
        assert "/sign-in?next=%2Fgallery" in away.text
    assert len(issuer.seen) == 1  # whoever comes within two seconds shares the outcome
    issuer.away = False
    clock.pass_s(published.FAILED_S + 0.1)
    assert browser.sign_in(issuer).status_code == 303
    issuer.away = True
    again = Browser(browser.app)
    asked = issuer.began(again.open("/sign-in/one").headers["location"])  # what it publishes is kept
    assert again.open(f"/sign-in/back?code=c&state={asked['state']}").status_code == 503
    assert who(team, browser) == "Maya"


@pytest.mark.parametrize(
    "told",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": None}],
)
def test_what_a_provider_publishes_must_be_its_own_and_safe(browser, issuer, told):
    issuer.told = told
    assert browser.open("/sign-in/one").status_code == 503


def test_a_new_key_is_taken_in_and_unknown_ones_are_looked_for_once_a_minute(browser, issuer, clock):
    def asked() -> int:
        return [one.path for one in issuer.seen].count("/jwks")

    def by_the_other(claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": "other"}, claims, key("other"))

    assert browser.sign_in(issuer).status_code == 303
    issuer.signs = by_the_other
    assert [browser.sign_in(issuer).status_code for _ in range(3)] == [400] * 3
    assert asked() == 2
    issuer.keys = [key(), key("other")]
    try:
        clock.pass_s(published.UNKNOWN_KEY_S + 1)
        assert browser.sign_in(issuer).status_code == 303
        assert asked() == 3
    finally:
        issuer.keys = [key()]


def test_without_end_people_may_try_and_nothing_of_it_grows(team, browser, issuer):
    """Sign-ins that come to nothing leave ten lines a minute in the audit, and no other row."""
    assert browser.sign_in(issuer).status_code == 303
    before = rows(team, Person), rows(team, LoginSession)
    stranger = Browser(browser.app)
    for _ in range(60):
        stranger.sign_in(issuer, state="another")
        stranger.open("/sign-in/back?code=x&state=y")

    assert (rows(team, Person), rows(team, LoginSession)) == before
    with team.store.read() as session:
        refused = session.exec(select(AuditEntry).where(AuditEntry.action == "sign_in.refused")).all()
    assert len(refused) == 10
    assert who(team, browser) == "Maya"


def test_a_provider_that_hangs_holds_up_nobody_but_those_who_sign_in(team, browser, issuer, monkeypatch):
    """So many wait for it, in few threads; the next ones are told so, and files are served meanwhile."""
    monkeypatch.setattr(sign_in, "WAITING", 2)
    browser.sign_in(issuer)
    kept = browser.cookies["dailies"]
    strangers = [Browser(browser.app) for _ in range(sign_in.AT_ONCE + 2 + 5)]
    asked = [issuer.began(one.open("/sign-in/two").headers["location"]) for one in strangers]
    issuer.go.clear()

    async def crowd() -> tuple[list[int], int]:
        async with Browser.line(browser.app) as line:
            backs = [
                create_task(line.get(
                    f"/sign-in/back?code=c&state={one['state']}",
                    headers={"cookie": f"dailies-sign-in={stranger.cookies['dailies-sign-in']}"},
                ))
                for one, stranger in zip(asked, strangers, strict=True)
            ]  # fmt: skip
            while len(issuer.posts) < sign_in.AT_ONCE or sum(one.done() for one in backs) < 5:
                await sleep(0.01)
            served = await line.get(MEDIA, headers={"cookie": f"dailies={kept}"})
            issuer.go.set()
            return [one.status_code for one in await gather(*backs)], served.status_code

    codes, served = run(crowd())

    assert served == 200
    assert codes.count(503) == 5


# -- who somebody is --------------------------------------------------------------------------


def test_a_name_is_given_once_and_is_nobody_elses(team, browser, issuer):
    make_token(team, "maya", Role.VIEWER)
    World(team, sim=None).ask(viewer=ADMIN)
    names = []
    for sub, name, email in (
        ("1", "Maya", "maya@example.com"), ("1", "Maya Renamed", "m@example.com"), ("2", "root", None),
        ("3", "studio", "Maya@example.com"), ("4", "\u202eM\u00e1\u200b  x\n", None), ("5", "", None),
        ("6", "5", None), ("7", "worker", None), ("8", "boss\uff20example.com", "eve@example.com"),
    ):  # fmt: skip
        issuer.claims = {"sub": sub, "name": name, "email": email}
        browser.sign_in(issuer)
        with team.store.read() as session:
            person = session.exec(select(Person).where(Person.subject == sub)).one()
        names.append((person.name, person.email))
        browser.open("/sign-out", sec_fetch_site="same-origin")

    assert names == [
        ("maya@example.com", "maya@example.com"), ("maya@example.com", "m@example.com"), ("root 2", None),
        ("studio 2", "maya@example.com"), ("M\u00e1 x", None), ("5", None), ("5 2", None), ("worker 2", None),
        ("eve@example.com", "eve@example.com"),
    ]  # fmt: skip


def test_what_the_token_leaves_out_is_asked_for_and_believed_of_the_same_person_alone(team, browser, issuer):
    issuer.claims = {"email": None, "name": None, "email_verified": None}
    issuer.more = {"sub": "1", "email": "maya@example.com", "email_verified": True, "groups": ["admins"]}
    assert browser.sign_in(issuer).status_code == 303
    assert who(team, browser) == "maya@example.com"
    issuer.more = {"sub": "another", "email": "eve@example.com", "email_verified": True}
    issuer.claims["sub"] = "2"
    stranger = Browser(browser.app)
    stranger.sign_in(issuer)
    told = stranger.open("/gallery")
    assert (told.status_code, "eve@" in told.text) == (403, False)


def test_that_an_address_is_verified_is_believed_of_that_address_alone(team, browser, issuer):
    issuer.claims = {"email": "boss@example.com", "email_verified": None, "name": None}
    issuer.more = {"sub": "1", "email": "eve@evil.example", "email_verified": True}
    browser.sign_in(issuer)
    assert browser.open("/gallery").status_code == 403
    issuer.more["email"] = "boss@example.com"
    browser.sign_in(issuer)
    assert who(team, browser)


def test_what_is_no_text_is_left_out_and_is_nobody(team, browser, issuer):
    """Databases drop NUL, and the first would be whoever is called 1."""
    issuer.claims = {"sub": "1\0"}
    assert browser.sign_in(issuer).status_code == 400
    issuer.claims = {"sub": "1", "name": "\0", "groups": ["admins\0", 5]}
    assert browser.sign_in(issuer).status_code == 303
    assert who(team, browser) == "maya@example.com"
    told = {"name": "M\ud800", "email": "m\ud800@example.com", "groups": ["a\ud800", "b"]}
    assert sessions.keep_claims(told) == {"name": None, "email": None, "groups": ["b"]}
    assert read_identity({"iss": "i", "sub": "s", **told}).groups == ("b",)


def test_an_address_or_group_that_is_too_long_is_nobodys_and_not_cut_to_be_somebodys(team, browser, issuer):
    """Cut at 300 characters, the first would be at example.com, and the other be the group of admins."""
    tail = "@example.com"
    long = "x" * (sessions.TEXT_MAX_CHARS - len(tail)) + tail
    issuer.claims = {"email": f"{long}.evil.example", "name": "M" * 400, "groups": ["g" * 400, "admins-not"]}
    browser.sign_in(issuer)
    assert browser.open("/gallery").status_code == 403
    with team.store.read() as session:
        kept = session.exec(select(LoginSession)).one().claims
    assert (kept["email"], kept["groups"], len(kept["name"])) == (
        None,
        ["admins-not"],
        sessions.TEXT_MAX_CHARS,
    )


def test_for_whom_no_rule_fits_there_is_a_page_that_says_who_they_are_and_whom_to_ask(team, browser, issuer):
    issuer.claims = {"email": "maya@elsewhere.example"}
    browser.sign_in(issuer)

    page = browser.open("/gallery")

    assert page.status_code == 403
    assert "You are signed in as maya@elsewhere.example." in page.text
    assert "The provider told no groups, which is not the same as being in none." in page.text
    assert "Ask whoever runs Dailies" in page.text
    assert 'href="/sign-out"' in page.text
    assert browser.ask(MEDIA).status_code == 403
    assert browser.connect("/_stcore/stream") != 1008  # the frame says the same
    with team.store.begin() as session:
        refused = session.exec(select(AuditEntry).where(AuditEntry.action == "sign_in.refused")).one()
        assert (refused.actor, refused.changed) == ("maya@elsewhere.example", {"why": [None, "no role"]})
        person = session.exec(select(Person)).one()
        person.role = "viewer"
        session.add(person)
    assert browser.open("/gallery").status_code == 200
