"""Tokens: whom they act as, what they may do, how long, and whose they are."""

from datetime import timedelta

import pytest

from backend.domain.access.roles import Do
from backend.domain.access.scopes import Scope
from backend.domain.errors import InvalidRequest, NotAllowed, NotFound
from backend.services import access
from backend.services.access import Kind, Role, Viewer
from backend.services.team import tokens
from backend.services.team.token_request import expires_in_words, parse_token_request
from backend.web import rates
from backend.web.app import create_app
from backend.web.rates import RateLimit
from tests import databases
from tests.services.client import PUBLIC, SidecarClient, at_fault, said
from tests.services.conftest import installed
from tests.services.team.people import PROXY, add_person
from tests.viewers import make_token
from tests.world import run_sql

pytestmark = databases.BOTH


@pytest.fixture
def sidecar(clock, tmp_path):
    """The sidecar of a team whose people come by a proxy."""
    with installed(tmp_path, clock, public_url=PUBLIC, **PROXY) as deps:
        yield SidecarClient(deps, clock)


@pytest.fixture
def maya(sidecar):
    """A person who signed in once, as pages see her."""
    return add_person(sidecar.deps, "Maya Lind", Role.CREATOR)


def made(sidecar, viewer, name="laptop", role="creator", **more):
    """The secret of a new token of this viewer's."""
    asked = parse_token_request({"name": name, "role": role, **more}, now=sidecar.clock.now())
    new = tokens.create_token(sidecar.deps, viewer, asked)
    assert new.secret.startswith(new.token.hint.rstrip("…"))
    return new.secret


def admin(sidecar):
    return access.cli_viewer(sidecar.deps)


def refusal(sidecar, viewer, **asked):
    with pytest.raises((NotAllowed, InvalidRequest)) as refused:
        made(sidecar, viewer, **asked)
    return refused.value


def test_a_personal_token_makes_takes_of_its_person_and_dies_with_them(sidecar, maya):
    secret = made(sidecar, maya)
    job_id = sidecar.started(who=secret)
    assert sidecar.get(f"/api/video/status/{job_id}", who=secret).get_json()["owner"] == "Maya Lind"
    run_sql(sidecar.deps, "UPDATE person SET role = 'viewer'")
    assert said(sidecar.start(who=secret), 403)["code"] == "forbidden"
    run_sql(sidecar.deps, "UPDATE person SET role = 'admin'")
    assert sidecar.start(who=secret).status_code == 202
    assert sidecar.get("/api/spend", who=secret).status_code == 200
    with pytest.raises(NotAllowed):
        tokens.authenticate_token(sidecar.deps, f"Bearer {secret}").viewer.must(Do.EDIT_WORDS)
    run_sql(sidecar.deps, "UPDATE person SET disabled_at = created_at")
    assert "may not come in" in said(sidecar.start(who=secret), 401)["message"]
    run_sql(sidecar.deps, "DELETE FROM person")
    said(sidecar.start(who=secret), 401)


def test_a_token_does_what_its_scopes_name_and_a_refusal_names_the_one_it_lacks(sidecar):
    secret = make_token(sidecar.deps, "reader", Role.CREATOR, scopes=["models:read", "takes:read"])
    assert sidecar.get("/api/video/history", who=secret).status_code == 200
    with pytest.raises(NotAllowed, match="takes:write") as refused:
        tokens.authenticate_token(sidecar.deps, f"Bearer {secret}").viewer.must(Do.START)
    assert refused.value.code == "insufficient_scope"
    assert refused.value.challenge == 'Bearer error="insufficient_scope", scope="takes:write"'


def test_a_token_ends_after_ninety_days_unless_something_else_is_said(sidecar, maya):
    usual, long, day = (
        made(sidecar, maya),
        made(sidecar, maya, "b", expires_at="2027-11-01t12:00:00+01:00"),
        86400,
    )
    never = make_token(sidecar.deps, "old", Role.VIEWER, expires_at=None)
    sidecar.clock.pass_s(90 * day - 1)
    assert sidecar.get("/api/models", who=usual).status_code == 200
    sidecar.clock.pass_s(1)
    refused = sidecar.get("/api/models", who=usual)
    assert "expired on 2027-01-30" in said(refused, 401)["message"]
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    sidecar.clock.pass_s(275 * day - 3601)
    assert sidecar.get("/api/models", who=long).status_code == 200
    sidecar.clock.pass_s(1)
    said(sidecar.get("/api/models", who=long), 401)
    assert sidecar.get("/api/models", who=never).status_code == 200
    assert made(sidecar, maya), "one that has ended gives its name up"


