"""A real browser whose pages are told what changes: at once, in place, and after whatever cut them off."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from backend.domain.states import JobEvent
from backend.models import Job, TakeEdit
from tests import programs
from tests.e2e.installation import Installation
from tests.e2e.stories import test_browser as stories
from tests.e2e.stories.test_browser import FLAGS, SHARED, Visit
from tests.services.receiving import ACCEPTED, WAY
from tests.viewers import LOCAL_VIEWER
from tests.waiting import eventually, in_time
from tests.world import World, picture, run_sql

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]
browser = stories.browser
#: The contract: on SIGTERM a process has left by then, also with pages open.
LEAVES_S = 3.0
#: What the kit says to its page: nothing, while no script runs.
KIT, LIVE = "/_stcore/stream", "/live"
#: Keeps what the real notices of this page say.
NOTICES = """window.notices = []
window.Notification = class extends Notification {
    constructor(words, how) {
        super(words, how)
        this.onshow = () => window.notices.push([words, how.body])
    }
}"""
#: The page is hidden, or seen, as far as its scripts can tell.
HIDDEN = """is => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => is })
    document.dispatchEvent(new Event("visibilitychange"))
}"""


@pytest.fixture(scope="module")
def installation(fal: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A dashboard alone: takes move as the test moves them, as any other process would."""
    with closing(Installation(tmp_path_factory.mktemp("live"), fal.url)) as made:
        made.dashboard()
        yield made


@pytest.fixture
def world(installation: Installation) -> Iterator[World]:
    with installation.deps() as deps:
        yield World(deps, sim=None)


def ask(world: World, prompt: str, *events: JobEvent) -> Job:
    job = world.ask(prompt, viewer=LOCAL_VIEWER)
    if events:
        world.advance(job, *events)
    return job


class Window(Visit):
    """A page, and what came over its WebSockets: of the kit, and of what is pushed."""

    def __init__(self, browser: Browser, installation: Installation) -> None:
        super().__init__(browser, installation)
        self.came = {KIT: 0, LIVE: 0}
        self.page.on("websocket", self._listen)

    def _listen(self, socket: Any) -> None:
        for end in self.came:
            if socket.url.endswith(end):
                socket.on("framereceived", lambda _, end=end: self._count(end))

    def _count(self, end: str) -> None:
        self.came[end] += 1

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for what the browser's own events tell."""
        eventually(lambda: self.page.wait_for_timeout(20) or true())

    def rest(self) -> int:
        """Wait until no script has run for longer than a tick; returns how much came of all that ran."""
        came = -1
        while came != self.came[KIT]:  # the test's own limit ends that
            came = self.came[KIT]
            self.page.wait_for_timeout(2500)
        return came


@pytest.fixture
def window(browser: Browser, installation: Installation) -> Iterator[Window]:
    made = Window(browser, installation)
    yield made
    made.context.close()


def card(page: Page, prompt: str) -> Any:
    return page.get_by_test_id("take-card").filter(has_text=prompt)


@SHARED
def test_an_open_wall_follows_takes_that_somebody_else_moves_and_no_script_runs(window: Window, world: World):
    page = window.open("/gallery?q=eyes")
    window.until(lambda: window.came[LIVE] > 0)
    moves = ask(world, "It moves before your eyes")  # the page was empty, and has it by itself
    expect(card(page, "It moves")).to_be_visible()
    page = window.open("/gallery")
    expect(card(page, "It moves")).to_be_visible()
    expect(page).to_have_title("(1) Gallery · Dailies")
    window.rest()
    before = dict(window.came)

    world.advance(moves, *ACCEPTED)
    expect(card(page, "It moves")).to_contain_text("Queued")
    for number in range(30):  # each of them is told
        with world.deps.store.begin() as session:
            session.add(TakeEdit(job_id=moves.id, at=world.deps.clock.now()))
        run_sql(world.deps, "UPDATE job SET edits = edits + 1, note = 'x'")
        told = before[LIVE] + number
        window.until(lambda told=told: window.came[LIVE] > told)
    ask(world, "It came later")
    pill = page.get_by_test_id("new-takes")
    expect(pill).to_have_text("1 new")
    expect(page).to_have_title("(2) Gallery · Dailies")
    world.advance(moves, JobEvent.FINISHED)
    card(page, "It moves").hover()
    world.saved(moves, picture())  # no film: what was tried under the pointer that waits says so
    expect(card(page, "It moves").locator("img.poster")).to_be_visible()
    expect(card(page, "It moves")).to_contain_text("This browser can't play it")
    expect(page.get_by_test_id("live-toast")).to_contain_text("Your take is ready")
    expect(page).to_have_title("(1) Gallery · Dailies")
    assert window.came[LIVE] - before[LIVE] >= 30
    assert window.came[KIT] == before[KIT]

    expect(card(page, "It came later")).to_have_count(0)
    pill.click()
    expect(card(page, "It came later")).to_be_visible()
    expect(pill).to_be_hidden()
    assert window.came[KIT] == before[KIT]


