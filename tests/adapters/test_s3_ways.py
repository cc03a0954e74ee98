"""A bucket is reached by the way that the settings name, and its certificate is checked as everybody's."""

import os
from contextlib import closing
from dataclasses import replace

import pytest

from backend.domain.errors import StorageDown
from backend.http.outbound import Outbound
from backend.http.outbound import Proxy as OutboundProxy
from tests import bucket, certificates
from tests.adapters.storages import bucket_storage, key_of, part
from tests.proxy import Proxy

#: Travels in three parts.
LARGE = os.urandom(2 * 8 * 1024 * 1024 + 1000)
HOST = f"bucket.{certificates.OUTSIDE}"
SAYS_407 = b"HTTP/1.1 407 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#: Way -> (the store's address, is it asked of a proxy, with which words).
WAYS = {
    "own authority": ("https://localhost:{tls}", False, set()),
    "a line through a proxy": (f"https://{HOST}:{{tls}}", True, {"CONNECT"}),
    "asked of a proxy": (f"http://{HOST}:{{plain}}", True, {"GET", "HEAD", "PUT", "POST", "DELETE"}),
}


@pytest.fixture
def ports(authority):
    """Of a store: by TLS, and plain."""
    server = bucket.server()
    with closing(Proxy(server.port, certificates.server_context(authority))) as front:
        yield {"tls": front.port, "plain": server.port}


@pytest.fixture
def through(forward_proxy):
    """Whatever the scheme, by the same proxy."""
    forward_proxy.forget()
    proxy = OutboundProxy(forward_proxy.url.replace("://", "://somebody:secret@"))
    return Outbound(http_proxy=proxy, https_proxy=proxy)


@pytest.mark.parametrize("way", WAYS)
def test_objects_come_and_go_each_way(ports, through, forward_proxy, authority, tmp_path, way):
    url, proxied, words = WAYS[way]
    outbound = replace(through if proxied else Outbound(), authorities=(authority / "ca.pem",))
    name = bucket.server().new_bucket()
    storage = bucket_storage(url.format(**ports), name, outbound=outbound)

    storage.check_writable()
    storage.put_file(part(tmp_path, LARGE), key_of(LARGE))
    with storage.open(key_of(LARGE)) as file:
        assert file.read() == LARGE
    assert list(storage.list_keys()) == [key_of(LARGE)]
    storage.remove(key_of(LARGE))
    assert list(storage.list_keys()) == []

    assert {line.partition(" ")[0] for line in forward_proxy.asked} == words
    for head in forward_proxy.heads:
        assert b"Proxy-Authorization: Basic c29tZWJvZHk6c2VjcmV0" in head


@pytest.mark.parametrize("way", list(WAYS)[:2])
def test_a_store_of_an_authority_that_nobody_named_is_told_nothing(ports, through, way):
    url, proxied, _ = WAYS[way]
    storage = bucket_storage(url.format(**ports), "films", outbound=through if proxied else Outbound())
    with pytest.raises(StorageDown, match="SSLError"):
        storage.check_writable()


@pytest.mark.parametrize("way", list(WAYS)[1:])
def test_a_proxy_that_wants_to_know_who_asks_is_said_to_be_at_fault(ports, through, forward_proxy, way):
    forward_proxy.fault("say", "HTTP", times=99, answer=SAYS_407)
    storage = bucket_storage(WAYS[way][0].format(**ports), "films", outbound=through)
    with pytest.raises(StorageDown, match="through the proxy") as told:
        storage.check_writable()
    assert "OUTBOUND_PROXY or HTTPS_PROXY" in told.value.remedy