@pytest.mark.parametrize(
    ("given", "at_fault"),
    [
        ({}, {"name", "role"}),
        ({"name": "a/b", "role": "Admin"}, {"name", "role"}),
        ({"name": ["a"], "role": ["admin"]}, {"name", "role"}),
        ({"scopes": []}, {"scopes"}),
        ({"scopes": "admin"}, {"scopes"}),
        ({"scopes": ["takes:read", "takes"]}, {"scopes"}),
        ({"scopes": [{}]}, {"scopes"}),
        ({"expires_at": "2026-10-31"}, {"expires_at"}),
        ({"expires_at": "2026-11-01T12:00:00Z"}, {"expires_at"}),
        ({"expires_at": "2027-01-01T12:00:00"}, {"expires_at"}),
        ({"expires_at": "9999-12-31"}, {"expires_at"}),
        ({"expires_at": 1893456000, "service": 1}, {"expires_at", "service"}),
        (
            {"name": "", "role": "x", "scopes": ["x"], "expires_at": 1},
            {"name", "role", "scopes", "expires_at"},
        ),
    ],
)
@pytest.mark.databases("sqlite")
def test_everything_at_fault_in_what_is_asked_for_is_named_at_once(clock, given, at_fault):
    whole = given if "name" in at_fault else {"name": "a", "role": "admin", **given}
    with pytest.raises(InvalidRequest) as refused:
        parse_token_request(whole, now=clock.now())
    assert set(refused.value.fields) == at_fault


@pytest.mark.databases("sqlite")
def test_on_the_command_line_an_end_is_days_a_day_a_moment_or_never(clock):
    now = clock.now()
    assert expires_in_words("30d", now) == now + timedelta(days=30)
    assert expires_in_words("2026-11-01", now).isoformat() == "2026-11-02T00:00:00+00:00"
    assert expires_in_words("2026-11-01t12:00:01z", now) == now + timedelta(seconds=1)
    assert expires_in_words("never", now) is None
    for wrong in ("", "0d", "-1d", "tomorrow", "2026-10-31"):
        with pytest.raises(InvalidRequest, match="expires"):
            expires_in_words(wrong, now)


def test_nobody_gives_a_token_more_than_they_have(sidecar, maya):
    assert "creator or less" in str(refusal(sidecar, maya, role="reviewer"))
    assert "Only an admin" in str(refusal(sidecar, maya, expires_at=None))
    assert refusal(sidecar, maya, service=True).status == 403
    limited = Viewer("ci", Role.CREATOR, Kind.TOKEN, scopes=frozenset({Scope.ADMIN, Scope.TAKES_READ}))
    for scopes in (None, ["takes:read", "takes:write"]):
        assert refusal(sidecar, limited, scopes=scopes).code == "insufficient_scope"
    assert made(sidecar, limited, scopes=["takes:read"])
    root = add_person(sidecar.deps, "Root", Role.ADMIN)
    service = made(sidecar, root, "nightly", service=True, expires_at=None)
    assert tokens.authenticate_token(sidecar.deps, f"Bearer {service}").viewer.name == "nightly"


def test_a_token_shows_no_more_than_its_person_sees_whatever_its_role(clock, tmp_path):
    """A strict creator gave tokens of theirs the role viewer, who sees everybody's takes."""
    with installed(tmp_path, clock, public_url=PUBLIC, takes_visible="own", **PROXY) as deps:
        sidecar = SidecarClient(deps, clock)
        people = {name: add_person(deps, name, Role.CREATOR) for name in ("Maya", "Ben")}
        theirs = sidecar.started(who=made(sidecar, people["Ben"]))
        secret = made(sidecar, people["Maya"], role="viewer")
        said(sidecar.get(f"/api/video/status/{theirs}", who=secret), 404)
        assert sidecar.get("/api/video/history", who=secret).get_json()["items"] == []
        run_sql(deps, "UPDATE person SET role = 'reviewer' WHERE name = 'Maya'")
        assert sidecar.get(f"/api/video/status/{theirs}", who=secret).status_code == 200
        ci = Viewer("ci", Role.CREATOR, Kind.TOKEN, sees_team=False)
        assert "Choose creator" in str(refusal(sidecar, ci, role="viewer"))
        assert made(sidecar, ci, role="creator")


