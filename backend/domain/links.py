"""A link as browsers read it: what a person or a model wrote, made an address that can be asked for. Pure.

Source: WHATWG URL standard, "basic URL parser" (white space, `//`, percent-encoding), RFC 3987 (names).
"""

import re
from urllib.parse import quote, urlsplit, urlunsplit

#: Longer links are no links: signed ones of the large object stores stay below 2 kB.
LINK_MAX_CHARS = 8192
#: What stands in a path or a query as it is; all else is percent-encoded.
_PATH, _QUERY = "/%:@!$&'()*+,;=-._~", "/%:@!$&'()*+,;=-._~?[]"
_STRAY = re.compile(r"[\t\n\r]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def normalize_link(text: str) -> str | None:
    """The http or https address that a browser would ask for, in ASCII; None when this is no such link.

    White space around it goes, within it becomes `%20`; `//host` means https; a fragment is never sent;
    names of other scripts are spelt as DNS does.
    """
    text = _STRAY.sub("", text).strip(" \f\v\xa0")
    if text.startswith("//"):
        text = f"https:{text}"
    if len(text) > LINK_MAX_CHARS or _CONTROL.search(text):
        return None
    try:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        host = _ascii_host(parts.netloc)
        path = quote(parts.path, safe=_PATH)
        query = quote(parts.query, safe=_QUERY)
    except (ValueError, UnicodeError):  # half characters, brackets without an end, names that DNS can't have
        return None
    return urlunsplit((parts.scheme, host, path, query, ""))


def _ascii_host(netloc: str) -> str:
    if netloc.isascii():
        if " " in netloc:
            raise ValueError("a name with a space")
        return netloc
    name, colon, port = netloc.partition(":")
    return name.encode("idna").decode("ascii") + colon + port
