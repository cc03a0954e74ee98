"""The one middleware that everybody comes through: it decides by the table, and says who it is."""

from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.identity.proxies import PROOF_HEADER
from backend.services.operations import readiness
from backend.services.team.visitors import HEADER
from backend.web.door.html import plain_page
from backend.web.door.keeper import NOBODY, Keeper, Visitor
from backend.web.door.sign_in import sign_in_link
from backend.web.door.table import TABLE, Act, What, Who, asked_page, what_is_asked

#: Not accepted: the browser is answered 403. Source: ASGI, "WebSocket", `websocket.close` before `accept`.
_POLICY_VIOLATION = 1008


#: How long a file waits until it is known who asks for it, in seconds, before they are asked to come again. A
#: page waits less: it opens all the same, and says itself what is wrong.
PATIENCE_S = 10.0


class Door:
    """Lets through whom the table lets through, with `x-dailies-viewer`; takes that header off what comes in,
    and the secret of a proxy.

    keeper: knows whoever comes; None: there are no logins, and everybody is let through. root: of all pages,
    without a slash at its end.
    """

    def __init__(self, app: ASGIApp, keeper: Keeper | None, root: str = "") -> None:
        self._app, self._keeper, self._root = app, keeper, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        told = [(name, value) for name, value in scope["headers"] if name.lower() != HEADER.encode()]
        scope = {**scope, "headers": told}
        if self._keeper is None:
            await self._app(scope, receive, send)
            return
        what, visitor = what_is_asked(scope, self._root), NOBODY
        if what is not What.OPEN:
            visitor = await self._recognize(self._keeper, scope, what)
        told = [(name, value) for name, value in told if name.lower() != PROOF_HEADER.encode()]
        scope["headers"] = told
        act = TABLE[what][visitor.who]
        if act is not Act.PASS:
            await self._turn_away(act, visitor, scope, receive, send)
            return
        if visitor.header and not (what is What.SIGN_IN and visitor.who is Who.ENDED):
            scope["headers"] = [*told, (HEADER.encode(), visitor.header.encode())]
        await self._app(scope, receive, send)

    async def _recognize(self, keeper: Keeper, scope: Scope, what: What) -> Visitor:
        """Only what a person does keeps a session from idling: opening a page, sending something."""
        acted = what is What.DOCUMENT or scope.get("method", "GET") not in ("GET", "HEAD")
        client = scope.get("client")
        address = client[0] if client else None
        within_s = PATIENCE_S if what is What.OTHER else readiness.WAIT_S
        return await keeper.recognize(Headers(scope=scope), address, acted=acted, within_s=within_s)

    async def _turn_away(
        self, act: Act, visitor: Visitor, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        await self._answer(act, visitor, scope)(scope, receive, send)

    def _answer(self, act: Act, visitor: Visitor, scope: Scope) -> Response:
        if act is Act.TO_SIGN_IN:
            return _uncached(RedirectResponse(sign_in_link(self._root, asked_page(scope)), 303))
        if act is Act.TELL_ROLELESS and visitor.no_role is not None:
            who, why = visitor.no_role.name, visitor.no_role.why
            return no_role_page(who, why, self._root)
        if act is Act.LATER:
            later = {"Retry-After": "5"}
            return _error(503, "unavailable", "Who you are can't be looked up just now. Try again.", later)
        if act is Act.FORBID:
            return _error(403, "forbidden", "You are signed in, and may not use Dailies yet.")
        return _error(401, "unauthorized", "Your session has ended, or you are not signed in. Sign in first.")


def no_role_page(who: str, why: str, root: str) -> Response:
    """For somebody who is signed in and may do nothing here."""
    said = (
        f"You are signed in as {who}. Nothing says yet what you may do here.",
        why,
        "Ask whoever runs Dailies to give you a role; then load this page again.",
    )
    links = (("Sign out and use another account", f"{root}/sign-out"),)
    return plain_page("You may not use Dailies yet", said, links, status=403)


def _error(status: int, code: str, message: str, headers: Any = None) -> Response:
    return _uncached(JSONResponse({"error": {"code": code, "message": message}}, status, headers))


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
