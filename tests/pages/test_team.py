"""My account and People: who one is, sessions, tokens; roles, and who may no longer come in."""

import ast

import pytest
import streamlit as st

from backend.domain.access.origin import Origin
from backend.domain.errors import NotAllowed
from backend.services import access
from backend.services.access import Role
from backend.services.audit import entries
from backend.services.audit.query import AuditFilter
from backend.services.team import people_admin, sessions, tokens, visitors
from backend.services.team.visitors import Visit
from pages.ui import context
from tests.pages.conftest import ROOT, link, shown, words
from tests.services.experiments.judged import make_judged
from tests.services.team.people import OAK
from tests.viewers import LOCAL_VIEWER, make_token
from tests.world import run_sql

ACCOUNT, AUDIT, PEOPLE = "team/account.py", "team/audit.py", "team/people.py"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36"


@pytest.fixture
def oak(monkeypatch):
    """People sign in here; whose address is at example.com may make takes."""
    for name, value in {**OAK, "login_roles": "creator: @example.com"}.items():
        monkeypatch.setenv(name.upper(), value)


@pytest.fixture
def sign_in(oak, deps, monkeypatch):
    """Sign somebody in; pages are theirs from then on, as the door would say."""

    def go(name, role=None, agent=CHROME):
        claims = {"iss": "https://oak.example", "sub": name, "name": name, "email": f"{name}@example.com"}
        begun = sessions.begin_session(
            deps, "oak", {**claims, "email_verified": True}, origin=Origin(), agent=agent
        )
        if role:
            people_admin.set_role(deps, access.cli_viewer(deps), begun.person.id, role)
        visit = Visit(deps.clock.now().timestamp(), session_id=begun.id)
        headers = {visitors.HEADER: visitors.seal_visit(deps.settings, visit)}
        monkeypatch.setattr(type(st.context), "headers", property(lambda _: headers))
        return begun.person.id

    return go


def all_tokens(deps):
    return tokens.list_tokens(deps, access.cli_viewer(deps))


def people(deps):
    return {one.name: one for one in people_admin.list_people(deps, access.cli_viewer(deps))}


def secret_of(app):
    (drawn,) = shown(app, "facts")
    return drawn["rows"][0]["value"]


def test_whoever_sits_here_makes_a_token_sees_its_secret_until_it_is_kept_and_revokes_it(visit, deps):
    app = visit(ACCOUNT)
    assert f"**{deps.settings.local_name}**" in words(app)
    assert "Nobody signs in here" in words(app)
    app.button(key="new-token-make").click().run()
    assert "use 1 to 64 letters" in words(app)
    app.text_input(key="new-token:name").set_value(" nightly  renders ").run()
    app.multiselect(key="new-token:scopes").set_value(["takes:read"]).run()
    app.button(key="new-token-make").click().run()
    secret = secret_of(app)
    assert tokens.authenticate_token(deps, f"Bearer {secret}").viewer.name == "nightly renders"
    (made,) = all_tokens(deps)
    assert (made.role, made.scopes, made.person) == (Role.CREATOR, ("takes:read",), None)
    app.run()
    assert secret_of(app) == secret, "a rerun takes it from nobody"
    app.button(key="new-token-kept").click().run()
    assert not shown(app, "facts")
    app.button(key=f"token-revoke-{made.id}").click().run()
    assert all_tokens(deps) == []
    assert "There are none yet" in words(app)


def test_a_person_sees_why_they_are_what_they_are_and_makes_tokens_that_act_as_them(sign_in, visit, deps):
    sign_in("Maya")
    app = visit(ACCOUNT)
    assert "@example\\.com is creator" in words(app)
    assert "Chrome on Linux** · this one" in words(app)
    assert list(app.selectbox(key="new-token:role").options) == ["Viewer", "Creator"]
    assert "For ever" not in app.selectbox(key="new-token:life").options
    app.text_input(key="new-token:name").set_value("laptop").run()
    app.button(key="new-token-make").click().run()
    assert tokens.authenticate_token(deps, f"Bearer {secret_of(app)}").viewer.name == "Maya"
    app = visit(PEOPLE)
    assert "the role admin is needed; you are a creator" in words(app)
    assert not app.get("page_link")


def test_a_person_ends_a_session_of_theirs_the_others_or_all(sign_in, visit, deps):
    for agent in ("Firefox/1 Windows", None, "Edg/9", CHROME):
        person_id = sign_in("Maya", agent=agent)
    app = visit(ACCOUNT)
    assert "Firefox on Windows" in words(app)
    found = {one.agent: one.id for one in sessions.list_open_sessions(deps, person_id)}
    app.button(key=f"session-end-{found[None]}").click().run()
    assert len(sessions.list_open_sessions(deps, person_id)) == 3
    app.button(key="sessions-end-others").click().run()
    assert [one.agent for one in sessions.list_open_sessions(deps, person_id)] == [CHROME]
    app.button(key="sessions-end-all").click().run()
    assert sessions.list_open_sessions(deps, person_id) == []
    assert "Your session has ended" in app.info[0].proto.title + words(app)


