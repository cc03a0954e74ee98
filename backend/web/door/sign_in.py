"""The ways in and out: the page to sign in, to a provider and back, and to sign out."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from backend.domain.access.origin import Origin
from backend.domain.errors import StoreUnavailable
from backend.identity.oidc import Flow, OidcClient, SignInRefused
from backend.identity.proxies import SIGN_OUT
from backend.identity.published import IssuerUnavailable
from backend.services.team import sessions, sign_ins, visitors
from backend.services.team.sessions import BegunSession, PersonDisabled
from backend.settings import Settings
from backend.web.door.cookies import DoorCookies
from backend.web.door.html import plain_page
from backend.web.door.keeper import Keeper
from backend.web.door.table import next_page

log = logging.getLogger(__name__)
T = TypeVar("T")

#: So many sign-ins talk to one provider at once, and so many more wait; others are asked to try again.
AT_ONCE, WAITING = 8, 100
#: Said where a sign-in came to nothing.
_NOTHING_CAME_OF_IT = "Nobody was signed in."


def sign_in_link(root: str, page: str) -> str:
    """Where somebody signs in to come to this page."""
    return f"{root}/sign-in?{urlencode({'next': page})}"


class SignIn:
    """The routes. clients: by the providers' names, in the order in which they are offered."""

    def __init__(
        self,
        settings: Settings,
        keeper: Keeper,
        cookies: DoorCookies,
        clients: Mapping[str, OidcClient],
        root: str,
    ) -> None:
        self._settings, self._keeper, self._cookies = settings, keeper, cookies
        self._clients, self._root, self._base = clients, root, settings.login_base_url
        self._lines = {name: _Line() for name in clients}
        self._refusals = sign_ins.Refusals()

    def routes(self) -> list[Route]:
        """All of them."""
        ways: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/sign-in": self._page,
            "/sign-in/back": self._back,
            "/sign-in/{provider}": self._begin,
            "/sign-out": self._sign_out,
        }
        return [Route(f"{self._root}{path}", way, methods=["GET"]) for path, way in ways.items()]

    async def _page(self, request: Request) -> Response:
        asked = request.query_params.get("next") or _page_before(request)
        page = next_page(asked, self._root)
        if visitors.HEADER in request.headers:
            return RedirectResponse(page, 303)
        if self._is_elsewhere(request):
            here = urlencode({"next": page, "from": "elsewhere"})
            return RedirectResponse(f"{self._base}/sign-in?{here}", 303)
        if not self._clients:
            said = "Whoever stands in front of Dailies signs people in, and has not said who you are."
            return plain_page("Sign in", [said], [("Try again", page)], status=401)
        said = "You are signed out." if "out" in request.query_params else ""
        return plain_page("Sign in to Dailies", [said], self._ways_in(page))

    def _ways_in(self, page: str) -> list[tuple[str, str]]:
        titles = {name: self._settings.login_provider_settings[name].title for name in self._clients}
        query = urlencode({"next": page})
        return [
            (f"Sign in with {title}", f"{self._root}/sign-in/{name}?{query}")
            for name, title in titles.items()
        ]

    def _is_elsewhere(self, request: Request) -> bool:
        """Did they come to another host than the provider sends them back to? Told once, lest it go round."""
        base = urlsplit(self._base).netloc.lower()
        came_to = request.headers.get("host", base).lower()
        return bool(base) and came_to != base and "from" not in request.query_params

    async def _begin(self, request: Request) -> Response:
        name = request.path_params["provider"]
        page = next_page(request.query_params.get("next"), self._root)
        client = self._clients.get(name)
        if client is None:
            return self._refused(f"There is no way to sign in called {name[:40]}.", page, 404)
        if self._is_elsewhere(request):
            query = urlencode({"next": page, "from": "elsewhere"})
            return RedirectResponse(f"{self._base}/sign-in/{name}?{query}", 303)
        flow = Flow(name, page)
        try:
            url = await self._lines[name].ask(partial(client.authorization_url, flow))
        except IssuerUnavailable as problem:
            return self._away(name, problem, page)
        except _TooManyError:
            return self._too_many(page)
        response = RedirectResponse(url, 302, {"Cache-Control": "no-store"})
        self._cookies.write_flow(response, flow)
        return response

    async def _back(self, request: Request) -> Response:
        flow = self._cookies.read_flow(request.headers)
        if flow is None and visitors.HEADER in request.headers:  # loaded again, after it had come to its end
            return RedirectResponse(next_page(None, self._root), 303)
        if flow is None or flow.provider not in self._clients:
            why = "This sign-in was begun too long ago, in another window, or without cookies."
            return self._refused(why, next_page(None, self._root), 400)
        page = next_page(flow.next_page, self._root)
        is_newest = request.query_params.get("state", flow.state) == flow.state
        if not is_newest and visitors.HEADER in request.headers:
            return RedirectResponse(page, 303)
        try:
            begun = await self._lines[flow.provider].ask(partial(self._finish, flow, request))
        except SignInRefused as problem:
            response = self._refused(str(problem), page, 400)
        except PersonDisabled as problem:
            said = f"{problem} Ask whoever runs Dailies."
            response = self._refused(said, page, 403)
        except IssuerUnavailable as problem:
            response = self._away(flow.provider, problem, page)
        except StoreUnavailable as problem:
            response = self._refused(str(problem), page, 503)
        except _TooManyError:
            return self._too_many(page)
        else:
            response = RedirectResponse(page, 303)
            self._cookies.write_session(response, begun.cookie)
        if is_newest:  # else the one that was begun last, as in another tab, goes on
            self._cookies.delete_flow(response)
        return response

    def _finish(self, flow: Flow, request: Request) -> BegunSession:
        """Blocks: asks the provider, then writes the session."""
        origin = Origin(address=request.client.host if request.client else None)
        deps = self._keeper.deps()
        try:
            claims = self._clients[flow.provider].finish(flow, request.url.query)
            begun = sessions.begin_session(
                deps, flow.provider, claims, origin=origin, agent=request.headers.get("user-agent")
            )
        except SignInRefused as problem:
            log.warning("a sign-in is refused", extra={"provider": flow.provider, "why": problem.why})
            self._refusals.note_refusal(deps, flow.provider, problem.why, origin)
            raise
        except PersonDisabled as problem:
            self._refusals.note_person(deps, problem.name, "disabled", origin)
            raise
        log.info("signed in", extra={"person": begun.person.name, "provider": flow.provider})
        return begun

    async def _sign_out(self, request: Request) -> Response:
        """A link on another site signs nobody out."""
        if request.headers.get("sec-fetch-site") not in ("same-origin", "none"):
            said = "You were sent here from elsewhere, so nothing has changed."
            return plain_page("Sign out?", [said], [("Sign out", f"{self._root}/sign-out")], status=403)
        visit = visitors.open_visit(self._settings, request.headers.get(visitors.HEADER))
        if self._settings.login_proxy and (visit is None or visit.identity is not None):
            return RedirectResponse(SIGN_OUT[self._settings.login_proxy], 303)
        if visit is not None and visit.session_id is not None:
            try:
                await run_sync(self._end, visit.session_id, visit.origin)
            except StoreUnavailable:
                said = "You could not be signed out just now. Try again in a moment."
                again = [("Sign out", f"{self._root}/sign-out")]
                return plain_page("You are still signed in", [said], again, status=503)
        response = RedirectResponse(f"{self._root}/sign-in?out=1", 303)
        self._cookies.delete_session(response)
        return response

    def _end(self, session_id: str, origin: Origin) -> None:
        sessions.sign_out(self._keeper.deps(), session_id, origin)

    def _refused(self, why: str, page: str, status: int) -> Response:
        links = [("Begin again", sign_in_link(self._root, page))]
        return plain_page("You are not signed in", [why, _NOTHING_CAME_OF_IT], links, status=status)

    def _away(self, name: str, problem: IssuerUnavailable, page: str) -> Response:
        log.warning("a provider can't be asked", extra={"provider": name, "why": problem.why})
        title = self._settings.login_provider_settings[name].title
        said = f"{title} can't be reached just now ({problem.why}). Try again in a moment, or another way in."
        return self._refused(said, page, 503)

    def _too_many(self, page: str) -> Response:
        return self._refused("Very many people are signing in. Try again in a moment.", page, 503)


class _TooManyError(Exception):
    pass


class _Line:
    """Those who sign in by one provider; whoever waits for it holds up nobody else."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None  #: made in the event loop, where it belongs
        self._asking = 0  #: counted there, too

    async def ask(self, what: Callable[[], T]) -> T:
        """Do it in one of a few threads. Raises _TooManyError: too many wait."""
        self._limiter = self._limiter or anyio.CapacityLimiter(AT_ONCE)
        if self._asking >= AT_ONCE + WAITING:
            raise _TooManyError
        self._asking += 1
        try:
            return await run_sync(what, limiter=self._limiter)
        finally:
            self._asking -= 1


def _page_before(request: Request) -> str | None:
    """The page of ours that led here, as our pages tell it to our own origin alone."""
    parts = urlsplit(request.headers.get("referer", ""))
    if parts.netloc.lower() != request.headers.get("host", "").lower():
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")
