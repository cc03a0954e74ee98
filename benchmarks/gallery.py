"""One page of the gallery at 100,000 jobs against the same at 1,000, with every filter."""

import statistics
import tempfile
import time
from datetime import timedelta
from typing import Any

from benchmarks.common import Result, at_most

FEW, MANY, ROUNDS = 1_000, 100_000, 41


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        few, many = _filled(f"{folder}/few", FEW), _filled(f"{folder}/many", MANY)
        results = []
        for name, wanted, deep in _questions():
            a, b = [], []
            for _ in range(ROUNDS):
                a.append(_ask(few, wanted, deep))
                b.append(_ask(many, wanted, deep))
            ratio = statistics.median(b) / statistics.median(a)
            note = f"{statistics.median(b) * 1000:.2f} ms against {statistics.median(a) * 1000:.2f} ms"
            results.append(at_most(f"gallery page, {name}", ratio, 1.5, note=note))
        few.store.close()
        many.store.close()
    return results


def _questions() -> list[tuple[str, Any, bool]]:
    from backend.domain.take_filter import TakeFilter

    return [
        ("newest", TakeFilter(), False),
        ("deep inside", TakeFilter(), True),
        ("one state", TakeFilter(states=["failed"]), False),
        ("several states", TakeFilter(states=["stored", "failed", "cancelled"]), False),
        ("one person", TakeFilter(owners=("ana",)), False),
        ("one model", TakeFilter(model="model-3"), False),
        ("text", TakeFilter(text="dress"), False),
    ]


def _ask(deps: Any, wanted: Any, deep: bool) -> float:
    from backend.services import access
    from backend.services.gallery import takes as gallery

    cursor = deps.middle if deep else None
    begun = time.perf_counter()
    page = gallery.list_takes(deps.deps, access.local_viewer(deps.deps), wanted, cursor=cursor)
    took = time.perf_counter() - begun
    assert len(page.items) == gallery.PAGE_SIZE, wanted
    return took


class _Filled:
    """An installation with jobs in it; `middle` is the id of the one in the middle."""

    def __init__(self, deps: Any, middle: str) -> None:
        self.deps, self.middle, self.store = deps, middle, deps.store


def _filled(folder: str, n: int) -> _Filled:
    from backend.bootstrap import open_deps
    from backend.models import Job, Video
    from backend.settings import load_settings
    from backend.store.database.rows import insert_row

    deps = open_deps(load_settings(data_dir=folder))
    now, ids = deps.clock.now() - timedelta(days=1), [deps.clock.new_id() for _ in range(n)]
    states = ["stored"] * 16 + ["failed", "cancelled", "held", "queued"]
    with deps.store.begin() as session:
        for number, job_id in enumerate(ids):
            state = states[number % len(states)]
            video = f"v{job_id}" if state == "stored" else None
            insert_row(
                session,
                Job(
                    id=job_id,
                    owner=("ana", "ben", "cleo", "dan")[number % 4],
                    provider="fal",
                    model=f"model-{number % 7}",
                    prompt=f"Take {number}: a dress in the wind",
                    sent_prompt=f"Take {number}: a dress in the wind. Camera: slow dolly in.",
                    state=state,
                    state_at=now,
                    created_at=now,
                    video_id=video,
                    request_id=f"r{job_id}",
                    result={"video": {"url": "https://v3b.fal.media/files/b/x/y.mp4"}, "seed": number},
                ),
            )
            if video:
                insert_row(
                    session,
                    Video(
                        id=video,
                        sha256=f"{number:064x}",
                        key=f"{number:064x}.mp4",
                        content_type="video/mp4",
                        size_bytes=1,
                        duration_s=5,
                        width=1280,
                        height=720,
                        created_at=now,
                    ),
                )
    return _Filled(deps, ids[n // 2])
