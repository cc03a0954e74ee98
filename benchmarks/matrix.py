"""The matrix of an experiment with 2,000 cells in Chromium: how soon it is painted, how smooth it scrolls."""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import crowd, planning
from benchmarks.common import Result, at_least, at_most, free_port, process
from benchmarks.wall import FLAGS, READY, poster

CELLS, ROUNDS = 2_000, 11
LIMIT_S, FRAMES = 1.0, 50
#: At so many pixels a frame: about three screens a second.
PIXELS, SCROLL_S = 40, 6

#: How many of the posters in view are drawn, and how many there are.
POSTERS = """() => {
  const matrix = [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .map(host => host.shadowRoot?.querySelector('[data-testid=matrix]')).find(Boolean)
  const seen = [...matrix?.querySelectorAll('img.poster') ?? []].filter(image => {
    const { top, bottom } = image.getBoundingClientRect()
    return bottom > 0 && top < innerHeight
  })
  return [seen.filter(image => image.complete && image.naturalWidth).length, seen.length]
}"""
#: Scrolls the matrix, which has a box of its own, for so long; frames a second, and cells passed by.
SCROLL = """async ({ seconds, pixels }) => {
  const box = [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .map(host => host.shadowRoot?.querySelector('[data-testid=matrix] .box')).find(Boolean)
  const passed = new Set(), begun = performance.now()
  let frames = 0
  while (performance.now() - begun < seconds * 1000) {
    await new Promise(requestAnimationFrame)
    box.scrollTop += pixels
    frames += 1
    if (frames % 20) continue
    for (const cell of box.querySelectorAll('[data-cell]')) passed.add(cell.dataset.cell)
  }
  return { rate: frames / (performance.now() - begun) * 1000, passed: passed.size, top: box.scrollTop }
}"""


def run() -> list[Result]:
    from playwright.sync_api import sync_playwright

    with contextlib.ExitStack() as stack:
        address = stack.enter_context(dashboard())
        play = stack.enter_context(sync_playwright())
        chromium = play.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=list(FLAGS)
        )
        stack.callback(chromium.close)
        return list(measured(chromium, address))


@contextlib.contextmanager
def dashboard() -> Iterator[str]:
    """The address of an experiment of so many cells, each with a take that has a poster."""
    from backend.bootstrap import open_deps
    from backend.services.access import local_viewer
    from backend.services.experiments import create, plan
    from backend.services.experiments.judging import raters
    from backend.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        deps = open_deps(load_settings(data_dir=folder))
        viewer = local_viewer(deps)
        made = create.create_experiment(deps, viewer, plan.parse_plan(planning.CELLS)).experiment.id
        fill(deps, made)
        raters.note_sighted(deps, viewer, made)  # the names of cells are shown at once
        deps.store.close()
        port = free_port()
        command = ("-m", "streamlit", "run", "app.py", f"--server.port={port}")
        with process(*command, port=port, env={"DATA_DIR": folder}):
            yield f"http://127.0.0.1:{port}/experiment?id={made}"


def fill(deps: Any, experiment_id: str) -> None:
    """Give each trial of an experiment a stored take."""
    from sqlmodel import select, update

    from backend.models import Experiment, Trial
    from tests.world import run_sql

    ids = crowd.fill(deps, CELLS, moving=0, read=False)
    part = deps.settings.data_dir / "poster.part"
    part.write_bytes(poster())
    deps.storage.put_file(part, "posters/one.webp")
    run_sql(deps, "UPDATE video SET poster_key = 'posters/one.webp'")
    run_sql(deps, "UPDATE job SET state = 'stored'")
    with deps.store.begin() as session:
        run = session.connection().execute
        trials = run(select(Trial.id).where(Trial.experiment_id == experiment_id)).scalars().all()
        for trial, job in zip(trials, ids, strict=True):
            run(
                update(Trial).where(Trial.id == trial).values(job_id=job, state="made", origin="made", wave=2)
            )
        run(update(Experiment).values(state="running"))


def measured(chromium: Any, address: str) -> Iterator[Result]:
    """From the press on its step to the last poster in view; the first round warms up."""
    window = chromium.new_context(viewport={"width": 1400, "height": 900})
    page, took = window.new_page(), list[float]()
    for _ in range(ROUNDS):
        page.goto(f"{address}&step=plan")
        page.wait_for_selector(READY)
        page.wait_for_timeout(1_000)
        begun = time.perf_counter()
        page.get_by_role("link", name="Run").click()
        drawn, there = 0, 0
        while not there or drawn < there:
            page.wait_for_timeout(10)
            drawn, there = page.evaluate(POSTERS)
        took.append(time.perf_counter() - begun)
    middle = statistics.median(took[1:])
    yield at_most(f"matrix of {CELLS:,} cells, painted", middle / LIMIT_S, 1, note=f"{middle * 1000:.0f} ms")
    page.wait_for_timeout(1_000)
    got = page.evaluate(SCROLL, {"seconds": SCROLL_S, "pixels": PIXELS})
    note = f"{got['passed']:,} cells were passed"
    yield at_least("matrix, scrolled", got["rate"], FRAMES, "frames a second", note)
    window.close()
