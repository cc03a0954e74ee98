"""Dailies below two paths of a name that serves other things too: nginx forwards nothing else of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.deploy.behind_nginx import behind_nginx, window_to
from tests.deploy.front import HOOKS
from tests.deploy.test_nginx import BELOW_PATHS
from tests.e2e.installation import MODEL, Installation, answers
from tests.e2e.stories.test_browser import Visit, scroll_to_end
from tests.waiting import eventually
from tests.world import PHOTO_MODEL, picture

pytestmark = [pytest.mark.needs("nginx"), pytest.mark.xdist_group("below paths")]

#: Waits until a picture has come, and fails when it is none.
DRAWN = "async image => { await image.decode(); return image.naturalWidth > 50 }"


@pytest.fixture(scope="module")
def below(fal: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("below-paths")
    with behind_nginx(folder, fal.url, path="/dailies-api", change=BELOW_PATHS) as made:
        yield made


def test_the_sidecars_own_addresses_hold_its_path_and_lead_to_it_whether_a_proxy_takes_it_off_or_not(below):
    base = below.settings["PUBLIC_URL"]
    headers = {"Authorization": f"Bearer {below.token('script')}", "Content-Type": "application/json"}

    def ask(method: str, url: str, body: str | None = None) -> Any:
        parts = urlsplit(url)
        return below.front.call(HOOKS, method, f"{parts.path}?{parts.query}", body, headers)

    body = json.dumps({"model": MODEL, "prompt": "Below a path"})
    started = json.loads(ask("POST", f"{base}/api/video/start", body).data)
    assert started["status_url"] == f"{base}/api/video/status/{started['id']}"

    below.until(started["id"], "stored")  # asked past nginx, without the path

    assert below.history(started["id"]) == ["created", "submitting", "queued", "rendered", "stored"]
    eventually(lambda: f"POST /dailies-api/api/video/webhook/{started['id']}/-" in below.front.log())
    video = json.loads(ask("GET", started["status_url"]).data)["video"]
    for link in (video["url"], video["poster_url"]):
        assert link.startswith(f"{base}/media/")
        assert ask("GET", link).status == 200
    assert ask("GET", video["url"]).data == below.file(f"{video['sha256']}.mp4")


@pytest.mark.browser
@pytest.mark.needs("chromium")
def test_below_a_path_posters_videos_downloads_uploads_and_live_parts_work_and_back_finds_the_gallery(below):
    """And no request leaves that path, so that whatever else nginx serves there is left alone."""
    below.start_dashboard(STREAMLIT_SERVER_BASE_URL_PATH="dailies")
    jobs = [below.ask(f"A coat in the rain {number}") for number in range(9)]
    for job in jobs:
        below.until(job, "stored")
    eventually(lambda: answers(f"http://127.0.0.1:{below.dashboard_port}/dailies/_stcore/health"))
    looks: Any = {"color_scheme": "dark", "viewport": {"width": 1000, "height": 600}}
    with window_to(below, HOOKS, "/dailies", **looks) as (window, sockets):
        watch_and_come_back(window, below)
        upload_and_see_it_move(window, below)

        assert {urlsplit(url).path[:9] for url in window.asked if url.startswith("http")} == {"/dailies/"}
        assert set(sockets) == {f"wss://{HOOKS}/dailies{path}" for path in ("/_stcore/stream", "/live")}


def watch_and_come_back(window: Visit, below: Any) -> None:
    """A filter, a place below the first takes: a take from there, and back."""
    page = window.open("/gallery?state=ready&q=rain")
    cards = page.get_by_test_id("take-card")
    first, last = (cards.filter(has_text=f"A coat in the rain {number}") for number in (8, 0))
    window.until(first.locator("img.poster"), DRAWN)
    eventually(lambda: scroll_to_end(page) or last.count())
    last.scroll_into_view_if_needed()
    window.settle()
    address, place = page.url, page.get_by_test_id("stMain").evaluate("main => main.scrollTop")
    assert place > 100
    last.click()
    window.play("light")
    with page.expect_download() as begun:
        page.keyboard.press("d")
    assert begun.value.suggested_filename.endswith(".mp4")
    files = [below.file(name) for name in below.file_names()]
    assert Path(begun.value.path()).read_bytes() in files

    page.go_back()

    expect(page.get_by_test_id("light")).to_be_hidden()
    expect(last).to_be_visible()
    window.until(page.get_by_test_id("stMain"), f"main => Math.abs(main.scrollTop - {place}) < 2")
    assert page.url == address


def upload_and_see_it_move(window: Visit, below: Any) -> None:
    """A photo goes up and is shown; the take that is made of it appears in the gallery by itself."""
    page: Page = window.open(f"/?model={PHOTO_MODEL}")
    photo = {"name": "coat.jpg", "mimeType": "image/jpeg", "buffer": picture()}
    page.locator("input[type=file]").first.set_input_files(photo)  # type: ignore[arg-type]
    window.until(page.locator('img[src*="/uploads/"]'), DRAWN)
    job = window.ask("The coat of this photo")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Gallery").click()
    poster = page.locator(f"[data-take='{job}'] img.poster")
    expect(poster).to_be_visible()
    window.until(poster, DRAWN)
    assert below.take(job)["state"] == "stored"
