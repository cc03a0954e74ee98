"""Pages of the audit at 1,000,000 rows against the same at 10,000, under each filter.

On SQLite and on PostgreSQL; so many rows a day, and of the same kinds, in both.
"""

import contextlib
import itertools
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, text

from backend.models import AuditEntry, Job
from benchmarks import crowd
from benchmarks.common import Result, at_most, on_both_databases

FEW, MANY, ROUNDS = 10_000, 1_000_000, 40
LIMIT = 1.5
PAGE = 100
PEOPLE = tuple(f"person {number}" for number in range(12))
#: What is done, by how many of a hundred rows; starts have a take each.
DEEDS = {
    "take.started": 40,
    "take.cancelled": 20,
    "session.begun": 35,
    "upload.created": 4,
    "budget.changed": 1,
}
A_DAY = 2_000


def run() -> list[Result]:
    return on_both_databases(_on)


def _on(kind: str) -> Iterator[Result]:
    from backend.services.audit.query import AuditFilter, parse_audit_query

    with contextlib.ExitStack() as stack:
        few, many = (stack.enter_context(_installation(kind, rows)) for rows in (FEW, MANY))
        day = f"{many.clock.now() - timedelta(days=2):%Y-%m-%d}"
        asked: dict[str, dict[str, str]] = {
            "no filter": {},
            "one person's": {"actor": PEOPLE[3]},
            "starts": {"action": "take.started"},
            "a rare deed": {"action": "budget.changed"},
            "one person's starts": {"actor": PEOPLE[3], "action": "take.started"},
            "a day, two days ago": {"since": day, "until": day},
            "one take's": {"object": "any"},
        }
        for name, words in asked.items():
            wanted = parse_audit_query(words, zone=many.settings.zone)
            each = [
                AuditFilter(object_id=_some_take(deps)) if "object" in words else wanted
                for deps in (few, many)
            ]
            a, b = _quickest(list(zip((few, many), each, strict=True)))
            note = f"{b * 1000:.1f} ms against {a * 1000:.1f} ms"
            yield at_most(f"{kind}: a page of the audit, {name}, {MANY:,} rows", b / a, LIMIT, note=note)


def _quickest(asked: list[tuple[Any, Any]]) -> list[float]:
    """Seconds that each takes to answer at its best, asked in turn: whatever else runs makes none quicker."""
    from backend.services.access import local_viewer
    from backend.services.audit.entries import list_entries

    took: list[list[float]] = [[] for _ in asked]
    for _ in range(ROUNDS):
        for (deps, wanted), times in zip(asked, took, strict=True):
            begun = time.perf_counter()
            page = list_entries(deps, local_viewer(deps), wanted, limit=PAGE)
            times.append(time.perf_counter() - begun)
            assert page.items
    return [min(times) for times in took]


def _some_take(deps: Any) -> str:
    from backend.services.access import local_viewer
    from backend.services.audit.entries import list_entries
    from backend.services.audit.query import AuditFilter

    return str(list_entries(deps, local_viewer(deps), AuditFilter(), limit=1000).items[-1].object_id)


@contextlib.contextmanager
def _installation(kind: str, rows: int) -> Iterator[Any]:
    from backend.bootstrap import open_deps
    from backend.settings import load_settings
    from tests import databases

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        stack.enter_context(databases.choose(kind))
        url = stack.enter_context(databases.fresh_url())
        deps = open_deps(load_settings(data_dir=folder, **({"database_url": url} if url else {})))
        _fill(deps, rows)
        with deps.store.begin() as session:
            session.connection().execute(text("ANALYZE"))  # as a server does by itself within a minute
        yield deps
        deps.store.close()


def _fill(deps: Any, count: int) -> None:
    """So many rows, oldest first; those of starts with their takes."""
    rng, now = random.Random(7), deps.clock.now()
    rows = (_row(rng, now - timedelta(days=number / A_DAY), number) for number in range(count, 0, -1))
    while batch := list(itertools.islice(rows, 5_000)):
        takes = [_take(rng, entry) for entry in batch if entry["action"] == "take.started"]
        with deps.store.begin() as session:
            session.connection().execute(insert(Job), takes)
            session.connection().execute(insert(AuditEntry), batch)


def _row(rng: random.Random, at: datetime, number: int) -> dict[str, Any]:
    from backend.domain.clock import id_lower_bound

    row_id = f"{id_lower_bound(at)}-7000-8000-{number:012x}"
    (action,) = rng.choices(list(DEEDS), list(DEEDS.values()))
    return {
        "id": row_id, "at": at, "actor_kind": "person", "actor": rng.choice(PEOPLE), "via": "dashboard",
        "action": action, "object_type": action.partition(".")[0], "object_id": row_id,
    }  # fmt: skip


def _take(rng: random.Random, entry: dict[str, Any]) -> dict[str, Any]:
    row = crowd.row(rng, entry["at"], entry["actor"], "fal-ai/model/text-to-video", "stored", "")
    return {**row, "id": entry["id"]}
