"""Every filter, alone and in pairs, in every order: what looking at each take finds, on both databases.

The takes are known to the test by what it made of them; `FILTERS` says of each query which of them it means.
"""

import random
from datetime import UTC, datetime, timedelta
from itertools import combinations
from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, update

from backend.domain.library.review import Sort
from backend.domain.states import ACTIVE_STATES, ENDED_STATES
from backend.models import Collection, CollectionTake, Job, Project, TakeOpinion, TakeTag, Video
from backend.services.gallery import takes as library
from backend.services.gallery.filter_query import parse_filter, parse_page
from backend.services.operations.sweep import index_new_takes
from backend.store.search import pages, ranking
from backend.store.search.index import bits, blocks, merging, take_index
from backend.store.search.query import TakeQuery
from tests import databases
from tests.services.takes.test_filter_query import pairs_of
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA

pytestmark = databases.BOTH

BIRTH = datetime(2026, 11, 1, 12, tzinfo=UTC)
NUMBER = 80
STATES = ("stored", "stored", "stored", "failed", "held", "cancelled", "queued", "created", "rendered")
MODELS = ("fal-ai/kling-video/v3/turbo/pro/text-to-video", "blackboxai/google/veo-3-fast", "fal-ai/none/x")
MIDDLE = BIRTH + timedelta(hours=40)


def mean(take):
    return sum(take.ratings.values()) / len(take.ratings) if take.ratings else None


def cost(take):
    return take.estimate if take.billed is None else take.billed


def words(take):
    said = [take.prompt, take.note or "", *take.tags, take.owner, take.model]
    return set(" ".join(said).lower().replace("/", " ").replace("-", " ").split()) | {take.id[-6:]}


#: query -> does it mean this take?
FILTERS = {
    "q=dress": lambda take: "dress" in words(take),
    "q=red dre": lambda take: {"red", "dress"} <= words(take),
    "q=perfect": lambda take: "perfect" in words(take),
    "q=ben": lambda take: take.owner == "ben",
    "q=nothing like it": lambda take: False,
    "status=completed": lambda take: take.state == "stored",
    "status=processing": lambda take: take.state in ACTIVE_STATES,
    "status=queued&status=failed": lambda take: take.state in ("queued", "failed"),
    "status=held&status=processing": lambda take: take.state in (*ACTIVE_STATES, "held"),
    f"model={MODELS[0]}": lambda take: take.model == MODELS[0],
    f"model={MODELS[1]}&model={MODELS[2]}": lambda take: take.model in MODELS[1:],
    "provider=blackbox": lambda take: take.model == MODELS[1],
    "owner=ben": lambda take: take.owner == "ben",
    "mine=1": lambda take: take.owner == "ana",
    "mine=0": lambda take: take.owner != "ana",
    "project=p1": lambda take: take.project == "p1",
    "collection=c1": lambda take: "c1" in take.collections,
    "tag=Hero": lambda take: "hero" in take.tags,
    "tag=hero&tag=two words": lambda take: {"hero", "two words"} <= take.tags,
    "review=approved": lambda take: take.review == "approved",
    "review=none&review=rejected": lambda take: take.review in (None, "rejected"),
    "favourite=1": lambda take: "ana" in take.likes,
    "favourite=0": lambda take: "ana" not in take.likes,
    "picks=1": lambda take: "ana" in take.likes or take.review in ("selected", "approved"),
    "picks=0": lambda take: "ana" not in take.likes and take.review not in ("selected", "approved"),
    "rating_min=3.5": lambda take: take.ratings and mean(take) >= 3.5,
    "rated=1": lambda take: bool(take.ratings),
    "rated=0": lambda take: not take.ratings,
    "style.camera=dolly in": lambda take: take.style == "Dolly in",
    "has_error=1": lambda take: take.error and take.state not in ACTIVE_STATES,
    "has_error=0": lambda take: not take.error or take.state in ACTIVE_STATES,
    "since=2026-11-03T04:00:00Z": lambda take: take.at >= MIDDLE,
    "until=2026-11-03T04:00:00Z": lambda take: take.at < MIDDLE,
    "ratio=9:16": lambda take: take.ratio == "9:16" or (not take.ratio and take.state == "stored"),
    "min_cost=0.35": lambda take: cost(take) is not None and cost(take) >= 0.35,
    "max_cost=0.35": lambda take: cost(take) is not None and cost(take) <= 0.35,
    "min_cost=0.2&max_cost=1.1": lambda take: cost(take) is not None and 0.2 <= cost(take) <= 1.1,
    "min_length=5&max_length=8": lambda take: take.length and 5 <= take.length <= 8,
    "trashed=1": lambda take: take.trashed,
}  # fmt: skip


