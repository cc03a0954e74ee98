"""Takes are judged in a real browser: by keys, by swipes, without a line, blind in all that reaches it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from backend.services.access import Role, Viewer
from backend.services.experiments.judging.criteria import add_criterion
from tests.e2e.filled import make_clips
from tests.e2e.installation import Installation
from tests.e2e.stories.test_browser import Visit
from tests.e2e.stories.test_browser import browser as browser
from tests.services.experiments.judged import Judged, make_judged
from tests.waiting import PATIENCE_S
from tests.world import MODEL, World, run_sql

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

OLGA = Viewer("olga-the-owner", Role.CREATOR)
#: All that a page holds, also within components.
EVERYTHING = """() => {
    const told = []
    const walk = node => {
        for (const one of node.attributes ?? []) told.push(one.value)
        if (node.nodeType === 3) told.push(node.data)
        for (const child of node.childNodes) walk(child)
        if (node.shadowRoot) walk(node.shadowRoot)
    }
    walk(document.documentElement)
    const kept = [localStorage, sessionStorage].map(one => JSON.stringify({ ...one }))
    return [...told, ...kept, document.cookie].join("\\n")
}"""
#: Do both films stand within a frame of one another in so many looks on end, while both play?
IN_STEP = """judge => new Promise(tell => {
    let looks = 0, left = 900
    const look = () => {
        const films = [...judge.querySelectorAll("video")], [a, b] = films.map(film => film.currentTime)
        const play = films.length === 2 && films.every(film => film.muted && !film.paused && !film.seeking)
        looks = play && Math.abs(a - b) <= 1 / 24 ? looks + 1 : 0
        if (looks === 20 || left-- === 0) tell(looks === 20)
        else requestAnimationFrame(look)
    }
    look()
})"""


#: What the page of judging says of itself, where it does not go on.
STANDING = """judge => JSON.stringify({
    ...judge.dataset, said: judge.querySelector(".message").textContent,
    notice: judge.querySelector(".notice").textContent,
    films: [...judge.querySelectorAll("video")].map(film => ({
        src: film.src, ready: film.readyState, network: film.networkState, error: film.error?.message,
        at: film.currentTime, seeking: film.seeking, paused: film.paused, ended: film.ended,
    })),
})"""
#: Keys that come so fast that nothing happens between them.
AT_ONCE = """(judge, keys) => {
    const how = { bubbles: true, composed: true, cancelable: true }
    keys.forEach(key => judge.dispatchEvent(new KeyboardEvent("keydown", { key, ...how })))
}"""


class Jury:
    """An experiment, and windows in which it is judged."""

    def __init__(self, browser: Browser, installation: Installation, clips: list[bytes]) -> None:
        self.browser, self.installation, self.clips = browser, installation, clips

    def experiment(self, **how: Any) -> Judged:
        def content(job: str, cell: int) -> bytes:
            return self.clips[0] + b"\0\0\0\x2cfree" + job.encode()

        with self.installation.deps() as deps:
            return make_judged(World(deps, sim=None), owner=OLGA, content=content, **how)

    def window(self, judged: Judged, **how: Any) -> "Window":
        return Window(Visit(self.browser, self.installation, **how), self.installation, judged)


class Window:
    """Somebody who judges. frames: what its websockets carried. asked: how often its script was to run."""

    def __init__(self, visit: Visit, installation: Installation, judged: Judged) -> None:
        self.visit, self.installation, self.judged = visit, installation, judged
        self.frames: list[bytes] = []
        self.asked = 0
        self.page.on("websocket", self._listen)
        visit.open(f"/judge?experiment={judged.id}")
        self.judge = self.page.get_by_test_id("judge")

    @property
    def page(self) -> Page:
        return self.visit.page

    @property
    def context(self) -> BrowserContext:
        return self.visit.context

    def shows(self, pair: str | None = None) -> str:
        """The pair on screen, once it plays; `pair`: once it is another one."""
        until = time.monotonic() + PATIENCE_S
        while (told := self.judge.evaluate("judge => judge.dataset.pair ?? ''")) in ("", pair):
            asked = [url.partition("?")[0].rpartition("/")[2] for url in self.visit.asked[-20:]]
            assert time.monotonic() < until, f"{pair} stays: {self.judge.evaluate(STANDING)}, asked: {asked}"
            self.page.wait_for_timeout(20)
        return str(told)

    def press(self, key: str) -> str:
        """The pair that a key leads to."""
        before = self.shows()
        self.page.keyboard.press(key)
        return self.shows(before)

    def click(self, name: str) -> str:
        before = self.shows()
        self.page.get_by_role("button", name=name).click()
        return self.shows(before)

    def sent(self, waiting: int = 0) -> None:
        """So many answers wait in this browser."""
        expect(self.judge).to_have_attribute("data-unsent", str(waiting))

    def until(self, true: str | Callable[[], bool]) -> None:
        """Wait until the page says so of itself, or what was seen of it does."""
        until = time.monotonic() + PATIENCE_S
        while not (true() if callable(true) else self.judge.evaluate(true)):
            assert time.monotonic() < until, self.judge.evaluate(STANDING)
            self.page.wait_for_timeout(20)

    def votes(self) -> dict[str, Any]:
        """pair -> what was answered, of votes that stand."""
        rows = self.installation.rows(
            "SELECT pair_id, choice, both_bad FROM vote WHERE experiment_id = ? AND undone_at IS NULL",
            self.judged.id,
        )
        assert len(rows) == len({row["pair_id"] for row in rows})
        return {row["pair_id"]: (row["choice"], bool(row["both_bad"])) for row in rows}

    def _listen(self, socket: Any) -> None:
        def heard(payload: str | bytes) -> None:
            self.frames.append(payload.encode() if isinstance(payload, str) else payload)

        socket.on("framereceived", heard)
        if "_stcore/stream" in socket.url:
            socket.on("framesent", lambda _: setattr(self, "asked", self.asked + 1))


@pytest.fixture(scope="module")
def jury(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jury]:
    """A dashboard over takes that are all here; nothing else runs."""
    folder = tmp_path_factory.mktemp("judging")
    with closing(Installation(folder / "studio", "http://127.0.0.1:9")) as installation:
        installation._put_database()
        made = Jury(browser, installation, make_clips(folder))
        made.experiment(cells=0)  # the database is there before the dashboard is
        installation.dashboard()
        yield made


def test_pairs_are_judged_by_keys_blind_in_page_data_links_and_network(jury):
    judged = jury.experiment(cells=3, takes=3)
    window = jury.window(judged)
    first = window.shows()
    assert window.judge.evaluate(IN_STEP)
    asked = window.asked
    given = {}
    for key, answer in (
        ("ArrowLeft", ("left", False)),
        ("ArrowRight", ("right", False)),
        ("ArrowUp", ("tie", False)),
        ("ArrowDown", ("tie", True)),
    ):
        pair = window.shows()
        loaded = set(window.visit.asked)
        following = window.press(key)
        given[pair] = answer
        there = [
            side for side in ("left", "right") if any(f"{following}-{side}.video" in url for url in loaded)
        ]
        assert len(there) == 2, "its films were asked for before the key"
    window.sent()
    assert window.votes() == given
    back = window.press("z")
    assert given[back] == ("tie", True)
    window.press("ArrowLeft")
    skipped = window.shows()
    window.press("s")
    for name, answer in (("Left is better", "left"), ("Right is better", "right"), ("The same", "tie")):
        given[window.shows()] = (answer, False)
        window.click(name)
    last = window.shows()
    window.click("Both bad")
    following = window.shows()
    window.page.get_by_role("button", name="Take back").click()
    assert window.shows(following) == last
    window.page.get_by_role("button", name="Skip").click()
    assert window.shows(last)
    window.sent()
    assert window.votes() == given | {back: ("left", False)}
    assert not {skipped, last} & window.votes().keys()
    assert window.asked == asked, "the script of the page is not asked to run"

    window.page.get_by_role("button", name="Play or pause").click()
    expect(window.judge.locator("video").first).to_have_js_property("paused", True)
    window.page.get_by_role("button", name="One frame on").click()
    window.page.get_by_role("button", name="One frame back").click()
    window.page.get_by_role("button", name="Wipe between the two").click()
    expect(window.page.get_by_role("slider", name="Where the wipe is")).to_be_visible()
    window.page.get_by_role("button", name="Keys").click()
    expect(window.page.get_by_text("Take the last answer back")).to_be_visible()
    assert leaks(window, secrets_of(jury, judged)) == []
    assert leaks(window, {first}), "a control: what is there is found"
    window.visit.close()


@pytest.mark.parametrize("keys", [(".", "z", "s"), (".", "ArrowLeft", "z")])
def test_films_that_are_put_aside_on_their_way_to_a_frame_are_there_when_they_are_shown_again(jury, keys):
    """A film loses its frame until it has found another one, and tells only once that it has loaded."""
    window = jury.window(jury.experiment(cells=2, takes=2))
    window.press("ArrowUp")
    pair = window.shows()
    window.judge.evaluate(AT_ONCE, list(keys))
    assert window.shows() == pair
    window.until("judge => [...judge.querySelectorAll('video')].every(film => !film.paused)")
    window.visit.close()


def test_films_whose_bytes_do_not_come_are_asked_for_anew_given_up_in_words_and_shown_once_they_come(jury):
    window = jury.window(jury.experiment(cells=2, takes=2))
    window.page.clock.install()
    asked: list[str] = []
    deaf = True

    def answer(route: Route) -> None:
        """The first request for a film is never answered; all are as long as the line is deaf."""
        again = route.request.url in asked
        asked.append(route.request.url)
        if again and not deaf:
            route.continue_()

    window.context.route("**/*.video?*", answer)
    window.page.reload()
    window.visit.settle()
    window.until("judge => judge.querySelectorAll('video').length === 2")
    words = window.page.get_by_text("It doesn't load at the moment")
    window.page.clock.fast_forward(12_000)
    window.until(lambda: len(asked) > len(set(asked)))
    assert not window.judge.get_attribute("data-pair")
    expect(words).to_have_count(0)
    window.page.clock.fast_forward(12_000)
    expect(words.first).to_be_visible()
    first = window.shows()
    window.page.get_by_role("button", name="Skip").click()
    expect(words).to_have_count(0)
    deaf = False
    window.page.clock.fast_forward(12_000)
    assert window.shows(first)
    window.until("judge => [...judge.querySelectorAll('video')].every(film => film.currentTime > 0)")
    expect(words).to_have_count(0)
    window.context.close()


def test_films_that_fail_while_nothing_is_reached_are_no_fault_of_the_browser_and_play_once_it_is(jury):
    window = jury.window(jury.experiment(cells=2, takes=2))
    window.page.clock.install()
    cut = True

    def answer(route: Route) -> None:
        if cut:
            return route.abort("connectionrefused")
        return route.continue_()

    window.context.route("**/*.video?*", answer)
    window.page.reload()
    window.visit.settle()
    words = window.page.get_by_text("It doesn't load at the moment")
    expect(words).to_have_count(2)
    window.page.clock.fast_forward(30_000)  # asked for again, and in vain
    window.page.clock.fast_forward(30_000)
    expect(words).to_have_count(2)
    cut = False
    window.page.clock.fast_forward(30_000)
    window.until("judge => [...judge.querySelectorAll('video')].every(film => film.currentTime > 0)")
    expect(words).to_have_count(0)
    window.context.close()


def test_films_that_are_there_and_no_browser_reads_are_said_to_be_so_and_can_be_skipped(jury):
    window = jury.window(jury.experiment(cells=2, takes=2))
    window.context.route(
        "**/*.video?*", lambda route: route.fulfill(body=b"no film", content_type="video/mp4")
    )
    window.page.reload()
    window.visit.settle()
    expect(window.page.get_by_text("This browser can't play it. Skip the pair")).to_have_count(2)
    first = [film.get_attribute("src") for film in window.judge.locator("video").all()]
    window.page.get_by_role("button", name="Skip").click()
    window.until(lambda: [film.get_attribute("src") for film in window.judge.locator("video").all()] != first)
    window.context.close()


def secrets_of(jury: Jury, judged: Judged) -> set[str]:
    """All that would tell which take is which, and whose it is."""
    rows = jury.installation.rows("SELECT sha256, key FROM video")
    return {
        *judged.takes, *judged.cell_of, *(value for row in rows for value in row.values()), OLGA.name,
        "A dress, ", "Silk or wool", MODEL, "kling", "$0.",
    }  # fmt: skip


def leaks(window: Window, secrets: set[str]) -> list[str]:
    """Those of these that reached the browser: in its page, links, headers, answers, websockets."""
    told = [window.page.evaluate(EVERYTHING), *window.visit.asked]
    for answer in window.visit.answers:
        path = answer.url.partition("?")[0]
        told.append(json.dumps(answer.headers))
        if "/wall/" in path:
            told.append(answer.text())
    heard = "\n".join(told).encode() + b"\n".join(window.frames)
    return sorted(secret for secret in secrets if secret.encode() in heard)


def test_answers_that_were_not_sent_survive_a_reload_and_are_sent_once(jury):
    judged = jury.experiment(cells=2, takes=3)
    window = jury.window(judged)
    lost: list[str] = []

    def swallow(route: Route) -> None:
        """The server keeps the first one, and its answer is lost; what comes later doesn't even reach it."""
        if not lost:
            route.fetch()
        lost.append(route.request.post_data or "")
        route.abort()

    votes = "**/wall/experiments/*/votes"
    window.context.route(votes, swallow)
    given = {}
    for key, choice in (("ArrowLeft", "left"), ("ArrowRight", "right")):
        given[window.shows()] = (choice, False)
        window.press(key)
    expect(window.page.get_by_text("answers kept in this browser: they go by themselves")).to_be_visible()
    window.page.reload()
    window.visit.settle()
    assert window.shows() not in given
    window.sent(2)
    window.context.unroute(votes)
    window.page.evaluate("() => dispatchEvent(new Event('online'))")
    window.sent()
    expect(window.page.get_by_text("2 of about 12 answers")).to_be_visible()
    assert window.votes() == given
    assert len(lost) >= 2
    kept = "() => Object.keys(localStorage).filter(name => name.startsWith('dailies.judge'))"
    assert window.page.evaluate(kept) == []

    def deaf(route: Route) -> None:
        """The server takes it back, and the browser doesn't hear of it."""
        route.fetch()
        route.abort()

    window.press("ArrowUp")
    window.sent()
    window.context.route(f"{votes}/*", deaf, times=1)
    window.press("z")
    window.sent(1)
    window.page.evaluate("() => dispatchEvent(new Event('online'))")
    window.sent()
    expect(window.page.get_by_text("2 of about 12 answers")).to_be_visible()
    expect(window.page.get_by_text("Taken back: answer it again")).to_be_visible()
    assert window.votes() == given
    window.context.close()


