"""Which addresses a download may reach: https to the public internet, and what FETCH_ALLOW names.

A link comes from outside, so it may point anywhere: at this machine, at the office's network, at a
cloud's metadata service. A name is looked up once, every address it has is judged, and the
connection goes to a judged address; a second look-up could give another answer.

A proxy looks names up by itself, and often it alone can. What goes through one is therefore judged by its
name, or by the address that stands in the link.

Source: the IANA special-purpose address registries for IPv4 and IPv6.
"""

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from backend.addresses import is_inner_name
from backend.domain.errors import MediaDenied, MediaUnreachable
from backend.domain.links import LINK_MAX_CHARS, normalize_link
from backend.http.outbound import DEFAULT_PORT, DIRECT, Outbound, Proxy

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: A look-up that takes longer is given up: it can't be interrupted, and a stopping worker has 8 s.
LOOKUP_TIMEOUT_S = 5.0

#: IPv4 that is not the public internet.
NON_PUBLIC_IPV4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches this machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the clouds' metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, retired
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
#: The only IPv6 that is routed in public; mapped, compatible, ULA, link-local and loopback lie outside.
PUBLIC_IPV6 = IPv6Network("2000::/3")
#: What is special within it.
NON_PUBLIC_IPV6 = tuple(
    IPv6Network(net)
    for net in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation
    )
)
#: Networks without IPv4 reach it through these addresses; the last 32 bits are judged instead.
NAT64 = IPv6Network("64:ff9b::/96")

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ENTRY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class ResolvedTarget:
    """Where to connect, and what to say there. `ips` were all judged; none is looked up again."""

    scheme: str
    host: str  #: lower case, ASCII; for the Host header, SNI and the certificate
    port: int
    ips: tuple[str, ...]  #: in the order of preference; at least one
    path: str  #: path and query, percent-encoded, starts with "/"
    proxy: Proxy | None = None  #: whom to ask for the way there; `ips` are its own then

    @property
    def host_and_port(self) -> str:
        """As it is written in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class AddressGuard:
    """Judges links.

    allow: what may be reached besides public https, over http too: "host" (any port), "host:port",
    or a CIDR (any port of any address in it). outbound: which links go through a proxy; `trust_store`: whom
    to believe.

    Raises:
        ValueError: an entry is none of these.
    """

    def __init__(self, allow: Sequence[str] = (), outbound: Outbound = DIRECT) -> None:
        self._outbound = outbound
        self._networks: list[Network] = []
        self._hosts: set[tuple[str, int | None]] = set()
        for entry in allow:
            self._add(entry.strip().lower())

    @property
    def trust_store(self) -> ssl.SSLContext:
        """What the certificates of whoever is reached are checked with."""
        return self._outbound.trust_store()

    def _add(self, entry: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(entry))
            return
        except ValueError:
            match = _ENTRY.fullmatch(entry)
        port = int(match["port"]) if match and match["port"] else None
        if not match or "/" in entry or (port is not None and not 0 < port < 65536):
            raise ValueError(f"{entry[:80]!r} is no host, host:port or CIDR")
        try:
            self._hosts.add((_canonical(match["host"]), port))
        except MediaDenied as error:
            raise ValueError(f"{entry[:80]!r} is no host, host:port or CIDR") from error

    def resolve(self, url: str) -> ResolvedTarget:
        """Judge a link and say where to connect.

        Raises:
            MediaDenied: the link is malformed, or it (or any address of its host) is out of bounds.
            MediaUnreachable: the host has no address, or nobody answers for it now.
        """
        parts = _split(url)
        has_port = ":" in parts.netloc.rpartition("]")[2]
        host = _canonical(parts.netloc.rpartition(":")[0] if has_port else parts.netloc)
        port = parts.port or DEFAULT_PORT[parts.scheme]
        named = bool({(host, port), (host, None)} & self._hosts)
        plain = (parts.scheme, port) != ("https", 443)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        target = ResolvedTarget(parts.scheme, host, port, (), path)
        proxy = self._outbound.proxy_for(f"{parts.scheme}://{target.host_and_port}")
        found = _look_up(host, port) if proxy is None else _addresses_in(host)
        for address in found:
            self._judge(address, host=host, named=named, plain=plain)
        if proxy is None:
            return replace(target, ips=tuple(str(ip) for ip in found))
        if not found and not named:
            _judge_name(host, plain=plain)
        found = _look_up(proxy.host, proxy.port)
        return replace(target, ips=tuple(str(ip) for ip in found), proxy=proxy)

    def _judge(self, address: Address, *, host: str, named: bool, plain: bool) -> None:
        """plain: not https on 443, which is fine only where it was allowed by name or address."""
        if address.is_multicast or address.is_unspecified:
            _deny(f"{host} is at {address}, where nothing can be fetched")
        if named or any(address in net for net in self._networks if net.version == address.version):
            return
        if not is_public(address):
            _deny(f"{host} is at {address}, which is not a public address")
        if plain:
            _deny(f"{host} may be reached by https on port 443 only")


def _judge_name(host: str, *, plain: bool) -> None:
    """Of what a proxy will look up."""
    if is_inner_name(host):
        _deny(f"{host} is a name of an inner network")
    if plain:
        _deny(f"{host} may be reached by https on port 443 only")


def is_public(address: Address) -> bool:
    """Is this an address of the public internet, and not another one in disguise?"""
    if isinstance(address, IPv4Address):
        return not any(address in net for net in NON_PUBLIC_IPV4)
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in PUBLIC_IPV6 and not any(address in net for net in NON_PUBLIC_IPV6)


def _deny(why: str) -> NoReturn:
    raise MediaDenied(f"This link may not be fetched: {why}.").for_operators("FETCH_ALLOW names exceptions.")


def _split(url: str) -> SplitResult:
    """The parts of a link, read as browsers do, once nothing in it can be read in two ways."""
    if len(url) > LINK_MAX_CHARS:
        _deny("it is too long")
    if "\\" in url:
        _deny("it holds backslashes")
    link = normalize_link(url)
    if link is None:
        scheme = url.strip().partition(":")[0]
        _deny(
            f"{scheme[:20] or 'no scheme'} is not https" if scheme not in DEFAULT_PORT else "it can't be read"
        )
    try:
        parts = urlsplit(link)
        port = parts.port
    except ValueError:
        _deny("its address can't be read")
    if "@" in parts.netloc:
        _deny("it holds a user name")
    if not parts.hostname or port == 0:
        _deny("it names no host or no port")
    return parts


def _canonical(host: str) -> str:
    """A host in the one form that is compared, looked up and sent: an IP literal or an ASCII name.

    Numbers that only some programs read as an address (octal, hex, one large number) are refused,
    and so are a trailing dot, a zone and percent signs.
    """
    bare = host.lower().removeprefix("[").removesuffix("]")
    if host.startswith("["):
        try:
            return str(IPv6Address(bare)) if "%" not in bare else _deny("its address has a zone")
        except ValueError:
            _deny("its address can't be read")
    try:
        name = bare if bare.isascii() else bare.encode("idna").decode("ascii").lower()
    except UnicodeError:
        _deny("its host name can't be read")
    if len(name) > 253 or not _NAME.fullmatch(name):
        _deny(f"{name[:80]!r} is no host name")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        try:
            return str(IPv4Address(name))
        except ValueError:
            _deny(f"{name[:80]!r} is no plain address")
    return name


def _addresses_in(host: str) -> list[Address]:
    """The address that a host is written as; none for a name."""
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        return []


def _look_up(host: str, port: int) -> list[Address]:
    """Every address of a host, in the system's order of preference."""
    found = _addresses_in(host)
    if found:
        return found
    errors: list[Exception] = []

    def ask() -> None:
        try:
            for *_, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append(ipaddress.ip_address(str(where[0])))
        except (OSError, ValueError) as error:  # a scoped address (fe80::1%eth0) is a ValueError
            errors.append(error)

    asking = threading.Thread(target=ask, name="look-up", daemon=True)
    asking.start()
    asking.join(LOOKUP_TIMEOUT_S)
    if asking.is_alive():
        raise MediaUnreachable(f"Looking up {host} took longer than {LOOKUP_TIMEOUT_S:.0f} s.")
    if errors or not found:
        if errors and isinstance(errors[0], ValueError):
            _deny(f"{host} is at an address that can't be used")
        raise MediaUnreachable(f"{host} has no address now.") from (errors[0] if errors else None)
    return list(dict.fromkeys(found))
