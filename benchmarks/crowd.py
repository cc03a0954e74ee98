"""Installations with many takes, a minute apart; some people and models are busier than others."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

#: (name, share of the takes); what is left goes to the first.
OWNERS = (("ana", 0.45), ("ben", 0.3), ("cleo", 0.15), ("dan", 0.08), ("eve", 0.02))
MODELS = tuple((f"fal-ai/model-{n}/text-to-video", 0.5**n) for n in range(1, 8))
STATES = (("stored", 0.948), ("failed", 0.04), ("cancelled", 0.01), ("held", 0.002))
#: (word, share of the prompts that hold it)
WORDS = (("dress", 0.3), ("silk", 0.1), ("lantern", 0.02), ("harbour", 0.005), ("zeppelin", 0.001))
#: So many takes, at any size, are this person's, or hold this word: spread evenly.
SELDOM, SELDOM_OWNER, SELDOM_WORD = 30, "gus", "quetzal"
#: Writes many takes, and never a word of `WORDS`: two long lists that never meet.
ELSEWHERE = "cleo"
#: At each size the newest hundredth is on its way, unless said otherwise.
MOVING = 0.01
BATCH = 2000

_FILL = (
    "a woman turns slowly in the wind golden hour light on the cliffs cinematic shallow depth of field",
    "film grain studio backdrop marble stairs rain night city neon snow desert dunes mirror smoke petals",
)


_FILLING = " ".join(_FILL).split()


def fill(deps: Any, n: int, *, moving: int | None = None, read: bool = True) -> list[str]:
    """Put n takes into an installation, indexed; returns their ids, oldest first."""
    from backend.models import Delivery, Job, LedgerEntry, Video
    from backend.store.search.index import take_index

    rng, ids = random.Random(n), []
    on_the_way = int(n * MOVING) if moving is None else moving
    begin = deps.clock.now() - timedelta(minutes=n + 10)
    made = rows(rng, n, on_the_way, begin)
    while batch := [row for _, row in zip(range(BATCH), made, strict=False)]:
        ids += [row["id"] for row in batch]
        ready = [row for row in batch if row["video_id"]]
        with deps.store.begin() as session:
            for table, some in (
                (Job, batch),
                (LedgerEntry, [_line(row) for row in batch]),
                (Video, [video(row) for row in ready]),
                (Delivery, [_delivery(row) for row in ready]),
            ):
                if some:
                    session.connection().execute(insert(table), some)
        if read:
            take_index.index_all_pending(deps.store)
    return ids


def place_files(deps: Any, n: int = 5000) -> None:
    """The files of the oldest videos, of a byte each: as many as a benchmark's sweeps walk over."""
    from backend.store.records import videos

    with deps.store.read() as session:
        files = videos.list_files_after(session, "", limit=n)
    for file in files:
        part = deps.settings.data_dir / "one.part"
        part.write_bytes(b"x")
        deps.storage.put_file(part, file.key)


def rows(rng: random.Random, n: int, moving: int, begin: datetime) -> Iterator[dict[str, Any]]:
    (names, shares), (models, weights), (states, parts) = map(_columns, (OWNERS, MODELS, STATES))
    seldom = max(1, n // SELDOM)
    for number in range(n):
        at = begin + timedelta(minutes=number)
        owner = SELDOM_OWNER if number % seldom == seldom // 2 else rng.choices(names, shares)[0]
        on = number >= n - moving
        state = rng.choice(("created", "queued", "running")) if on else rng.choices(states, parts)[0]
        said = [word for word, share in WORDS if owner != ELSEWHERE and rng.random() < share]
        said += [SELDOM_WORD] if number % seldom == seldom // 3 else []
        yield row(rng, at, owner, rng.choices(models, weights)[0], state, " ".join(said))


def _columns(shares: Sequence[tuple[str, float]]) -> tuple[list[str], list[float]]:
    return [name for name, _ in shares], [share for _, share in shares]


def row(rng: random.Random, at: datetime, owner: str, model: str, state: str, said: str) -> dict[str, Any]:
    """A take; its prompt holds what is `said`."""
    job_id = _id(rng, at)
    prompt = f"{' '.join(rng.sample(_FILLING, 14))}, {said}, number{rng.randrange(20_000)}"
    return {
        "id": job_id, "owner": owner, "provider": "fal", "model": model, "prompt": prompt,
        "sent_prompt": f"{prompt}. Camera: slow dolly in.", "style": {"camera": "Dolly"}, "params": {},
        "payload": {"prompt": prompt}, "images": {}, "image_links": {}, "state": state, "state_at": at,
        "created_at": at, "due_at": at + timedelta(days=36500) if state not in ENDED else None,
        "video_id": job_id if state == "stored" else None, "request_id": f"r{job_id}", "version": 4,
        "attempts": 0, "polls": 1, "webhook_asked": True, "bill_tries": 0, "estimate_usd": 0.35,
        "result": {"video": {"url": "https://v3b.fal.media/files/b/x/y.mp4"}}, "submitted_at": at,
    }  # fmt: skip


ENDED = frozenset({"stored", "failed", "cancelled"})


def video(row: dict[str, Any]) -> dict[str, Any]:
    key = row["id"].replace("-", "") * 2
    return {
        "id": row["video_id"], "sha256": key, "key": f"{key}.mp4", "content_type": "video/mp4",
        "size_bytes": 1, "duration_s": 5.0, "width": 1280, "height": 720, "preview_tries": 0,
        "created_at": row["created_at"], "poster_key": f"{key}.webp",
    }  # fmt: skip


def _line(row: dict[str, Any]) -> dict[str, Any]:
    at = row["created_at"]
    return {
        "job_id": row["id"], "owner": row["owner"], "day": f"{at:%Y-%m-%d}", "at": at, "kind": "estimate",
        "micros": 350_000, "source": "estimate",
    }  # fmt: skip


def _delivery(row: dict[str, Any]) -> dict[str, Any]:
    at = row["created_at"]
    return {
        "id": row["id"], "job_id": row["id"], "request_id": row["request_id"], "status": "OK",
        "verdict": "applied", "body": b'{"status": "OK"}', "body_sha256": row["id"], "headers": {},
        "signed_at": at, "received_at": at, "last_at": at, "copies": 1, "replays": 0,
    }  # fmt: skip


def _id(rng: random.Random, at: datetime) -> str:
    from uuid import UUID

    ms = int(at.timestamp() * 1000)
    return str(UUID(int=(ms << 80) | (0x7 << 76) | (0b10 << 62) | rng.getrandbits(62)))
