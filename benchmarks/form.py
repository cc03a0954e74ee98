"""What a run of the Generate page costs, a few takes beside it: every touch of the form is one."""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import Result, at_most

#: Processor time that a touch of the form may take, in milliseconds: a person who types waits for it.
LIMIT_MS = 40.0
ROUNDS, TAKES = 25, 3
ROOT = Path(__file__).parents[1]


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ["DATA_DIR"] = folder
        touched, alone = _measure()
    note = f"{touched:.1f} ms, {alone:.1f} ms of it for a page without the form; limit {LIMIT_MS:g} ms"
    return [at_most("a touch of the form, processor time", touched / LIMIT_MS, 1.0, note=note)]


def _opened(context: Any) -> Any:
    """What pages are given; a page does not wait for it, and this does."""
    while True:
        try:
            return context.deps()
        except context.StillOpening:
            time.sleep(0.2)


def _measure() -> tuple[float, float]:
    """Milliseconds of processor time: of Generate as its prompt changes, and of a page without a form."""
    from streamlit.testing.v1 import AppTest

    from backend.services import access
    from backend.services.takes import create
    from backend.services.takes.request import parse_request
    from pages.ui import context

    deps = _opened(context)
    viewer = access.local_viewer(deps)
    model = "fal-ai/wan/v2.7/text-to-video"
    for number in range(TAKES):
        create.create_job(deps, viewer, parse_request({"model": model, "prompt": f"A red dress {number}"}))
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=120).run()
    took = []
    for number in range(ROUNDS):
        app.text_area(key="form:prompt").set_value(f"A dress that changes {number}")
        begun = time.process_time()
        app.run()
        took.append((time.process_time() - begun) * 1000)
        assert not app.exception
    app.switch_page("team/account.py").run()
    others = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        app.run()
        others.append((time.process_time() - begun) * 1000)
    deps.store.close()
    return statistics.median(took[3:]), statistics.median(others[3:])
