"""Addresses in settings: which are this machine, which are public, which may be allowed."""

import ipaddress
import re
from urllib.parse import unquote, urlsplit

#: What names end in that mean something within one network only. Sources: RFC 6761, 6762, 8375; ICANN on
#: `.internal`, and its list of names that will never be given out.
INNER_NAMES = (
    ".local", ".localhost", ".localdomain", ".internal", ".intranet", ".private", ".lan", ".home", ".corp",
    ".home.arpa", ".test",
)  # fmt: skip
_HOST_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?")

_PATH = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*")
_FRAME_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:([0-9]{1,5}|\*))?")
#: How a PostgreSQL server is named by those who rent one out, and by other programs.
_SERVER = re.compile(r"postgres(?:ql)?(?:\+psycopg2?)?://", re.IGNORECASE)
#: What makes SQLite keep a database in memory.
_IN_MEMORY_MARKS = (":memory:", "mode=memory", "vfs=memdb")


def is_loopback(host: str | None) -> bool:
    """Does this host name or address mean this machine?"""
    if host in {"localhost", "localhost.localdomain"}:
        return True
    try:
        return ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def is_inner_name(host: str) -> bool:
    """Does this name, which is no address, mean something within one's own network only?"""
    return "." not in host.strip(".") or host.rstrip(".").lower().endswith(INNER_NAMES)


def is_public_https(url: str) -> bool:
    """Could fal deliver here? https, and neither this machine nor a private name or network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or is_loopback(host):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return not is_inner_name(host)


def check_allow_entry(part: str) -> None:
    """Refuse what is neither `host`, `host:port` nor a CIDR."""
    try:
        ipaddress.ip_network(part)
    except ValueError:
        if "/" in part or not _HOST_PORT.fullmatch(part):
            raise ValueError(f"{part[:80]!r} is no host, host:port or CIDR") from None


def base_url(url: str, *, secure: bool = False) -> str:
    """A base URL without a slash at its end, or nothing; ValueError: it is none.

    secure: http is for this machine alone.
    """
    bare = url.rstrip("/")
    if not bare:
        return bare
    parts = urlsplit(bare)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"must be a URL that starts with {'' if secure else 'http:// or '}https://")
    _ = parts.port  # a malformed port raises ValueError here
    if parts.username or parts.query or parts.fragment:
        raise ValueError("must be a plain base URL, without a user, a query or a fragment")
    if secure and parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must start with https://; http:// is for this machine alone")
    return bare


def base_path(path: str) -> str:
    """The path that pages lie below, without slashes around it; ValueError: it is none."""
    path = path.strip().strip("/")
    if path and not _PATH.fullmatch(path):
        raise ValueError("must be a path like dailies, of letters, digits and . _ ~ -")
    return path


def frame_sources(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """Who may frame a page, as a browser's policy names them; ValueError: one is no such source.

    Source: https://www.w3.org/TR/CSP3/#directive-frame-ancestors
    """
    parts = text.replace(",", " ").split() if isinstance(text, str) else text
    sources = tuple(dict.fromkeys(map(_frame_source, parts)))
    if not sources or ("'none'" in sources and len(sources) > 1):
        raise ValueError("must be 'none' alone, or name who may frame the dashboard, like 'self'")
    return sources


def _frame_source(text: str) -> str:
    word = text.strip("'\"").lower()
    if word in ("self", "none"):
        return f"'{word}'"
    scheme, _, rest = word.rpartition("://")
    host = rest.partition("/")[0]
    if scheme not in ("", "http", "https") or not _FRAME_HOST.fullmatch(host):
        raise ValueError(
            f"{text[:80]!r} is neither 'self', 'none' nor an origin like https://intranet.example.com"
        )
    return f"{scheme}://{host}" if scheme else host


def read_database_url(url: str) -> str:
    """A database's URL as SQLAlchemy reads it: `postgres://` means PostgreSQL by its one driver here.

    ValueError says what is wrong, without the URL itself.
    """
    if _SERVER.match(url):
        return _check_server_url(_SERVER.sub("postgresql+psycopg://", url, count=1))
    path, _, query = url.partition("?")
    if not url.startswith("sqlite:///"):
        raise ValueError(
            "must start with sqlite:/// and a path, or be postgresql+psycopg://user:password@host/name"
        )
    if "/" in query:
        raise ValueError("has a ? in its path: write that as %3F")
    if path == "sqlite:///" or any(word in unquote(url) for word in _IN_MEMORY_MARKS):
        raise ValueError("must name a file: a database in memory would lose every take")
    return url


def _check_server_url(url: str) -> str:
    """A URL that names a server's database; ValueError says what is wrong, without the URL itself."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a malformed port raises ValueError here
    except ValueError:
        raise ValueError(
            "is no URL: is the port a number, is every @ : / ? # of the password written as %40 and so on?"
        ) from None
    if not parts.path.strip("/"):
        raise ValueError("must name a database, as in postgresql+psycopg://user:password@host/name")
    if parts.netloc.count("@") > 1:  # readers differ in where the password ends
        raise ValueError("has an @ too many: write one of a password as %40")
    if parts.fragment or "/" in parts.path.strip("/"):
        raise ValueError("has a / or # too many: write those of a password as %2F and %23")
    return url
