"""The catalogue at 1,500 endpoints: refreshed, loaded, searched; and the largest schema as a form."""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, Result, at_most, percentile

ENDPOINTS, SEARCHES, RERUNS = 1500, 50, 7
#: What people type: a name, several words, a kind, nothing.
WORDS = ("kling", "m12 photo", "image-to-video", "", "nothing is called like this")


def run() -> list[Result]:
    from backend.bootstrap import build_deps
    from backend.services.catalogue import refresh_schedule
    from backend.settings import load_settings
    from backend.store.database.schema.migrate import migrate_schema
    from simulator.config import SimulatorConfig
    from simulator.server import listening

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = SimulatorConfig(data_dir=Path(folder) / "fal", small=True, synthetic=ENDPOINTS - 31)
        with listening(config) as sim:
            urls = dict.fromkeys(("fal_queue_url", "fal_rest_url", "fal_api_url"), sim.url)
            settings = load_settings(data_dir=Path(folder) / "data", fal_key="bench:key", **urls)
            deps = build_deps(settings)
            migrate_schema(deps.store)
            refresh_s = _took(lambda: refresh_schedule.refresh_now(deps, on_progress=lambda _: None))
        number = len(deps.catalogue.search(provider="fal"))
        gc.collect()
        load_s = _took(lambda: build_deps(settings).catalogue.search())
        search_s = [_took(partial(deps.catalogue.search, q)) for q in WORDS for _ in range(SEARCHES)]
        start_s = [_took(lambda: deps.catalogue.get("fal-ai/veo3.1")) for _ in range(1000)]
        deps.store.close()
    form_s, fields = _form()
    page_s = _page()
    return [
        at_most("catalogue, refreshed", refresh_s, 30, "s", f"{number:,} endpoints"),
        at_most("catalogue, loaded by a process that starts", load_s, 1, "s"),
        at_most("catalogue, searched", percentile(search_s, 99) * 1000, 50, "ms", "p99"),
        at_most("catalogue, one model for a start", statistics.median(start_s) * 1e6, 100, "µs"),
        at_most("form, largest schema read", form_s * 1000, 150, "ms", f"{fields} fields"),
        at_most("form, a whole rerun with the largest schema", page_s * 1000, 150, "ms"),
    ]


def _largest() -> Any:
    """The model of the seed whose schema has the most fields."""
    from backend.catalogue.models import load_seed

    return max(load_seed(), key=lambda model: len(model.schema["properties"]))


def _form() -> tuple[float, int]:
    """Seconds that it takes to read the largest schema as fields, and how many they are."""
    from backend.catalogue.fields import read_fields

    model = _largest()
    return statistics.median(_took(lambda: read_fields(model.schema)) for _ in range(RERUNS)), len(
        read_fields(model.schema)
    )


def _page() -> float:
    """Seconds of a rerun of the Generate page with that model, the kit's own work included."""
    import os

    from streamlit.testing.v1 import AppTest

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ["DATA_DIR"] = folder
        try:
            app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60)
            app.query_params["model"] = _largest().id
            app.run()
            took = [_took(app.run) for _ in range(RERUNS)]
            from pages.ui import context

            context.deps().store.close()
        finally:
            del os.environ["DATA_DIR"]
    if app.exception:
        raise RuntimeError(f"the page failed: {app.exception}")
    return statistics.median(took)


def _took(what: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun
