"""One rule for every call that leaves the program: which proxy it goes through, and whom it trusts."""

import ssl

import pytest

from backend.domain.errors import SettingsError
from backend.http.outbound import DIRECT, Outbound, Proxy
from backend.settings import load_settings

A, B = Proxy("http://a.corp:3128"), Proxy("http://b.corp:3128")


@pytest.mark.parametrize(
    ("no_proxy", "url", "through"),
    [
        ("", "https://queue.fal.run/x", "b"), ("", "http://media.example/x", "a"),
        # This machine is always reached directly, whatever anybody says.
        *(("", f"{scheme}://{host}:8788/x", None) for scheme in ("http", "https")
          for host in ("localhost", "127.0.0.1", "127.9.9.9", "[::1]", "LOCALHOST")),
        # A name means itself and all below it, with a dot or a star before it or none; and no other name.
        *((no, "https://s3.corp.example/x", None)
          for no in ("corp.example", ".corp.example", "*.corp.example", "S3.Corp.Example", "*",
                     "x s3.corp.example", "x,  s3.corp.example ", "s3.corp.example:443", "corp.example:443")),
        *((no, "https://s3.corp.example/x", "b")
          for no in ("xcorp.example", "s3", "orp.example", "s3.corp.example:80", "s3.corp.example.evil", ".",
                     ",", "https://s3.corp.example", "10.0.0.0/8")),
        ("corp.example", "https://corp.example./x", None),
        # Addresses, and networks of them.
        ("10.0.0.0/8", "https://10.1.2.3/x", None), ("10.1.2.3", "https://10.1.2.3:9000/x", None),
        ("10.1.2.3:9000", "https://10.1.2.3:9000/x", None), ("10.1.2.3:9000", "https://10.1.2.3/x", "b"),
        ("10.0.0.0/8", "https://11.1.2.3/x", "b"), ("10.1.2.3/8", "https://10.9.9.9/x", None),
        ("fd00::/8", "https://[fd00::7]/x", None), ("[fd00::7]", "https://[fd00::7]/x", None),
        ("[fd00::7]:9000", "https://[fd00::7]:9000/x", None), ("10.0.0.0/8", "https://[fd00::7]/x", "b"),
        ("2.3", "https://10.1.2.3/x", "b"),
    ],
)  # fmt: skip
def test_which_proxy_a_link_goes_through(no_proxy, url, through):
    outbound = Outbound(http_proxy=A, https_proxy=B, no_proxy=no_proxy)
    assert outbound.proxy_for(url) == {"a": A, "b": B, None: None}[through]
    assert DIRECT.proxy_for(url) is None


def ways(monkeypatch, **environment):
    """What the settings make of it: the proxies for http and https, and what is not asked of them."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    outbound = load_settings().outbound
    urls = [proxy and proxy.url for proxy in (outbound.http_proxy, outbound.https_proxy)]
    return (*urls, outbound.no_proxy)


ENVIRONMENT = {"HTTP_PROXY": "http://a.corp:3128", "HTTPS_PROXY": "b.corp:8080/", "NO_PROXY": "corp"}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, (None, None, "")),
        (ENVIRONMENT, ("http://a.corp:3128", "http://b.corp:8080", "corp")),
        ({"https_proxy": "http://c.corp:1", "no_proxy": "x"}, (None, "http://c.corp:1", "x")),
        ({"ALL_PROXY": "socks5://x:1"}, (None, None, "")),
        ({**ENVIRONMENT, "OUTBOUND_PROXY": "none"}, (None, None, "corp")),
        ({**ENVIRONMENT, "OUTBOUND_PROXY": " NONE "}, (None, None, "corp")),
        ({**ENVIRONMENT, "OUTBOUND_PROXY": "http://u:p%40@c.corp:1"},
         ("http://u:p%40@c.corp:1", "http://u:p%40@c.corp:1", "corp")),
        ({**ENVIRONMENT, "OUTBOUND_PROXY": ""}, ("http://a.corp:3128", "http://b.corp:8080", "corp")),
        # What isn't used is not judged, whatever a desktop has put there.
        ({"HTTPS_PROXY": "socks5h://x:1", "OUTBOUND_PROXY": "none"}, (None, None, "")),
    ],
)  # fmt: skip
def test_a_setting_of_ours_wins_over_the_proxies_of_the_environment(monkeypatch, given, made):
    assert ways(monkeypatch, **given) == made


def test_a_proxy_is_told_the_name_and_the_password_of_its_url_alone():
    with_name = Proxy("https://o%20k:p%40ss@proxy.corp")
    assert with_name.headers == {"Proxy-Authorization": "Basic byBrOnBAc3M="}
    assert (with_name.host, with_name.port, A.headers) == ("proxy.corp", 443, {})
    assert with_name.redacted_url == "https://proxy.corp"
    assert "p%40ss" not in repr(with_name)
    assert "p%40ss" not in repr(Outbound(https_proxy=with_name))


def test_a_proxy_with_a_password_may_come_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "proxy").write_text("http://u:hunter2@c.corp:1\n")
    made = ways(monkeypatch, **ENVIRONMENT, OUTBOUND_PROXY_FILE=str(tmp_path / "proxy"))
    assert made == ("http://u:hunter2@c.corp:1", "http://u:hunter2@c.corp:1", "corp")
    assert "hunter2" not in repr(load_settings())


WRONG_PROXIES = [
    "socks5://u:hunter2@x:1", "ftp://x", "http://", "http://u:hunter2@", "http://u:hunter2@x:port",
    "http://x:99999",
    "http://u:hunter2@more@x:1", "http://u:hunter2#@x:1", "http://u:hunter2/x@y:1", "http://x:1/path?q",
    "http://a b:1", "http://x:1\r\nX: y", "://", "[::1",
]  # fmt: skip


@pytest.mark.parametrize("name", ["OUTBOUND_PROXY", "HTTPS_PROXY", "HTTP_PROXY"])
@pytest.mark.parametrize("value", WRONG_PROXIES)
def test_a_proxy_that_is_none_stops_the_start_without_its_password(monkeypatch, name, value):
    with pytest.raises(SettingsError, match=rf"stop the start:\n  {name}: ") as told:
        ways(monkeypatch, **{name: value})
    assert "hunter2" not in str(told.value)
    assert ("OUTBOUND_PROXY=none" in str(told.value)) == (name != "OUTBOUND_PROXY")


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_authorities_that_can_not_be_read_stop_the_start_by_their_setting(monkeypatch, tmp_path, name):
    (tmp_path / "empty.pem").write_text("nothing")
    for value, why in ((tmp_path / "none.pem", "No such file"), (tmp_path / "empty.pem", "holds no cert")):
        with pytest.raises(SettingsError, match=rf"{name}: names {value}, which .*{why}"):
            ways(monkeypatch, **{name: str(value)})


def test_the_settings_authorities_are_trusted_besides_the_usual_ones(monkeypatch, authority):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / "ca.pem"))
    found = load_settings().outbound
    assert found.authorities == (authority / "ca.pem",)
    usual, with_ours = DIRECT.trust_store(), found.trust_store()
    assert len(with_ours.get_ca_certs()) == len(usual.get_ca_certs()) + 1 > 100
    for context in (usual, with_ours):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert found.trust_store() is with_ours, "it is read once"