def test_a_click_after_the_session_ended_elsewhere_does_nothing_and_says_so(
    sign_in, visit, deps, monkeypatch
):
    """The page still has its buttons, and knows whoever it was drawn for."""
    person_id = sign_in("Maya")
    app, form = visit(ACCOUNT), visit()
    app.text_input(key="new-token:name").set_value("laptop").run()
    monkeypatch.setattr(context, "BELIEVED_S", 0)
    people_admin.end_sessions(deps, access.cli_viewer(deps), person_id)
    for page, button in ((app, "new-token-make"), (form, "favourite")):
        page.button(key=button).click().run()
        assert not page.exception
        assert "Your session has ended" in page.info[0].proto.title + words(page)
    assert all_tokens(deps) == []
    assert run_sql(deps, "SELECT count(*) FROM favourite") == [(0,)]


def test_no_button_acts_as_whoever_the_page_was_drawn_for():
    """What a click calls is given no viewer: it asks who clicks."""
    found = []
    for path in (ROOT / "pages").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.keyword) and call.arg in ("args", "kwargs", "on_click", "on_change"):
                names = [node.id for node in ast.walk(call.value) if isinstance(node, ast.Name)]
                found += [f"{path.name}:{call.value.lineno}"] * ("viewer" in names)
    assert found == []


def test_a_file_is_made_for_whoever_asks_for_it_as_they_are_then(sign_in, visit, desk, monkeypatch):
    """With logins no file of an experiment could be had; a demoted admin's open page still gave the audit."""
    sign_in("Maya", Role.ADMIN)
    rosa, judged = sign_in("Rosa", Role.ADMIN), make_judged(desk, takes=1)
    files = {}
    monkeypatch.setattr(st, "download_button", lambda _, data, *__, key, **___: files.update({key: data}))
    visit(AUDIT)
    visit("library/experiment.py", id=judged.id, step="learn")
    monkeypatch.setattr(type(st.context), "headers", {})  # the thread that makes it has none
    assert b"role.changed" in files["audit-csv"]()
    assert files["experiment-export"]().startswith(b"PAR1")
    people_admin.set_role(desk.deps, access.cli_viewer(desk.deps), rosa, Role.CREATOR)
    with pytest.raises(NotAllowed, match="the role admin is needed"):
        files["audit-csv"]()
    refused, *_ = entries.list_entries(desk.deps, LOCAL_VIEWER, AuditFilter(actor="Rosa")).items
    assert (refused.action, refused.object_id) == ("access.refused", "read the audit")
    people_admin.disable_person(desk.deps, access.cli_viewer(desk.deps), rosa)
    with pytest.raises(NotAllowed, match="Your session has ended"):
        files["experiment-report"]()


def test_an_admin_sets_roles_ends_sessions_disables_and_enables_but_not_the_last_admin(sign_in, visit, deps):
    maya, rosa = sign_in("Maya"), sign_in("Rosa", Role.ADMIN)
    app = visit(PEOPLE)
    assert "rule 1" in words(app)
    app.selectbox(key=f"person-role-{maya}").set_value(Role.REVIEWER).run()
    assert people(deps)["Maya"].own_role is Role.REVIEWER
    app.selectbox(key=f"person-role-{rosa}").set_value(Role.VIEWER).run()
    assert "Rosa is the last admin" in words(app)
    assert app.selectbox(key=f"person-role-{rosa}").value is Role.ADMIN
    app.selectbox(key=f"person-role-{maya}").set_value("By the rules").run()
    assert (people(deps)["Maya"].role, people(deps)["Maya"].own_role) == (Role.CREATOR, None)
    app.button(key=f"person-end-{maya}").click().run()
    assert people(deps)["Maya"].sessions == 0
    app.button(key=f"person-disable-{maya}").click().run()
    assert people(deps)["Maya"].disabled
    app.button(key=f"person-enable-{maya}").click().run()
    assert not people(deps)["Maya"].disabled
    app.button(key=f"person-disable-{rosa}").click().run()
    assert "Rosa is the last admin" in words(app)
    assert link(app, "Make one on My account").startswith("account")


def test_without_logins_people_says_so_and_lists_everybodys_tokens(visit, deps):
    for number in range(12):
        make_token(deps, f"ci {number}", Role.VIEWER)
    app = visit(PEOPLE)
    assert "Nobody signs in here" in words(app)
    app.text_input(key="tokens:find").set_value("ci 11").run()
    assert "**ci 11**" in words(app)
    assert "**ci 2**" not in words(app)
