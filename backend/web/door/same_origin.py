"""Does a call come from a page of ours? Browsers say of themselves which page makes a call."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers


def is_same_origin(headers: Headers) -> bool:
    """Is its `Origin` the host that it is sent to? One without `Origin` is no browser's, and none of ours."""
    origin = headers.get("origin")
    return bool(origin) and urlsplit(str(origin)).netloc.lower() == headers.get("host", "").lower()
