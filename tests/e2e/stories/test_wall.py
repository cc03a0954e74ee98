"""The wall in a real browser: takes are judged, chosen, fetched and found again, by mouse and by keys."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from backend.domain.states import JobEvent
from backend.domain.trouble import Charged, Trouble
from simulator.paint.render import render_video
from tests.e2e.installation import Installation
from tests.e2e.stories.test_browser import Visit, scroll_to_end
from tests.e2e.stories.test_browser import browser as browser
from tests.viewers import LOCAL_VIEWER
from tests.waiting import eventually
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

#: More than the page brings itself, so that the wall has to ask for more.
TAKES, WITH_FILES, ENDED = 100, 8, 20
#: What went wrong with the oldest of them.
REFUSED = Trouble("refused", "The prompt was refused.", Charged.NO, "Change the prompt.", None)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A dashboard alone, over takes of which the newest have files."""
    folder = tmp_path_factory.mktemp("wall")
    with closing(Installation(folder, "http://127.0.0.1:1")) as made:
        made._put_database()
        clip = folder / "clip.mp4"
        looks = {"prompt": "", "seed": 1, "duration_s": 1, "fps": 8, "width": 180, "height": 320}
        render_video({"path": str(clip), "first": None, "last": None, **looks})
        with made.deps() as deps:
            fill(World(deps, sim=None), clip.read_bytes())
        made.dashboard()
        yield made


def fill(world: World, clip: bytes) -> None:
    """Takes of one person, the ones with files last: so they are the first on the wall."""
    for number in range(TAKES):
        job = world.ask(f"Look {number:03}", viewer=LOCAL_VIEWER)
        if number >= TAKES - WITH_FILES:
            world.advance(job, JobEvent.SUBMIT_BEGUN)
            world.advance(job, JobEvent.ACCEPTED, request_id=f"request-{job.id}")
            world.advance(job, JobEvent.FINISHED, rendered_at=world.deps.clock.now())
            world.saved(job, clip + b"\0\0\0\x2cfree" + job.id.encode())
        elif number >= TAKES - ENDED:
            world.advance(job, JobEvent.CANCELLED)
        elif number == 0:
            world.advance(job, JobEvent.SUBMIT_BEGUN)
            world.advance(job, JobEvent.REFUSED, error=REFUSED.as_json())


class Wall:
    """The gallery in a window, and how often the kit's own connection said something."""

    def __init__(self, browser: Browser, studio: Installation, path: str = "/gallery") -> None:
        self.visit = Visit(browser, studio, accept_downloads=True)
        self.page, self.clicks, self.said = self.visit.page, 0, 0
        self.page.on("websocket", self._count)
        self.visit.open(path)
        expect(self.card("Look 099")).to_be_visible()

    def _count(self, socket: Any) -> None:
        if "_stcore/stream" in socket.url:
            socket.on("framereceived", lambda _: setattr(self, "said", self.said + 1))

    def card(self, prompt: str) -> Locator:
        return self.page.get_by_test_id("take-card").filter(has_text=prompt)

    def click(self, target: Locator, **how: Any) -> None:
        """A click that is counted."""
        target.click(**how)
        self.clicks += 1

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def top(self) -> float:
        found: float = self.page.get_by_test_id("stMain").evaluate("node => node.scrollTop")
        return found


@pytest.fixture(scope="module")
def wall(browser: Browser, studio: Installation) -> Iterator[Wall]:
    """One window for all of these stories; each leaves nothing chosen."""
    made = Wall(browser, studio)
    yield made
    made.visit.close()


@contextmanager
def pushed_before_answered(wall: Wall) -> Iterator[None]:
    """What is done with many is answered after the push has taken all of them from the wall."""

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        expect(wall.page.get_by_test_id("take-card")).to_have_count(0)
        route.fulfill(response=answer)

    wall.page.route("**/wall/bulk", answer_late)
    yield
    wall.page.unroute("**/wall/bulk")


def opinion(studio: Installation, prompt: str) -> tuple[Any, ...]:
    given = "SELECT rating, favourite, review FROM job LEFT JOIN take_opinion ON job_id = job.id"
    (row,) = studio.rows(f"{given} WHERE prompt = ?", prompt)
    return row["rating"], bool(row["favourite"]), row["review"]


def test_takes_are_starred_rated_and_rejected_by_keys_and_by_the_mouse_and_z_takes_it_back(wall, studio):
    said = wall.said
    wall.press("ArrowRight", "f", "4", "ArrowRight", "x")
    eventually(lambda: opinion(studio, "Look 099") == (4, True, None))
    eventually(lambda: opinion(studio, "Look 098")[2] == "rejected")
    expect(wall.card("Look 099").get_by_text("4/5")).to_be_visible()
    expect(wall.card("Look 098").get_by_text("Rejected")).to_be_visible()
    wall.press("z", "z")
    eventually(lambda: opinion(studio, "Look 098")[2] is None)
    eventually(lambda: opinion(studio, "Look 099") == (None, True, None))
    card = wall.card("Look 097")
    card.hover()
    card.get_by_role("button", name="Rate 5 of 5 (5)").click()
    eventually(lambda: opinion(studio, "Look 097")[0] == 5)
    wall.press("5")
    eventually(lambda: opinion(studio, "Look 097")[0] is None)
    assert wall.said == said, "no script runs for what is pressed on the wall"


