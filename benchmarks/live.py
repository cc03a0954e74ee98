"""Open pages: what 400 of them cost, idle and while takes move, and how soon a change is shown."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks import crowd
from benchmarks.common import Result, at_most, free_port, process
from benchmarks.onlookers import open_pages
from benchmarks.people import LOGINS, sign_in

PAGES, SHOWN = 400, 24
#: Long enough for everybody's session to have been looked up again.
IDLE_S, BUSY_S, EACH_S = 35.0, 20.0, 0.5
CHANGES = 15
#: Prints, for each change of the first card, when it is on the screen.
SEEN = """prompt => { window.seen = []; const grid = () => {
    const found = []
    const walk = root => root.querySelectorAll("*").forEach(one => {
      if (one.dataset?.testid === "take-card") found.push(one)
      if (one.shadowRoot) walk(one.shadowRoot)
    })
    walk(document)
    return found.find(one => one.textContent.includes(prompt))
  }
  const card = grid()
  let before = card.textContent
  const look = () => {
    if (card.textContent.replace(/[\\d:]+/g, "") !== before.replace(/[\\d:]+/g, "")) {
      before = card.textContent
      requestAnimationFrame(() => requestAnimationFrame(() => window.seen.push(Date.now() / 1000)))
    }
  }
  new MutationObserver(look).observe(card, { subtree: true, childList: true, characterData: true })
}"""


def run() -> list[Result]:
    results = []
    with _dashboard({}) as (deps, port, server):
        results += asyncio.run(_measure(deps, port, server, [""] * PAGES, "open pages"))
        results.append(_on_screen(deps, port))
    with _dashboard(LOGINS) as (deps, port, server):
        cookies = sign_in(deps, PAGES)
        results += asyncio.run(_measure(deps, port, server, cookies, "signed-in people"))
    return results


async def _measure(
    deps: Any, port: int, server: psutil.Process, cookies: list[str], who: str
) -> list[Result]:
    """Idle, then with two changes a second: of one core, and until everybody was told."""
    ids = _newest(deps)
    pages = await open_pages(port, cookies, 0, ids)
    await asyncio.sleep(2)
    idle = await _percent(server, IDLE_S)
    for page in pages:
        page.heard.clear()
    committed: list[float] = []
    busy_from = _cpu_s(server)
    begun = time.monotonic()
    while time.monotonic() - begun < BUSY_S:
        await asyncio.to_thread(_edit, deps, ids[0])
        committed.append(time.time())
        await asyncio.sleep(EACH_S)
    busy = 100 * (_cpu_s(server) - busy_from) / (time.monotonic() - begun)
    await asyncio.sleep(2)
    told = [at for page in pages for at, _ in page.heard]
    late = [min((at - one for at in told if at >= one), default=99.0) for one in committed]
    last = [max(at for at, _ in page.heard) for page in pages if page.heard]
    assert len(last) == len(pages), "every page was told"
    for page in pages:
        page.close()
    size = statistics.median(size for page in pages for _, size in page.heard)
    return [
        at_most(f"{len(pages)} {who}, nothing happens, of one core", idle, 3.0, "%"),
        at_most(
            f"{len(pages)} {who}, two changes a second, of one core", busy, 12.0, "%", f"{size:.0f} B each"
        ),
        at_most(f"{len(pages)} {who}, commit to told, median", statistics.median(late) * 1000, 500, "ms"),
    ]


def _on_screen(deps: Any, port: int) -> Result:
    """Commit to pixels of a real wall."""
    from playwright.sync_api import sync_playwright

    from backend.domain.states import JobEvent
    from backend.services import access
    from backend.services.takes import create
    from backend.services.takes.request import parse_request
    from backend.store.jobs import jobs

    body = {"model": "fal-ai/kling-video/v3/turbo/pro/text-to-video", "prompt": "Seen by everybody"}
    job = create.create_job(deps, access.local_viewer(deps), parse_request(body), idempotency_key=None)

    def move(event: JobEvent) -> float:
        with deps.store.begin() as session:
            jobs.advance(session, job.id, event, at=deps.clock.now(), by="bench", request_id=job.id)
        return time.time()

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"http://127.0.0.1:{port}/gallery")
        page.get_by_test_id("take-card").filter(has_text=body["prompt"]).wait_for(timeout=120_000)
        page.wait_for_timeout(3000)
        page.evaluate(SEEN, body["prompt"])
        committed = [move(JobEvent.SUBMIT_BEGUN)]
        page.wait_for_timeout(1500)
        committed.append(move(JobEvent.ACCEPTED))
        for number in range(CHANGES):
            page.wait_for_timeout(1100)
            committed.append(move(JobEvent.STARTED if number % 2 == 0 else JobEvent.REQUEUED))
        page.wait_for_timeout(2500)
        seen = page.evaluate("window.seen")
        browser.close()
    took = [min((at - one for at in seen if at >= one), default=99.0) for one in committed]
    note = f"p95 {sorted(took)[int(len(took) * 0.95)] * 1000:.0f} ms, {len(took)} changes"
    return at_most("a take moves, commit to pixels, median", statistics.median(took) * 1000, 500, "ms", note)


@contextmanager
def _dashboard(login: dict[str, str]) -> Iterator[tuple[Any, int, psutil.Process]]:
    """An installation with takes, and its dashboard."""
    from backend.bootstrap import open_deps
    from backend.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        port, secret = free_port(), "a benchmark's own key, of no value"
        given = {"data_dir": f"{folder}/data", "fal_key": "a:b", "secret_key": secret}
        given |= {name.lower(): value.replace("PORT", str(port)) for name, value in login.items()}
        deps = open_deps(load_settings(**given))
        crowd.fill(deps, 1000, moving=0)
        env = {name.upper(): str(value) for name, value in given.items()} | {"PATH": os.environ["PATH"]}
        address = ("--server.address=127.0.0.1", f"--server.port={port}")
        app = str(Path(__file__).resolve().parents[1] / "app.py")
        with process("-m", "streamlit", "run", app, *address, port=port, env=env) as started:
            time.sleep(5)
            yield deps, port, psutil.Process(started.pid)
        deps.store.close()


def _newest(deps: Any) -> list[str]:
    from backend.services import access
    from backend.services.gallery import takes as gallery

    page = gallery.list_takes(deps, access.local_viewer(deps), limit=SHOWN)
    return [take.job.id for take in page.items]


def _edit(deps: Any, job_id: str) -> None:
    from sqlmodel import col, update

    from backend.models import Job, TakeEdit

    with deps.store.begin() as session:
        session.add(TakeEdit(job_id=job_id, at=deps.clock.now()))
        session.connection().execute(update(Job).where(col(Job.id) == job_id).values(edits=Job.edits + 1))


async def _percent(server: psutil.Process, seconds: float) -> float:
    before, begun = _cpu_s(server), time.monotonic()
    await asyncio.sleep(seconds)
    return 100 * (_cpu_s(server) - before) / (time.monotonic() - begun)


def _cpu_s(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system)
