"""Thirty takes are culled by keys alone, and some compared on one clock, in a real browser."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.e2e.filled import fill, make_clips
from tests.e2e.installation import Installation
from tests.e2e.stories.test_browser import Visit, new_context
from tests.e2e.stories.test_browser import browser as browser
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

#: More than come with the page, so that the rest is asked for.
TAKES = 52
#: Where the files of takes are asked for, but for their pictures.
MEDIA = re.compile(r"/media/\w+\.mp4")
CULLED = 30
#: The take that has focus, also within the component's own tree.
FOCUSED = """() => {
    let at = document.activeElement
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
    return at?.closest("[data-take]")?.dataset.take ?? null
}"""
#: Did all panes stand within one frame of another in so many looks on end, while all of them played?
IN_STEP = """panes => new Promise(tell => {
    const films = panes.map(pane => pane.querySelector("video"))
    let looks = 0, left = 600
    const look = () => {
        const places = films.map(film => film.currentTime)
        const play = films.every(film => !film.paused && !film.seeking && !film.ended)
        looks = play && Math.max(...places) - Math.min(...places) <= 1 / 24 ? looks + 1 : 0
        if (looks === 20 || left-- === 0) tell(looks === 20)
        else requestAnimationFrame(look)
    }
    look()
})"""


@pytest.fixture(scope="module")
def wall(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Wall"]:
    """A dashboard over takes that are all here, in one window; nothing else runs."""
    folder = tmp_path_factory.mktemp("culling")
    with closing(Installation(folder / "studio", "http://127.0.0.1:9")) as installation:
        fill(installation, make_clips(folder), TAKES)
        installation.dashboard()
        visit = Visit(browser, installation)
        yield Wall(visit, installation)
        visit.close()


class Wall:
    """The gallery in a window, and how often its script was asked to run."""

    def __init__(self, visit: Visit, installation: Installation) -> None:
        self.visit, self.installation, self.asked = visit, installation, 0
        visit.page.on("websocket", self._listen)

    @property
    def page(self) -> Page:
        return self.visit.page

    def open(self, path: str = "/gallery") -> Locator:
        """The takes of the wall, once nothing moves; the window remembers that it was loaded once."""
        self.visit.open(path)
        cards = self.page.get_by_test_id("take-card")
        expect(cards.first).to_be_visible()
        self.page.evaluate("() => { window.loadedOnce = true }")
        return cards

    def elsewhere(self, take: str | None, **what: Any) -> None:
        """As from another window: this one hears of it by push alone."""
        how = {"method": "POST", "headers": {"Content-Type": "application/json", "X-Dailies": "1"}}
        body = json.dumps({"ids": [take], **what})
        self.page.evaluate("([how, body]) => fetch('wall/bulk', { ...how, body })", [how, body])

    @property
    def light(self) -> Locator:
        return self.page.get_by_test_id("light")

    def at(self) -> str:
        """The id of the take that the address names."""
        return str(self.page.evaluate("() => location.hash")).partition("#take=")[2]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def _listen(self, socket: Any) -> None:
        if "_stcore/stream" in socket.url:
            socket.on("framesent", lambda _: setattr(self, "asked", self.asked + 1))


def test_thirty_takes_are_culled_by_keys_alone_without_a_reload_or_a_run_of_the_script(wall):
    wall.open()
    place = wall.page.get_by_test_id("stMain")
    place.evaluate("place => { place.scrollTop = 150 }")
    wall.press("ArrowRight")
    opened, asked = wall.page.evaluate(FOCUSED), wall.asked
    before = place.evaluate("place => place.scrollTop")
    wall.press("Enter")
    expect(wall.light).to_be_visible()
    given = {}
    for number in range(CULLED):
        key = ("f", "x", "4")[number % 3]
        given[wall.at()] = key
        wall.press(key, "ArrowRight")
    wall.press("2", "z", "End", "h", "Escape")
    expect(wall.light.get_by_text(f"48 of {TAKES}").or_(wall.light.get_by_text("48 of 52+"))).to_be_visible()
    wall.press("ArrowRight")
    expect(wall.light.get_by_text("49 of 52")).to_be_visible()
    assert len(given) == CULLED
    assert wall.at() not in ("", *given)
    wall.press("Escape")
    expect(wall.light).to_be_hidden()

    assert wall.page.evaluate("() => window.loadedOnce")
    assert wall.asked == asked
    assert wall.page.evaluate(FOCUSED) == opened
    assert place.evaluate("place => place.scrollTop") == before
    assert wall.page.url.endswith("/gallery")
    said = "SELECT job_id, rating, favourite FROM take_opinion WHERE rating IS NOT NULL OR favourite"
    wanted = {id: (4, False) if key == "4" else (None, True) for id, key in given.items() if key != "x"}
    eventually(
        lambda: (
            wanted
            == {
                row["job_id"]: (row["rating"], bool(row["favourite"])) for row in wall.installation.rows(said)
            }
        )
    )
    opened = "SELECT id FROM job WHERE opened_at IS NOT NULL"
    eventually(lambda: {row["id"] for row in wall.installation.rows(opened)} >= given.keys())
    rejected = wall.installation.rows("SELECT id FROM job WHERE review = 'rejected'")
    assert {row["id"] for row in rejected} == {id for id, key in given.items() if key == "x"}


def test_back_closes_what_lies_over_the_wall_and_a_shared_address_opens_it_again(wall):
    cards = wall.open()
    asked = wall.asked
    cards.nth(2).click()
    expect(wall.light).to_be_visible()
    shared = wall.page.url
    wall.press("c")
    expect(wall.page.get_by_test_id("compare-pane")).to_have_count(2)
    wall.page.go_back()
    expect(wall.light.locator("video").first).to_be_visible()
    assert wall.page.url == shared
    wall.page.go_back()
    expect(wall.light).to_be_hidden()
    assert wall.page.url.endswith("/gallery")
    assert wall.asked == asked

    wall.open(shared.removeprefix(wall.visit.origin))
    expect(wall.light).to_be_visible()
    assert wall.page.url == shared
    wall.press("Escape")
    expect(wall.light).to_be_hidden()
    wall.open("/gallery#take=nothing")
    expect(wall.page.get_by_text("There is no such take, or it isn't yours to see.")).to_be_visible()
    assert [got.status for got in wall.visit.answers if "wall/takes/nothing" in got.url] == [404]
    wall.visit.complaints.clear()  # the browser's own line for that 404


def test_delete_in_the_lightbox_is_about_the_take_on_screen_whatever_is_selected_on_the_wall(wall):
    cards = wall.open()
    selected, shown = (cards.nth(number).get_attribute("data-take") for number in (0, 2))
    wall.press("ArrowRight", "Space")
    expect(wall.page.get_by_text("1 selected")).to_be_visible()
    cards.nth(2).click()
    expect(wall.light).to_be_visible()
    trashed = "SELECT id FROM job WHERE trashed_at IS NOT NULL"
    wall.press("i")
    wall.light.get_by_role("textbox", name="Add a tag").fill("hero")
    wall.press("Enter")
    tagged = "SELECT job_id, tag FROM take_tag"
    eventually(lambda: [row["job_id"] for row in wall.installation.rows(tagged)] == [shown])
    wall.light.get_by_role("button", name="Take the tag hero off").hover()
    wall.page.mouse.down()
    wall.elsewhere(shown, add_tags=["second"])  # what is drawn anew meanwhile leaves what is under a finger
    expect(wall.light.get_by_role("button", name="Take the tag second off")).to_be_visible()
    wall.page.mouse.up()
    expect(wall.light.get_by_role("button", name="Take the tag hero off")).to_have_count(0)
    eventually(lambda: [row["tag"] for row in wall.installation.rows(tagged)] == ["second"])
    wall.light.locator("video").first.evaluate("() => document.activeElement?.blur()")
    wall.press("Delete")
    eventually(lambda: [row["id"] for row in wall.installation.rows(trashed)] == [shown])
    wall.press("z")
    eventually(lambda: not wall.installation.rows(trashed))
    assert selected != shown
    wall.press("i", "Escape")
    expect(wall.light).to_be_hidden()


def test_a_take_that_is_restored_stands_on_the_wall_where_it_was_whoever_restores_it(wall):
    cards = wall.open()
    ids = [cards.nth(number).get_attribute("data-take") for number in range(4)]

    def shown() -> list[str | None]:
        return [card.get_attribute("data-take") for card in cards.all()[:4]]

    cards.nth(1).click()
    expect(wall.light).to_be_visible()
    wall.press("Delete")
    eventually(lambda: wall.at() == ids[2])
    wall.press("ArrowLeft")
    wall.light.get_by_role("button", name="Restore").click()
    expect(wall.light.locator("video").first).to_be_visible()
    wall.press("Escape")
    expect(wall.light).to_be_hidden()
    eventually(lambda: shown() == ids)

    wall.elsewhere(ids[2], trash=True)
    eventually(lambda: ids[2] not in shown())
    wall.elsewhere(ids[2], restore=True)
    eventually(lambda: shown() == ids)

    wall.elsewhere(ids[0], trash=True)
    eventually(lambda: ids[0] not in shown())
    cards = wall.open(f"/gallery#take={ids[0]}")  # a wall that has never shown it
    wall.light.get_by_role("button", name="Restore").click()
    wall.press("Escape")
    eventually(lambda: shown() == ids)


def test_a_verdict_stands_at_the_top_and_one_that_is_taken_back_is_again_whose_it_was(wall):
    """By the buttons that a touch screen has in place of keys."""
    cards = wall.open()
    shown = cards.nth(3).get_attribute("data-take")
    wall.elsewhere(shown, set={"review": "approved"})
    cards.nth(3).click()
    standing, rows = wall.light.locator(".standing"), wall.installation.rows
    decided = "SELECT review, review_by, review_at FROM job WHERE id = ?", shown
    expect(standing).to_have_text(re.compile("^Approved by "))
    (before,) = rows(*decided)
    wall.light.get_by_role("button", name="Reject").click()
    expect(standing).to_have_text(re.compile("^Rejected by "))
    wall.light.get_by_role("button", name="Undo").click()
    expect(standing).to_have_text(f"Approved by {before['review_by']}")
    eventually(lambda: rows(*decided) == [before])  # by whom, and when

    trashed = "SELECT id FROM job WHERE trashed_at IS NOT NULL"
    wall.light.get_by_role("button", name="To the trash").click()
    eventually(lambda: [row["id"] for row in rows(trashed)] == [shown])
    eventually(lambda: wall.at() != shown)  # on to the next
    wall.light.get_by_role("button", name="Undo").click()
    eventually(lambda: not rows(trashed))
    assert wall.at() != shown, "which stays"
    wall.press("Escape")
    wall.elsewhere(shown, set={"review": "none"})


def test_what_is_thought_of_a_take_that_an_address_names_is_kept_though_the_wall_does_not_show_it(wall):
    (last,) = wall.installation.rows("SELECT id FROM job ORDER BY id LIMIT 1")
    wall.open(f"/gallery#take={last['id']}")
    expect(wall.light).to_be_visible()
    wall.press("2")
    said = "SELECT job_id, rating FROM take_opinion WHERE rating IS NOT NULL"

    def rated() -> list[int]:
        return [row["rating"] for row in wall.installation.rows(said) if row["job_id"] == last["id"]]

    eventually(lambda: rated() == [2])
    wall.press("z")
    eventually(lambda: rated() == [])
    wall.press("Escape")


def test_c_and_r_are_for_the_lightbox_while_it_is_open_and_for_the_kit_when_it_is_not(wall):
    cards = wall.open()
    cards.nth(0).click()
    expect(wall.light).to_be_visible()
    asked = wall.asked
    wall.press("r", "c")
    expect(wall.page.get_by_test_id("compare-pane")).to_have_count(2)
    expect(wall.page.get_by_test_id("stDialog")).to_have_count(0)
    assert wall.asked == asked
    wall.press("Escape", "Escape")
    expect(wall.light).to_be_hidden()
    wall.press("r")
    eventually(lambda: wall.page.wait_for_timeout(50) or wall.asked > asked)


def test_three_takes_play_on_one_clock_which_one_that_falls_behind_is_brought_back_to(wall):
    cards = wall.open()
    ids = [cards.nth(number).get_attribute("data-take") for number in range(3)]
    page = wall.visit.open(f"/compare?takes={','.join(ids)}")
    panes = page.get_by_test_id("compare-pane")
    expect(panes).to_have_count(3)
    assert panes.evaluate_all(IN_STEP), "played"
    page.get_by_role("slider", name="Place in the clip").fill("400")
    assert panes.evaluate_all(IN_STEP), "after a jump"
    page.get_by_role("combobox", name="Speed").select_option("2×")
    assert panes.evaluate_all(IN_STEP), "twice as fast"

    page.get_by_role("combobox", name="Speed").select_option("0.25×")
    page.get_by_role("button", name="Play in a loop").click()
    page.get_by_role("slider", name="Place in the clip").fill("0")
    assert panes.evaluate_all(IN_STEP), "slowly"
    panes.nth(1).locator("video").evaluate("film => { film.currentTime += 0.2 }")
    assert panes.evaluate_all(IN_STEP), "one was ahead"

    wall.press("Space")
    wall.press(".")
    places = "panes => panes.map(pane => pane.querySelector('video').currentTime)"
    eventually(lambda: len({round(place, 3) for place in panes.evaluate_all(places)}) == 1)

    expect(page.get_by_text("What differs")).to_be_visible()
    assert set(page.locator("mark").all_inner_texts()) >= {"red", "blue"}
    page.get_by_role("button", name="Hide which is which").click()
    expect(page.get_by_text("What differs")).to_be_hidden()
    page.get_by_role("button", name="Wipe between two").click()
    expect(panes.locator("visible=true")).to_have_count(2)
    page.get_by_role("slider", name="Where the wipe is").fill("20")
    clipped = panes.first.locator(".look").evaluate("look => getComputedStyle(look).clipPath")
    assert re.fullmatch(r"inset\(0px (80%|calc\(80%\)) 0px 0px\)", clipped)


def test_a_step_and_a_jump_before_a_clip_is_there_are_made_once_it_is(wall):
    held: list[Route] = []
    take = wall.open().first.get_attribute("data-take")
    wall.page.route(MEDIA, lambda route: held.append(route), times=1)
    page = wall.visit.open(f"/take?take={take}")
    film = page.get_by_test_id("player").locator("video")
    wall.visit.until(film, "film => film.readyState === 0 && film.hasAttribute('src')")
    page.get_by_role("slider", name="Place in the clip").fill("500")
    page.get_by_role("button", name="One frame on (.)").click()
    page.get_by_role("button", name="One frame on (.)").click()
    assert film.evaluate("film => film.readyState") == 0
    eventually(lambda: wall.page.wait_for_timeout(20) or held)
    held[0].continue_()
    wall.visit.until(film, "film => film.readyState >= 2 && !film.seeking && film.currentTime > 0")
    middle, frame = film.evaluate("film => film.duration / 2"), 1 / 24
    eventually(lambda: middle + frame < film.evaluate("film => film.currentTime") < middle + 3 * frame)


def test_a_clip_whose_bytes_do_not_come_says_so_holds_nobody_up_and_joins_once_they_come(browser, wall):
    cards = wall.open()
    ids = [cards.nth(number).get_attribute("data-take") for number in range(2)]
    file_of = "SELECT key FROM video WHERE id = (SELECT video_id FROM job WHERE id = ?)"
    (second,) = wall.installation.rows(file_of, ids[1])
    visit = Visit(browser, wall.installation)
    visit.page.clock.install()
    deaf = True

    def answer(route: Route) -> None:
        """What is asked for the second one is never answered while the line is deaf."""
        if not deaf or second["key"] not in route.request.url:
            route.continue_()

    visit.context.route(MEDIA, answer)
    page = visit.open(f"/compare?takes={','.join(ids)}")
    panes = page.get_by_test_id("compare-pane")
    first = panes.nth(0).locator("video")
    visit.until(first, "film => film.readyState === 4")
    assert first.evaluate("film => film.currentTime") == 0, "it waits for the other one"
    page.clock.fast_forward(25_000)
    words = panes.nth(1).get_by_text("It doesn't load at the moment")
    expect(words).to_be_visible()
    visit.until(first, "film => film.currentTime > 0")
    deaf = False
    page.clock.fast_forward(60_000)
    expect(words).to_be_hidden()
    assert panes.evaluate_all(IN_STEP)
    visit.close()


def test_what_keys_do_is_done_by_buttons_too(wall):
    page, fresh = wall.page, "SELECT id FROM job ORDER BY id DESC LIMIT 1 OFFSET 35"  # no verdict on it yet
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copied = "() => navigator.clipboard.readText()"
    wall.open(f"/gallery#take={wall.installation.rows(fresh)[0]['id']}")
    expect(wall.light).to_be_visible()
    first, film = wall.at(), wall.light.locator("video.media").first
    wall.light.get_by_role("button", name="The next take").click()
    eventually(lambda: wall.at() != first)
    wall.light.get_by_role("button", name="The take before").click()
    eventually(lambda: wall.at() == first)
    wall.light.get_by_role("button", name="Details").click()
    wall.light.get_by_role("button", name="Copy the prompt").click()
    expect(wall.light.get_by_role("button", name="Copied")).to_be_visible()
    assert "dress" in page.evaluate(copied)
    wall.light.get_by_role("button", name="Keys").click()
    expect(wall.light.get_by_text("On a touch screen")).to_be_visible()
    wall.light.get_by_role("button", name="Keys").click()
    with page.expect_download() as saved:
        wall.light.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename.endswith(".mp4")

    is_paused, at = "film => film.paused", "film => film.currentTime"
    film.evaluate("film => film.pause()")
    wall.light.get_by_role("button", name="Play").first.click()
    eventually(lambda: not film.evaluate(is_paused))
    wall.press("Space")
    eventually(lambda: film.evaluate(is_paused))
    before = film.evaluate(at)
    wall.light.get_by_role("button", name="One frame on").click()
    eventually(lambda: film.evaluate(at) > before)
    after = film.evaluate(at)
    wall.light.get_by_role("button", name="One frame back").click()
    eventually(lambda: film.evaluate(at) < after)
    wall.light.get_by_role("button", name="Sound").click()
    eventually(lambda: not film.evaluate("film => film.muted"))

    wall.light.get_by_role("button", name="Go on after each verdict").click()
    wall.light.get_by_role("button", name="Pick").click()
    eventually(lambda: wall.at() != first)
    second = wall.at()
    wall.light.get_by_role("button", name="Reject").click()
    eventually(lambda: wall.at() not in (first, second))
    wall.light.get_by_role("button", name="Go on after each verdict").click()

    wall.light.get_by_role("button", name="Compare").click()
    panes = page.get_by_test_id("compare-pane")
    expect(panes).to_have_count(2)
    shown = {one.get_attribute("data-take") for one in panes.all()}
    page.get_by_role("button", name="Shuffle").click()
    assert {one.get_attribute("data-take") for one in panes.all()} == shown
    page.get_by_role("button", name="Copy the address").click()
    eventually(lambda: "compare?takes=" in page.evaluate(copied))
    page.get_by_role("button", name="Hear this one").first.click()
    muted = "films => films.map(film => film.muted)"
    eventually(lambda: False in panes.locator("video").evaluate_all(muted))
    page.get_by_role("button", name="Back (Esc)", exact=True).click()
    expect(panes).to_have_count(0)
    wall.light.get_by_role("button", name="Back to the wall").click()
    expect(wall.light).to_be_hidden()


def test_a_finger_moves_picks_and_rejects(browser, wall):
    with closing(new_context(browser, viewport={"width": 390, "height": 844}, has_touch=True)) as phone:
        page = phone.new_page()
        (row,) = wall.installation.rows("SELECT id FROM job ORDER BY id DESC LIMIT 1 OFFSET 40")
        page.goto(f"{wall.visit.origin}/gallery#take={row['id']}")
        light, touch = page.get_by_test_id("light"), phone.new_cdp_session(page)
        expect(light).to_be_visible()
        first = page.evaluate("() => location.hash")

        def swipe(x: int, y: int) -> None:
            for kind, at in (("Start", (0, 0)), ("Move", (x // 2, y // 2)), ("Move", (x, y)), ("End", None)):
                points = [{"x": 195 + at[0], "y": 350 + at[1]}] if at else []
                touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

        swipe(0, -150)
        expect(light.get_by_role("button", name="Pick (F)")).to_have_attribute("aria-pressed", "true")
        swipe(0, 150)
        expect(light.get_by_role("button", name="Reject")).to_have_attribute("aria-pressed", "true")
        swipe(-150, 0)
        expect(light.get_by_role("button", name="Reject")).to_have_attribute("aria-pressed", "false")
        swipe(150, 0)
        expect(light.get_by_role("button", name="Reject")).to_have_attribute("aria-pressed", "true")
        assert page.evaluate("() => location.hash") == first
        sizes = light.locator(".lightbox button:visible:not(.cell)").evaluate_all(
            "keys => keys.map(key => [key.ariaLabel, key.offsetWidth, key.offsetHeight])"
        )
        # 2.5 rem of the dashboard's 15 px text
        assert [name for name, *size in sizes if min(size) < 37] == []

        page.keyboard.press("Escape")
        card = page.get_by_test_id("take-card").nth(1)
        card.tap()
        expect(light).to_be_visible()
        opened = page.evaluate("() => location.hash").partition("=")[2]
        page.go_back()
        card.get_by_role("checkbox").tap()
        page.get_by_test_id("wall-bar").get_by_role("link", name="Download").tap(trial=True)
        said = "SELECT 1 FROM take_opinion WHERE rating IS NOT NULL AND job_id = ?"
        assert wall.installation.rows(said, opened) == [], "what opens a take rates nothing"


def test_a_clip_that_fails_while_nothing_is_reached_plays_in_the_lightbox_once_it_is(browser, wall):
    visit = Visit(browser, wall.installation)
    visit.page.clock.install()
    cut = True
    visit.context.route(MEDIA, lambda route: route.abort("connectionrefused") if cut else route.continue_())
    page = visit.open("/gallery")
    page.get_by_test_id("take-card").first.click()
    light = page.get_by_test_id("light")
    words, wrong = (
        light.get_by_text(said).filter(visible=True)
        for said in ("It doesn't load at the moment", "This browser can't play")
    )
    expect(words).to_have_count(1)
    cut = False
    page.clock.fast_forward(30_000)
    film = light.locator("video.media").filter(visible=True)
    visit.until(film, "film => film.currentTime > 0")
    expect(words).to_have_count(0)
    page.keyboard.press("ArrowRight")  # one that was to be there before it was asked for, and failed
    visit.until(film, "film => film.currentTime > 0")
    expect(words).to_have_count(0)
    expect(wrong).to_have_count(0)
    assert all("ERR_CONNECTION_REFUSED" in said for said in visit.complaints)
    visit.context.close()
