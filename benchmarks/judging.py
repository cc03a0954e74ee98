"""How soon a vote is acknowledged, and the next pair stands on screen after the key for this one."""

import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.common import Result, at_most, percentile
from tests import programs
from tests.e2e.filled import make_clips
from tests.e2e.installation import Installation
from tests.services.experiments.judged import Judged, make_judged
from tests.world import World

CELLS, TAKES = 8, 8
VOTES, KEYS, PAUSE_MS = 200, 40, 700
ACK_MS, NEXT_MS = 50, 150
FLAGS = ("--no-sandbox", "--disable-gpu")


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, sync_playwright() as play:
        folder = Path(name)
        with closing(Installation(folder / "studio", "http://127.0.0.1:9")) as installation:
            judged = _fill(installation, make_clips(folder, scale=4)[0])
            installation.sidecar()
            acks = _acknowledged(installation, judged)
            installation.dashboard()
            browser = play.chromium.launch(executable_path=programs.path_of("chromium"), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(f"http://127.0.0.1:{installation.dashboard_port}/judge?experiment={judged.id}")
            following = _next_pairs(page)
            browser.close()
    return [
        at_most("vote → its 201 after the commit, p95", _ratio(acks, ACK_MS), 1, note=_told(acks)),
        at_most("key → next pair on screen, p95", _ratio(following, NEXT_MS), 1, note=_told(following)),
    ]


def _ratio(took_ms: list[float], limit_ms: int) -> float:
    return percentile(took_ms, 95) / limit_ms


def _told(took_ms: list[float]) -> str:
    return (
        f"median {statistics.median(took_ms):.0f} ms, p95 {percentile(took_ms, 95):.0f} ms of {len(took_ms)}"
    )


def _fill(installation: Installation, clip: bytes) -> Judged:
    installation._put_database()
    with installation.deps() as deps:
        return make_judged(
            World(deps, sim=None), cells=CELLS, takes=TAKES,
            content=lambda job, cell: clip + b"\0\0\0\x2cfree" + job.encode(),
        )  # fmt: skip


def _acknowledged(installation: Installation, judged: Judged) -> list[float]:
    """Milliseconds from sending a vote to its answer; pairs are asked for in between, and not counted."""
    path, took = f"/api/experiments/{judged.id}", list[float]()
    while len(took) < VOTES:
        for pair in installation.call("GET", f"{path}/next-pairs?n=40").json()["items"]:
            begun = time.perf_counter()
            answer = installation.call("POST", f"{path}/votes", json={"pair": pair["pair"], "choice": "left"})
            took.append((time.perf_counter() - begun) * 1000)
            assert answer.status_code == 201
    return took


def _next_pairs(page: Page) -> list[float]:
    """As somebody who looks at each pair for a moment."""
    judge, took = page.get_by_test_id("judge"), list[float]()
    judge.and_(page.locator("[data-pair]")).wait_for()
    for _ in range(KEYS):
        page.wait_for_timeout(PAUSE_MS)
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(PAUSE_MS)
        took.append(float(judge.get_attribute("data-next-ms") or "inf"))
    return took
