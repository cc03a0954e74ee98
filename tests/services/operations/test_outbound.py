"""Every call that leaves the program goes the way that the settings name, and trusts whom they name."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from backend.bootstrap import build_deps, make_storage
from backend.domain.errors import DailiesError
from backend.media.download.download import download_file
from backend.providers.base import RequestRef
from backend.providers.fal import listing_pages
from backend.services.deps import Deps
from backend.services.operations import doctor
from backend.settings import load_settings
from tests import certificates
from tests.loopback import Peer, answer
from tests.proxy import Proxy

#: Whom the program calls, by the setting that says where they are.
CALLED = {
    "FAL_QUEUE_URL": "queue", "FAL_REST_URL": "rest", "FAL_API_URL": "api", "BLACKBOX_URL": "blackbox",
    "AWS_ENDPOINT_URL": "bucket", "PUBLIC_URL": "studio",
}  # fmt: skip
MEDIA = f"media.{certificates.OUTSIDE}"
HOSTS = {MEDIA, *(f"{name}.{certificates.OUTSIDE}" for name in CALLED.values())}
KEYS = {
    "FAL_KEY": "id:secret", "BLACKBOX_API_KEY": "sk", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
}  # fmt: skip


@dataclass
class Outside:
    """All that lies outside, at one server of an authority that is not known everywhere."""

    server: Peer
    proxy: Proxy
    looked_up: set[str]

    @property
    def reached(self) -> set[str]:
        """Hosts that were asked for something."""
        return {seen.headers["host"].partition(":")[0] for seen in self.server.seen}

    @property
    def asked_of_the_proxy(self) -> set[str]:
        return {line.removeprefix("CONNECT ").partition(":")[0] for line in self.proxy.asked}


@pytest.fixture
def outside(monkeypatch, authority, forward_proxy) -> Iterator[Outside]:
    """Whoever looks a name up is told the way, and is noted: with a proxy there is no need to."""
    monkeypatch.setattr(listing_pages, "FIRST_WAIT_S", 0.01)
    usual, looked_up = socket.getaddrinfo, set()

    def getaddrinfo(host, *args, **options):
        outer = str(host).endswith(certificates.OUTSIDE)
        looked_up.update([host] if outer else [])
        return usual("127.0.0.1" if outer else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    server = Peer(answer(200, b"{}"), certificates.server_context(authority))
    for setting, name in CALLED.items():
        monkeypatch.setenv(setting, f"https://{name}.{certificates.OUTSIDE}:{server.port}")
    for setting, value in KEYS.items():
        monkeypatch.setenv(setting, value)
    monkeypatch.setenv("FETCH_ALLOW", MEDIA)
    forward_proxy.forget()
    with contextlib.closing(server):
        yield Outside(server, forward_proxy, looked_up)


def call_everybody(deps: Deps, folder: Path) -> None:
    """Every call that leaves the program, once; what comes of them is told elsewhere."""
    link = f"https://{MEDIA}:{deps.settings.fal_queue_url.rpartition(':')[2]}/v"
    calls = [
        partial(doctor.run_checks, deps),
        partial(download_file, link, folder / "part", guard=deps.guard),
        make_storage(deps.settings, "s3://films").check_writable,
    ]
    for provider in deps.providers.values():
        ref = RequestRef("a/model", "r-1")
        calls += [
            partial(provider.submit, "a/model", {"prompt": "A red dress"}, webhook_url=None),
            *(partial(ask, ref) for ask in (provider.status, provider.result, provider.cancel)),
            partial(provider.list_requests, "a/model", since=datetime.now(UTC)),
            partial(provider.upload, b"\xff\xd8\xff", "image/jpeg", "x.jpg"),
            partial(provider.fetch_catalogue, on_progress=str),
            provider.load_signing_keys,
        ]
    for call in calls:
        with contextlib.suppress(DailiesError):
            call()


@pytest.mark.parametrize(
    ("environment", "through"),
    [
        ({"HTTPS_PROXY": "{proxy}"}, True),
        ({"OUTBOUND_PROXY": "{proxy}"}, True),
        ({"OUTBOUND_PROXY": "{proxy}", "HTTPS_PROXY": "http://127.0.0.1:1"}, True),
        ({"HTTPS_PROXY": "{proxy}", "NO_PROXY": f"10.0.0.0/8, {certificates.OUTSIDE}"}, False),
        ({"HTTPS_PROXY": "{proxy}", "OUTBOUND_PROXY": "none"}, False),
        ({"HTTP_PROXY": "{proxy}", "ALL_PROXY": "{proxy}"}, False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
def test_every_call_goes_through_the_proxy_that_is_named_or_none_does(
    outside, monkeypatch, authority, tmp_path, environment, through
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(proxy=outside.proxy.url))

    call_everybody(build_deps(load_settings()), tmp_path)

    assert outside.reached == HOSTS
    assert outside.asked_of_the_proxy == (HOSTS if through else set())
    assert outside.looked_up == (set() if through else HOSTS)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", None])
def test_every_call_trusts_an_authority_of_ones_own_or_none_does(
    outside, monkeypatch, authority, tmp_path, name
):
    if name:
        monkeypatch.setenv(name, str(authority / "ca.pem"))
    call_everybody(build_deps(load_settings()), tmp_path)
    assert outside.reached == (HOSTS if name else set())


def test_the_doctor_says_which_way_calls_go_and_what_is_wrong_with_it(outside, monkeypatch, authority):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    monkeypatch.setenv("HTTPS_PROXY", outside.proxy.url.replace("://", "://somebody:hunter2@"))
    outside.proxy.fault("say", "CONNECT ", times=99, answer=b"HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n")

    found = {check.name: check for check in doctor.run_checks(build_deps(load_settings()))}

    way = found["outbound"].message
    assert f"https goes through {outside.proxy.url}." in way
    assert f"{authority / 'ca.pem'} is trusted, too." in way
    for name in ("provider", "public URL"):
        assert not found[name].good
        assert "the proxy itself answers 407" in found[name].message
        assert "OUTBOUND_PROXY or HTTPS_PROXY names it" in found[name].remedy
    assert "hunter2" not in repr(found)
