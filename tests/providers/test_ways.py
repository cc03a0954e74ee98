"""Through a proxy: what it says by itself has reached nobody, and it is told its own password and no key."""

from contextlib import closing
from functools import partial

import pytest

from backend.domain.errors import (
    CatalogueUnavailable,
    KeysUnavailable,
    ProviderBusy,
    ProviderRefused,
    ProviderUnanswered,
    ProviderUnsent,
)  # fmt: skip
from backend.http.outbound import Outbound, Proxy
from backend.providers.base import RequestRef
from backend.providers.fal import listing_pages
from tests import certificates
from tests.loopback import answer
from tests.providers.provider_cases import KEY, PROVIDER_CASES, fal_at
from tests.providers.ways import PROXY_PASSWORD, open_way
from tests.proxy import Proxy as ForwardProxy

SECRET = KEY.partition(":")[2]
PAYLOAD = {"prompt": "A red dress"}
TUNNEL = "CONNECT "
WANTS_NAME = b'HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
#: What a proxy does in the place of a line to the server: (kind, its answer).
INSTEAD = {
    "407": ("say", WANTS_NAME),
    "403": ("say", b"HTTP/1.1 403 Blocked\r\nContent-Length: 7\r\n\r\nblocked"),
    "502": ("say", b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
    "302": ("say", b"HTTP/1.1 302 Found\r\nLocation: https://login.corp/\r\n\r\n"),
    "hangs up": ("say", b""),
    "no HTTP": ("say", b"SSH-2.0-x\r\n\r\n"),
    "never ends": ("drip", b"HTTP/1.1 200 OK\r\nX: "),
}


@pytest.fixture
def way(authority, forward_proxy, monkeypatch):
    monkeypatch.setattr(listing_pages, "FIRST_WAIT_S", 0.01)
    with open_way("proxy", authority, forward_proxy) as opened:
        yield opened


@pytest.fixture(params=PROVIDER_CASES, ids=lambda case: case.name)
def case(request):
    return request.param


def send(provider):
    return provider.submit("a/model", PAYLOAD, webhook_url=None)


@pytest.mark.parametrize("what", INSTEAD)
def test_what_a_proxy_answers_by_itself_has_reached_nobody_and_nothing_is_paid(case, way, what):
    kind, says = INSTEAD[what]
    way.proxy.fault(kind, TUNNEL, times=99, answer=says)
    peer = way.listen(answer(200, case.accepts))

    with pytest.raises(ProviderUnsent) as told:
        send(case.build(peer.url, 5.0, way.outbound))

    if what.isdecimal():
        assert f"the proxy itself answers {what}" in str(told.value)
        assert "HTTPS_PROXY" in told.value.remedy
    assert len(way.proxy.asked) == 1
    assert peer.seen == []


def test_no_other_call_takes_a_proxys_own_answer_for_the_providers(way):
    """A 403 would be a key that is refused, a 404 a request that is forgotten."""
    peer, ref = way.listen(answer(200, b"{}")), RequestRef("a/model", "r-1")
    fal = fal_at(peer.url, outbound=way.outbound)
    for status in (403, 404):
        says = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
        fault = way.proxy.fault("say", TUNNEL, times=99, answer=says)
        for error, call in (
            *((ProviderBusy, partial(ask, ref)) for ask in (fal.status, fal.result, fal.cancel)),
            (ProviderBusy, fal.key_works),
            (ProviderUnsent, lambda: fal.upload(b"\xff\xd8\xff", "image/jpeg", "x.jpg")),
            (CatalogueUnavailable, lambda: fal.fetch_catalogue(on_progress=str)),
        ):
            with pytest.raises(error, match=f"the proxy itself answers {status}"):
                call()
        with pytest.raises(KeysUnavailable):
            fal.load_signing_keys()
        fault.times = 0
    assert peer.seen == []


@pytest.mark.parametrize(
    ("says", "raised"),
    [(WANTS_NAME, ProviderUnsent), (b"HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n", ProviderUnanswered)],
    ids=["it wants a name", "a page of its own, or of somebody behind it"],
)
def test_plain_http_is_asked_of_the_proxy_and_only_a_407_is_surely_its_own(case, way, says, raised):
    """Everything else may have come from the server: nobody can tell."""
    peer = way.listen(answer(200, case.accepts), tls=False)
    provider = case.build(peer.url.replace("https://", "http://"), 5.0, way.outbound)
    fault = way.proxy.fault("say", "POST http://", times=1, answer=says)

    with pytest.raises(raised):
        send(provider)
    assert (fault.done, peer.seen) == (1, [])
    send(provider)

    assert len(peer.posts) == 1
    assert peer.posts[0].path.startswith("/")
    assert "proxy-authorization" not in peer.posts[0].headers


def test_the_proxy_alone_is_told_its_password_and_it_is_told_no_key(case, way):
    peer = way.listen(answer(200, case.accepts))
    send(case.build(peer.url, 5.0, way.outbound))

    (head,) = way.proxy.heads
    assert b"Proxy-Authorization: Basic c29tZWJvZHk6" in head
    assert SECRET.encode() not in head
    assert "proxy-authorization" not in peer.posts[0].headers
    assert PROXY_PASSWORD not in repr(way.outbound)


def test_a_proxy_may_itself_be_spoken_to_by_tls(case, way, authority):
    """Its certificate is checked as everybody's: one that nobody vouches for is told nothing."""
    peer = way.listen(answer(200, case.accepts))
    with closing(ForwardProxy(context=certificates.server_context(authority))) as proxy:
        through = Proxy(f"https://localhost:{proxy.port}")
        send(case.build(peer.url, 5.0, Outbound(https_proxy=through, authorities=way.outbound.authorities)))
        assert [line.split()[0] for line in proxy.asked] == ["CONNECT"]
        with pytest.raises(ProviderUnsent, match="is not trusted") as told:
            send(case.build(peer.url, 5.0, Outbound(https_proxy=through)))
        assert "SSL_CERT_FILE" in told.value.remedy
    assert len(proxy.asked) == len(peer.posts) == 1


def test_a_refusal_of_the_provider_is_the_providers_also_through_a_proxy(case, way):
    """A control of the ones above: the very same proxy, the very same words."""
    peer = way.listen(answer(403, case.error(403, "No such customer.")))
    with pytest.raises(ProviderRefused, match="No such customer"):
        send(case.build(peer.url, 5.0, way.outbound))
    assert len(peer.posts) == 1
