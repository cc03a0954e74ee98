"""Does a call come from a page of ours? Browsers say of themselves which page makes a call."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from backend.addresses import is_loopback


def is_same_origin(headers: Headers, *, own_names_only: bool = False) -> bool:
    """Is its `Origin` the host that it is sent to? One without `Origin` is no browser's, and none of ours.

    own_names_only: see `is_own_name`.
    """
    try:
        asks = urlsplit(headers.get("origin", "")).netloc.lower()
    except ValueError:
        return False
    host = headers.get("host", "").lower()
    return bool(asks) and asks == host and (not own_names_only or is_own_name(headers))


def is_own_name(headers: Headers) -> bool:
    """Is it sent to this machine's own name or address? Any other could be a stranger's that leads here."""
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return False
    return is_loopback(host)
