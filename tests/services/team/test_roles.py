"""Who may what: every use case × every role, and a token without the scope that it takes."""

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.domain.access.roles import LEAST, Do
from backend.domain.access.scopes import SCOPE_OF, Scope
from backend.domain.errors import DailiesError, NotAllowed, NotFound
from backend.services import access
from backend.services.access import Kind, Role, Viewer
from backend.services.deps import Deps
from tests.services.conftest import installed
from tests.services.team.role_table import TABLE, Asks, Given, every_use_case
from tests.signing import FakeClock
from tests.world import World

#: About a take: whose it is -> what each role gets, in their order; hidden: `TAKES_VISIBLE=own`.
OF_TAKES = {
    "see": {"own": "yyyy", "another's": "yyyy", "hidden": "y4yy"},
    "change": {"own": "3yyy", "another's": "33yy", "hidden": "34yy"},
}
VIEWERS = {role: Viewer(f"a {role}", role) for role in Role}


def outcome(asks: Asks, function: Callable[..., Any], given: Given) -> str:
    """y: it was allowed, whatever else stands against it; 3: 403; 4: 404."""
    try:
        asks.call(function, given)
    except NotAllowed as error:
        return "3" if error.status == 403 else str(error.status)
    except NotFound:
        return "4" if asks.of_take else "y"
    except DailiesError:
        return "y"
    return "y"


def expected(asks: Asks, role: Role, whose: str) -> str:
    """By the table."""
    if any(role.rank < LEAST[do].rank for do in asks.do):
        return "3"
    return OF_TAKES[asks.of_take][whose][role.rank] if asks.of_take else "y"


def test_every_use_case_that_is_given_a_viewer_stands_in_the_table() -> None:
    assert sorted(every_use_case()) == sorted(TABLE), "add it to tests/services/team/role_table.py"


@pytest.fixture
def deps(tmp_path: Path, clock: FakeClock):
    with installed(tmp_path, clock, takes_visible="team") as made:
        yield made


def test_every_use_case_refuses_each_role_that_may_not_and_no_other(deps: Deps) -> None:
    world, functions, wrong = World(deps, sim=None), every_use_case(), []
    others = world.ask(viewer=Viewer("ben", Role.CREATOR))
    own = {role: world.ask(viewer=Viewer(one.name, Role.ADMIN)) for role, one in VIEWERS.items()}
    for name, asks in TABLE.items():
        for role, viewer in VIEWERS.items():
            about = {"own": (viewer, own[role])}
            if asks.of_take:
                about |= {"another's": (viewer, others), "hidden": (replace(viewer, sees_team=False), others)}
            for whose, (who, job) in about.items():
                got = outcome(asks, functions[name], Given(deps, who, job))
                if got != expected(asks, role, whose):
                    wrong.append((name, role, whose, got))
    assert wrong == []


def test_every_use_case_refuses_a_token_that_lacks_a_scope_for_it_and_no_other(deps: Deps) -> None:
    world, functions, wrong = World(deps, sim=None), every_use_case(), []
    job = world.ask(viewer=Viewer("ben", Role.CREATOR))
    for name, asks in TABLE.items():
        needed = {SCOPE_OF[do] for do in asks.do}
        for lacking in (None, *needed):
            scopes = frozenset(needed if lacking is None else set(Scope) - {lacking})
            who = Viewer("a program", Role.ADMIN, Kind.TOKEN, token_id="x", scopes=scopes)
            got = outcome(asks, functions[name], Given(deps, who, job))
            if got != ("y" if lacking is None else "3"):
                wrong.append((name, lacking, got))
    assert wrong == []


def test_a_refusal_names_the_role_or_the_scope_that_lacks() -> None:
    with pytest.raises(NotAllowed, match="To start takes, the role creator is needed; a viewer is a viewer"):
        VIEWERS[Role.VIEWER].must(Do.START)
    with pytest.raises(NotAllowed, match="the role creator is needed; this token is a viewer"):
        Viewer("Maya", Role.VIEWER, token_id="x").must(Do.START)  # she may herself be more
    with pytest.raises(NotAllowed, match="this token needs the scope takes:write") as refused:
        Viewer("x", Role.ADMIN, Kind.TOKEN, scopes=frozenset({Scope.TAKES_READ})).must(Do.START)
    assert refused.value.scope == Scope.TAKES_WRITE


def test_every_refusal_names_the_deed_that_the_audit_tells_of() -> None:
    """A token above one's own role, a colleague's preset: such refusals left no row."""
    services, silent = Path(access.__file__).parent, []
    for path in services.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id == "NotAllowed"
            ):
                given = {one.arg: ast.unparse(one.value) for one in call.keywords}
                if given["status"] != "401" and "deed" not in given:
                    silent.append(path.stem)
    assert silent == ["signed_links"], "whoever follows a link is nobody that is known"