def test_a_service_that_is_no_admin_takes_no_name_under_which_others_have_tokens(sidecar):
    eve = Viewer("eve", Role.CREATOR, Kind.TOKEN)
    made(sidecar, Viewer("Operator", Role.ADMIN), "nightly")
    for name in ("Operator", "operator", "worker", "studio", sidecar.deps.settings.local_name):
        assert "choose another name" in refusal(sidecar, eve, name=name).fields["name"], name
    assert made(sidecar, eve, "operators")


def test_whoever_has_more_tokens_than_they_can_look_after_revokes_one_first(sidecar, maya, monkeypatch):
    monkeypatch.setattr(tokens, "TOKENS_MAX", 2)
    made(sidecar, maya, "a", expires_at="2026-11-02")
    made(sidecar, maya, "b")
    assert refusal(sidecar, maya, name="c").fields == {"name": "you have 2 tokens; revoke one first"}
    sidecar.clock.pass_s(2 * 86400)
    made(sidecar, maya, "c")
    assert "revoke one first" in str(refusal(sidecar, maya, name="d"))
    made(sidecar, admin(sidecar), "d")


def test_a_service_has_nobody_elses_name_and_its_own_again_once_its_token_ended(sidecar, maya):
    job_id = sidecar.started(who="ana")
    run_sql(sidecar.deps, "UPDATE job SET owner = 'studio'")
    for name in ("studio", "Maya Lind", "maya lind", "ana"):
        assert "choose another name" in refusal(sidecar, admin(sidecar), name=name).fields["name"]
    assert made(sidecar, maya, "ana"), "what a person calls theirs is in nobody's way"
    tokens.revoke_token_by_name(sidecar.deps, admin(sidecar), "ana")
    run_sql(sidecar.deps, "UPDATE job SET owner = 'ana'")
    again = made(sidecar, admin(sidecar), "ana")
    assert sidecar.get(f"/api/video/status/{job_id}", who=again).status_code == 200
    said(sidecar.get("/api/models", who="ana"), 401)
    tokens.revoke_token_by_name(sidecar.deps, admin(sidecar), "ana")
    ben = Viewer("ben", Role.CREATOR, Kind.TOKEN)
    assert "choose another name" in refusal(sidecar, ben, name="ana").fields["name"]


def test_everybody_sees_and_revokes_their_own_tokens_and_an_admin_all(sidecar, maya):
    secret, ben = made(sidecar, maya), add_person(sidecar.deps, "Ben", Role.ADMIN)
    creator = Viewer("Ben", Role.CREATOR, person_id=ben.person_id)
    (mine,) = tokens.list_tokens(sidecar.deps, maya)
    assert (mine.name, mine.person, mine.created_by) == ("laptop", "Maya Lind", "Maya Lind")
    assert tokens.list_tokens(sidecar.deps, creator) == []
    with pytest.raises(NotFound):
        tokens.revoke_token(sidecar.deps, creator, mine.id)
    run_sql(sidecar.deps, "UPDATE token SET created_by = 'Ben' WHERE name = 'eve'")
    assert [one.name for one in tokens.list_tokens(sidecar.deps, creator)] == ["eve"]
    assert {one.name for one in tokens.list_tokens(sidecar.deps, ben)} == {"laptop", *sidecar.tokens}
    tokens.revoke_token(sidecar.deps, ben, mine.id)
    tokens.revoke_token(sidecar.deps, ben, mine.id)
    said(sidecar.get("/api/models", who=secret), 401)
    assert tokens.list_tokens(sidecar.deps, maya) == []
    asked = "SELECT actor, action FROM audit WHERE object_id = :id ORDER BY id"
    deeds = run_sql(sidecar.deps, asked, id=mine.id)
    assert [tuple(deed) for deed in deeds] == [("Maya Lind", "token.created"), ("Ben", "token.revoked")]


def test_when_a_token_was_last_used_is_written_every_ten_minutes_and_costs_no_answer(sidecar):
    def used():
        (view,) = (one for one in tokens.list_tokens(sidecar.deps, admin(sidecar)) if one.name == "ana")
        return view.last_used_at

    start = sidecar.clock.now()
    assert used() is None
    for passed, noted in ((0, 0), (599, 0), (1, 600), (3600, 4200)):
        sidecar.clock.pass_s(passed)
        answer = sidecar.app.test_client().get(
            "/api/models", headers={"Authorization": f"Bearer {sidecar.tokens['ana']}"}
        )
        before = used()
        answer.close()
        assert used() == start + timedelta(seconds=noted)
        if passed != 599:
            assert before != used(), "the answer is on its way before anything is written"


