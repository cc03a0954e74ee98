"""An installation behind the shipped nginx configuration, and a browser that comes to it that way."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from tests import programs
from tests.deploy.front import HOOKS, KNOWN, Front, Host, login
from tests.e2e.installation import Installation
from tests.e2e.stories.test_browser import FLAGS, Visit
from tests.loopback import Behaviour, Seen, answer
from tests.waiting import PATIENCE_S


@contextmanager
def behind_nginx(folder: Path, fal_url: str, *, path: str = "", **how: Any) -> Iterator[Any]:
    """Its `front` is nginx; fal's deliveries come in by TLS and the public name.

    path: below which the sidecar lies, for everybody outside. how: as for `Front`.
    """

    def deliver(seen: Seen) -> Behaviour:
        headers = {name: value for name, value in seen.headers.items() if name != "host"}
        got = made.front.call(HOOKS, seen.method, seen.path, seen.body, headers)
        return answer(got.status, got.data)

    with ExitStack() as ends:
        who, internet = (
            ends.enter_context(closing(host)) for host in (Host("who", login), Host("internet", deliver))
        )
        made: Any = Installation(folder, fal_url, PUBLIC_URL=f"http://{internet.place}{path}")
        ends.enter_context(closing(made))
        dashboards, sidecars = ([f"127.0.0.1:{port}"] for port in (made.dashboard_port, made.port))
        made.front = Front(folder / "nginx", dashboards=dashboards, sidecars=sidecars, who=who.place, **how)
        ends.enter_context(closing(made.front)).start()
        made.up()
        yield made


@contextmanager
def window_to(
    installation: Any, name: str, path: str = "", **looks: Any
) -> Iterator[tuple[Visit, list[str]]]:
    """The window of somebody whom the login knows, and its websockets; it complains of nothing."""
    front, sockets = installation.front, list[str]()
    rules = f"--host-resolver-rules=MAP {name}:443 127.0.0.1:{front.port}"
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=programs.browser_path(), args=[*FLAGS, rules])
        window = Visit(browser, installation, f"https://{name}{path}", ignore_https_errors=True, **looks)
        cookie, _, value = KNOWN["Cookie"].partition("=")
        window.context.add_cookies([{"name": cookie, "value": value, "url": window.origin}])
        window.page.on("websocket", lambda socket: sockets.append(socket.url))
        yield window, sockets
        window.close()
        browser.close()
