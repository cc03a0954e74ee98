"""A real browser and the real dashboard: ask, close the tab, come back, watch it."""

import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from sqlalchemy import NullPool, create_engine, text

from simulator.engine.inputs import SMALL_FPS
from tests import bucket, databases, programs
from tests.e2e.checker import ledger_of
from tests.e2e.installation import Installation
from tests.waiting import PATIENCE_S, eventually
from tests.world import picture

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--no-opt --no-maglev",  # no page lives long enough for its scripts to be made faster
)
READY = '[data-testid=stApp][data-test-script-state="notRunning"]'
#: While a page loads the kit's grey boxes breathe, sixty times a second: up to half of what a load costs.
STILL = """() => {
    const still = new CSSStyleSheet()
    still.replaceSync("[data-testid=stSkeleton] { animation: none !important }")
    document.adoptedStyleSheets = [still]
}"""
#: A prompt that would do something if it were ever taken for HTML, Markdown or TeX.
HOSTILE = '<img src=x onerror="document.title=1">**b** $x$ :red[r] [l](http://127.0.0.1:1/)'
#: What it would make of a page.
OF_HOSTILE = ('img[src="x"]', 'a[href="http://127.0.0.1:1/"]', ".katex")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    path = programs.browser_path()
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


def new_context(browser: Browser, **how: Any) -> BrowserContext:
    """A browser of somebody's own, with the patience of the tests."""
    context = browser.new_context(**how)
    context.set_default_timeout(PATIENCE_S * 1000)
    context.add_init_script(f"({STILL})()")
    return context


def scroll_to_end(page: Page) -> None:
    """Scroll the page down as far as it goes by now.

    By script: a turn of the wheel comes some time after it was made, also after the place was read.
    """
    page.get_by_test_id("stMain").evaluate("main => { main.scrollTop = main.scrollHeight }")


class Visit:
    """One browser window of its own, and all that it asked for and complained about."""

    def __init__(
        self, browser: Browser, installation: Installation, origin: str | None = None, **how: Any
    ) -> None:
        #: From where pages may load: the dashboard's own host, and a bucket's where there is one.
        self.allowed: set[str] = set()
        self.installation = installation
        self.origin = origin or f"http://127.0.0.1:{installation.dashboard_port}"
        self.context = new_context(browser, **{"viewport": {"width": 1400, "height": 1000}, **how})
        self.complaints: list[str] = []
        self.answers: list[Any] = []
        self.context.on("response", lambda response: self.answers.append(response))
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page: Page = self.context.new_page()

    @property
    def asked(self) -> list[str]:
        """Every URL that something came from; what didn't come is complained of."""
        return [got.url for got in self.answers]

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.origin + path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the script that draws the page has ended."""
        self.page.wait_for_selector(READY)

    def ask(self, prompt: str, *, clicks: int = 1) -> str:
        """Ask for a take with this prompt; returns its id, which is the only one."""
        field = self.page.locator(".st-key-form-prompt textarea")
        field.fill(prompt)
        field.press("Tab")
        expect(self.page.get_by_test_id("stCode").filter(has_text=prompt).first).to_be_visible()
        self.settle()
        self.page.get_by_role("button", name=re.compile(r"^Generate · ")).click(click_count=clicks)
        expect(self.page.get_by_text("Saved. You can close this tab.").first).to_be_visible()
        (row,) = self.installation.rows("SELECT id FROM job WHERE prompt = ?", prompt)
        return str(row["id"])

    def until(self, element: Locator, condition: str) -> None:
        """Wait until the page says this of its element; the test's own limit ends that."""
        while not element.evaluate(condition):
            self.page.wait_for_timeout(100)

    def play(self, place: str = "player") -> None:
        """Play the video of the page; it goes on, and was sent in parts. place: of which part of it."""
        video = self.page.get_by_test_id(place).locator("video").first  # a neighbour may wait beside it
        video.wait_for()
        video.evaluate("async video => { video.muted = true; await video.play() }")
        self.until(video, "video => video.readyState >= 2 && video.currentTime > 0 && video.videoWidth > 0")
        assert video.evaluate("video => video.error") is None
        served = [got for got in self.answers if got.headers.get("content-type", "").startswith("video/")]
        assert {got.status for got in served} - {302, 307} == {206}
        assert all("range" in got.request.all_headers() for got in served)

    def close(self) -> None:
        """The person is gone. Nothing was fetched from elsewhere, and nothing went wrong on the page."""
        self.context.close()
        hosts = {urlsplit(url).netloc for url in self.asked} - {""}
        assert hosts <= {urlsplit(self.origin).netloc, *self.allowed}
        assert self.complaints == []

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[Installation], Visit]]:
    """A function that opens a new window, as a person who comes back has."""
    with ExitStack() as ends:

        def make(installation: Installation) -> Visit:
            made = Visit(browser, installation)
            ends.callback(made.context.close)
            return made

        yield make


