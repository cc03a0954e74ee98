"""What a download may reach."""

import socket
from typing import Any

import pytest

from backend.domain.errors import MediaDenied, MediaUnreachable
from backend.media.download.address_guard import AddressGuard

DENIED = [
    # this machine and this network
    "https://127.0.0.1/v.mp4",
    "https://127.8.9.10/v.mp4",
    "https://[::1]/v.mp4",
    "https://0.0.0.0/v.mp4",
    "https://0.1.2.3/v.mp4",
    "https://[::]/v.mp4",
    "https://10.0.0.1/v.mp4",
    "https://172.16.0.1/v.mp4",
    "https://172.31.255.255/v.mp4",
    "https://192.168.1.1/v.mp4",
    "https://100.64.0.1/v.mp4",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1]/v.mp4",
    "https://[fe80::1%25eth0]/v.mp4",
    "https://[fd00:ec2::254]/v.mp4",
    "https://[fc00::1]/v.mp4",
    "https://[fec0::1]/v.mp4",
    # nobody's
    "https://192.0.0.8/v.mp4",
    "https://192.0.2.1/v.mp4",
    "https://192.88.99.1/v.mp4",
    "https://198.18.0.1/v.mp4",
    "https://198.51.100.1/v.mp4",
    "https://203.0.113.1/v.mp4",
    "https://224.0.0.1/v.mp4",
    "https://240.0.0.1/v.mp4",
    "https://255.255.255.255/v.mp4",
    "https://[ff02::1]/v.mp4",
    "https://[2001:db8::1]/v.mp4",
    "https://[100::1]/v.mp4",
    # IPv4 in disguise
    "https://[::ffff:127.0.0.1]/v.mp4",
    "https://[::ffff:10.0.0.1]/v.mp4",
    "https://[::127.0.0.1]/v.mp4",
    "https://[64:ff9b::7f00:1]/v.mp4",
    "https://[64:ff9b::a9fe:a9fe]/v.mp4",
    "https://[64:ff9b:1::a00:1]/v.mp4",
    "https://[2002:7f00:1::]/v.mp4",
    "https://[2002:a00:1::1]/v.mp4",
    "https://[2001:0:7f00:1::]/v.mp4",
    # numbers that only some programs read as an address
    "https://2130706433/v.mp4",
    "https://0x7f000001/v.mp4",
    "https://0x7f.0.0.1/v.mp4",
    "https://0177.0.0.1/v.mp4",
    "https://127.1/v.mp4",
    "https://127.0.0.0x1/v.mp4",
    "https://１２７.0.0.1/v.mp4",
    # names and spellings
    "https://localhost/v.mp4",
    "https://8.8.8.8./v.mp4",
    "https://localhost./v.mp4",
    "https://8.8.8.8@127.0.0.1/v.mp4",
    "https://user@8.8.8.8/v.mp4",
    "https://user:secret@8.8.8.8/v.mp4",
    "https://@8.8.8.8/v.mp4",
    "https://8.8.8.8\\@127.0.0.1/v.mp4",
    "https://8.8.8.8%2f@127.0.0.1/v.mp4",
    "https://8.8.8.8%00.example/v.mp4",
    "https://8.8.8.8/v .mp4",
    "https://8.8.8.8/\r\nHost: 127.0.0.1",
    "https://exa\tmple.com/v.mp4",
    "https:///v.mp4",
    "https://",
    "https:8.8.8.8/v.mp4",
    "https://[8.8.8.8]/v.mp4",
    "https://[::1/v.mp4",
    # ports and schemes
    "http://8.8.8.8/v.mp4",
    "http://8.8.8.8:443/v.mp4",
    "https://8.8.8.8:80/v.mp4",
    "https://8.8.8.8:22/v.mp4",
    "https://8.8.8.8:8443/v.mp4",
    "https://8.8.8.8:0/v.mp4",
    "https://8.8.8.8:99999/v.mp4",
    "https://8.8.8.8:x/v.mp4",
    "file:///etc/passwd",
    "gopher://8.8.8.8:443/_x",
    "ftp://8.8.8.8/v.mp4",
    "data:video/mp4;base64,AAAA",
    "//8.8.8.8/v.mp4",
    "/etc/passwd",
    "",
    "https://8.8.8.8/" + "a" * 9000,
]

ALLOWED = [
    ("https://8.8.8.8/v.mp4", "8.8.8.8"),
    ("https://8.8.8.8:443/v.mp4", "8.8.8.8"),
    ("HTTPS://8.8.8.8/v.mp4", "8.8.8.8"),
    ("https://172.32.0.1/v.mp4", "172.32.0.1"),
    ("https://100.128.0.1/v.mp4", "100.128.0.1"),
    ("https://[2606:4700::1111]/v.mp4", "2606:4700::1111"),
    ("https://[2a00:1450:4001::200e]:443/v.mp4", "2a00:1450:4001::200e"),
    ("https://[64:ff9b::808:808]/v.mp4", "64:ff9b::808:808"),
]


