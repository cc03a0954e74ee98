"""Addresses in settings: which are this machine, which are public, which may be allowed."""

import ipaddress
import re
from urllib.parse import urlsplit

_HOST_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?")


def is_loopback(host: str | None) -> bool:
    """Does this host name or address mean this machine?"""
    if host in {"localhost", "localhost.localdomain"}:
        return True
    try:
        return ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def is_public_https(url: str) -> bool:
    """Could fal deliver here? https, and neither this machine nor a private name or network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or is_loopback(host) or "." not in host.strip("."):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return not host.endswith((".local", ".internal", ".lan", ".home", ".test", ".localhost"))


def check_allow_entry(part: str) -> None:
    """Refuse what is neither `host`, `host:port` nor a CIDR."""
    try:
        ipaddress.ip_network(part)
    except ValueError:
        if "/" in part or not _HOST_PORT.fullmatch(part):
            raise ValueError(f"{part[:80]!r} is no host, host:port or CIDR") from None
