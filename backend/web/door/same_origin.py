"""Does a call come from a page of ours? Browsers say of themselves which page makes a call."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from backend.addresses import is_loopback


def is_same_origin(headers: Headers, *, own_names_only: bool = False) -> bool:
    """Is its `Origin` the host that it is sent to? One without `Origin` is no browser's, and none of ours.

    By name alone: a proxy in front may leave the port out. own_names_only: this machine's own names alone
    will do; any other could be a stranger's that leads here.
    """
    try:
        asks = urlsplit(headers.get("origin", "")).hostname
        host = urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return False
    return asks is not None and asks == host and (not own_names_only or is_loopback(host))