@pytest.mark.parametrize("url", DENIED)
def test_a_link_into_private_or_odd_places_is_denied(url: str) -> None:
    with pytest.raises(MediaDenied):
        AddressGuard().resolve(url)


@pytest.mark.parametrize(("url", "ip"), ALLOWED)
def test_a_public_https_link_is_allowed(url: str, ip: str) -> None:
    target = AddressGuard().resolve(url)

    assert (target.scheme, target.port, target.first_ip, target.path) == ("https", 443, ip, "/v.mp4")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Host -> the addresses that each look-up of it gives, in turn; the last one stays."""
    answers: dict[str, list[list[str]]] = {}

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if host not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        found = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


def test_a_public_name_is_reached_at_the_address_that_was_judged(names: Any) -> None:
    names["v3b.fal.media"] = [["151.101.1.1", "151.101.2.2"], ["127.0.0.1"]]

    target = AddressGuard().resolve("https://V3b.FAL.media/files/b/a%20b/out.mp4?sig=a%2Bb&x=1#t=3")

    assert target.ips == ("151.101.1.1", "151.101.2.2")
    assert target.host == "v3b.fal.media"
    assert target.path == "/files/b/a%20b/out.mp4?sig=a%2Bb&x=1"


def test_one_private_address_among_public_ones_denies_the_name(names: Any) -> None:
    names["rebind.example"] = [["151.101.1.1", "10.0.0.7"]]

    with pytest.raises(MediaDenied, match=r"10\.0\.0\.7"):
        AddressGuard().resolve("https://rebind.example/v.mp4")


def test_an_internal_name_is_denied(names: Any) -> None:
    names["intranet"] = [["192.168.7.7"]]

    with pytest.raises(MediaDenied):
        AddressGuard().resolve("https://intranet/v.mp4")


def test_a_name_without_an_address_is_unreachable_for_now(names: Any) -> None:
    with pytest.raises(MediaUnreachable):
        AddressGuard().resolve("https://nowhere.example/v.mp4")


def test_a_foreign_alphabet_in_a_host_name_is_looked_up_in_ascii(names: Any) -> None:
    names["xn--bcher-kva.example"] = [["151.101.1.1"]]

    assert AddressGuard().resolve("https://bücher.example/ü.mp4").path == "/%C3%BC.mp4"


def test_an_allowed_host_and_port_opens_that_door_only() -> None:
    guard = AddressGuard(["127.0.0.1:9000"])

    assert guard.resolve("http://127.0.0.1:9000/v.mp4").first_ip == "127.0.0.1"
    assert guard.resolve("https://127.0.0.1:9000/v.mp4").port == 9000
    for url in ("http://127.0.0.1:9001/", "http://127.0.0.2:9000/", "http://localhost:9000/"):
        with pytest.raises(MediaDenied):
            guard.resolve(url)


def test_an_allowed_host_is_open_at_any_port(names: Any) -> None:
    names["media.corp"] = [["10.1.2.3"]]
    names["evil.media.corp"] = names["media.corp.evil.example"] = [["10.1.2.3"]]
    guard = AddressGuard(["Media.Corp"])

    assert guard.resolve("http://media.corp:8080/v.mp4").first_ip == "10.1.2.3"
    assert guard.resolve("https://MEDIA.corp/v.mp4").first_ip == "10.1.2.3"
    for host in ("evil.media.corp", "media.corp.evil.example", "media.corp."):
        with pytest.raises(MediaDenied):
            guard.resolve(f"https://{host}/v.mp4")


def test_an_allowed_network_opens_each_of_its_addresses_and_no_other(names: Any) -> None:
    names["inside.example"] = [["10.200.0.1"]]
    names["half.example"] = [["10.200.0.1", "192.168.0.1"]]
    guard = AddressGuard(["10.0.0.0/8", "fd00::/8"])

    assert guard.resolve("http://10.9.8.7:81/v.mp4").port == 81
    assert guard.resolve("http://inside.example/v.mp4").first_ip == "10.200.0.1"
    assert guard.resolve("http://[fd00::7]/v.mp4").first_ip == "fd00::7"
    for url in ("http://11.0.0.1/v.mp4", "http://half.example/v.mp4", "https://192.168.0.1/v.mp4"):
        with pytest.raises(MediaDenied):
            guard.resolve(url)


def test_an_allowed_host_that_is_nowhere_is_still_not_fetched_from(names: Any) -> None:
    names["media.corp"] = [["0.0.0.0"]]

    with pytest.raises(MediaDenied):
        AddressGuard(["media.corp"]).resolve("http://media.corp/v.mp4")


@pytest.mark.parametrize(
    "entry",
    ["", "10.0.0.0/33", "10.0.0.1/8", "http://host", "host:port", "host:0", "host:70000", "a b", "host/x"],
)
def test_a_malformed_exception_stops_the_start(entry: str) -> None:
    with pytest.raises(ValueError, match="host"):
        AddressGuard([entry])
