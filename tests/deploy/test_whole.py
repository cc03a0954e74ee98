"""The real dashboard, sidecar and worker behind the shipped nginx configuration."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests import programs
from tests.deploy.front import DASHBOARD, HOOKS, KNOWN, Front, Host, login, say
from tests.e2e.installation import Installation
from tests.e2e.stories.test_browser import FLAGS, READY
from tests.waiting import eventually

pytestmark = [pytest.mark.needs("nginx"), pytest.mark.xdist_group("behind nginx")]


@pytest.fixture(scope="module")
def place(fal: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Front]]:
    """An installation and its nginx. fal's deliveries come in by TLS and the public name."""
    folder, made = tmp_path_factory.mktemp("behind-nginx"), []

    def deliver(handler: Any, body: bytes) -> None:
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "host"}
        answer = made[0].call(HOOKS, handler.command, handler.path, body, headers)
        say(handler, answer.status, answer.body)

    who, internet = Host("who", login), Host("internet", deliver)
    installation = Installation(folder, fal.url, PUBLIC_URL=f"http://{internet.place}")
    nginx = Front(
        folder / "nginx",
        dashboards=[f"127.0.0.1:{installation.dashboard_port}"],
        sidecars=[f"127.0.0.1:{installation.port}"],
        who=who.place,
    ).start()
    made.append(nginx)
    installation.sidecar()
    installation.worker()
    installation.dashboard()
    yield installation, nginx
    nginx.close()
    installation.close()
    who.close()
    internet.close()


@pytest.fixture(scope="module")
def stored(place: tuple[Installation, Front]) -> dict[str, Any]:
    """A take that was started, delivered and stored through nginx."""
    installation, nginx = place
    job = installation.ask("A grey coat in the rain, behind nginx")
    told = installation.until(job, "stored")
    assert installation.history(job) == ["created", "submitting", "queued", "rendered", "stored"]
    eventually(lambda: f"POST /api/video/webhook/{job}/-" in nginx.log())
    return told


def test_a_delivery_comes_in_by_tls_and_is_believed(place, stored):
    installation, _ = place

    assert (
        installation.rows("SELECT verdict FROM delivery WHERE job_id = ?", stored["id"])[0]["verdict"]
        == "applied"
    )


def test_a_forged_or_huge_delivery_is_refused(place, stored):
    _, nginx = place
    path = f"/api/video/webhook/{stored['id']}/{'x' * 43}"

    assert nginx.call(HOOKS, "POST", path, b"{}").status == 401
    assert nginx.call(HOOKS, "POST", path, bytes(2 * 1024 * 1024)).status == 413


def test_a_link_to_a_video_gives_the_whole_file_and_any_part_of_it(place, stored):
    installation, nginx = place
    whole = (installation.data / "media" / f"{stored['video']['sha256']}.mp4").read_bytes()
    parts = urlsplit(stored["video"]["url"])
    path = f"{parts.path}?{parts.query}"

    assert nginx.call(HOOKS, "GET", path).body == whole
    part = nginx.call(HOOKS, "GET", path, headers={"Range": "bytes=100-299"})

    assert (part.status, part.body) == (206, whole[100:300])
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"


def test_a_photo_of_30_mb_passes(place, tmp_path: Path):
    installation, nginx = place
    noise = np.random.default_rng(7).integers(0, 256, (3200, 3100, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    assert 29_000_000 < len(file.getvalue()) < 33_000_000
    installation.sign_in()
    body = b"".join(
        [
            b'--frame\r\nContent-Disposition: form-data; name="file"; filename="noise.png"\r\n',
            b"Content-Type: image/png\r\n\r\n",
            file.getvalue(),
            b"\r\n--frame--\r\n",
        ]
    )
    headers = {
        "Authorization": f"Bearer {installation.token('uploader')}",
        "Content-Type": "multipart/form-data; boundary=frame",
    }

    answer = nginx.call(HOOKS, "POST", "/api/video/upload", body, headers)

    assert answer.status == 201, answer.body


def test_numbers_and_readiness_are_answered_to_the_own_network(place):
    _, nginx = place

    assert nginx.call(HOOKS, "GET", "/readyz").status == 200
    assert b"dailies_jobs" in nginx.call(HOOKS, "GET", "/metrics").body


@pytest.mark.browser
@pytest.mark.needs("chromium")
def test_a_page_opens_in_a_browser_and_plays_what_is_there(place, stored):
    """The websocket comes through: without it Streamlit's page stays empty."""
    _, nginx = place
    chromium = programs.path_of("chromium")
    rules = f"--host-resolver-rules=MAP {DASHBOARD}:443 127.0.0.1:{nginx.port}"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=[*FLAGS, rules])
        window = browser.new_context(ignore_https_errors=True, viewport={"width": 1400, "height": 1000})
        name, _, value = KNOWN["Cookie"].partition("=")
        window.add_cookies([{"name": name, "value": value, "url": f"https://{DASHBOARD}"}])
        page = window.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(f"https://{DASHBOARD}/gallery")
        page.wait_for_selector(READY, timeout=30_000)
        expect(page.get_by_text("A grey coat in the rain").first).to_be_visible(timeout=20_000)
        browser.close()

    assert f"wss://{DASHBOARD}/_stcore/stream" in sockets
    eventually(lambda: "/app/static/media/" in nginx.log())