def test_many_are_chosen_by_shift_a_frame_or_all_that_the_filter_finds_and_tagged_with_one_undo(wall, studio):
    page, bar = wall.page, wall.page.get_by_test_id("wall-bar")
    wall.card("Look 099").get_by_role("checkbox", name="Select").click()
    wall.card("Look 096").get_by_role("link").click(modifiers=["Shift"])
    expect(bar.get_by_text("4 selected")).to_be_visible()
    wall.press("Escape")
    expect(bar).to_be_hidden()
    first, third = (wall.card(f"Look {number:03}").bounding_box() for number in (99, 97))
    page.mouse.move(first["x"] + 20, first["y"] + 40)
    page.mouse.down()
    page.mouse.move(third["x"] + 30, third["y"] + 90, steps=4)
    page.mouse.up()
    expect(bar.get_by_text("3 selected")).to_be_visible()
    bar.get_by_role("button", name=re.compile("^Select all")).click()
    expect(bar.get_by_text(f"All {TAKES} that this filter finds")).to_be_visible()
    bar.get_by_role("button", name="More").click()
    expect(bar.get_by_role("button", name="Retry the failed ones")).to_be_focused()
    wall.press("Escape")
    expect(bar.get_by_role("button", name="Retry the failed ones")).to_be_hidden()
    expect(bar.get_by_text(f"All {TAKES} that this filter finds")).to_be_visible()
    bar.get_by_role("button", name="Tag").click()
    bar.get_by_role("textbox", name="Add a tag").fill("spring")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Tagged “spring”: {TAKES} takes")).to_be_visible()
    assert len(studio.rows("SELECT 1 FROM take_tag WHERE tag = 'spring'")) == TAKES
    page.get_by_role("button", name="Undo (Z)").click()
    eventually(lambda: studio.rows("SELECT 1 FROM take_tag") == [])
    wall.press("Escape")


def test_three_takes_are_downloaded_in_five_clicks_at_most(wall):
    wall.clicks = 0
    for number in (99, 98, 97):
        card = wall.card(f"Look {number:03}")
        card.hover()
        wall.click(card.get_by_role("checkbox"))
    with wall.page.expect_download() as begun:
        wall.click(wall.page.get_by_test_id("wall-bar").get_by_role("link", name="Download", exact=True))
    with zipfile.ZipFile(io.BytesIO(Path(begun.value.path()).read_bytes())) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".mp4")]) == 3
        assert archive.testzip() is None
    assert wall.clicks <= 5
    wall.press("Escape")


def test_the_wall_goes_on_without_a_script_run_and_back_finds_place_and_focus_again(wall):
    page, said = wall.page, wall.said
    eventually(lambda: scroll_to_end(page) or wall.card("Look 000").count())
    expect(page.get_by_text(f"All {TAKES} takes are shown.")).to_be_visible()
    assert page.get_by_test_id("take-card").count() < TAKES, "what is far away stands nowhere"
    assert wall.said == said, "no script runs"
    wall.card("Look 010").get_by_role("link").focus()
    wall.press("ArrowRight")
    here = page.locator(".card.current").get_attribute("data-take")
    top = wall.top
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile("Models")).click()
    expect(page).to_have_url(re.compile("/models$"))  # before, Back leads to what was before the gallery
    page.go_back()
    expect(wall.card("Look 010")).to_be_visible()
    eventually(lambda: abs(wall.top - top) < 4)
    eventually(lambda: page.locator(".card.current").get_attribute("data-take") == here)
    wall.press("Home")


def test_what_is_filtered_by_is_undone_by_back_and_trash_empties_the_wall_until_undo(wall, studio):
    page = wall.page
    page.get_by_label("Search takes").fill("Look 09")
    page.keyboard.press("Enter")
    expect(wall.card("Look 089")).to_have_count(0)
    expect(wall.card("Look 090")).to_be_visible()
    assert page.url.endswith("/gallery?q=Look+09")
    page.locator(".card .open").first.focus()
    wall.press("Control+a")
    bar = page.get_by_test_id("wall-bar")
    bar.get_by_role("button", name="More").click()
    with pushed_before_answered(wall):
        bar.get_by_role("button", name="Move to trash").click()
        expect(page.get_by_text("Moved to the trash: 10 takes")).to_be_visible()
    wall.press("z")
    expect(page.get_by_test_id("take-card")).to_have_count(10)
    assert studio.rows("SELECT 1 FROM job WHERE trashed_at IS NOT NULL") == []
    page.go_back()
    expect(wall.card("Look 089")).to_be_visible()
    expect(page.get_by_label("Search takes")).to_have_value("")


def test_a_failed_take_says_in_the_lightbox_what_it_cost_and_is_retried_there(wall, studio):
    page, light = wall.page, wall.page.get_by_test_id("light")
    (failed,) = studio.rows("SELECT id FROM job WHERE state = 'failed'")
    wall.visit.open(f"/gallery#take={failed['id']}")
    expect(light.get_by_text("The prompt was refused.")).to_be_visible()
    expect(light.get_by_text("Nothing was charged. Change the prompt.")).to_be_visible()
    light.get_by_role("button", name=re.compile(r"^Retry · .*\$")).click()
    expect(light.get_by_text("Saved as a new take")).to_be_visible()
    eventually(lambda: len(studio.rows("SELECT 1 FROM job WHERE prompt = 'Look 000'")) == 2)
    light.get_by_role("button", name=re.compile("^Retry · ")).click()
    expect(light.get_by_text("This take was retried before")).to_be_visible()
    wall.press("ArrowLeft")
    expect(light.get_by_text("Look 001", exact=True)).to_be_visible()
    said = light.locator(".look:not(.away) .reason:visible").inner_text().lower().split(" · ")
    assert len(said) == len(set(said)), "what comes next is said once"
    wall.press("ArrowRight")
    light.get_by_role("link", name="Edit and rerun").click()
    expect(page.locator(".st-key-form-prompt textarea")).to_have_value("Look 000")
