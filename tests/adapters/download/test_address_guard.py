"""What a download may reach."""

import socket
from dataclasses import replace

import pytest

from backend.domain.errors import MediaDenied, MediaUnreachable
from backend.http.outbound import DIRECT, Outbound, Proxy
from backend.media.download.address_guard import AddressGuard

#: Whose address is nobody's to fetch from.
DENIED_HOSTS = {
    "this machine and this network": """
        127.0.0.1 127.8.9.10 [::1] 0.0.0.0 0.1.2.3 [::] 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1
        100.64.0.1 169.254.169.254 [fe80::1] [fe80::1%25eth0] [fd00:ec2::254] [fc00::1] [fec0::1]
        localhost localhost.
    """,
    "nobody's": """
        192.0.0.8 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1
        255.255.255.255 [ff02::1] [2001:db8::1] [100::1]
    """,
    "IPv4 in disguise": """
        [::ffff:127.0.0.1] [::ffff:10.0.0.1] [::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe]
        [64:ff9b:1::a00:1] [2002:7f00:1::] [2002:a00:1::1] [2001:0:7f00:1::]
    """,
    "numbers that only some programs read as an address": """
        2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 127.1 127.0.0.0x1 １２７.0.0.1
    """,
    "spellings": """
        8.8.8.8. 8.8.8.8@127.0.0.1 user@8.8.8.8 user:secret@8.8.8.8 @8.8.8.8 8.8.8.8\\@127.0.0.1
        8.8.8.8%2f@127.0.0.1 8.8.8.8%00.example [8.8.8.8] [::1
    """,
    "ports": "8.8.8.8:80 8.8.8.8:22 8.8.8.8:8443 8.8.8.8:0 8.8.8.8:99999 8.8.8.8:x",
}  # fmt: skip
DENIED = [
    *[f"https://{host}/v.mp4" for hosts in DENIED_HOSTS.values() for host in hosts.split()],
    "https://127.0.\t0.1/v.mp4", " //127.0.0.1/v .mp4", "https://127.0.0.1/#", "https://8.8.8.8 /v.mp4",
    "https:///v.mp4", "https://", "https:8.8.8.8/v.mp4", "http://8.8.8.8/v.mp4", "http://8.8.8.8:443/v.mp4",
    "file:///etc/passwd", "gopher://8.8.8.8:443/_x", "ftp://8.8.8.8/v.mp4", "data:video/mp4;base64,AAAA",
    "https://8.8.8.8\\v.mp4", "/etc/passwd", "", "https://8.8.8.8/" + "a" * 9000,
]  # fmt: skip


#: Through a proxy, which looks names up by itself.
VIA = Outbound(http_proxy=Proxy("http://192.0.2.7:3128"), https_proxy=Proxy("http://192.0.2.7:3128"))


@pytest.mark.parametrize("outbound", [DIRECT, VIA], ids=["directly", "through a proxy"])
@pytest.mark.parametrize("url", DENIED)
def test_a_link_into_private_or_odd_places_is_denied(url, outbound):
    with pytest.raises(MediaDenied):
        AddressGuard((), outbound).resolve(url)


INNER = """
    intranet db.internal metadata.google.internal nas.local NAS.Local printer.lan box.home x.home.arpa
    a.localhost b.localdomain c.corp d.intranet e.private f.test
"""


def test_what_goes_through_a_proxy_is_judged_by_its_name_and_is_not_looked_up_here(names):
    """`names` is empty: nobody here knows any. The proxy's own address is nothing that a link can choose."""
    target = AddressGuard((), VIA).resolve("https://v3b.fal.media/a.mp4")
    assert (target.host, target.ips, target.proxy) == ("v3b.fal.media", ("192.0.2.7",), VIA.https_proxy)
    assert AddressGuard((), VIA).resolve("https://8.8.8.8/").proxy
    for host in INNER.split():
        with pytest.raises(MediaDenied, match="inner network"):
            AddressGuard((), VIA).resolve(f"https://{host}/a.mp4")
    for plain in ("http://v3b.fal.media/a.mp4", "https://v3b.fal.media:8443/a.mp4"):
        with pytest.raises(MediaDenied, match="port 443"):
            AddressGuard((), VIA).resolve(plain)


def test_an_exception_opens_what_goes_through_a_proxy_by_its_name_or_address(names):
    guard = AddressGuard(["media.corp:8080", "nas", "10.0.0.0/8"], VIA)
    for opened in ("http://media.corp:8080/", "https://nas/", "http://10.1.2.3:81/"):
        assert guard.resolve(opened).proxy
    for closed in ("http://media.corp:81/", "https://other.corp/", "https://192.168.0.1/"):
        with pytest.raises(MediaDenied):
            guard.resolve(closed)


def test_what_the_proxy_is_not_asked_for_is_looked_up_and_judged_as_ever(names):
    names |= {"media.example": ["10.0.0.1"], "open.example": ["151.101.1.1"], "localhost": ["127.0.0.1"]}
    guard = AddressGuard((), replace(VIA, no_proxy="example"))
    target = guard.resolve("https://open.example/")
    assert (target.ips, target.proxy) == (("151.101.1.1",), None)
    for closed in ("https://media.example/", "https://localhost/"):
        with pytest.raises(MediaDenied, match="not a public address"):
            guard.resolve(closed)


