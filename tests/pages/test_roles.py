"""What each role sees of the pages: what may be pressed is offered, and one sentence stands for the rest."""

import re
from collections import defaultdict
from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.team.visitors import HEADER, Visit, seal_visit
from pages.ui import text
from tests.documents import differs, table
from tests.pages.conftest import ROOT, Desk, link, shown, words
from tests.services.team.people import OAK, add_person
from tests.world import run_sql

#: role -> who has it
TEAM = {Role.VIEWER: "Eve", Role.CREATOR: "Ana", Role.REVIEWER: "Ria", Role.ADMIN: "Root"}
BEN = Viewer("Ben", Role.CREATOR)
Visiting = Callable[..., AppTest]
Coming = Callable[[Role], Viewer]


@pytest.fixture(autouse=True)
def logins(no_environment: None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """People of this installation sign in; a test may say whose takes they see."""
    for name, value in {**OAK, "takes_visible": getattr(request, "param", "team")}.items():
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


#: Pages whose takes are whoever's: what stands in the URL, and for whom.
TAKES = "library/take.py"


def offered(app: AppTest) -> set[str]:
    """The names of a page's buttons, without prices, counts and names of things."""
    names = {button.help if button.label.startswith(":") else button.label for button in app.button}
    return {re.split(r" · | \d", name)[0] for name in names}


def test_every_page_offers_each_role_what_it_may_do_as_docs_security_says(
    desk: Desk, visit: Visiting, come: Coming, request: pytest.FixtureRequest
) -> None:
    every = sorted(path.relative_to(ROOT / "pages").as_posix() for path in (ROOT / "pages").glob("*/*.py"))
    pages = [page for page in every if not page.startswith("ui/") and page != TAKES]
    found, buttons = defaultdict[str, list[str]](list), defaultdict[tuple[str, str], set[Role]](set)
    others = {state: desk.take(state, viewer=BEN).id for state in ("held", "stored")}
    for role in Role:
        viewer = come(role)
        mine = desk.take("held", viewer=Viewer(viewer.name, Role.ADMIN)).id
        visits = [(page.partition("/")[2].removesuffix(".py").capitalize(), page, {}) for page in pages]
        visits += [("Take of one's own, held", TAKES, {"take": mine})]
        visits += [(f"Take of a colleague, {state}", TAKES, {"take": one}) for state, one in others.items()]
        for name, page, asked in visits:
            app = visit(page, **asked)
            refused = any("is needed; you are" in item.value for item in app.info)
            found[name].append("says who may" if refused else "opens")
            for button in offered(app):
                buttons[name, button].add(role)
    allowed = [role.rank for roles in buttons.values() for role in Role if role in roles]
    assert allowed, "buttons are found"
    for (name, button), roles in buttons.items():
        assert roles == set(tuple(Role)[min(one.rank for one in roles) :]), (name, button, "more may less")
    write = request.config.option.write_docs
    made = table(["page", *Role], ([name, *told] for name, told in found.items()))
    assert not differs("security.md", "pages", made, write=write), "pytest --write-docs writes it anew"
    rows = ([name, button, *("yes" if role in roles else "–" for role in Role)]
            for (name, button), roles in sorted(buttons.items()))  # fmt: skip
    made = table(["page", "button", *Role], rows)
    assert not differs("security.md", "buttons", made, write=write), "pytest --write-docs writes it anew"


def test_mine_is_one_click_on_every_list_and_stands_in_the_url(
    desk: Desk, visit: Visiting, come: Coming
) -> None:
    ana = come(Role.CREATOR)
    own, other = desk.take("queued", "A dress", viewer=ana), desk.take("queued", "A coat", viewer=BEN)
    gallery = visit("library/gallery.py")
    gallery.button_group(key="find:quick").set_value(["Mine"]).run()
    assert gallery.query_params["mine"] == "1"
    for app in (gallery, visit("library/gallery.py", mine="true")):
        assert [card["alt"] for card in shown(app, "wall")[0]["takes"]] == ["A dress"]
    for page in ("operate/activity.py", "operate/spend.py", "studio/generate.py"):
        at_first = page == "studio/generate.py"  # beside the form stand one's own, unless one says otherwise
        app = visit(page)
        switch = app.toggle(key="mine")
        assert (switch.value, switch.proto.query_param_key) == (at_first, "mine")
        for shows in (switch.set_value(not at_first).run(), visit(page, mine=str(not at_first).lower())):
            drawn = str([item.proto for kind in ("bidi_component", "markdown") for item in shows.get(kind)])
            if page != "operate/spend.py":
                assert ("A dress" in drawn, "A coat" in drawn) == (True, at_first), page
    spent = [metric.value for metric in visit("operate/spend.py", mine="true").metric]
    assert spent != [metric.value for metric in visit("operate/spend.py").metric]
    assert own.owner != other.owner


@pytest.mark.parametrize("logins", ["own"], indirect=True)
def test_who_sees_their_own_takes_alone_is_offered_no_choice(
    desk: Desk, visit: Visiting, come: Coming
) -> None:
    """All they see is theirs."""
    come(Role.CREATOR)
    desk.take("queued", "A coat", viewer=BEN)
    app = visit("library/gallery.py")
    assert "Mine" not in app.button_group(key="find:quick").options
    assert shown(app, "wall") == []
