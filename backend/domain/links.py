"""A link as browsers read it: what a person or a model wrote, made an address that can be asked for. Pure.

Source: WHATWG URL standard, "basic URL parser" (white space, `//`, percent-encoding), RFC 3987 (names).
"""

import itertools
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

#: Longer links are no links: signed ones of the large object stores stay below 2 kB.
LINK_MAX_CHARS = 8192
#: What stands in a path or a query as it is; all else is percent-encoded.
_PATH, _QUERY = "/%:@!$&'()*+,;=-._~", "/%:@!$&'()*+,;=-._~?[]"
#: What a signature adds to a link. Source: signed links of S3, Google, Azure, Aliyun, Tencent, CloudFront.
_SIGNED = re.compile(
    r"(^|&)(x-(amz|goog|oss|cos|tos)-[\w-]+|(x-oss-|q-)?signature|sig|q-sign-[\w-]+|expires|key-pair-id|token)=",
    re.IGNORECASE,
)
_ENDING = re.compile(r"[a-z0-9]{2,5}")
#: Endings of programs: which file one of them gives, its query says.
_PROGRAMS = frozenset({"php", "asp", "aspx", "jsp", "cgi", "do"})
#: What a file is called whose link a person found: the provider has not said that it made it.
NAMED_ROLE = "named by hand"
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


def link_ending(link: str) -> str:
    """How the path of a link ends, without the dot and in small letters: "mp4"; "" for none."""
    _, dot, ending = urlsplit(link).path.rpartition("/")[2].rpartition(".")
    return ending.lower() if dot else ""


def file_identity(link: str) -> str:
    """What a link names, however it is signed: where it leads, and the query where that tells files apart."""
    parts, ending = urlsplit(link), link_ending(link)
    is_file = _ENDING.fullmatch(ending) and ending not in _PROGRAMS
    query = "" if is_file or _SIGNED.search(parts.query) else parts.query
    return f"{parts.netloc.lower()}{parts.path}?{query}"


def find_identities(value: Any) -> set[str]:
    """The `file_identity` of every link in JSON; of texts that are links, not of links within texts."""
    if isinstance(value, Mapping):
        return set().union(*map(find_identities, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(find_identities, value))
    link = normalize_link(value) if isinstance(value, str) else None
    return {file_identity(link)} if link else set()


def named_role(taken: Collection[str]) -> str:
    """What the next file is called whose link a person names, where others are called as `taken` says."""
    further = (f"{NAMED_ROLE} {number}" for number in itertools.count(2))
    return next(role for role in itertools.chain([NAMED_ROLE], further) if role not in taken)


def is_named(role: str) -> bool:
    """Is a file called so because a person named its link?"""
    return role.startswith(NAMED_ROLE)


def _ascii_host(netloc: str) -> str:
    if netloc.isascii():
        if " " in netloc:
            raise ValueError("a name with a space")
        return netloc
    name, colon, port = netloc.partition(":")
    return name.encode("idna").decode("ascii") + colon + port
