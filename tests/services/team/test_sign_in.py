"""Signing in by a provider of OpenID Connect: what comes in, what is refused, and where one comes out."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backend.services.deps import Deps
from tests.login_providers import Issuer
from tests.services.conftest import installed
from tests.services.team.door import BASE, Browser, dashboard, who_comes


@pytest.fixture(scope="module")
def server() -> Iterator[Issuer]:
    with closing(Issuer()) as made:
        yield made


@pytest.fixture
def issuer(server: Issuer) -> Issuer:
    """A provider, as new."""
    fresh: Any = {"claims": {}, "told": {}, "more": {}, "signs": None, "token": None, "seen": []}
    vars(server).update(fresh)
    return server


@pytest.fixture
def deps(issuer: Issuer, tmp_path: Path) -> Iterator[Deps]:
    """An installation with two ways in."""
    from backend.domain.clock import Clock

    given = {
        f"login_{name}_{key}": value
        for name in ("one", "two")
        for key, value in {
            "issuer": issuer.url,
            "client_id": f"dailies-{name}",
            "client_secret": "s3cret",
        }.items()
    }
    with installed(
        tmp_path, Clock(), login_base_url=BASE, login_providers="one, two",
        login_roles="creator: @example.com", **given,
    ) as made:  # fmt: skip
        yield made


@pytest.fixture
def browser(deps: Deps) -> Browser:
    return Browser(dashboard(deps))


def test_whoever_signs_in_comes_to_the_page_that_they_asked_for_as_themselves(deps, browser, issuer):
    asked = browser.open("/take?take=1&x=%2F")
    assert (asked.status_code, asked.headers["location"]) == (
        303,
        "/sign-in?next=%2Ftake%3Ftake%3D1%26x%3D%252F",
    )
    page = browser.open(asked.headers["location"])
    assert "Sign in with One" in page.text
    assert "Sign in with Two" in page.text

    back = browser.sign_in(issuer, page="/take%3Ftake%3D1")

    assert back.status_code == 303, back.text
    assert back.headers["location"] == "/take?take=1"
    assert who_comes(deps, browser.open("/take?take=1").text) == "Maya"
    assert browser.open("/sign-in?next=/gallery").headers["location"] == "/gallery"


def test_signed_out_in_one_tab_means_signed_out_in_all(deps, browser, issuer):
    browser.sign_in(issuer)
    other_tab = browser.ask("/app/static/media/a.mp4")
    assert who_comes(deps, other_tab.text) == "Maya"
    kept = browser.cookies["dailies"]

    assert browser.open("/sign-out", sec_fetch_site="cross-site").status_code == 403
    assert browser.ask("/app/static/media/a.mp4").status_code == 200
    out = browser.open("/sign-out", sec_fetch_site="same-origin")

    assert out.headers["location"] == "/sign-in?out=1"
    assert "dailies" not in browser.cookies
    browser.cookies.set("dailies", kept, domain="127.0.0.1")
    assert browser.ask("/app/static/media/a.mp4").status_code == 401
