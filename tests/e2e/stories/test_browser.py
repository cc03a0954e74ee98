"""A real browser and the real dashboard: ask, close the tab, come back, watch it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import NullPool, create_engine, text

from tests import bucket, databases, programs
from tests.e2e.checker import ledger_of
from tests.e2e.installation import ROOT, Installation, answers
from tests.ports import reserve_port
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY = '[data-testid=stApp][data-test-script-state="notRunning"]'
#: What Streamlit's own front end asks for below a deep link before it knows where its root is.
EXPECTED_404 = re.compile(r"/\w+/_stcore/(health|host-config)$")
#: A prompt that would do something if it were ever taken for HTML, Markdown or TeX.
HOSTILE = '<img src=x onerror="document.title=1">**b** $x$ :red[r] [l](http://127.0.0.1:1/)'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    path = programs.path_of("chromium")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


class Visit:
    """One browser window of its own, and all that it asked for and complained about."""

    def __init__(self, browser: Browser, installation: Installation) -> None:
        #: From where pages may load: the dashboard's own host, and a bucket's where there is one.
        self.allowed: set[str] = set()
        self.origin = f"http://127.0.0.1:{installation.dashboard_port}"
        self.context: BrowserContext = browser.new_context(viewport={"width": 1400, "height": 1000})
        self.context.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.answers: list[Any] = []
        self.hosts: set[str] = set()
        self.context.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        self.context.on("response", lambda response: self.answers.append(response))
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page: Page = self.context.new_page()

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.origin + path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the script that draws the page has ended."""
        self.page.wait_for_selector(READY)

    def write_prompt(self, prompt: str) -> None:
        field = self.page.locator(".st-key-form-prompt textarea")
        field.fill(prompt)
        field.press("Tab")
        expect(self.page.get_by_test_id("stCode").filter(has_text=prompt).first).to_be_visible()
        self.settle()

    @property
    def generate(self) -> Any:
        return self.page.get_by_role("button", name=re.compile(r"^Generate · "))

    def media(self) -> list[Any]:
        """The answers that were videos."""
        return [got for got in self.answers if got.headers.get("content-type", "").startswith("video/")]

    def close(self) -> None:
        """The person is gone. Nothing was fetched from elsewhere, and nothing went wrong on the page."""
        self.context.close()
        assert self.hosts - {""} <= {urlsplit(self.origin).netloc, *self.allowed}
        assert self.complaints == []

    def _console(self, message: Any) -> None:
        where = message.location.get("url", "")
        if message.type == "error" and not EXPECTED_404.search(where):
            self.complaints.append(f"{message.text} ({where})")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[Installation], Visit]]:
    """A function that opens a new window, as a person who comes back has."""
    made: list[Visit] = []

    def make(installation: Installation) -> Visit:
        made.append(Visit(browser, installation))
        return made[-1]

    yield make
    for window in made:
        window.context.close()