def swipe(window: Window, x: int, y: int) -> None:
    """A finger that goes so far from the middle of the films."""
    box = window.judge.locator(".panes").bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    line = window.context.new_cdp_session(window.page)
    line.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    for part in (0.5, 1):
        point = {"x": at["x"] + x * part, "y": at["y"] + y * part}
        line.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    line.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_phone_judges_by_swipes_gives_scores_and_is_told_when_it_is_over(jury):
    judged = jury.experiment(cells=2, takes=2)
    window = jury.window(judged, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    given = {}
    for x, y, answer in ((-120, 5, ("left", False)), (120, 5, ("right", False)), (5, -120, ("tie", False))):
        before = window.shows()
        given[before] = answer
        swipe(window, x, y)
        window.shows(before)
    given[window.shows()] = ("tie", True)
    swipe(window, 5, 120)
    expect(window.page.get_by_text("You have judged every pair")).to_be_visible()
    window.sent()
    assert window.votes() == given
    window.page.get_by_role("button", name="Judge them once more").click()
    window.shows()
    with jury.installation.deps() as deps:
        add_criterion(
            deps, OLGA, judged.id, "How real is it?", "score", {"1": "not at all", "5": "as filmed"}
        )
    window.visit.open(f"/judge?experiment={judged.id}")
    window.page.get_by_text("How real is it?").click()
    expect(window.page.get_by_role("button", name="Score 1: not at all")).to_be_visible()
    before = window.shows()
    window.page.keyboard.press("4")
    window.shows(before)
    window.sent()
    assert [row["value"] for row in jury.installation.rows("SELECT value FROM score")] == [4]
    with jury.installation.deps() as deps:
        run_sql(deps, "UPDATE experiment SET state = 'closed' WHERE id = :id", id=judged.id)
    window.page.keyboard.press("5")
    expect(window.page.get_by_text("This experiment is closed", exact=True)).to_be_visible()
    window.context.close()