@pytest.fixture
def names(monkeypatch):
    """Host -> its addresses."""
    answers = {}

    def getaddrinfo(host, port, *_, **__):
        if host not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in answers[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


def test_a_public_name_is_reached_at_the_address_that_was_judged(names):
    names["v3b.fal.media"] = ["151.101.1.1", "151.101.2.2"]
    target = AddressGuard().resolve("https://V3b.FAL.media/files/b/a%20b/out.mp4?sig=a%2Bb&x=1#t=3")
    assert target.ips == ("151.101.1.1", "151.101.2.2")
    assert (target.scheme, target.host, target.port) == ("https", "v3b.fal.media", 443)
    assert target.path == "/files/b/a%20b/out.mp4?sig=a%2Bb&x=1"


def test_a_name_is_looked_up_in_ascii_and_unreachable_for_now_while_it_has_no_address(names):
    with pytest.raises(MediaUnreachable):
        AddressGuard().resolve("https://bücher.example/ü.mp4")
    names["xn--bcher-kva.example"] = ["151.101.1.1"]
    assert AddressGuard().resolve("https://bücher.example/ü.mp4").path == "/%C3%BC.mp4"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("https://8.8.8.8/a take.mp4", "/a%20take.mp4"),
        ("  https://8.8.8.8/a.mp4\n", "/a.mp4"),
        ("https://8.8.8.8/a\tb.mp4", "/ab.mp4"),
        ("//8.8.8.8//a.mp4", "//a.mp4"),
        ("https://8.8.8.8/夕焼け.mp4?q=ü x", "/%E5%A4%95%E7%84%BC%E3%81%91.mp4?q=%C3%BC%20x"),
        ("https://8.8.8.8/a%20b.mp4#t=3", "/a%20b.mp4"),
        ("https://8.8.8.8/\r\nHost: 127.0.0.1", "/Host:%20127.0.0.1"),
        ("https://8.8.8.8?a[]=1", "/?a[]=1"),
    ],
)
def test_a_link_is_read_as_browsers_read_it_before_it_is_judged(written, path):
    target = AddressGuard().resolve(written)
    assert (target.scheme, target.ips, target.path) == ("https", ("8.8.8.8",), path)


#: Exception -> links that it allows, with the address, and links that stay denied. "": none.
EXCEPTIONS = {
    "": (
        {"https://8.8.8.8/": "8.8.8.8", "https://8.8.8.8:443/": "8.8.8.8", "HTTPS://8.8.8.8": "8.8.8.8",
         "https://172.32.0.1/": "172.32.0.1", "https://100.128.0.1/": "100.128.0.1",
         "https://[2606:4700::1111]/": "2606:4700::1111", "https://[64:ff9b::808:808]/": "64:ff9b::808:808",
         "https://[2a00:1450:4001::200e]:443/": "2a00:1450:4001::200e"},
        ["https://media.corp/", "https://rebind.example/"],
    ),
    "127.0.0.1:9000": (
        {"http://127.0.0.1:9000/": "127.0.0.1", "https://127.0.0.1:9000/": "127.0.0.1"},
        ["http://127.0.0.1:9001/", "http://127.0.0.2:9000/", "http://localhost:9000/"],
    ),
    "Media.Corp": (
        {"http://media.corp:8080/": "10.200.0.1", "https://MEDIA.corp/": "10.200.0.1"},
        ["https://evil.media.corp/", "https://media.corp.evil.example/", "https://media.corp./"],
    ),
    "10.0.0.0/8": (
        {"http://10.9.8.7:81/": "10.9.8.7", "http://media.corp/": "10.200.0.1"},
        ["http://11.0.0.1/", "http://half.example/", "https://192.168.0.1/"],
    ),
    "fd00::/8": ({"http://[fd00::7]/": "fd00::7"}, ["http://10.9.8.7/"]),
    "nowhere.corp": ({}, ["http://nowhere.corp/"]),
}  # fmt: skip


@pytest.mark.parametrize("entry", EXCEPTIONS)
def test_an_exception_opens_its_own_host_port_or_network_and_no_other(names, entry):
    names |= {name: ["10.200.0.1"] for name in ("media.corp", "evil.media.corp", "media.corp.evil.example")}
    names |= {"half.example": ["10.200.0.1", "192.168.0.1"], "rebind.example": ["151.101.1.1", "10.200.0.1"]}
    names |= {"localhost": ["127.0.0.1"], "nowhere.corp": ["0.0.0.0"]}
    guard, (opened, closed) = AddressGuard([entry] if entry else []), EXCEPTIONS[entry]

    assert {url: guard.resolve(url).ips[0] for url in opened} == opened
    for url in closed:
        with pytest.raises(MediaDenied, match=None if entry else r"10\.200\.0\.1"):
            guard.resolve(url)


@pytest.mark.parametrize(
    "entry",
    ["", "10.0.0.0/33", "10.0.0.1/8", "http://host", "host:port", "host:0", "host:70000", "a b", "host/x"],
)
def test_a_malformed_exception_stops_the_start(entry):
    with pytest.raises(ValueError, match="host"):
        AddressGuard([entry])
