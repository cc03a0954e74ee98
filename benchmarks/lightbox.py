"""How soon the next take stands on screen once its key is pressed, in a real browser."""

import statistics
import tempfile
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.common import Result, at_most
from tests import programs
from tests.e2e.filled import fill, make_clips
from tests.e2e.installation import Installation

TAKES, PRESSES = 48, 40
FLAGS = ("--no-sandbox", "--disable-gpu")
#: Milliseconds from the key to the frame that shows the next take: its clip's own picture, or its poster.
NEXT = """() => new Promise(tell => {
    const begun = performance.now(), was = location.hash
    const root = window.lightRoot
    root.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, composed: true }))
    const look = () => {
        const stage = root.querySelector(".look:not(.away)")
        const film = stage.querySelector("video"), still = stage.querySelector("img")
        const there = film?.readyState >= 2 || (!still.hidden && still.complete && still.naturalWidth > 0)
        if (location.hash !== was && there) requestAnimationFrame(() => tell(performance.now() - begun))
        else requestAnimationFrame(look)
    }
    look()
})"""


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, sync_playwright() as play:
        folder = Path(name)
        with closing(Installation(folder / "studio", "http://127.0.0.1:9")) as installation:
            fill(installation, make_clips(folder, scale=4), TAKES)
            installation.dashboard()
            browser = play.chromium.launch(executable_path=programs.path_of("chromium"), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(f"http://127.0.0.1:{installation.dashboard_port}/gallery")
            took = _presses(page)
            browser.close()
    note = f"median {statistics.median(took):.0f} ms, the slowest {max(took):.0f} ms of {len(took)}"
    return [
        at_most(
            "lightbox, key → next take on screen, p95", took[int(len(took) * 0.95)] / 1000, 0.2, "s", note
        )
    ]


def _presses(page: Page) -> list[float]:
    """As somebody who looks at each for a moment: in order of how long each took."""
    page.get_by_test_id("take-card").first.click()
    light = page.get_by_test_id("light")
    light.wait_for()
    light.evaluate("light => { window.lightRoot = light }")
    took = []
    for _ in range(PRESSES):
        page.wait_for_timeout(300)
        took.append(float(page.evaluate(NEXT)))
    return sorted(took)
