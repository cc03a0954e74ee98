"""People and their roles: by rule or by row, disabled, and never without an admin."""

import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from backend.domain.access.identity import Identity
from backend.domain.errors import NotAllowed, NotFound, StateConflict
from backend.identity.proxies import HEADER_ISSUER
from backend.models import LoginSession
from backend.services import access
from backend.services.access import Role, Viewer
from backend.services.team import people_admin, tokens, visitors
from backend.services.team.people import ADDRESS_MAX_CHARS
from backend.services.team.token_request import parse_token_request
from backend.store.team import roster
from backend.team_settings import LoginProxy
from tests import databases
from tests.services.conftest import installed
from tests.services.team.people import OAK, PROXY, add_person
from tests.world import at_once, run_sql

pytestmark = databases.BOTH


@pytest.fixture
def deps(clock, tmp_path):
    with installed(tmp_path, clock, **PROXY) as made:
        yield made


def seen(deps, name):
    (found,) = (one for one in people_admin.list_people(deps, access.cli_viewer(deps)) if one.name == name)
    return found


def deeds(deps):
    return [tuple(row) for row in run_sql(deps, "SELECT actor, action FROM audit ORDER BY id")]


def test_a_person_has_the_role_that_an_admin_set_or_the_first_rule_gives_and_hears_why(clock, tmp_path):
    rules = "admin: group:leads; creator: @example.com"
    with installed(tmp_path, clock, **OAK, login_roles=rules) as deps:
        ana = {"email": "ana@example.com", "email_verified": True}
        add_person(deps, "Ana", None, claims=ana)
        add_person(deps, "Ben", Role.REVIEWER, claims=ana)
        add_person(deps, "Cleo", None, claims={**ana, "groups": ["leads"]})
        add_person(deps, "Dan", None, claims={**ana, "email_verified": False})
        add_person(deps, "Eve", Role.ADMIN)
        found = {one.name: (one.role, one.own_role) for one in
                 people_admin.list_people(deps, access.cli_viewer(deps))}  # fmt: skip
        assert found == {
            "Ana": (Role.CREATOR, None), "Ben": (Role.REVIEWER, Role.REVIEWER), "Cleo": (Role.ADMIN, None),
            "Dan": (None, None), "Eve": (None, Role.ADMIN),
        }  # fmt: skip
        assert list(found) == ["Dan", "Eve", "Ana", "Ben", "Cleo"]  # who waits for a role first, then by name
        assert "rule 2" in seen(deps, "Ana").why
        assert "verified" in seen(deps, "Dan").why
        assert "proxy" in seen(deps, "Eve").why, "she came by one that is not set up any more"
        asked = parse_token_request({"name": "x", "role": "admin"}, now=clock.now())
        viewer = Viewer("Cleo", Role.ADMIN, person_id="id-Cleo")
        bearer = f"Bearer {tokens.create_token(deps, viewer, asked).secret}"
        assert tokens.authenticate_token(deps, bearer).viewer.role is Role.ADMIN
        with deps.store.begin() as session:
            row = session.get(LoginSession, f"session-Cleo-{clock.now()}")
            row.claims = {**row.claims, "groups": []}
        assert tokens.authenticate_token(deps, bearer).viewer.role is Role.CREATOR
        run_sql(deps, "UPDATE login_session SET provider = 'elm'")
        with pytest.raises(NotAllowed):
            tokens.authenticate_token(deps, bearer)


@pytest.mark.parametrize("way", ["demote", "by the rules", "disable"])
def test_the_last_admin_stays_one(deps, way):
    root = add_person(deps, "Root", Role.ADMIN)
    add_person(deps, "Ana", Role.CREATOR)
    do = {
        "demote": lambda who: people_admin.set_role(deps, root, f"id-{who}", Role.VIEWER),
        "by the rules": lambda who: people_admin.set_role(deps, root, f"id-{who}", None),
        "disable": lambda who: people_admin.disable_person(deps, root, f"id-{who}"),
    }[way]
    with pytest.raises(StateConflict, match="Root is the last admin"):
        do("Root")
    assert (seen(deps, "Root").role, deeds(deps)) == (Role.ADMIN, [])
    people_admin.set_role(deps, root, "id-Ana", Role.ADMIN)
    do("Root")
    assert seen(deps, "Root").role is not Role.ADMIN
    with pytest.raises(StateConflict, match="Ana is the last admin"):
        do("Ana")


