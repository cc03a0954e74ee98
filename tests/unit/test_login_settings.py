"""Settings of logins: each provider has its own, each way what it needs, and all faults are told at once."""

from pathlib import Path

import pytest

from backend.domain.errors import SettingsError
from backend.settings import Settings, load_settings

CANARY = "canary-that-no-message-may-hold"
GOOGLE = {
    "LOGIN_BASE_URL": "https://dailies.example",
    "LOGIN_PROVIDERS": "Google",
    "LOGIN_GOOGLE_ISSUER": "https://accounts.google.com",
    "LOGIN_GOOGLE_CLIENT_ID": "id",
    "LOGIN_GOOGLE_CLIENT_SECRET": CANARY,
}
HEADER = {"LOGIN_PROXY": "header", "LOGIN_PROXY_SECRET": CANARY}
CLOUDFLARE = {
    "LOGIN_PROXY": "Cloudflare",
    "LOGIN_PROXY_AUDIENCE": "tag",
    "LOGIN_PROXY_ISSUER": "https://team.cloudflareaccess.com/",
}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch):
    """A function that reads the settings with these variables."""

    def read(**values: str) -> Settings:
        with monkeypatch.context() as now:
            for name, value in values.items():
                now.setenv(name, value)
            return load_settings()

    return read


def test_each_provider_is_read_with_its_secret_from_a_file_and_unlisted_ones_are_not(given, tmp_path: Path):
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    (tmp_path / "unlisted").write_text("")
    settings = given(
        **GOOGLE | {"LOGIN_PROVIDERS": "google, my_okta"},
        LOGIN_GOOGLE_TITLE="“Our Google”",
        LOGIN_MY_OKTA_ISSUER="http://127.0.0.1:7000/",
        LOGIN_MY_OKTA_CLIENT_ID="of-okta",
        LOGIN_MY_OKTA_CLIENT_SECRET_FILE=str(tmp_path / "secret"),
        LOGIN_MY_OKTA_SCOPES="openid, groups openid",
        LOGIN_MY_OKTA_TRUST_EMAIL="yes",
        LOGIN_OTHER_CLIENT_SECRET_FILE=str(tmp_path / "unlisted"),
    )

    google, okta = settings.login_provider_settings.values()
    assert (google.title, google.scopes, google.trust_email) == ("Our Google", "openid profile email", False)
    assert (okta.name, okta.title, okta.scopes) == ("my_okta", "My Okta", "openid groups")
    assert (okta.issuer, okta.client_id, okta.trust_email) == ("http://127.0.0.1:7000/", "of-okta", True)
    assert google.client_secret.get_secret_value() == okta.client_secret.get_secret_value() == CANARY
    assert settings.has_logins
    for shown in (repr(settings), settings.model_dump_json()):
        assert CANARY not in shown


