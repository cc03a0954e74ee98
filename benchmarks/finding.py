"""A page under every filter, alone and in pairs, and in every order: at 1,000,000 takes against 10,000.

On SQLite and on PostgreSQL. "The same page" shows as many takes as the smaller installation has to show;
where it has none and the larger one has, what it costs to show one is added to its time. What people make of
takes is spread over them as in a team that is in its third year: most are looked at, few kept.
"""

import contextlib
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from benchmarks import crowd
from benchmarks.common import Result, at_most, on_both_databases

FEW, MANY, ROUNDS = 10_000, 1_000_000, 15
#: Pairs are many; the middle of so few rounds is told again where it misses.
PAIR_ROUNDS, AGAIN = 5, 25
LIMIT = 1.5
#: What is made of takes is spread evenly; these many are one person's favourites, and so on.
SHARES = {"project": 0.6, "collection": 0.02, "tag": 0.05, "note": 0.03, "favourite": 0.01, "rated": 0.5}
REVIEWS = (("selected", 0.04), ("approved", 0.02), ("rejected", 0.3), ("to_edit", 0.005))
RATIOS = (("16:9", 0.6), ("9:16", 0.3), ("1:1", 0.08), ("21:9", 0.02))
COSTS = (0.35, 0.35, 0.35, 0.7, 1.12, 0.08, 2.8)
TRASHED = 0.05


def filters() -> dict[str, str]:
    """Name -> the query: every filter, common and rare values."""
    since = datetime.now(UTC) - timedelta(days=3)
    return {
        "common word": "q=dress", "rare word": "q=zeppelin", "unfinished": "q=silk dre", "note": "q=retouch",
        "person's name": "q=eve", "completed": "status=completed", "in progress": "status=processing",
        "failed": "status=failed", "held": "status=held", "model": f"model={crowd.MODELS[0][0]}",
        "provider": "provider=fal", "owner": "owner=ben", "mine": "mine=1", "project": "project=p3",
        "collection": "collection=c1", "tag": "tag=hero", "two tags": "tag=hero&tag=autumn",
        "approved": "review=approved", "not reviewed": "review=none", "favourite": "favourite=1",
        "rating from 4": "rating_min=4", "rated": "rated=1", "not rated": "rated=0",
        "style": "style.camera=Dolly", "has error": "has_error=1", "no error": "has_error=0",
        "since": f"since={since:%Y-%m-%dT%H:%M:%SZ}", "until": f"until={since:%Y-%m-%dT%H:%M:%SZ}",
        "portrait": "ratio=9:16", "dear": "min_cost=1", "cheap": "max_cost=0.1",
        "length": "min_length=4.5&max_length=5.5", "trash": "trashed=1",
    }  # fmt: skip


def run() -> list[Result]:
    return on_both_databases(_on)


def _on(kind: str) -> Iterator[Result]:
    with contextlib.ExitStack() as stack:
        few, many = (stack.enter_context(installation(kind, n)) for n in (FEW, MANY))
        yield from alone(kind, few, many)
        yield from orders(kind, few, many)
        yield from counted(kind, few, many)
        yield from pairs(kind, few, many)


def alone(kind: str, few: Any, many: Any) -> Iterator[Result]:
    """Every filter."""
    for name, query in filters().items():
        yield _ratio(f"{kind}: {name}", query, few, many)


def orders(kind: str, few: Any, many: Any) -> Iterator[Result]:
    """Every other order, with some filters."""
    for order, query in itertools.product(
        ("oldest", "rating", "cost"), ("", "q=dress", "owner=ben", "tag=hero", "collection=c1")
    ):
        yield _ratio(f"{kind}: {order}, {query or 'all'}", f"{query}&sort={order}".strip("&"), few, many)


def counted(kind: str, few: Any, many: Any) -> Iterator[Result]:
    """How many there are."""
    for query in ("q=dress", "tag=hero", "status=failed&review=approved"):
        yield _ratio(f"{kind}: count, {query}", f"{query}&count=1", few, many)


def pairs(kind: str, few: Any, many: Any) -> Iterator[Result]:
    """Every two filters; the line tells of the dearest ones."""
    ratios = []
    for one, other in itertools.combinations(filters().items(), 2):
        about = [{_name(part).split("_")[-1] for part in query.split("&")} for _, query in (one, other)]
        if about[0] & about[1]:  # such as two owners, or "dear" and "cheap": that is refused
            continue
        query = f"{one[1]}&{other[1]}"
        result = _ratio(f"{one[0]} and {other[0]}", query, few, many, rounds=PAIR_ROUNDS)
        if not result.good:
            result = _ratio(result.name, query, few, many, rounds=AGAIN)
        ratios.append(result)
    ratios.sort(key=lambda result: -result.value)
    yield from (at_most(f"{kind}: {one.name}", one.value, LIMIT, note=one.note) for one in ratios[:20])
    over = sum(not result.good for result in ratios)
    middle = statistics.median(result.value for result in ratios)
    yield at_most(f"{kind}: pairs over the limit", over, 0, "", f"of {len(ratios)}, median {middle:.2f} ×")


def _name(part: str) -> str:
    return part.partition("=")[0]