def make(rng, number, at, job_id):
    state = rng.choice(STATES)
    return SimpleNamespace(
        id=job_id, at=at, state=state, owner=rng.choice(("ana", "ben", "cleo")), model=rng.choice(MODELS),
        prompt=f"A {rng.choice(('red', 'blue'))} {rng.choice(('dress', 'coat', 'dragon'))} {number}",
        style=rng.choice((None, "Dolly in", "Pan")), ratio=rng.choice((None, "9:16", "1:1")),
        estimate=rng.choice((None, 0.35, 1.12)), billed=rng.choice((None, None, 0.1, 0.35, 2.0)),
        length=rng.choice((4.0, 5.0, 8.04)) if state == "stored" else None,
        error={"code": "x", "charged": "maybe"} if state in ("failed", "held", "queued") else None,
        tags=set(), collections=set(), likes=set(), ratings={}, project=None, review=None, note=None,
        trashed=False,
    )  # fmt: skip


def row_of(take):
    return {
        "id": take.id, "owner": take.owner, "model": take.model, "state": take.state, "state_at": take.at,
        "provider": "blackbox" if take.model == MODELS[1] else "fal", "prompt": take.prompt,
        "sent_prompt": take.prompt, "style": {"camera": take.style} if take.style else {},
        "params": {"aspect_ratio": take.ratio} if take.ratio else {}, "payload": {}, "images": {},
        "image_links": {}, "estimate_usd": take.estimate, "billed_usd": take.billed, "error": take.error,
        "created_at": take.at, "version": 1, "attempts": 0, "polls": 0, "webhook_asked": False,
        "bill_tries": 0, "video_id": take.id if take.length else None, "request_id": f"r-{take.id}",
        "due_at": None if take.state in ENDED_STATES else take.at + timedelta(days=999),
    }  # fmt: skip


def video_of(take):
    return {
        "id": take.id, "sha256": take.id, "key": f"{take.id}.mp4", "content_type": "video/mp4",
        "size_bytes": 1, "duration_s": take.length, "width": 720, "height": 1280, "created_at": take.at,
        "preview_tries": 0,
    }  # fmt: skip


def edit(rng, session, take):
    """Change what people make of a take, as every part of the program may: by plain statements."""
    run, key = session.connection().execute, {"job_id": take.id}
    for table in (TakeTag, CollectionTake, TakeOpinion):
        run(delete(table).where(table.job_id == take.id))
    some = lambda *values: set(rng.sample(values, rng.randrange(len(values) + 1)))  # noqa: E731
    take.tags, take.collections, take.likes = some("hero", "two words"), some("c1", "c2"), some("ana", "ben")
    take.ratings = {who: rng.randrange(1, 6) for who in some("ana", "ben", "cleo")}
    take.project, take.review = rng.choice((None, "p1", "p2")), rng.choice((None, "approved", "rejected"))
    take.note = rng.choice((None, "nearly perfect", "too dark"))
    take.trashed = take.state in ENDED_STATES and rng.random() < 0.2
    by = {"at": take.at, "by": "ana"}
    for tag in take.tags:
        run(insert(TakeTag).values(folded=tag, tag=tag.title(), **key, **by))
    for one in take.collections:
        run(insert(CollectionTake).values(collection_id=one, added_at=take.at, added_by="ana", **key))
    for who in take.likes | take.ratings.keys():
        run(insert(TakeOpinion).values(person=who, rating=take.ratings.get(who), at=take.at,
                                       favourite=who in take.likes, **key))  # fmt: skip
    changes = {"rating_sum": sum(take.ratings.values()), "rating_count": len(take.ratings)}
    changes |= {"project_id": take.project, "review": take.review, "note": take.note}
    changes |= {"trashed_at": take.at if take.trashed else None}
    run(update(Job).where(Job.id == take.id).values(**changes))


def put(deps, takes):
    with deps.store.begin() as session:
        session.connection().execute(insert(Job), [row_of(take) for take in takes])
        made = [video_of(take) for take in takes if take.length]
        if made:
            session.connection().execute(insert(Video), made)