@pytest.mark.parametrize(
    ("values", "proxy", "issuer"),
    [
        ({}, None, ""),
        (HEADER, "header", ""),
        (CLOUDFLARE, "cloudflare", "https://team.cloudflareaccess.com"),
        (
            {"LOGIN_PROXY": "iap", "LOGIN_PROXY_AUDIENCE": "/projects/1"},
            "iap",
            "https://cloud.google.com/iap",
        ),
        (HEADER | {"LOGIN_BASE_URL": "https://dailies.example"}, "header", ""),
        (HEADER | GOOGLE, "header", ""),
    ],
)
def test_each_proxy_needs_its_own(given, values, proxy, issuer):
    settings = given(**values)

    assert (settings.login_proxy, settings.login_proxy_issuer) == (proxy, issuer)
    assert settings.login_proxy_header == "X-Forwarded-Email"
    assert settings.has_logins is bool(proxy)


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        (
            GOOGLE | {"LOGIN_GOOGLE_CLIENT_ID": "", "LOGIN_ROLES": "admn: a@b", "SESSION_HOURS": "0"},
            {"LOGIN_GOOGLE_CLIENT_ID": "is missing", "LOGIN_ROLES": "character 1", "SESSION_HOURS": "0"},
        ),
        ({"LOGIN_ROLES": "admin @x; viewer: y"}, {"LOGIN_ROLES": "no colon"}),
        (GOOGLE | {"LOGIN_BASE_URL": "http://dailies.example"}, {"LOGIN_BASE_URL": "must start with https"}),
        (GOOGLE | {"LOGIN_BASE_URL": "dailies.example"}, {"LOGIN_BASE_URL": "URL that starts with https"}),
        (GOOGLE | {"LOGIN_BASE_URL": ""}, {"LOGIN_PROVIDERS": "LOGIN_BASE_URL must say"}),
        (
            GOOGLE | {"LOGIN_BASE_URL": "https://a.example/below"},
            {"STREAMLIT_SERVER_BASE_URL_PATH": "the path in which LOGIN_BASE_URL ends"},
        ),
        ({"LOGIN_BASE_URL": "https://a.example"}, {"LOGIN_PROVIDERS": "names nobody"}),
        (GOOGLE | {"LOGIN_PROVIDERS": "google,google"}, {"LOGIN_PROVIDERS": "named twice"}),
        (GOOGLE | {"LOGIN_PROVIDERS": "back, 1x, a-b"}, {"LOGIN_PROVIDERS": "'a-b' is no name"}),
        (
            GOOGLE | {"LOGIN_GOOGLE_CLIENT_SECRET_FILE": "/nowhere"},
            {"LOGIN_GOOGLE_CLIENT_SECRET": "is given twice"},
        ),
        (GOOGLE | {"LOGIN_GOOGLE_SCOPES": "email"}, {"LOGIN_GOOGLE_SCOPES": "must hold openid"}),
        (GOOGLE | {"LOGIN_GOOGLE_ISSUER": "http://id.example"}, {"LOGIN_GOOGLE_ISSUER": "https://"}),
        (
            GOOGLE | {"LOGIN_GOOGLE_ISSUER": "https://login.microsoftonline.com/common/v2.0"},
            {"LOGIN_GOOGLE_ISSUER": "your own tenant's"},
        ),
        ({"LOGIN_PROXY": "nginx"}, {"LOGIN_PROXY": "'header', 'cloudflare' or 'iap'"}),
        ({"LOGIN_PROXY": "header"}, {"LOGIN_PROXY_SECRET": "is missing"}),
        ({"LOGIN_PROXY_SECRET": CANARY}, {"LOGIN_PROXY_SECRET": "says nothing without LOGIN_PROXY"}),
        (HEADER | {"LOGIN_PROXY_SECRET": "hunter2"}, {"LOGIN_PROXY_SECRET": "at least 8"}),
        (HEADER | {"LOGIN_PROXY_HEADER": "Cookie"}, {"LOGIN_PROXY_HEADER": "a header of its own"}),
        (HEADER | {"LOGIN_PROXY_HEADER": "X_Email"}, {"LOGIN_PROXY_HEADER": "a header of its own"}),
        (
            {"LOGIN_PROXY": "cloudflare"},
            {"LOGIN_PROXY_AUDIENCE": "cloudflare needs it", "LOGIN_PROXY_ISSUER": "cloudflare needs it"},
        ),
        ({"LOGIN_PROXY": "iap"}, {"LOGIN_PROXY_AUDIENCE": "iap needs it"}),
        (CLOUDFLARE | {"LOGIN_PROXY_ISSUER": "http://x.example"}, {"LOGIN_PROXY_ISSUER": "https://"}),
    ],
)  # fmt: skip
def test_whatever_stops_the_start_is_named_with_its_setting_and_no_secret(given, values, faults):
    with pytest.raises(SettingsError) as refused:
        given(**values)

    lines = {line.split(":")[0].strip(): line for line in str(refused.value).splitlines()[1:]}
    assert set(lines) == set(faults)
    for name, word in faults.items():
        assert word in lines[name]
    assert CANARY not in str(refused.value)
    assert "hunter2" not in str(refused.value)
