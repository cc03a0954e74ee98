"""The wall in Chromium: first posters at 100,000 takes against 100, next batch, 2,400 cards scrolled, memory.

Memory is all that stands in it of the dashboard's process, shared libraries as well.
"""

import contextlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import psutil

from benchmarks import crowd
from benchmarks.common import Result, at_least, at_most, free_port, process

FEW, MANY, ROUNDS = 100, 100_000, 11
#: So many cards are scrolled past, at so many pixels a frame: about eight screens a second.
CARDS, PIXELS = 2_400, 120
#: Tabs that are open at once, and what the dashboard may take for none and for each, in MB.
TABS, BASE_MB, TAB_MB = 20, 200, 1
#: Pages whose tables and charts would have the dashboard load most.
WITH_TABLES = ("operations", "spend?range=30+days", "audit")
READY = '[data-testid=stApp][data-test-script-state="notRunning"]'
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

#: How many of the posters in view are drawn, and how many there are.
POSTERS = """() => {
  const grid = [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .map(host => host.shadowRoot?.querySelector('[data-testid=take-grid]')).find(Boolean)
  const seen = [...grid?.querySelectorAll('img.poster[src]') ?? []]
    .filter(image => image.getBoundingClientRect().top < innerHeight)
  return [seen.filter(image => image.complete && image.naturalWidth).length, seen.length]
}"""
#: Scrolls until so many cards were loaded; frames, seconds, and how long each batch took.
SCROLL = """async ({ cards, pixels }) => {
  const main = document.querySelector('[data-testid=stMain]')
  let frames = 0, seen = 0
  const begun = performance.now()
  while (seen < cards && performance.now() - begun < 120000) {
    await new Promise(requestAnimationFrame)
    main.scrollTop += pixels
    frames += 1
    if (frames % 30 === 0) seen = 48 + 60 * performance.getEntriesByType('resource')
      .filter(one => one.name.includes('/wall/takes?')).length
  }
  const took = performance.getEntriesByType('resource').filter(one => one.name.includes('/wall/takes?'))
  const seconds = (performance.now() - begun) / 1000
  return { frames, seconds, seen, batches: took.map(one => one.duration / 1000) }
}"""


def run() -> list[Result]:
    from playwright.sync_api import sync_playwright

    with contextlib.ExitStack() as stack:
        few, many = (stack.enter_context(dashboard(n)) for n in (FEW, MANY))
        play = stack.enter_context(sync_playwright())
        chromium = play.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=list(FLAGS)
        )
        stack.callback(chromium.close)
        return [*first_posters(chromium, few, many), *scrolled(chromium, many), *memory(chromium, many)]


@contextlib.contextmanager
def dashboard(n: int) -> Iterator[str]:
    """Where a dashboard over so many takes answers; every one of them has a poster."""
    from backend.bootstrap import open_deps
    from backend.settings import load_settings
    from tests.world import run_sql

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        deps = open_deps(load_settings(data_dir=folder))
        crowd.fill(deps, n, moving=0)
        part = deps.settings.data_dir / "poster.part"
        part.write_bytes(poster())
        deps.storage.put_file(part, "posters/one.webp")
        run_sql(deps, "UPDATE video SET poster_key = 'posters/one.webp'")
        deps.store.close()
        port = free_port()
        command = ("-m", "streamlit", "run", "app.py", f"--server.port={port}")
        with process(*command, port=port, env={"DATA_DIR": folder}):
            yield f"http://127.0.0.1:{port}"


def poster() -> bytes:
    """A picture of the size that posters have."""
    from PIL import Image

    file = io.BytesIO()
    Image.effect_noise((640, 360), 60).convert("RGB").save(file, "WEBP", quality=70)
    return file.getvalue()


def first_posters(chromium: Any, few: str, many: str) -> Iterator[Result]:
    """From the address to the last poster in view; both in turn, the first round of each warms up."""
    took: dict[str, list[float]] = {few: [], many: []}
    for _ in range(ROUNDS):
        for origin, times in took.items():
            times.append(opened(chromium, origin))
    a, b = (statistics.median(times[1:]) for times in took.values())
    note = f"{b * 1000:.0f} ms against {a * 1000:.0f} ms"
    yield at_most(f"wall, first posters, {MANY:,} takes against {FEW}", b / a, 1.3, note=note)


def opened(chromium: Any, origin: str) -> float:
    """Seconds until every poster in view is drawn."""
    window = chromium.new_context(viewport={"width": 1400, "height": 900})
    page = window.new_page()
    begun = time.perf_counter()
    page.goto(f"{origin}/gallery")
    drawn, there = 0, 0
    while not there or drawn < there:
        page.wait_for_timeout(10)
        drawn, there = page.evaluate(POSTERS)
    took = time.perf_counter() - begun
    window.close()
    return took


def scrolled(chromium: Any, origin: str) -> Iterator[Result]:
    """Frames a second over so many cards, how long each batch took, and whether any script ran for it."""
    window = chromium.new_context(viewport={"width": 1400, "height": 900})
    page, said = window.new_page(), list[Any]()

    def hear(socket: Any) -> None:
        if "_stcore/stream" in socket.url:
            socket.on("framereceived", lambda frame: said.append(frame))

    page.on("websocket", hear)
    page.goto(f"{origin}/gallery")
    page.wait_for_selector(READY)
    while not page.evaluate(POSTERS)[1]:
        page.wait_for_timeout(50)
    page.wait_for_timeout(1000)
    before = len(said)
    got = page.evaluate(SCROLL, {"cards": CARDS, "pixels": PIXELS})
    ran = len(said) - before
    window.close()
    note = f"{got['frames']} frames in {got['seconds']:.1f} s, {got['seen']:,} cards"
    yield at_least("wall scrolled", got["frames"] / got["seconds"], 50, "frames a second", note)
    batch = statistics.median(got["batches"])
    yield at_most("wall, the next batch", batch, 0.3, "s", f"{len(got['batches'])} batches of 60")
    yield at_most("wall scrolled, messages of the kit", ran, 0, "")


def memory(chromium: Any, origin: str) -> Iterator[Result]:
    """Of the dashboard, with so many tabs open, two of three at the gallery and one at the form.

    Every page with tables and charts was open before: what it loads for them, it keeps.
    """
    visitor = chromium.new_context().new_page()
    for path in WITH_TABLES:
        visitor.goto(f"{origin}/{path}")
        visitor.wait_for_selector(READY)
    visitor.context.close()
    windows = [chromium.new_context(viewport={"width": 1200, "height": 800}) for _ in range(TABS)]
    for number, window in enumerate(windows):
        page = window.new_page()
        page.goto(f"{origin}/gallery" if number % 3 else origin)
        page.wait_for_selector(READY)
    port = int(origin.rpartition(":")[2])
    listening = (one for one in psutil.net_connections() if one.laddr and one.laddr.port == port)
    server = psutil.Process(next(one.pid for one in listening if one.status == psutil.CONN_LISTEN))
    taken = server.memory_full_info()
    resident = taken.rss / 2**20
    for window in windows:
        window.close()
    note = f"{resident:.0f} MB, {taken.uss / 2**20:.0f} MB of them its own"
    yield at_most(f"memory with {TABS} tabs", resident / (BASE_MB + TABS * TAB_MB), 1, note=note)
