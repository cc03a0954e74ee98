"""Puts the door together: its middleware and its routes, out of the settings."""

from collections.abc import Callable
from typing import NamedTuple

from starlette.middleware import Middleware
from starlette.routing import Route

from backend.domain.clock import Clock
from backend.identity.oidc import OidcClient
from backend.identity.proxies import make_proxy
from backend.services.deps import Deps
from backend.settings import Settings
from backend.web.door.cookies import DoorCookies
from backend.web.door.door import Door
from backend.web.door.keeper import Keeper
from backend.web.door.sign_in import SignIn


class DoorParts(NamedTuple):
    """What the dashboard's server needs of the door."""

    middleware: Middleware
    routes: list[Route]


def make_door(
    settings: Settings, open_deps: Callable[[], Deps], *, base_path: str = "", clock: Clock | None = None
) -> DoorParts:
    """The door by these settings; without logins it lets everybody in. Nothing is opened or asked yet.

    open_deps: called at the first look-up. base_path: of all pages.
    """
    root = f"/{base_path.strip('/')}".rstrip("/")
    if not settings.has_logins:
        return DoorParts(Middleware(Door, keeper=None, root=root), [])
    clock = clock or Clock()
    cookies = DoorCookies(settings, root, clock)
    clients = {
        name: OidcClient(login, f"{settings.login_base_url}/sign-in/back", clock, settings.outbound)
        for name, login in settings.login_provider_settings.items()
    }
    proxy = make_proxy(settings, clock)
    keeper = Keeper(settings, open_deps, cookies, proxy.identify if proxy else None)
    routes = SignIn(settings, keeper, cookies, clients, root).routes()
    return DoorParts(Middleware(Door, keeper=keeper, root=root), routes)