def test_of_the_last_two_admins_who_demote_each_other_at_once_one_stays(deps, monkeypatch):
    viewers = [add_person(deps, name, Role.ADMIN) for name in ("Ana", "Ben")]
    both, write = threading.Barrier(2), roster.set_person_role

    def write_when_both_may(*args):
        write(*args)
        with suppress(threading.BrokenBarrierError):  # the other one waits for its turn, as it should
            both.wait(0.5)

    def demote_the_other(index):
        try:
            people_admin.set_role(deps, viewers[index], viewers[1 - index].person_id, Role.CREATOR)
        except StateConflict:
            return "refused"
        return "done"

    monkeypatch.setattr(roster, "set_person_role", write_when_both_may)
    assert sorted(at_once(2, demote_the_other)) == ["done", "refused"]
    assert sorted(seen(deps, name).role for name in ("Ana", "Ben")) == [Role.ADMIN, Role.CREATOR]


def test_whoever_is_disabled_has_no_session_left_and_comes_back_only_when_enabled(clock, tmp_path):
    with installed(tmp_path, clock, **OAK) as deps:
        root = add_person(deps, "Root", Role.ADMIN, claims={})
        add_person(deps, "Ana", Role.CREATOR, claims={})
        assert (seen(deps, "Ana").sessions, seen(deps, "Root").sessions) == (1, 1)
        people_admin.disable_person(deps, root, "id-Ana")
        people_admin.disable_person(deps, root, "id-Ana")
        assert (seen(deps, "Ana").role, seen(deps, "Ana").sessions, seen(deps, "Root").sessions) == (
            None,
            0,
            1,
        )
        people_admin.enable_person(deps, root, "id-Ana")
        assert (seen(deps, "Ana").role, seen(deps, "Ana").sessions) == (Role.CREATOR, 0)
        assert people_admin.end_sessions(deps, root, "id-Root") == 1
        assert deeds(deps) == [
            ("Root", "person.disabled"), ("Root", "person.enabled"), ("Root", "session.ended")
        ]  # fmt: skip


def test_nobody_but_an_admin_looks_after_people(deps):
    ana = add_person(deps, "Ana", Role.REVIEWER)
    for call in (
        lambda: people_admin.list_people(deps, ana),
        lambda: people_admin.set_role(deps, ana, "id-Ana", Role.ADMIN),
        lambda: people_admin.disable_person(deps, ana, "id-Ana"),
        lambda: people_admin.enable_person(deps, ana, "id-Ana"),
        lambda: people_admin.end_sessions(deps, ana, "id-Ana"),
    ):
        with pytest.raises(NotAllowed):
            call()
    assert people_admin.describe_self(deps, ana).name == "Ana"
    assert people_admin.describe_self(deps, access.cli_viewer(deps)) is None
    with pytest.raises(NotFound):
        people_admin.set_role(deps, access.cli_viewer(deps), "nobody", Role.ADMIN)


@pytest.mark.databases("sqlite")
def test_whose_groups_are_not_known_here_gets_no_more_than_a_rule_by_groups_might_give(clock, tmp_path):
    rules = "viewer: group:guests; creator: @example.com"
    with installed(tmp_path, clock, **PROXY, login_roles=rules) as deps:
        add_person(deps, "Ana", None, email="ana@example.com")
        assert seen(deps, "Ana").role is Role.CREATOR, "such a proxy tells no groups to anybody"
        other = deps.settings.model_copy(
            update={"login_proxy": LoginProxy.CLOUDFLARE, "login_proxy_issuer": "https://t.example"}
        )
        elsewhere = replace(deps, settings=other)
        assert seen(elsewhere, "Ana").role is None, "that one doesn't know her"
        run_sql(deps, "UPDATE person SET issuer = 'https://t.example'")
        assert seen(elsewhere, "Ana").role is Role.VIEWER


@pytest.mark.databases("sqlite")
def test_an_address_that_only_looks_like_another_or_begins_like_it_is_not_that_one(clock, tmp_path):
    """Behind a proxy an address is all that is known of whoever a token acts as. One has a Kelvin sign."""
    rules, tail = "admin: mike@example.com; creator: @example.com", "@example.com"
    long = "x" * (ADDRESS_MAX_CHARS - len(tail)) + f"{tail}.evil.example"
    with installed(tmp_path, clock, **PROXY, login_roles=rules) as deps:
        for name, address in (("P1", "mi\u212ae@example.com"), ("P2", long)):
            visitors.admit_identity(deps, Identity(HEADER_ISSUER, name, name, address, email_verified=True))
        assert (seen(deps, "P1").role, seen(deps, "P1").email) == (Role.CREATOR, "mi\u212ae@example.com")
        assert (seen(deps, "P2").role, seen(deps, "P2").email) == (None, None)
