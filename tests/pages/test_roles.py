"""What each role sees of the pages: what may be pressed is offered, and one sentence stands for the rest."""

from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.team.visitors import HEADER, Visit, seal_visit
from pages.ui import text
from tests.pages.conftest import Desk, link, words
from tests.services.team.people import OAK, add_person
from tests.world import run_sql

#: role -> who has it
TEAM = {Role.VIEWER: "Eve", Role.CREATOR: "Ana", Role.REVIEWER: "Ria", Role.ADMIN: "Root"}
BEN = Viewer("Ben", Role.CREATOR)
Visiting = Callable[..., AppTest]
Coming = Callable[[Role], Viewer]


@pytest.fixture(autouse=True)
def logins(no_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """People of this installation sign in."""
    for name, value in OAK.items():
        monkeypatch.setenv(name.upper(), value)


@pytest.fixture
def come(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> Coming:
    """Sit down as whoever has this role: pages hear what the door would say of their session."""
    told = dict[str, str]()
    monkeypatch.setattr(type(st.context), "headers", property(lambda _: told))
    people = {role: add_person(deps, name, role, claims={}) for role, name in TEAM.items()}
    sessions = dict(run_sql(deps, "SELECT person_id, id FROM login_session"))

    def sit(role: Role) -> Viewer:
        visit = Visit(deps.clock.now().timestamp(), sessions[people[role].person_id])
        told[HEADER] = seal_visit(deps.settings, visit)
        return people[role]

    return sit


def test_who_may_not_start_takes_sees_no_form_and_hears_what_they_may_do(
    desk: Desk, visit: Visiting, come: Coming
) -> None:
    come(Role.VIEWER)
    job = desk.take("queued", viewer=BEN)
    app = visit()
    assert not app.text_area
    assert [button.key for button in app.button] == [f"open-made-{job.id}"]
    needed = "To start takes, the role creator is needed; you are a viewer: ask an admin (Root)."
    assert text.plain(needed) in words(app)
    assert link(app, "See the takes") == "gallery?"