def _ratio(name: str, query: str, few: Any, many: Any, rounds: int = ROUNDS) -> Result:
    """Medians of the two, asked in turn."""
    found = _ask(few, query, 24)
    shown = max(1, found)
    took: tuple[list[float], list[float]] = ([], [])
    for deps in (few, many) * 2:
        _ask(deps, query, shown)
    for _ in range(rounds):
        for deps, times in zip((few, many), took, strict=True):
            begun = time.perf_counter()
            _ask(deps, query, shown)
            times.append(time.perf_counter() - begun)
    a, b = map(statistics.median, took)
    if not found and _ask(many, query, 1):
        a += _cost_of_a_take(few)
    note = f"{b * 1000:.2f} ms against {a * 1000:.2f} ms, {found} takes"
    return at_most(name, b / a, LIMIT, note=note)


def _cost_of_a_take(deps: Any) -> float:
    """Seconds by which a page of one take takes longer than one without any."""
    took: dict[str, list[float]] = {"tag=hero": [], "tag=of-no-take": []}
    for query, times in list(took.items()) * ROUNDS:
        begun = time.perf_counter()
        _ask(deps, query, 1)
        times.append(time.perf_counter() - begun)
    one, none = map(statistics.median, took.values())
    return max(0.0, one - none)


def _ask(deps: Any, query: str, limit: int) -> int:
    """Read the query and its page; how many takes that shows."""
    from backend.services.access import Role, Viewer
    from backend.services.gallery import takes as gallery
    from backend.services.gallery.filter_query import parse_page

    ana = Viewer("ana", Role.ADMIN)
    given = [(name, text) for name, _, text in (part.partition("=") for part in query.split("&") if part)]
    asked = parse_page(deps, ana, given, limit=limit, limit_max=200)
    if asked.count:
        gallery.count_takes(deps, ana, asked.wanted)
    return len(gallery.list_takes(deps, ana, asked.wanted, limit=limit).items)


@contextlib.contextmanager
def installation(kind: str, n: int) -> Iterator[Any]:
    """One with n takes, of which people made what they make of takes; read into the index."""
    from backend.bootstrap import open_deps
    from backend.settings import load_settings
    from tests import databases

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        stack.enter_context(databases.choose(kind))
        url = stack.enter_context(databases.fresh_url())
        deps = open_deps(load_settings(data_dir=folder, **({"database_url": url} if url else {})))
        fill(deps, n)
        yield deps
        deps.store.close()


def fill(deps: Any, n: int) -> None:
    """Put n takes into an installation, and what people made of them."""
    from backend.models import Collection, Job, Project, Video
    from backend.store.search.index import take_index

    rng = random.Random(n)
    begin = deps.clock.now() - timedelta(minutes=n + 10)
    with deps.store.begin() as session:
        for table, names in ((Project, "p0 p1 p2 p3 p4"), (Collection, "c0 c1")):
            for name in names.split():
                session.add(table(id=name, name=name, folded=name, created_at=begin, created_by="ana"))
    rows = crowd.rows(rng, n, int(n * crowd.MOVING), begin)
    while batch := [_with_marks(rng, row) for _, row in zip(range(crowd.BATCH), rows, strict=False)]:
        with deps.store.begin() as session:
            run = session.connection().execute
            run(insert(Job), [row for row, _ in batch])
            if made := [crowd.video(row) for row, _ in batch if row["video_id"]]:
                run(insert(Video), made)
            for table in {table for _, marks in batch for table, _ in marks}:
                run(insert(table), [mark for _, marks in batch for of, mark in marks if of is table])
        take_index.index_all_pending(deps.store)


def _with_marks(rng: random.Random, row: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """The take with its columns, and (table, row) of all else that people made of it."""
    from backend.models import CollectionTake, TakeOpinion, TakeTag

    at, ended = row["created_at"], row["state"] in crowd.ENDED
    row |= {
        "project_id": f"p{rng.randrange(5)}" if _chance(rng, "project") else None,
        "review": next((name for name, share in REVIEWS if rng.random() < share), None) if ended else None,
        "note": "retouch the hem" if _chance(rng, "note") else None,
        "trashed_at": at if ended and rng.random() < TRASHED else None,
        "params": {"aspect_ratio": _pick(rng, RATIOS)},
        "estimate_usd": rng.choice(COSTS),
        "error": {"code": "x", "charged": "maybe"} if row["state"] in ("failed", "held") else None,
        "rating_sum": 0,
        "rating_count": 0,
    }
    marks: list[tuple[Any, Any]] = []
    by = {"job_id": row["id"], "at": at}
    if row["state"] == "stored" and _chance(rng, "rated"):
        given = [rng.choice((1, 2, 2, 3, 3, 3, 4, 4, 5)) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        row |= {"rating_sum": sum(given), "rating_count": len(given)}
    if row["state"] == "stored" and _chance(rng, "favourite"):
        marks.append((TakeOpinion, {"person": "ana", "favourite": True, "rating": None, **by}))
    for tag in ("hero", "autumn"):
        marks += [(TakeTag, {"folded": tag, "tag": tag, "by": "ana", **by})] if _chance(rng, "tag") else []
    if _chance(rng, "collection"):
        marks.append(
            (CollectionTake, {"collection_id": "c1", "job_id": row["id"], "added_at": at, "added_by": "a"})
        )
    return row, marks


def _chance(rng: random.Random, name: str) -> bool:
    return rng.random() < SHARES[name]


def _pick(rng: random.Random, shares: Sequence[tuple[str, float]]) -> str:
    return rng.choices([name for name, _ in shares], [share for _, share in shares])[0]
