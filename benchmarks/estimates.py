"""What a take will cost, as the form asks with every key that is pressed: every model that comes along."""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.common import Result, at_most, percentile

#: Estimates of each model, after one that reads what is read once a process.
EACH = 300


def run() -> list[Result]:
    from backend.bootstrap import build_deps
    from backend.services.money.quotes import quote_take
    from backend.settings import load_settings
    from backend.store.database.schema.migrate import migrate_schema

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        deps = build_deps(load_settings(data_dir=Path(folder), fal_key="bench:key"))
        migrate_schema(deps.store)
        took: dict[str, list[float]] = {}
        worked: list[float] = []
        for model in deps.catalogue.search(provider="fal"):
            quote = partial(quote_take, deps, model, {})
            quote()
            took[model.id] = [_took(quote, time.perf_counter) for _ in range(EACH)]
            worked += [_took(quote, time.thread_time) for _ in range(EACH)]
        deps.store.close()
    slowest = max(took, key=lambda name: statistics.median(took[name]))
    return [
        at_most("estimate, slowest model", statistics.median(took[slowest]) * 1000, 1, "ms", slowest),
        at_most(
            "estimate, processor time of any",
            percentile(worked, 99) * 1000,
            1,
            "ms",
            f"p99 of {len(took)} models",
        ),
    ]


def _took(what: Callable[[], object], clock: Callable[[], float]) -> float:
    """What one call took by this clock, in seconds; by a thread's own, others on the machine don't count."""
    begun = clock()
    what()
    return clock() - begun
