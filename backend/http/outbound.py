"""How calls leave the program: whose certificates are believed, and through which proxy they go.

One rule for every call: to a provider, for a file, to the bucket, to our own public address. Whoever calls
asks an `Outbound`, which `settings.outbound` makes of the settings; nobody looks into the environment.

Source: curl's manual ("Environment"), for what people expect of these names.
"""

import ipaddress
import re
import ssl
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import certifi

from backend.addresses import is_loopback

#: Whoever runs Dailies reads this where a proxy refuses us, and where a certificate is not trusted.
PROXY_REMEDY = "OUTBOUND_PROXY or HTTPS_PROXY names it."
TRUST_REMEDY = "SSL_CERT_FILE names further authorities."
#: Where a proxy and a server listen unless a URL says otherwise, by scheme.
DEFAULT_PORT = {"https": 443, "http": 80}

_HOST_AND_PORT = re.compile(r"(\[.*\]|[^:]*):([0-9]{1,5})")


@dataclass(frozen=True)
class Proxy:
    """A proxy, by its whole URL: `check_proxy` has passed it. https: TLS is spoken to the proxy itself."""

    url: str = field(repr=False)  #: may hold a password

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """Its name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or DEFAULT_PORT[self.scheme]

    @property
    def headers(self) -> dict[str, str]:
        """What it alone is told: the name and the password, where its URL has them."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return {}
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    @property
    def redacted_url(self) -> str:
        """The URL as people may see it."""
        return f"{self.scheme}://{urlsplit(self.url).netloc.rpartition('@')[2]}"


@dataclass(frozen=True)
class Outbound:
    """The rule. Without anything said: directly, and certifi's authorities alone are trusted.

    http_proxy, https_proxy: through which proxy links of that scheme go. no_proxy: which hosts are reached
        directly all the same: names with all that end in them, addresses, networks, each also with a port, or
        `*`. authorities: files (PEM) or folders (OpenSSL's) of those that are trusted besides certifi's.
    """

    http_proxy: Proxy | None = None
    https_proxy: Proxy | None = None
    no_proxy: str = ""
    authorities: tuple[Path, ...] = ()

    def proxy_for(self, url: str) -> Proxy | None:
        """The proxy that this link goes through; None: directly, as this machine itself always is."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORT.get(parts.scheme, 0)
        proxy = self.https_proxy if parts.scheme == "https" else self.http_proxy
        if proxy is None or is_loopback(host):
            return None
        entries = self.no_proxy.lower().replace(",", " ").split()
        return None if any(_covers(entry, host.rstrip("."), port) for entry in entries) else proxy

    def trust_store(self, *more: Path) -> ssl.SSLContext:
        """What certificates are checked with; read once, and shared. more: further authorities."""
        paths = dict.fromkeys(map(str, (*self.authorities, *more)))
        return _trust_store(certifi.where(), tuple(paths))


#: The rule where nothing is said.
DIRECT = Outbound()


@lru_cache(maxsize=8)
def _trust_store(usual: str, further: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=usual)
    for path in further:
        add_authorities(context, Path(path))
    if further:
        # Companies' authorities leave out what Python 3.13 demands of a certificate, and only some of a chain
        # may be at hand. curl and Python 3.12 take both.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def add_authorities(context: ssl.SSLContext, path: Path) -> None:
    """Trust what this file, or folder, holds. OSError (SSLError is one): it can't be read, or holds none."""
    if path.is_dir():
        context.load_verify_locations(capath=str(path))
    else:
        context.load_verify_locations(cafile=str(path))


def check_proxy(value: str) -> str:
    """A proxy's URL as `Proxy` takes it, of what people write for one: `host:port` is http.

    Raises:
        ValueError: it is none. The message never repeats it: it may hold a password.
    """
    value = value.strip()
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        _ = parts.port  # a malformed port raises ValueError here
    except ValueError:
        raise ValueError(_NO_PROXY_URL) from None
    if parts.scheme not in DEFAULT_PORT:
        raise ValueError("must be a proxy that starts with http:// or https://; SOCKS is not spoken here")
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if rest or not parts.hostname or parts.netloc.count("@") > 1 or not url.isprintable() or " " in url:
        raise ValueError(_NO_PROXY_URL)
    return f"{parts.scheme}://{parts.netloc}"


_NO_PROXY_URL = (
    "is no proxy: http://host:port, or http://name:password@host:port with each @ : / ? # of the two written "
    "as %40 and so on"
)


def _covers(entry: str, host: str, port: int) -> bool:
    """Is this host meant by this entry of NO_PROXY?"""
    with_port = _HOST_AND_PORT.fullmatch(entry)
    name, its_port = (with_port[1], int(with_port[2])) if with_port else (entry, port)
    if entry == "*" or its_port != port:
        return entry == "*"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = name.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
    with suppress(ValueError):
        return address in ipaddress.ip_network(name.strip("[]"), strict=False)
    return False