#: The mark of tests that share one installation.
SHARED = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def installation(database_kind: str, fal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Dashboard, sidecar and worker, on the quick provider."""
    with closing(Installation(tmp_path_factory.mktemp("browser"), fal.url)) as made:
        made.up()
        made.dashboard()
        yield made


#: Draws a picture; `decode` waits until it has come, and fails when it is none.
DRAWN = "async image => { await image.decode(); return image.naturalWidth }"


@SHARED
def test_a_person_asks_closes_the_tab_comes_back_and_watches_the_one_take_of_a_double_click(
    installation, visit, fal
):
    window = visit(installation)
    page = window.open()
    job = window.ask("A silk dress in the sunset, slow wind", clicks=2)
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value(re.compile("silk dress"))
    window.close()
    installation.until(job, "stored")

    back = visit(installation)
    page = back.open("/gallery")
    card = page.get_by_test_id("take-card").filter(has_text="A silk dress in the sunset")
    expect(card).to_have_count(1)
    expect(card.locator("img.poster")).to_be_visible()
    assert card.locator("img.poster").evaluate(DRAWN) > 100
    card.click()
    back.play("light")
    back.close()
    assert len(ledger_of(fal.url, job)["posts"]) == 1
    assert len(installation.rows("SELECT 1 FROM job WHERE prompt LIKE 'A silk dress%'")) == 1


#: The second at which a video stands, once it has loaded and found its place.
STANDS = """video => new Promise(done => {
    const ready = () => video.readyState >= 1 && !video.seeking
    const told = () => ready() && done(video.currentTime)
    for (const event of ["loadedmetadata", "seeked"]) video.addEventListener(event, told)
    told()
})"""


@SHARED
def test_a_takes_page_steps_slows_repeats_and_copies(installation, visit):
    job = installation.ask("Frame by frame")
    installation.until(job, "stored")
    window = visit(installation)
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = window.open(f"/take?take={job}")
    video = page.get_by_test_id("player").locator("video")

    def now() -> float:
        """Where it stands once it is loaded, or a step is taken, in seconds."""
        return float(video.evaluate(STANDS))

    begun = now()
    page.get_by_role("button", name="One frame on (.)").click()
    first = now()
    assert begun < first < begun + 2 / SMALL_FPS
    page.get_by_role("button", name="One frame on (.)").click()
    assert first < now() < first + 2 / SMALL_FPS
    page.get_by_role("button", name="One frame back (,)").click()
    assert now() == first
    page.get_by_role("combobox", name="Speed").select_option("2×")
    assert video.evaluate("video => video.playbackRate") == 2
    page.get_by_role("button", name="Play in a loop").click()
    assert video.evaluate("video => video.loop") is False
    page.get_by_role("button", name="Fill the screen").click()
    window.until(video, "() => document.fullscreenElement !== null")
    page.evaluate("() => document.exitFullscreen()")
    window.until(video, "() => document.fullscreenElement === null")

    page.get_by_text("Times, ids and file").click()
    row = page.get_by_test_id("facts").locator("dt", has_text="Take").locator("+ dd")
    row.get_by_role("button", name="Copy").click()
    page.wait_for_function("job => navigator.clipboard.readText().then(text => text === job)", arg=job)
    window.close()


#: Has the picture, or the first picture of the video, come?
SEEN = (
    """shown => shown.tagName === "IMG" ? shown.complete && shown.naturalWidth > 0 : shown.readyState >= 2"""
)


@SHARED
def test_a_person_looks_at_each_file_of_a_take_and_saves_one_and_all_of_them(installation, visit, fal):
    loop = picture("GIF", (96, 54))
    laid = requests.put(
        f"{fal.url}/sim/files/loop.gif", data=loop, headers={"Content-Type": "image/gif"}, timeout=10
    )
    laid.raise_for_status()
    output = {
        "match": "Of two files",
        "output": {"video": {"url": "{video}"}, "loop": {"url": "{files}/loop.gif"}},
    }
    requests.post(f"{fal.url}/sim/outputs", json=output, timeout=10).raise_for_status()
    job = installation.ask("Of two files")
    installation.until(job, "stored")
    window = visit(installation)
    page = window.open(f"/take?take={job}")
    player, tiles = page.get_by_test_id("player"), page.get_by_test_id("take-file")
    expect(tiles).to_have_count(2)
    window.until(player.locator("video"), SEEN)
    tiles.nth(1).get_by_role("button", name=re.compile("^Show loop")).click()
    window.until(player.locator("img"), SEEN)
    expect(player.locator("video")).to_be_hidden()
    with page.expect_download() as saved:
        tiles.nth(1).get_by_role("link", name=re.compile("^Download loop")).click()
    assert saved.value.path().read_bytes() == loop
    assert re.fullmatch(r"of-two-files-loop-\w{6}\.gif", saved.value.suggested_filename)
    with page.expect_download() as saved:
        page.get_by_role("link", name=re.compile("Download all · 2 files")).click()
    with zipfile.ZipFile(saved.value.path()) as packed:
        assert [name.rpartition(".")[2] for name in packed.namelist()] == ["mp4", "gif"]
        assert packed.read(packed.namelist()[1]) == loop
    window.close()


@SHARED
def test_an_error_that_nobody_foresaw_is_one_sentence_whose_id_stands_in_the_log(installation, visit):
    """Such as a line in a take's ledger that this version has no words for."""
    job = installation.ask("Of another time")
    with create_engine(installation.database_url, poolclass=NullPool).begin() as line:
        change = text("UPDATE line SET kind = 'of_another_version' WHERE job_id = :job")
        assert line.execute(change, {"job": job}).rowcount

    window = visit(installation)
    page = window.open(f"/take?take={job}")

    said = page.get_by_text("Something went wrong here that nobody foresaw")
    expect(said).to_have_count(1)
    (error_id,) = re.findall(r"under the id (\w{8})\.", said.inner_text())
    (dashboard,) = [process for process in installation.processes if process.name == "dashboard"]
    log = dashboard.said()
    assert "ValueError: 'of_another_version' is not a valid EntryKind" in log[log.index(error_id) :]
    for inside in ("Traceback", "ValueError", "of_another_version"):
        assert inside not in page.content()
    window.close()


@SHARED
def test_two_photos_go_up_and_reach_the_fields_that_their_model_names(installation, visit, fal):
    window = visit(installation)
    page = window.open("/?model=fal-ai/kling-video/v3/pro/image-to-video")
    for number, colour in enumerate(("teal", "maroon")):
        photo = {"name": f"{colour}.jpg", "mimeType": "image/jpeg", "buffer": picture(colour=colour)}
        page.locator("input[type=file]").first.set_input_files(photo)
        expect(page.locator('img[src*="/uploads/"]')).to_have_count(number + 1)
        window.settle()
    job = window.ask(HOSTILE)  # what is typed is shown beside the form, as text
    assert [page.locator(markup).count() for markup in OF_HOSTILE] == [0] * len(OF_HOSTILE)
    window.close()
    installation.until(job, "stored")
    (request,) = ledger_of(fal.url, job)["requests"]
    first, last = (request["input"][field] for field in ("start_image_url", "end_image_url"))
    assert first != last
    assert all(link.startswith(fal.url) for link in (first, last))


#: Have a page load a video; says which rule of the page's policy refused it.
REFUSED = """src => new Promise(done => {
    document.addEventListener("securitypolicyviolation", event => done(event.effectiveDirective));
    const video = document.createElement("video");
    video.addEventListener("error", () => setTimeout(() => done("no rule"), 1000));
    video.src = src;
    document.body.append(video);
})"""


def test_a_take_in_a_bucket_plays_in_the_gallery_and_on_its_page_under_the_pages_own_policy(
    make_installation, visit
):
    """The link is of the dashboard's origin and sends on to the bucket's: the policy must allow both."""
    server = bucket.server()
    far = make_installation(**server.env(), STORAGE_URL=f"s3://{server.new_bucket()}/takes")
    far.up()
    far.dashboard()
    job, endpoint = far.ask("Out of a bucket"), server.url
    far.until(job, "stored")
    eventually(lambda: far.rows("SELECT id FROM video WHERE preview_key IS NOT NULL"))
    window = visit(far)
    window.allowed = {urlsplit(endpoint).netloc}
    page = window.open("/gallery")
    card = page.get_by_test_id("take-card")
    assert card.locator("img.poster").evaluate(DRAWN) > 100
    card.hover()
    preview = card.locator("video")
    preview.wait_for()
    window.until(preview, "video => video.readyState >= 2")
    card.click()
    window.play("light")
    assert any(got.url.startswith(endpoint) and got.status == 206 for got in window.answers)
    window.close()

    # A control: the policy is at work. The same server by another name is another origin.
    strange = visit(far)
    page = strange.open(f"/take?take={job}")
    other = endpoint.replace("127.0.0.1", "localhost")
    assert page.evaluate(REFUSED, f"{other}/film.mp4") == "media-src"
    assert any("Content Security Policy" in said for said in strange.complaints)


@pytest.mark.databases("postgres")  # a file has no server to die
def test_pages_say_that_the_database_is_away_and_come_back_when_it_does(make_installation, visit, server):
    """Neither an error's insides nor a blank page; the same window, left alone, goes on where it was."""
    installation = make_installation(DATABASE_URL=server.fresh())
    with server.frozen():
        installation.dashboard()
        window = visit(installation)
        page = window.open("/gallery?state=failed")
        expect(page.get_by_text("Dailies is starting")).to_have_count(1)
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    assert page.url == f"{window.origin}/gallery?state=failed"

    server.stop()
    away = page.get_by_text("The database can't be used just now")
    for path in ("/", "/gallery", "/take?take=none", "/operations", "/activity", "/style", "/models"):
        window.open(path)
        expect(away).to_have_count(1)
        expect(page.get_by_text("Nothing is lost")).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert databases.PASSWORD not in page.content()

    server.start()
    expect(away).to_have_count(0)
    expect(page.get_by_text("Prices are those of the provider's pages")).to_be_visible()
    assert page.url == f"{window.origin}/models"
    window.close()
