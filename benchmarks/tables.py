"""100,000 takes as Parquet, without the reading of them; and 5,000 rows of a plan out of a CSV file.

In processor time: it waits for nobody, and other work on the machine is not its affair.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.common import Result, at_most

ROUNDS = 5
TAKES, BATCH = 100_000, 200
#: The limits, in seconds: a person waits for the file, and for the plan.
PARQUET_S, PLAN_S = 1.0, 1.0
MODEL = "fal-ai/kling-video/v3/turbo/pro/text-to-video"


def run() -> list[Result]:
    from pyarrow import BufferReader, parquet

    from backend.services.experiments.doors.files import read_rows
    from backend.services.export.tables import WRITERS

    rows = _rows()
    batches = [rows[begin : begin + BATCH] for begin in range(0, TAKES, BATCH)]
    took, content = _timed(lambda: b"".join(WRITERS["parquet"](batches)))
    read = parquet.read_table(BufferReader(content))
    assert read.num_rows == TAKES
    assert read.column("prompt")[TAKES - 1].as_py() == rows[-1]["prompt"]
    lines = ["prompt,garment,style.camera,param.duration"]
    lines += [f'"A {{{{ garment }}}}, number {number}",dress {number},Pan,5' for number in range(5_000)]
    file = "\n".join(lines).encode()
    planned, found = _timed(lambda: read_rows("rows.csv", file))
    assert len(found.rows) == 5_000
    size = f"{len(content) / 2**20:.0f} MB"
    return [
        at_most("100,000 takes to Parquet", took, PARQUET_S, "s", note=size),
        at_most("5,000 rows of a plan out of a CSV file", planned, PLAN_S, "s"),
    ]


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """(the median of a few runs in seconds of the processor, what it gave)"""
    took, found = [], call()
    for _ in range(ROUNDS):
        begun = time.process_time()
        found = call()
        took.append(time.process_time() - begun)
    return statistics.median(took), found


def _rows() -> list[dict[str, Any]]:
    """A stored take as it is told, so many times, with what differs from take to take."""
    row, now = _one_row()
    return [
        {
            **row,
            "id": f"{number:036}",
            "short_id": f"{number:06}",
            "prompt": f"A red dress, number {number}",
            "sent_prompt": f"A red dress, number {number}. Camera: slow dolly in.",
            "seed": str(number),
            "params": {"duration": str(3 + number % 13), "seed": number},
            "request_id": f"{number:032x}",
            "created_at": now + timedelta(seconds=number),
            "submitted_at": now + timedelta(seconds=number + 1),
            "ended_at": now + timedelta(seconds=number + 60),
            "sha256": f"{number:064x}",
            "size_bytes": 2_000_000 + number,
            "elapsed_s": 60 + number % 100 / 10,
        }
        for number in range(TAKES)
    ]


def _one_row() -> tuple[dict[str, Any], Any]:
    from backend.bootstrap import open_deps
    from backend.domain.take_filter import TakeFilter
    from backend.models import Job, Video
    from backend.services.access import Role, Viewer
    from backend.services.export.take_export import list_rows
    from backend.settings import load_settings
    from backend.store.database.rows import insert_row

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        deps = open_deps(load_settings(data_dir=Path(folder)))
        now, key = deps.clock.now(), f"{0:064x}.mp4"
        video = Video(
            id=key, sha256=key[:64], key=key, content_type="video/mp4", size_bytes=2_000_000, duration_s=5,
            width=640, height=360, created_at=now,
        )  # fmt: skip
        job = Job(
            id=deps.clock.new_id(), owner="bench", provider="fal", model=MODEL, prompt="x", sent_prompt="x",
            state="stored", state_at=now, created_at=now, ended_at=now, video_id=key, estimate_usd=0.7,
            style={"camera": "Dolly in"}, params={"duration": "5"},
        )  # fmt: skip
        try:
            with deps.store.begin() as session:
                for one in (video, job):
                    insert_row(session, one)
            batches = list(list_rows(deps, Viewer("bench", Role.ADMIN), TakeFilter(ids=(job.id,))))
        finally:
            deps.store.close()
    ((_, row),) = batches[0]
    return dict(row), now