@SHARED
def test_what_happened_while_the_dashboard_was_away_or_the_tab_hidden_is_shown_afterwards(
    window: Window, world: World, installation: Installation
):
    job = ask(world, "It goes on without you", *WAY["queued"])
    window.page.clock.install()
    page = window.open("/gallery")
    window.until(lambda: window.came[LIVE] > 0)

    page.evaluate(HIDDEN, True)
    page.clock.fast_forward(61_000)
    window.until(lambda: page.evaluate("window.__dailiesLive.socket === null"))
    assert not page.title().startswith("(")
    heard = window.came[LIVE]
    world.advance(job, JobEvent.STARTED)
    page.wait_for_timeout(600)
    assert window.came[LIVE] == heard  # a tab that nobody sees is told nothing
    page.evaluate(HIDDEN, False)
    expect(card(page, "It goes on")).to_contain_text("Rendering")
    expect(page).to_have_title(re.compile(r"^\(\d\) Gallery"))

    (dashboard,) = [one for one in installation.processes if one.alive]
    begun = time.monotonic()
    dashboard.stop()
    assert in_time(time.monotonic() - begun, LEAVES_S), dashboard.said()[-2000:]
    world.advance(job, JobEvent.FINISHED)
    world.saved(job, picture(colour="teal"))
    installation.dashboard()
    for _ in range(40):  # each of its pauses is over
        page.clock.fast_forward(1000)
    expect(card(page, "It goes on").locator("img.poster")).to_be_visible()


@SHARED
def test_whoever_asks_for_notices_is_told_on_their_desktop_once_the_window_is_not_in_front(
    browser: Browser, installation: Installation, world: World
):
    """Switched on by a press, once the browser allows it; it also tells while the tab is hidden.

    By the whole Chromium: without what belongs to its window it allows no notices.
    """
    path = programs.path_of("chromium")
    with closing(browser.browser_type.launch(executable_path=path, args=list(FLAGS))) as whole:
        be_told(Window(whole, installation), world)


def be_told(window: Window, world: World) -> None:
    window.context.grant_permissions(["notifications"], origin=window.origin)
    window.page.add_init_script(NOTICES)
    page = window.open("/account")
    switch = page.get_by_role("switch", name="Desktop notices")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")

    page = window.open("/gallery")
    window.until(lambda: window.came[LIVE] > 0)
    for colour, looks in (("red", True), ("navy", False)):
        page.evaluate("is => { document.hasFocus = () => is }", looks)
        page.evaluate(HIDDEN, not looks)
        job = ask(world, f"Told of in {colour}", *WAY["rendered"])
        world.saved(job, picture(colour=colour))
        if looks:
            expect(page.get_by_test_id("live-toast")).to_contain_text("Your take is ready")
            assert page.evaluate("window.notices") == []
    window.until(lambda: page.evaluate("window.notices.length") == 1)
    ((words, about),) = page.evaluate("window.notices")
    assert words == "Your take is ready"
    assert "Told of in navy" in about


@SHARED
def test_where_nothing_can_be_pushed_pages_ask_by_themselves_and_no_longer_than_that(
    window: Window, world: World
):
    job = ask(world, "It is asked for", *WAY["queued"])
    blocked = [True]
    window.page.route_web_socket(
        re.compile(f"{LIVE}$"), lambda line: line.close() if blocked else line.connect_to_server()
    )
    page = window.open("/activity")
    chip = page.get_by_test_id("status").filter(has_text="It is asked for")
    expect(chip).to_contain_text("Queued")
    window.until(lambda: page.evaluate("window.__dailiesLive.isDown"))
    world.advance(job, JobEvent.STARTED)
    expect(chip).to_contain_text("Rendering")

    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Gallery").click()
    expect(card(page, "It is asked for")).to_contain_text("Rendering")
    quiet = window.rest()
    world.advance(job, JobEvent.FINISHED)
    world.saved(job, picture(colour="olive"))
    expect(card(page, "It is asked for").locator("img.poster")).to_be_visible()
    expect(page.get_by_test_id("live-toast")).to_contain_text("Your take is ready")
    later = ask(world, "It is asked for later")
    expect(page.get_by_test_id("new-takes")).to_have_text("1 new")
    choose = {"method": "POST", "headers": {"Content-Type": "application/json", "X-Dailies": "1"}}
    for what, told in (({"set": {"review": "approved"}}, 1), ({"trash": True}, 0)):  # as somebody else does
        choose["body"] = json.dumps({"ids": [job.id], **what})
        page.evaluate("how => fetch('wall/bulk', how)", choose)
        expect(card(page, "It is asked for").filter(has_text="Approved")).to_have_count(told)
    expect(card(page, "It is asked for")).to_have_count(0)
    assert window.came[KIT] == quiet, "no script runs"
    world.advance(later, JobEvent.CANCELLED)

    blocked.clear()
    window.until(lambda: not page.evaluate("window.__dailiesLive.isDown"))
    window.rest()
    window.context.close()


@SHARED
def test_a_part_that_asks_while_one_goes_to_another_page_takes_nothing_from_that_page(
    window: Window, world: World
):
    """Its request is on its way when the click comes: the server has it right after the click."""
    job = ask(world, "It moves while one leaves", *WAY["queued"])
    asked: list[ClientState] = []

    def between(page: WebSocketRoute) -> None:
        server = page.connect_to_server()

        def send(message: Any) -> None:
            server.send(message)
            state = BackMsg.FromString(message).rerun_script
            if asked and state.page_script_hash != asked[-1].page_script_hash:
                server.send(BackMsg(rerun_script=asked.pop()).SerializeToString())
            elif state.fragment_id:
                asked.append(state)

        page.on_message(send)

    window.page.route_web_socket(re.compile(KIT), between)
    page = window.open("/activity")
    expect(page.get_by_text("It moves while one leaves")).to_be_visible()
    window.until(lambda: window.came[LIVE] > 0)
    world.advance(job, JobEvent.FINISHED)
    window.until(lambda: bool(asked))
    window.settle()

    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Gallery").click()

    expect(card(page, "It moves while one leaves")).to_be_visible()
    window.settle()
    expect(card(page, "It moves while one leaves")).to_be_visible()
    assert not asked
