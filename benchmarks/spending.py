"""What was spent, asked at 1,000,000 lines of the ledger against the same days at 10,000; and a year of it.

On SQLite and on PostgreSQL. The newest 10,000 lines are alike in both, and so are the days that they are of.
"""

import contextlib
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, text

from backend.models import Job, LedgerEntry
from benchmarks import crowd
from benchmarks.common import Result, at_most, on_both_databases

FEW, MANY, ROUNDS = 10_000, 1_000_000, 15
LIMIT = 1.5
#: Lines of a day in both, so that the larger one holds 500 days.
LINES_A_DAY = 2_000
YEAR_LIMIT_S = 1.0
PEOPLE = tuple(f"person {number}" for number in range(12))
MODELS = tuple(f"fal-ai/model-{number}/text-to-video" for number in range(20))
#: Lines that no sweep has added to the kept sums yet.
NEW_LINES = 900


def run() -> list[Result]:
    return on_both_databases(_on)


def _on(kind: str) -> Iterator[Result]:
    from backend.services.money.spend_query import Dimension as D
    from backend.services.money.spend_query import SpendQuery

    with contextlib.ExitStack() as stack:
        few, many = (stack.enter_context(_installation(kind, lines)) for lines in (FEW, MANY))
        now = many.clock.now()
        week, year = (f"{now - timedelta(days=days):%Y-%m-%d}" for days in (FEW // LINES_A_DAY - 1, 365))
        for name, query in (
            ("by day", SpendQuery(D.DAY, since=week)),
            ("by model", SpendQuery(D.MODEL, since=week)),
            ("by person and model", SpendQuery(D.PERSON, D.MODEL, since=week)),
            ("one person's by day and template", SpendQuery(D.DAY, D.TEMPLATE, since=week,
                                                            fitting={D.PERSON: PEOPLE[0]})),
        ):  # fmt: skip
            a, b = _medians(query, few, many)
            note = f"{b * 1000:.1f} ms against {a * 1000:.1f} ms"
            yield at_most(f"{kind}: five days {name}, {MANY:,} lines", b / a, LIMIT, note=note)
        (took,) = _medians(SpendQuery(D.PERSON, D.MODEL, since=year), many)
        yield at_most(f"{kind}: a year by person and model, {MANY:,} lines", took, YEAR_LIMIT_S, "s")


def _medians(query: Any, *installations: Any) -> list[float]:
    """Seconds that each takes to answer, asked in turn."""
    from backend.services.access import local_viewer
    from backend.services.money.spending import spend_report

    took: list[list[float]] = [[] for _ in installations]
    for _ in range(ROUNDS + 2):
        for deps, times in zip(installations, took, strict=True):
            begun = time.perf_counter()
            report = spend_report(deps, local_viewer(deps), query)
            times.append(time.perf_counter() - begun)
            assert report.total.takes > 0
            assert report.total.wasted_micros > 0
    return [statistics.median(times[2:]) for times in took]


@contextlib.contextmanager
def _installation(kind: str, lines: int) -> Iterator[Any]:
    from backend.bootstrap import open_deps
    from backend.services.operations import totals
    from backend.settings import load_settings
    from tests import databases

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        stack.enter_context(databases.choose(kind))
        url = stack.enter_context(databases.fresh_url())
        deps = open_deps(load_settings(data_dir=folder, **({"database_url": url} if url else {})))
        _fill(deps, NEW_LINES, lines)
        totals.update_totals(deps)
        with deps.store.begin() as session:
            session.connection().execute(text("ANALYZE"))  # as a server does by itself within a minute
        _fill(deps, 0, NEW_LINES)
        yield deps
        deps.store.close()


def _fill(deps: Any, newer: int, count: int) -> None:
    """The newest `count` lines, oldest first, without the `newer` ones that come after them: two a take."""
    rng, now = random.Random(count), deps.clock.now()
    rows = (_take(rng, now - timedelta(days=number / LINES_A_DAY)) for number in range(count, newer, -2))
    while batch := list(itertools.islice(rows, 5_000)):
        with deps.store.begin() as session:
            session.connection().execute(insert(Job), batch)
            session.connection().execute(insert(LedgerEntry), [line for job in batch for line in _lines(job)])


def _take(rng: random.Random, at: datetime) -> dict[str, Any]:
    state = "failed" if rng.random() < 0.02 else "stored"
    job = crowd.row(rng, at, rng.choice(PEOPLE), rng.choice(MODELS), state, "")
    opened = at if rng.random() < 0.95 else None
    return {**job, "template_version": rng.randrange(1, 4), "billed_usd": 0.4, "opened_at": opened}


def _lines(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Its estimate, and the bill that was a little dearer."""
    at = job["created_at"]
    of = {"job_id": job["id"], "owner": job["owner"], "day": f"{at:%Y-%m-%d}", "at": at}
    yield {**of, "kind": "estimate", "micros": 350_000, "source": "estimate"}
    yield {**of, "kind": "bill", "micros": 50_000, "source": "billed"}