@pytest.mark.databases("sqlite")
def test_a_token_with_too_many_calls_is_told_when_to_go_on_and_others_do_not_wait(sidecar):
    few = sidecar.with_settings(rate_calls_a_minute=4, rate_starts_a_minute=2)
    sidecar.app, sidecar.clock.monotonic = create_app(few.deps), lambda: 1000.0
    assert [sidecar.start().status_code for _ in range(4)] == [202, 202, 429, 429]
    refused = sidecar.start()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "15"), "all calls count"
    assert "this token has made more calls" in said(refused, 429)["message"].lower()
    assert said(refused, 429)["code"] == "too_many_calls"
    assert sidecar.start(who="ben").status_code == 202
    said(sidecar.get("/api/models", who="dailies_x_y"), 401)
    for _ in range(9):
        assert sidecar.call(None, "POST", "/api/video/webhook/x/y", data=b"{}").status_code != 429
    sidecar.clock.monotonic = lambda: 1015.0
    assert sidecar.get("/api/models").status_code == 200
    assert sidecar.start().headers["Retry-After"] == "15"


@pytest.mark.databases("sqlite")
def test_a_bucket_lets_a_minutes_worth_through_then_its_rate_and_says_exactly_how_long_to_wait():
    limit = RateLimit(60)
    assert [limit.wait_s("a", 100.0) for _ in range(60)] == [0.0] * 60
    assert limit.wait_s("a", 100.0) == pytest.approx(1.0)
    assert limit.wait_s("b", 100.0) == 0.0, "somebody else"
    assert limit.wait_s("a", 100.4) == pytest.approx(0.6), "who asks too early has not been counted"
    assert limit.wait_s("a", 101.0) == 0.0
    assert limit.wait_s("a", 101.0) == pytest.approx(1.0)
    assert RateLimit(0).wait_s("a", 0.0) == 0.0


@pytest.mark.databases("sqlite")
def test_of_more_tokens_than_are_remembered_those_are_forgotten_that_have_most_left(monkeypatch):
    monkeypatch.setattr(rates, "REMEMBERED", 100)
    limit = RateLimit(2)
    assert [limit.wait_s("busy", 0.0) for _ in range(3)] == [0.0, 0.0, 30.0]
    for number in range(1000):
        limit.wait_s(str(number), 0.0)
        assert len(limit._full_at) <= 101
    assert limit.wait_s("busy", 0.0) == 30.0


# -- by the API ---------------------------------------------------------------------------------


@pytest.mark.databases("sqlite")
def test_tokens_are_made_listed_and_revoked_by_the_api_and_their_secret_is_told_once(sidecar):
    def post(who, **body):
        return sidecar.call(who, "POST", "/api/tokens", json={"name": "ci", "role": "creator", **body})

    def me(who):
        return sidecar.get("/api/me", who=who).get_json()

    assert me("eve") == {"name": "eve", "role": "viewer", "kind": "token", "scopes": None}
    assert "creator" in said(post("ana", role="admin"), 403)["message"]
    limited = {"scopes": ["takes:read", "models:read"], "expires_at": "2026-12-01T00:00:00Z"}
    made = post("ana", **limited)
    new = made.get_json()
    assert (made.status_code, new["expires_at"]) == (201, "2026-12-01T00:00:00+00:00")
    assert me(new["token"]) == {
        "name": "ci", "role": "creator", "kind": "token", "scopes": ["takes:read", "models:read"],
    }  # fmt: skip
    refused = sidecar.start(who=new["token"])
    assert said(refused, 403)["code"] == "insufficient_scope"
    assert "takes:write" in said(refused, 403)["message"]
    assert 'scope="takes:write"' in refused.headers["WWW-Authenticate"]
    assert at_fault(post("ana")) == {"name": "there is a token called ci already; choose another name"}
    wrong = post("root", role="boss", scopes=["all"], expires_at="2020-01-01", scope="x")
    assert at_fault(wrong).keys() == {"role", "scopes", "expires_at", "scope"}

    def named(who):
        answer = sidecar.get("/api/tokens", who=who)
        assert new["token"] not in answer.get_data(as_text=True)
        return {one["name"] for one in answer.get_json()["items"]}

    assert named("ana") == {"ana", "ci"}
    assert named("ben") == {"ben"}
    assert named("root") == {"ana", "ben", "ci", "eve", "root"}
    said(sidecar.call("ben", "DELETE", f"/api/tokens/{new['id']}"), 404)
    assert sidecar.call("ana", "DELETE", f"/api/tokens/{new['id']}").status_code == 204
    said(sidecar.get("/api/me", who=new["token"]), 401)
    assert named("root") == {"ana", "ben", "eve", "root"}
