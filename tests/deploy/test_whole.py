"""The real dashboard, sidecar and worker behind the shipped nginx configuration."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright
from urllib3 import encode_multipart_formdata

from tests import programs
from tests.deploy.front import DASHBOARD, HOOKS, KNOWN, Front, Host, login
from tests.e2e.installation import Installation
from tests.e2e.stories.test_browser import FLAGS, READY
from tests.loopback import Behaviour, Seen, answer
from tests.waiting import eventually
from tests.world import picture

pytestmark = [pytest.mark.needs("nginx"), pytest.mark.xdist_group("behind nginx")]


@pytest.fixture(scope="module")
def installation(fal: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Its `front` is nginx; fal's deliveries come in by TLS and the public name."""

    def deliver(seen: Seen) -> Behaviour:
        headers = {name: value for name, value in seen.headers.items() if name != "host"}
        got = made.front.call(HOOKS, seen.method, seen.path, seen.body, headers)
        return answer(got.status, got.data)

    folder = tmp_path_factory.mktemp("behind-nginx")
    with ExitStack() as ends:
        who, internet = (
            ends.enter_context(closing(host)) for host in (Host("who", login), Host("internet", deliver))
        )
        made: Any = Installation(folder, fal.url, PUBLIC_URL=f"http://{internet.place}")
        ends.enter_context(closing(made))
        dashboards, sidecars = ([f"127.0.0.1:{port}"] for port in (made.dashboard_port, made.port))
        made.front = Front(folder / "nginx", dashboards=dashboards, sidecars=sidecars, who=who.place)
        ends.enter_context(closing(made.front)).start()
        made.sidecar()
        made.worker()
        made.dashboard()
        yield made


@pytest.fixture
def nginx(installation: Any) -> Front:
    front: Front = installation.front
    return front


@pytest.fixture(scope="module")
def stored(installation: Any) -> dict[str, Any]:
    """A take that was started, delivered and stored through nginx."""
    job = installation.ask("A grey coat in the rain, behind nginx")
    told: dict[str, Any] = installation.until(job, "stored")
    eventually(lambda: f"POST /api/video/webhook/{job}/-" in installation.front.log())
    return told


def test_a_delivery_comes_in_by_tls_and_is_believed_and_the_own_network_is_answered_numbers(
    installation, nginx, stored
):
    [delivery] = installation.rows("SELECT verdict FROM delivery WHERE job_id = ?", stored["id"])
    assert delivery["verdict"] == "applied"
    states = installation.history(stored["id"])
    assert states == ["created", "submitting", "queued", "rendered", "stored"]
    assert nginx.call(HOOKS, "GET", "/readyz").status == 200
    assert b"dailies_jobs" in nginx.call(HOOKS, "GET", "/metrics").data


def test_a_photo_of_30_mebibytes_passes(installation, nginx):
    body, kind = encode_multipart_formdata({"file": ("a.jpg", picture() + bytes(30 * 2**20))})
    headers = {"Authorization": f"Bearer {installation.token('uploader')}", "Content-Type": kind}
    assert nginx.call(HOOKS, "POST", "/api/video/upload", body, headers).status == 201


@pytest.mark.browser
@pytest.mark.needs("chromium")
def test_a_page_opens_in_a_browser_and_plays_what_is_there(nginx, stored):
    """The websocket comes through: without it Streamlit's page stays empty."""
    sockets: list[str] = []
    rules = f"--host-resolver-rules=MAP {DASHBOARD}:443 127.0.0.1:{nginx.port}"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=programs.path_of("chromium"), args=[*FLAGS, rules])
        window = browser.new_context(ignore_https_errors=True, viewport={"width": 1400, "height": 1000})
        name, _, value = KNOWN["Cookie"].partition("=")
        window.add_cookies([{"name": name, "value": value, "url": f"https://{DASHBOARD}"}])
        page = window.new_page()
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(f"https://{DASHBOARD}/gallery")
        page.wait_for_selector(READY, timeout=30_000)
        expect(page.get_by_text("A grey coat in the rain").first).to_be_visible(timeout=20_000)
        browser.close()

    assert f"wss://{DASHBOARD}/_stcore/stream" in sockets
    eventually(lambda: "/app/static/media/" in nginx.log())
