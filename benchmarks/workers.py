"""Several workers on PostgreSQL: how work grows with them, how soon a start is sent, a delivery's price."""

import contextlib
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks import latency, webhooks
from benchmarks.common import Result, at_least, at_most, process
from benchmarks.starting import MODEL
from tests import databases

#: Takes to send, each of which waits this long for its answer.
TAKES, ANSWER_S, ROUNDS = 160, 0.5, 3


def run() -> list[Result]:
    try:
        return [_growth(), *_start(), _webhook()]
    finally:
        databases.close()


def _growth() -> Result:
    rates = [(_rate(1), _rate(2)) for _ in range(ROUNDS)]
    one, two = (statistics.median(column) for column in zip(*rates, strict=True))
    ratio = statistics.median(b / a for a, b in rates)
    note = f"{one:.0f}/s and {two:.0f}/s; each answer takes {ANSWER_S} s"
    return at_least("takes sent a second, two workers against one", ratio, 1.7, note=note)


def _start() -> list[Result]:
    with _database() as url:
        waits, busy = latency.measure(DATABASE_URL=url)
    ms = statistics.median(waits) * 1000
    return [
        at_most("PostgreSQL: asked for → the provider sees the POST, median", ms, 50, "ms"),
        at_most("PostgreSQL: idle worker", busy * 100, 3.0, "% of a core"),
    ]


def _webhook() -> Result:
    with _database() as url, _database() as other:
        bare = other.replace("+psycopg", "")
        ratio, note = webhooks.measure(bare, DATABASE_URL=url)
    return at_least("PostgreSQL: webhook against the bare one", ratio, 0.5, note=note)


@contextlib.contextmanager
def _database() -> Iterator[str]:
    url = databases.server().fresh()
    try:
        yield url
    finally:
        databases.server().drop(url)


def _rate(workers: int) -> float:
    """Takes a second that so many workers send to a provider whose answers take their time."""
    answered: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _database() as url, _slow(answered) as fal:
        env = {"DATA_DIR": folder, "DATABASE_URL": url, "FAL_KEY": "bench:key", "FIRST_POLL_S": "3600"}
        env |= {"FAL_QUEUE_URL": fal, "FAL_REST_URL": fal, "FAL_API_URL": fal}
        with contextlib.ExitStack() as running:
            for _ in range(workers):
                running.enter_context(process("-m", "backend", "worker", env=env))
            time.sleep(6)
            _ask(folder, url)
            deadline = time.monotonic() + 120
            while len(answered) < TAKES:
                assert time.monotonic() < deadline, f"{len(answered)} of {TAKES}"
                time.sleep(0.05)
    return (TAKES - 1) / (answered[-1] - answered[0])


def _ask(folder: str, url: str) -> None:
    from backend.bootstrap import build_deps
    from backend.services import access
    from backend.services.takes import create
    from backend.services.takes.request import parse_request
    from backend.settings import load_settings

    deps = build_deps(load_settings(data_dir=folder, database_url=url))
    viewer = access.Viewer("bench", access.Role.CREATOR)
    for number in range(TAKES):
        create.create_job(deps, viewer, parse_request({"model": MODEL, "prompt": f"Take {number}"}))
    deps.store.close()


@contextlib.contextmanager
def _slow(answered: list[float]) -> Iterator[str]:
    """A provider that takes `ANSWER_S` for each answer; notes when each was given."""

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(ANSWER_S)
            answered.append(time.perf_counter())
            body = json.dumps({"request_id": f"r-{time.time_ns()}", "queue_position": 0}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