#: The mark of tests that share one installation.
SHARED = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def installation(database_kind: str, fal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Dashboard, sidecar and worker, on the quick provider."""
    made = Installation(tmp_path_factory.mktemp("browser"), fal.url)
    made.sidecar()
    made.worker()
    made.dashboard()
    yield made
    made.close()


def only_job(installation: Installation) -> str:
    (row,) = installation.rows("SELECT id FROM job")
    return str(row["id"])


def test_a_person_asks_closes_the_tab_comes_back_and_watches_the_take(
    visit: Callable[[Installation], Visit], fal: Any, tmp_path: Path
) -> None:
    """In demo mode: four processes as the Procfile names them, real renders, no key."""
    port = reserve_port()
    demo = dict.fromkeys(("FAL_KEY", "FAL_QUEUE_URL", "FAL_REST_URL", "FAL_API_URL", "FETCH_ALLOW"))
    installation = Installation(tmp_path, fal.url, **demo, SIMULATOR_PORT=port, LEASE_S=15)
    try:
        simulator = installation.run("simulator", "-m", "backend", "simulator")
        eventually(lambda: answers(f"http://127.0.0.1:{port}/sim/ledger"), process=simulator)
        installation.sidecar()
        installation.worker()
        installation.dashboard()
        window = visit(installation)
        page = window.open()
        expect(page.get_by_text("Demo mode").first).to_be_visible()
        window.write_prompt("A silk dress in the sunset, slow wind")
        window.generate.click()
        expect(page.get_by_text("Saved. You can close this tab.").first).to_be_visible()
        expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value(re.compile("silk dress"))
        window.close()

        job = only_job(installation)
        installation.until(job, "stored")

        back = visit(installation)
        page = back.open("/gallery")
        card = page.get_by_test_id("take-card")
        expect(card).to_have_count(1)
        expect(card).to_contain_text("A silk dress in the sunset")
        expect(card.locator("img.poster")).to_be_visible()
        # `decode` waits until the picture has come, and fails when it is none.
        drawn = "async image => { await image.decode(); return image.naturalWidth }"
        assert card.locator("img.poster").evaluate(drawn) > 100
        card.click()
        video = page.get_by_test_id("player").locator("video")
        video.wait_for()
        video.evaluate("async video => { video.muted = true; await video.play() }")
        playing = "video => video.readyState >= 3 && video.currentTime > 0.5 && !video.paused"
        while not video.evaluate(playing):  # the test's own limit ends this
            page.wait_for_timeout(100)
        assert video.evaluate("video => video.error") is None
        assert video.evaluate("video => video.videoWidth") >= 480
        served = back.media()
        assert {got.status for got in served} == {206}
        assert all("range" in got.request.all_headers() for got in served)
        back.close()
        assert installation.rows("SELECT count(*) AS n FROM job")[0]["n"] == 1
    finally:
        installation.close()


@SHARED
def test_a_double_click_on_generate_is_one_take_and_one_post(installation, visit, fal):
    window = visit(installation)
    window.open()
    window.write_prompt("Clicked twice")
    window.generate.dblclick()
    expect(window.page.get_by_text("Saved. You can close this tab.").first).to_be_visible()
    window.page.wait_for_timeout(1500)
    found = installation.rows("SELECT id FROM job WHERE prompt = 'Clicked twice'")
    assert len(found) == 1
    installation.until(found[0]["id"], "stored")
    assert len(ledger_of(fal.url, found[0]["id"])["posts"]) == 1
    window.close()


@SHARED
def test_a_prompt_full_of_markup_is_text_on_every_page(installation, visit):
    window = visit(installation)
    page = window.open()
    window.write_prompt(HOSTILE)
    window.generate.click()
    expect(page.get_by_text("Saved. You can close this tab.").first).to_be_visible()
    (row,) = installation.rows("SELECT id FROM job WHERE prompt = ?", HOSTILE)
    installation.until(row["id"], "stored")
    for path in ("/", "/gallery", f"/take?take={row['id']}", "/activity", "/operations"):
        window.open(path)
        if path.startswith(("/gallery", "/take")):
            expect(page.get_by_text(HOSTILE).first).to_be_visible()
        assert page.locator('img[src="x"]').count() == 0
        assert page.locator('a[href="http://127.0.0.1:1/"]').count() == 0
        assert page.locator(".katex").count() == 0
        assert page.title() != "1"
    window.close()


@SHARED
@pytest.mark.parametrize("path", ["/gallery?state=failed", "/activity", "/operations", "/take?take=none"])
def test_a_deep_link_shows_its_page_within_the_frame(installation, visit, path):
    window = visit(installation)
    page = window.open(path)
    for name in ("Generate", "Gallery", "Operations"):
        expect(page.get_by_role("link", name=re.compile(name)).first).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    assert urlsplit(page.url).path == urlsplit(path).path
    window.close()


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
    assert begun < now() < begun + 0.1
    page.get_by_role("button", name="One frame back (,)").click()
    assert now() == begun
    page.get_by_role("button", name="Play at 2 times the speed").click()
    assert video.evaluate("video => video.playbackRate") == 2
    page.get_by_role("button", name="Play in a loop").click()
    assert video.evaluate("video => video.loop") is False

    page.get_by_text("Times, ids and file").click()
    row = page.get_by_test_id("facts").locator("dt", has_text="Take").locator("+ dd")
    row.get_by_role("button", name="Copy").click()
    page.wait_for_function("job => navigator.clipboard.readText().then(text => text === job)", arg=job)
    window.close()


@SHARED
def test_an_error_that_nobody_foresaw_is_one_sentence_whose_id_stands_in_the_log(installation, visit):
    """Such as an event in a take's history that this version has no words for."""
    job = installation.ask("Of another time")
    with create_engine(installation.database_url, poolclass=NullPool).begin() as line:
        change = text("UPDATE history SET event = 'of_another_version' WHERE job_id = :job")
        assert line.execute(change, {"job": job}).rowcount

    window = visit(installation)
    page = window.open(f"/take?take={job}")

    said = page.get_by_text("Something went wrong here that nobody foresaw")
    expect(said).to_have_count(1)
    (error_id,) = re.findall(r"under the id (\w{8})\.", said.inner_text())
    (dashboard,) = [process for process in installation.processes if process.name == "dashboard"]
    log = dashboard.said()
    assert "ValueError: 'of_another_version' is not a valid JobEvent" in log[log.index(error_id) :]
    for inside in ("Traceback", "ValueError", "of_another_version"):
        assert inside not in page.content()
    window.close()


def test_the_dashboard_refuses_an_address_that_others_reach(make_installation):
    installation = make_installation()
    command = ("-m", "streamlit", "run", ROOT / "app.py", "--server.address=0.0.0.0")
    refused = installation.run(
        "dashboard", *command, f"--server.port={installation.dashboard_port}", cwd=ROOT
    )
    assert refused.wait(60) != 0
    assert "OPEN_DASHBOARD" in refused.said()
    assert "Traceback" not in refused.said()


#: Three models of different shapes: seconds as "5", as "8s", and two photos with names of their own.
SHAPES = {
    "fal-ai/kling-video/v3/turbo/pro/text-to-video": [],
    "fal-ai/veo3.1/image-to-video": ["image_url"],
    "fal-ai/kling-video/v3/pro/image-to-video": ["start_image_url", "end_image_url"],
}


@pytest.mark.parametrize("model", SHAPES)
def test_text_photo_and_two_photos_go_to_three_differently_shaped_models(
    model: str, visit: Callable[[Installation], Visit], installation: Installation, fal: Any, tmp_path: Path
) -> None:
    window, prompt = visit(installation), f"Shaped for {model}"
    page = window.open(f"/?model={model}")
    for number, _ in enumerate(SHAPES[model]):
        photo = tmp_path / f"photo-{number}.jpg"
        Image.new("RGB", (900, 600), ("teal", "maroon")[number]).save(photo)
        page.locator("input[type=file]").first.set_input_files(photo)
        expect(page.locator('img[src*="/uploads/"]')).to_have_count(number + 1)
        window.settle()
    window.write_prompt(prompt)
    window.generate.click()
    expect(page.get_by_text("You can close this tab").first).to_be_visible()
    window.close()

    (row,) = eventually(lambda: installation.rows("SELECT id FROM job WHERE prompt = ?", prompt))
    installation.until(str(row["id"]), "stored")
    (request,) = ledger_of(fal.url, str(row["id"]))["requests"]
    links = [request["input"][field] for field in SHAPES[model]]
    assert len(set(links)) == len(SHAPES[model])
    assert all(link.startswith(fal.url) for link in links)


#: Have a page load a video; says which rule of the page's policy refused it.
REFUSED = """src => new Promise(done => {
    document.addEventListener("securitypolicyviolation", event => done(event.effectiveDirective));
    const video = document.createElement("video");
    video.addEventListener("error", () => setTimeout(() => done("no rule"), 1000));
    video.src = src;
    document.body.append(video);
})"""


@pytest.fixture
def far(database_kind: str, fal: Any, tmp_path: Path) -> Iterator[Installation]:
    """Dashboard, sidecar and worker, with a bucket on another origin in the place of the folder."""
    server = bucket.server()
    named = {"AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": bucket.KEY}
    url = f"s3://{server.new_bucket()}/takes"
    made = Installation(tmp_path, fal.url, **named, AWS_SECRET_ACCESS_KEY=bucket.SECRET, STORAGE_URL=url)
    made.sidecar()
    made.worker()
    made.dashboard()
    yield made
    made.close()


def test_a_take_in_a_bucket_plays_in_the_gallery_and_on_its_page_under_the_pages_own_policy(far, visit):
    """The link is of the dashboard's origin and sends on to the bucket's: the policy must allow both."""
    job, endpoint = far.ask("Out of a bucket"), bucket.server().url
    far.until(job, "stored")
    eventually(lambda: far.rows("SELECT id FROM video WHERE preview_key IS NOT NULL"))
    window = visit(far)
    window.allowed = {urlsplit(endpoint).netloc}
    page = window.open("/gallery")
    card = page.get_by_test_id("take-card")
    drawn = "async image => { await image.decode(); return image.naturalWidth }"
    assert card.locator("img.poster").evaluate(drawn) > 100
    card.hover()
    preview = card.locator("video")
    preview.wait_for()
    while not preview.evaluate("video => video.readyState >= 2"):  # the test's own limit ends this
        page.wait_for_timeout(100)
    card.click()
    video = page.get_by_test_id("player").locator("video")
    video.wait_for()
    video.evaluate("async video => { video.muted = true; await video.play() }")
    while not video.evaluate("video => video.readyState >= 2 && video.currentTime > 0"):
        page.wait_for_timeout(100)
    assert video.evaluate("video => video.error") is None
    assert any(got.url.startswith(endpoint) and got.status == 206 for got in window.media())
    window.close()

    # A control: the policy is at work. The same server by another name is another origin.
    strange = visit(far)
    page = strange.open(f"/take?take={job}")
    other = endpoint.replace("127.0.0.1", "localhost")
    assert page.evaluate(REFUSED, f"{other}/film.mp4") == "media-src"
    assert any("Content Security Policy" in said for said in strange.complaints)


@pytest.mark.databases("postgres")  # a file has no server to die
def test_pages_say_that_the_database_is_away_and_come_back_when_it_does(make_installation, visit):
    """Neither an error's insides nor a blank page; the same window goes on when the server is back."""
    server = databases.Server()
    server.start()
    try:
        installation = make_installation(DATABASE_URL=server.fresh())
        installation.dashboard()
        window = visit(installation)
        page = window.open("/gallery")
        link = page.get_by_role("link", name=re.compile("Operations"))
        expect(link).to_be_visible()

        server.stop()
        away = page.get_by_text("The database can't be used just now")
        for path in ("/", "/gallery", "/take?take=none", "/operations", "/activity", "/style", "/models"):
            window.open(path)
            expect(away).to_have_count(1)
            expect(page.get_by_text("Nothing is lost")).to_be_visible()
            expect(page.get_by_test_id("stException")).to_have_count(0)
            assert databases.PASSWORD not in page.content()

        server.start()
        window.open("/operations")
        expect(link).to_be_visible()
        expect(away).to_have_count(0)
        window.close()
    finally:
        server.close()
