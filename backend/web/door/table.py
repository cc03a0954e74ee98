"""What is opened to whom: every path of the dashboard, and everybody who may come, in one table.

A page that was open when its session ended can reconnect, and is then told in words that it has ended;
without that its browser would say "Connecting" for ever. Only the page's own websocket is so lenient: what
carries anything of takes by itself (media, uploads, live parts) is not.
"""

from collections.abc import Mapping
from enum import Enum, auto
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import Scope


class Who(Enum):
    """Who comes."""

    NOBODY = auto()  #: says nothing of who it is
    ENDED = auto()  #: a cookie that no longer holds, or never did
    ROLELESS = auto()  #: somebody who may do nothing here
    SOMEBODY = auto()
    UNKNOWN = auto()  #: a cookie that can't be looked up now
    UNJUDGED = auto()  #: what a proxy says can't be judged now


class What(Enum):
    """What is asked for."""

    OPEN = auto()  #: shows nothing of anybody
    SIGN_IN = auto()  #: the ways in and out
    STREAM = auto()  #: the page's own websocket, and what its script asks before
    DOCUMENT = auto()  #: a page, as a browser asks for it
    OTHER = auto()


class Act(Enum):
    """What the door does."""

    PASS = auto()
    TO_SIGN_IN = auto()
    REFUSE = auto()  #: 401; a websocket is not accepted
    FORBID = auto()  #: 403
    TELL_ROLELESS = auto()  #: a page that says so
    LATER = auto()  #: 503


_EVERYBODY = dict.fromkeys(Who, Act.PASS)
#: What the door does, by what is asked for and by whom.
TABLE: Mapping[What, Mapping[Who, Act]] = {
    What.OPEN: _EVERYBODY,
    What.SIGN_IN: _EVERYBODY,
    What.STREAM: _EVERYBODY | {Who.NOBODY: Act.REFUSE, Who.UNJUDGED: Act.LATER},
    What.DOCUMENT: {
        Who.NOBODY: Act.TO_SIGN_IN,
        Who.ENDED: Act.TO_SIGN_IN,
        Who.ROLELESS: Act.TELL_ROLELESS,
        Who.SOMEBODY: Act.PASS,
        Who.UNKNOWN: Act.PASS,  # the page itself is empty, and says what is wrong
        Who.UNJUDGED: Act.LATER,
    },
    What.OTHER: {
        Who.NOBODY: Act.REFUSE,
        Who.ENDED: Act.REFUSE,
        Who.ROLELESS: Act.FORBID,
        Who.SOMEBODY: Act.PASS,
        Who.UNKNOWN: Act.LATER,
        Who.UNJUDGED: Act.LATER,
    },
}

#: Paths below the root of all pages that are open to everybody, and that are a page's own connection.
_OPEN_PATHS = frozenset({"/_stcore/health", "/favicon.png", "/favicon.ico"})
_STREAM_PATHS = frozenset({"/_stcore/stream", "/_stcore/host-config"})
_OPEN_PREFIX, _SIGN_PREFIX = "/static/", "/sign-"
#: Where no page lies, whatever a browser says that it asks for.
_NO_PAGES = ("/_stcore/", "/app/", "/media/", "/component/", "/live", "/wall/")
#: Of a query, these are left as they came.
_SAFE_IN_QUERY = "%=&+/:?@!$'()*,;~-._[]|"
#: The longest address of a page that is kept over a sign-in: it travels in a cookie.
NEXT_MAX_CHARS = 1500


def what_is_asked(scope: Scope, root: str) -> What:
    """What this request or websocket is for. root: of all pages, without a slash at its end."""
    path: str = scope["path"]
    if root and not path.startswith(f"{root}/"):
        return What.DOCUMENT if _wants_page(scope) else What.OTHER
    path = path.removeprefix(root)
    if path in _STREAM_PATHS:
        return What.STREAM
    if scope["type"] == "http":
        if path in _OPEN_PATHS or path.startswith(_OPEN_PREFIX):
            return What.OPEN
        if path in ("/sign-in", "/sign-out") or path.startswith("/sign-in/"):
            return What.SIGN_IN
        if _wants_page(scope) and not path.startswith(_NO_PAGES):
            return What.DOCUMENT
    return What.OTHER


def _wants_page(scope: Scope) -> bool:
    """Older browsers and scripts don't say by `Sec-Fetch-Mode` what they are about."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    headers = Headers(scope=scope)
    mode, accepts = headers.get("sec-fetch-mode"), headers.get("accept", "")
    return mode in ("navigate", None) and ("text/html" in accepts or (mode is not None and "*/*" in accepts))


def asked_page(scope: Scope) -> str:
    """The address of the page that is asked for, as `next_page` takes it."""
    query = quote(scope["query_string"], safe=_SAFE_IN_QUERY)
    return quote(scope["path"]) + (f"?{query}" if query else "")


def next_page(asked: str | None, root: str) -> str:
    """Where somebody goes after signing in: the page asked for if it is one of ours, else the first one.

    Browsers take a backslash for a slash and leave out tabs and line ends, so neither may be in it.
    """
    first = f"{root}/"
    if not asked or len(asked) > NEXT_MAX_CHARS or not asked.startswith(first):
        return first
    path = asked[len(root) :].partition("?")[0]
    seen = asked.isascii() and all(32 < ord(one) < 127 for one in asked)
    ours = seen and "\\" not in path and not path.startswith(("//", _SIGN_PREFIX))
    return asked if ours else first
