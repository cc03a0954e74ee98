"""A page of the gallery at 1,000,000 takes against the same at 1,000, with every filter; and a sweep.

On SQLite and on PostgreSQL. "The same page" shows as many takes as an installation of 1,000 has to show.
"""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from backend.domain.states import ACTIVE_STATES
from benchmarks import crowd
from benchmarks.common import Result, at_most, on_both_databases

FEW, MANY, ROUNDS = 1_000, 1_000_000, 31
LIMIT = 1.5
#: A hundredth of MANY, as `crowd` leaves them.
ON_THE_WAY = 10_000
MODEL, MODEL_SELDOM = crowd.MODELS[0][0], crowd.MODELS[5][0]


def run() -> list[Result]:
    return on_both_databases(_on)


def questions() -> list[tuple[str, dict[str, Any]]]:
    """Every filter alone, then what people combine, then what is hard to walk."""
    words = {f"text: {word} ({share:.1%})": {"text": word} for word, share in crowd.WORDS}
    return [
        ("newest", {}),
        ("moving", {"states": ACTIVE_STATES}),
        ("ready", {"states": ["stored"]}),
        ("held", {"states": ["held"]}),
        ("failed", {"states": ["failed"]}),
        ("several states", {"states": ["stored", "failed", "cancelled"]}),
        ("busy person", {"owners": ["ana"]}),
        ("rare person", {"owners": [crowd.SELDOM_OWNER]}),
        ("model", {"model": MODEL}),
        *words.items(),
        ("text: rare word", {"text": crowd.SELDOM_WORD}),
        ("text: unfinished word", {"text": "silk dre"}),
        ("text: two words", {"text": "dress lantern"}),
        ("text: a number's beginning", {"text": "number77"}),
        ("text: nothing like it", {"text": "xylophone"}),
        ("person and model", {"owners": ["ben"], "model": MODEL}),
        ("rare person and ready", {"owners": [crowd.SELDOM_OWNER], "states": ["stored"]}),
        ("person and failed", {"owners": ["dan"], "states": ["failed"]}),
        ("person and moving", {"owners": ["ben"], "states": ACTIVE_STATES}),
        ("person, model and ready", {"owners": ["eve"], "model": MODEL, "states": ["stored"]}),
        ("model and failed", {"model": MODEL_SELDOM, "states": ["failed"]}),
        ("common word and ready", {"text": "dress", "states": ["stored"]}),
        ("common word and failed", {"text": "dress", "states": ["failed"]}),
        ("common word and held", {"text": "dress", "states": ["held"]}),
        ("common word and moving", {"text": "dress", "states": ACTIVE_STATES}),
        ("common word, moving or held", {"text": "dress", "states": [*ACTIVE_STATES, "held"]}),
        ("rare word and ready", {"text": crowd.SELDOM_WORD, "states": ["stored"]}),
        ("common word and rare person", {"text": "dress", "owners": [crowd.SELDOM_OWNER]}),
        ("common word and person", {"text": "dress", "owners": ["eve"]}),
        ("rare word and person", {"text": crowd.SELDOM_WORD, "owners": ["ana"]}),
        ("words, person, model, ready",
         {"text": "silk dress", "owners": ["dan"], "model": MODEL, "states": ["stored"]}),
        ("two long lists that never meet", {"text": "dress", "owners": [crowd.ELSEWHERE]}),
    ]  # fmt: skip


def _on(kind: str) -> Iterator[Result]:
    with contextlib.ExitStack() as stack:
        few = stack.enter_context(_installation(kind, FEW))
        many = stack.enter_context(_installation(kind, MANY))
        yield from pages(kind, few, many)
        yield from numbers(kind, few, many)
        yield from sweeps(kind, stack, many)


def pages(kind: str, few: Any, many: Any) -> Iterator[Result]:
    """A ratio for each question: newest page, and one deep inside for some."""
    from backend.domain.take_filter import TakeFilter

    for name, wanted in questions():
        found, limit = _shown(few, TakeFilter(**wanted))
        ask = lambda deps, wanted=wanted, limit=limit: _shown(deps, TakeFilter(**wanted), limit)  # noqa: E731
        yield _ratio(f"{kind}: {name}, {found} takes", ask, few, many)


def _shown(deps: Any, wanted: Any, limit: int | None = None) -> tuple[int, int]:
    """(takes on the page, the page's length that shows as many)."""
    from backend.services import access
    from backend.services.gallery import takes as gallery

    page = gallery.list_takes(deps, access.local_viewer(deps), wanted, limit=limit or gallery.PAGE_SIZE)
    return len(page.items), max(1, len(page.items))


def _ratio(name: str, ask: Callable[[Any], Any], few: Any, many: Any, rounds: int = ROUNDS) -> Result:
    """Medians of the two, asked in turn."""
    took: tuple[list[float], list[float]] = ([], [])
    for deps in (few, many) * 3:
        ask(deps)
    for _ in range(rounds):
        for deps, times in zip((few, many), took, strict=True):
            begun = time.perf_counter()
            ask(deps)
            times.append(time.perf_counter() - begun)
    a, b = map(statistics.median, took)
    return at_most(name, b / a, LIMIT, note=f"{b * 1000:.2f} ms against {a * 1000:.2f} ms")


def numbers(kind: str, few: Any, many: Any) -> Iterator[Result]:
    """What pages and metrics count and add up."""
    from backend.services import access
    from backend.services.gallery import takes as gallery
    from backend.services.money import budgets
    from backend.services.operations import status, totals

    for deps in (few, many):
        totals.update_totals(deps)
    for name, ask in (
        ("counts of a page", lambda deps: gallery.count_open(deps, access.local_viewer(deps))),
        ("has anything changed", lambda deps: gallery.last_change(deps, access.local_viewer(deps))),
        ("the operations page's numbers", status.collect_numbers),
        ("what was spent", budgets.spending_summary),
    ):
        yield _ratio(f"{kind}: {name}", ask, few, many)


def sweeps(kind: str, stack: contextlib.ExitStack, many: Any) -> Iterator[Result]:
    """What mends rows, at MANY takes of which 10,000 move, and where there are no others."""
    few = stack.enter_context(_installation(kind, ON_THE_WAY, moving=ON_THE_WAY))
    for deps in (few, many):
        crowd.place_files(deps)
    yield _ratio(f"{kind}: sweep, {ON_THE_WAY:,} moving", _sweep, few, many, rounds=9)


def _sweep(deps: Any) -> None:
    """One pass of a worker: what is odd, what is due, and when to look again."""
    from backend.services.operations.sweep import run_sweep
    from backend.store.jobs import claims

    def look() -> int:
        with deps.store.read() as session:
            now = deps.clock.now()
            due = claims.list_due(session, now=now, states=ACTIVE_STATES, limit=100)
            claims.next_due_at(session, now=now)
            claims.count_due(session, now=now)
        return len(due)

    run_sweep(deps, by="benchmark", run_due=look)


@contextlib.contextmanager
def _installation(kind: str, n: int, **more: Any) -> Iterator[Any]:
    from backend.bootstrap import open_deps
    from backend.settings import load_settings
    from tests import databases

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        stack.enter_context(databases.choose(kind))
        url = stack.enter_context(databases.fresh_url())
        deps = open_deps(load_settings(data_dir=folder, **({"database_url": url} if url else {})))
        crowd.fill(deps, n, **more)
        yield deps
        deps.store.close()
