"""A team whose people sign in by a provider that says what the test wants."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backend.services.deps import Deps
from tests.login_providers import Issuer
from tests.services.conftest import installed
from tests.services.team.door import BASE, Browser, dashboard
from tests.signing import FakeClock


@pytest.fixture(scope="module")
def server() -> Iterator[Issuer]:
    with closing(Issuer()) as made:
        yield made


@pytest.fixture
def issuer(server: Issuer, clock: FakeClock) -> Issuer:
    """The provider, as new, on the installation's clock."""
    fresh: dict[str, Any] = {
        "claims": {},
        "told": {},
        "more": {},
        "signs": None,
        "token": None,
        "away": False,
    }
    vars(server).update(fresh, clock=clock)
    server.seen.clear()
    return server


@pytest.fixture
def team(issuer: Issuer, clock: FakeClock, tmp_path: Path) -> Iterator[Deps]:
    """An installation with two ways in."""
    given = {
        f"login_{name}_{key}": value
        for name in ("one", "two")
        for key, value in {
            "issuer": issuer.url,
            "client_id": f"dailies-{name}",
            "client_secret": "s3cret",
        }.items()
    }
    roles = "admin: group:admins; creator: @example.com"
    with installed(
        tmp_path, clock, login_base_url=BASE, login_providers="one, two", login_roles=roles, **given
    ) as made:
        yield made


@pytest.fixture
def browser(team: Deps) -> Browser:
    """Somebody's browser, in front of the dashboard's door."""
    return Browser(dashboard(team))