@pytest.fixture
def studio(sidecar, monkeypatch):
    """Takes in several blocks of the index, old ones merged, half of them edited since, some not read."""
    monkeypatch.setattr(take_index, "BLOCK_TAKES", 16)
    monkeypatch.setattr(merging, "MERGED_TAKES", 40)
    monkeypatch.setattr(merging, "CHUNK", 7)
    monkeypatch.setattr(bits, "FEW", 3)
    monkeypatch.setattr(blocks, "PART_TAKES", 5)
    monkeypatch.setattr(ranking, "SORT_MAX", 5)
    rng, deps = random.Random(7), sidecar.deps
    with deps.store.begin() as session:
        for table, key in ((Project, "p1"), (Project, "p2"), (Collection, "c1"), (Collection, "c2")):
            session.add(table(id=key, name=key, folded=key, created_at=BIRTH, created_by="ana"))
    moments = [BIRTH + timedelta(hours=number) for number in range(NUMBER)]
    takes = [make(rng, number, at, id_at(rng, at)) for number, at in enumerate(moments)]
    late = set(rng.sample(range(NUMBER), 12))
    put(deps, [take for number, take in enumerate(takes) if number not in late and number < 70])
    index_new_takes(deps)
    put(deps, [take for number, take in enumerate(takes) if number in late or number >= 70])
    with deps.store.begin() as session:
        for take in takes[::2]:
            edit(rng, session, take)
    return SimpleNamespace(deps=deps, takes=takes, rng=rng)


def id_at(rng, at):
    return str(
        UUID(int=(int(at.timestamp() * 1000) << 80) | (0x7 << 76) | (0b10 << 62) | rng.getrandbits(62))
    )


def ids_of(deps, session, query, limit=200):
    wanted = parse_filter(deps, ANA, pairs_of(query))
    return pages.find_ids(session, TakeQuery(wanted, limit)), wanted


def fits(take, *queries):
    return all(FILTERS[query](take) for query in queries) and ("trashed=1" in queries or not take.trashed)


def check(studio, *, pairs):
    """Every filter alone, and its number; and every two of them."""
    asked = [(query,) for query in FILTERS]
    if pairs:
        asked += [two for two in combinations(FILTERS, 2) if not {*names(two[0])} & {*names(two[1])}]
    right = {
        queries: [take.id for take in reversed(studio.takes) if fits(take, *queries)] for queries in asked
    }
    assert sum(map(bool, right.values())) > len(right) / 2, "most of them find something"
    with studio.deps.store.read() as session:
        for queries, ids in right.items():
            found, wanted = ids_of(studio.deps, session, "&".join(queries))
            assert found == ids, queries
            if len(queries) == 1:
                assert pages.count(session, TakeQuery(wanted, 1)) == len(ids), queries
                assert pages.count(session, TakeQuery(wanted, 1), most=3) == min(3, len(ids))


def names(query):
    return [name for name, _ in pairs_of(query)]


def test_every_filter_alone_and_in_pairs_finds_what_looking_at_each_take_finds(studio):
    check(studio, pairs=False)
    index_new_takes(studio.deps)
    check(studio, pairs=True)
    with studio.deps.store.begin() as session:
        for take in studio.takes[::3]:
            edit(studio.rng, session, take)
    check(studio, pairs=False)
    index_new_takes(studio.deps)
    check(studio, pairs=False)


ORDERS = {
    "newest": lambda take: (0, take.id),
    "rating": lambda take: (-1 if mean(take) is None else round(mean(take), 3), take.id),
    "cost": lambda take: (-1 if cost(take) is None else cost(take), take.id),
}


@pytest.mark.parametrize("read", ["nothing", "some", "all"])
def test_every_order_can_be_paged_through_to_its_end(studio, read):
    """Of some the index knows only what they were before."""
    if read != "nothing":
        index_new_takes(studio.deps)
    if read == "some":
        with studio.deps.store.begin() as session:
            for take in studio.takes[::3]:
                edit(studio.rng, session, take)
    for order in Sort:
        for query in ("", "owner=ben", "q=dress", "status=queued&status=failed", "rated=0", "min_cost=0.35"):
            right = [
                take for take in studio.takes if not take.trashed and (not query or FILTERS[query](take))
            ]
            right.sort(key=ORDERS.get(order, ORDERS["newest"]), reverse=order is not Sort.OLDEST)
            found, cursor = [], ""
            while cursor is not None:
                given = [*pairs_of(query), ("sort", order), ("cursor", cursor), ("limit", "7")]
                asked = parse_page(studio.deps, LOCAL_VIEWER, given, limit=7, limit_max=7)
                page = library.list_takes(
                    studio.deps, LOCAL_VIEWER, asked.wanted, limit=asked.limit, cursor=asked.cursor
                )
                found += [take.job.id for take in page.items]
                cursor = page.next_cursor
            assert found == [take.id for take in right], (order, query)
