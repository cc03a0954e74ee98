"""What `doctor` says of logins: who can't be asked, who is somebody else, and rules that can't work."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.domain.kinds import Health
from backend.models import Person
from backend.services.deps import Deps
from backend.services.operations.checks.logins import check_logins
from tests.adapters.test_proxies import SECRET
from tests.login_providers import Issuer
from tests.ports import reserve_port
from tests.services.conftest import installed
from tests.signing import FakeClock

ONE = {
    "login_base_url": "https://dailies.example",
    "login_providers": "one",
    "login_one_client_id": "dailies",
    "login_one_client_secret": SECRET,
    "login_roles": "admin: ana@example.com",
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deps]:
    folder: Path = tmp_path_factory.mktemp("logins")
    with installed(folder, FakeClock()) as made:
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[Issuer]:
    with closing(Issuer()) as made:
        yield made


@pytest.fixture
def issuer(server: Issuer) -> Issuer:
    """A provider, as new."""
    server.told = {}
    return server


def says(deps: Deps, **given: Any) -> list[tuple[Health, str, str]]:
    """(how it is, name, what is said) of every check with these settings."""
    settings = type(deps.settings)(data_dir=deps.settings.data_dir, **given)
    found = check_logins(replace(deps, settings=settings))
    assert all(SECRET not in check.says for check in found)
    return [(check.health, check.name, check.says) for check in found]


def test_a_provider_that_answers_for_itself_is_well_and_an_admin_can_come(installation, issuer):
    assert says(installation, **ONE, login_one_issuer=issuer.url) == [
        (Health.GREEN, "login one", f"{issuer.url} answers, with keys: 1."),
        (Health.GREEN, "login admins", "LOGIN_ROLES makes admins."),
    ]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            {"issuer": "https://evil.example"},
            "calls itself 'https://evil.example', and LOGIN_ONE_ISSUER says",
        ),
        ({"token_endpoint": None}, "doesn't say its token_endpoint"),
        ({"jwks_uri": "http://127.0.0.1:1/keys"}, "can't be asked"),
    ],
)
def test_a_provider_that_is_another_or_half_there_is_told_of(installation, issuer, told, words):
    issuer.told = told

    (health, name, said), *_ = says(installation, **ONE, login_one_issuer=issuer.url)

    assert (health, name) == (Health.RED, "login one")
    assert words in said


def test_a_provider_that_is_away_is_told_of_by_its_setting(installation):
    away = f"http://127.0.0.1:{reserve_port()}"
    (health, _, said), *_ = says(installation, **ONE, login_one_issuer=away)
    assert health is Health.RED
    assert f"{away} can't be asked" in said
    assert "LOGIN_ONE_ISSUER" in said


@pytest.mark.parametrize(
    ("given", "health", "name", "words"),
    [
        ({"login_roles": "creator: @example.com"}, Health.RED, "login admins", "no person is one"),
        ({"login_roles": ""}, Health.RED, "login admins", "Begin LOGIN_ROLES with admin:"),
        (
            {"login_roles": "creator: @example.com; admin: ana@example.com"}, Health.AMBER, "login rules",
            "ana@example.com is admin by rule 2, at character 31, and creator by rule 1, at character 10",
        ),
        ({"login_base_url": "http://localhost:8501"}, Health.AMBER, "login address", "Others need https"),
        (
            {"login_one_issuer": "https://accounts.google.com", "login_roles": "admin: group:a"},
            Health.AMBER, "login rules", "One never says which groups",
        ),
        (
            {"login_one_issuer": "https://login.microsoftonline.com/1-2/v2.0"},
            Health.AMBER, "login rules", "LOGIN_ONE_TRUST_EMAIL=1",
        ),
    ],
)  # fmt: skip
def test_rules_that_can_not_work_are_told_of(installation, issuer, monkeypatch, given, health, name, words):
    monkeypatch.setenv(
        "HTTPS_PROXY", f"http://127.0.0.1:{reserve_port()}"
    )  # no provider of the world is asked
    found = says(installation, **{**ONE, "login_one_issuer": issuer.url, **given})

    assert [how for how, called, said in found if called == name and words in said] == [health]


def test_an_admin_by_their_row_is_one_and_a_disabled_one_is_none(installation, issuer):
    given = ONE | {"login_roles": "creator: @example.com", "login_one_issuer": issuer.url}
    now = installation.clock.now()
    row = {"name": "Ana", "issuer": "i", "subject": "1", "role": "admin", "created_at": now}
    with installation.store.begin() as session:
        session.add(Person(id="1", disabled_at=now, **row))
    assert says(installation, **given)[-1][0] is Health.RED
    with installation.store.begin() as session:
        session.add(Person(id="2", **row | {"name": "Kim", "subject": "2"}))
    assert says(installation, **given)[-1][0] is Health.GREEN


def test_a_proxy_is_asked_for_its_keys_and_without_logins_it_is_said_who_sits_here(installation, issuer):
    cloudflare = {"login_proxy": "cloudflare", "login_proxy_audience": "tag", "login_roles": "admin: a@b"}
    (health, name, said), *_ = says(installation, **cloudflare, login_proxy_issuer=issuer.url)
    assert (health, name) == (Health.RED, "login proxy")
    assert f"{issuer.url}/cdn-cgi/access/certs can't be had (it answers 404)" in said

    header = {"login_proxy": "header", "login_proxy_secret": SECRET, "login_roles": "admin: a@b, group:x"}
    assert [how for how, *_ in says(installation, **header)] == [Health.GREEN, Health.AMBER, Health.GREEN]

    twice = says(installation, local_name="maya", login_roles="admin: a@b; viewer: a@b")
    assert [(how, name) for how, name, _ in twice] == [
        (Health.GREEN, "logins"), (Health.AMBER, "login rules")
    ]  # fmt: skip
    assert "is maya, an admin" in twice[0][2]
