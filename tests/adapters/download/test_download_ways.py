"""A link is fetched by the way that the settings name: through a proxy as well, which looks the name up."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest

from backend.domain.errors import Interrupted, MediaDenied, MediaUnreachable
from backend.http.outbound import Outbound, Proxy
from backend.media.download.address_guard import AddressGuard
from backend.media.download.download import DownloadLimits
from tests import certificates
from tests.adapters.download.downloads import BODY, ETAG, Fetch
from tests.proxy import Proxy as ForwardProxy

HOST = f"media.{certificates.OUTSIDE}"
#: The file's and the proxy's own scheme -> what the proxy is asked with.
ASKED = {("http", "http"): "GET http://", ("https", "http"): "CONNECT ", ("https", "https"): "CONNECT "}


#: For what a proxy can answer in the place of a line; of plain http its own page looks like the server's.
through_a_line = pytest.mark.parametrize(
    "way", [schemes for schemes in ASKED if schemes[0] == "https"], indirect=True, ids="through {0[1]}".format
)


def begun(exchange):
    """5,000 bytes of a file that can be gone on with."""
    exchange.offer(BODY, upto=5000, ETag=ETAG)


@dataclass
class Through:
    """Downloads through a proxy, from a server that the proxy alone finds."""

    fetch: Fetch
    proxy: ForwardProxy
    outbound: Outbound
    asked: str

    @property
    def guard(self) -> AddressGuard:
        return AddressGuard([HOST], self.outbound)

    @property
    def server(self) -> Any:
        return self.fetch.media


@pytest.fixture(params=ASKED, ids=lambda schemes: f"{schemes[0]} through {schemes[1]}")
def way(request, fetch, media, secure_media, authority) -> Iterator[Through]:
    scheme, to_proxy = request.param
    context = certificates.server_context(authority) if to_proxy == "https" else None
    fetch.media = secure_media("localhost") if scheme == "https" else media
    fetch.media.url = f"{scheme}://{HOST}:{fetch.media.port}"
    with closing(ForwardProxy(context=context)) as proxy:
        through = Proxy(f"{to_proxy}://somebody:secret@{proxy.url.partition('://')[2]}")
        outbound = Outbound(http_proxy=through, https_proxy=through, authorities=(authority / "ca.pem",))
        yield Through(fetch, proxy, outbound, ASKED[request.param])


def test_a_file_comes_home_through_a_proxy_which_alone_is_told_its_password(way):
    way.fetch.succeeds(guard=way.guard)

    (head,), (request,) = way.proxy.heads, way.server.requests
    assert head.decode().startswith(f"{way.asked}{HOST}:{way.server.port}")
    assert b"Proxy-Authorization: Basic c29tZWJvZHk6c2VjcmV0" in head
    assert (request.path, request.header("Host")) == ("/v", f"{HOST}:{way.server.port}")
    assert request.header("Proxy-Authorization") is None


def test_a_cut_download_is_gone_on_with_through_a_proxy(way):
    way.fetch.is_cut(begun, to=way.fetch.leftover, guard=way.guard)
    way.fetch.goes_on(guard=way.guard)
    assert way.fetch.asked_range() == "bytes=5000-"


@through_a_line
@pytest.mark.parametrize("says", ["403 Blocked", "404 X", "407 Who are you", "502 Bad Gateway", "", "banana"])
def test_a_proxy_that_gives_no_line_is_no_dead_link_and_has_reached_nobody(way, says):
    head = f"HTTP/1.1 {says}\r\nContent-Length: 0\r\n\r\n" if says else ""
    way.proxy.fault("say", way.asked, answer=head.encode())
    why = f"the proxy itself answers {says[:3]}" if says[:3].isdecimal() else "broke"
    way.fetch.fails(MediaUnreachable, why=why, guard=way.guard)
    assert way.server.requests == []


def test_a_proxy_that_goes_on_answering_for_ever_is_given_up(way):
    way.proxy.fault("drip", "HTTP", answer=b"HTTP/1.1 200 OK\r\nX: ")
    way.fetch.fails(MediaUnreachable, guard=way.guard, limits=DownloadLimits(connect_s=0.5, deadline_s=1.0))
    assert way.server.requests == []


def test_a_stop_reaches_a_download_from_a_server_that_is_silent_behind_a_proxy(way):
    calls = []

    def does(exchange):
        exchange.answer("200 OK", BODY[:100], Content_Length=len(BODY))
        way.server.closing.wait()

    def progress(done, total):
        calls.append(done)
        if len(calls) == 2:
            raise Interrupted("stopping")

    with pytest.raises(Interrupted):
        way.fetch(does, guard=way.guard, on_progress=progress)


@pytest.mark.parametrize("there", ["https://10.0.0.1/v", "https://intranet/v", "https://nas.local/v"])
def test_a_redirect_into_the_inner_network_is_not_asked_of_the_proxy(way, there):
    way.fetch.fails(
        MediaDenied, lambda exchange: exchange.answer("302 Found", Location=there), guard=way.guard
    )
    assert len(way.proxy.asked) == 1


@through_a_line
def test_behind_a_proxy_as_well_nothing_is_fetched_from_an_authority_that_is_not_known(way):
    guard = AddressGuard([HOST], replace(way.outbound, authorities=()))
    way.fetch.fails(MediaUnreachable, why="no valid certificate", guard=guard)
    assert way.server.requests == []
