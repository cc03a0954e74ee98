"""How long somebody's single take waits to be sent while an experiment of 2,000 cells runs.

The control is what the experiment would be without its share: as many takes asked for at once.
"""

import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.common import Result, at_least, at_most, free_port, process
from benchmarks.starting import MODEL, _token

#: Cells; takes of the control; single takes that are measured; how long the provider takes to answer.
CELLS, AT_ONCE, SINGLES, ANSWER_S = 2_000, 200, 20, 0.3


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _provider() as (url, seen):
        port = free_port()
        env = {"DATA_DIR": folder, "PORT": str(port), "FAL_KEY": "bench:key", "FIRST_POLL_S": "3600"}
        env |= dict.fromkeys(("FAL_QUEUE_URL", "FAL_REST_URL", "FAL_API_URL"), url)
        studio = _Studio(port, _token(folder), seen)
        with (
            process("webhook_server.py", port=port, env=env),
            process("-m", "backend", "worker", env=env),
        ):
            time.sleep(5)
            alone = studio.waits("alone")
            experiment = studio.plan()
            _lift_at_once(folder)
            studio.ask(f"/api/experiments/{experiment}/start")
            time.sleep(3)
            beside, made = studio.waits("beside"), len(seen)
            studio.ask(f"/api/experiments/{experiment}/close")
            for number in range(AT_ONCE):
                studio.start(f"many {number}")
            (behind,) = studio.waits("behind", 1)
    ratio = statistics.median(beside) / statistics.median(alone)
    note = (
        f"{statistics.median(alone):.3f} s and {statistics.median(beside):.3f} s; {made} were sent meanwhile"
    )
    return [
        at_most("a single take's wait beside an experiment of 2,000 cells", ratio, 2.0, note=note),
        at_least(f"the same behind {AT_ONCE} takes asked for at once (control)",
                 behind / statistics.median(alone), 5.0, note=f"{behind:.1f} s"),
    ]  # fmt: skip


class _Studio:
    """Clients of the sidecar, and when the provider saw which prompt."""

    def __init__(self, port: int, token: str, seen: dict[str, float]) -> None:
        self._port, self._token, self._seen = port, token, seen

    def ask(self, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection.request("POST", path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {told}")
        return told

    def start(self, prompt: str) -> None:
        self.ask("/api/video/start", {"model": MODEL, "prompt": prompt})

    def waits(self, name: str, number: int = SINGLES) -> list[float]:
        """Seconds from asking for a take until the provider sees it."""
        found = []
        for one in range(number):
            prompt, begun = f"{name} {one}", time.perf_counter()
            self.start(prompt)
            while prompt not in self._seen:
                if time.perf_counter() - begun > 60:
                    raise RuntimeError("the provider never saw the POST")
                time.sleep(0.001)
            found.append(self._seen[prompt] - begun)
            time.sleep(0.13 + 0.05 * (one % 7))
        return found

    def plan(self) -> str:
        """Plan an experiment of so many prompts; its id."""
        axes = {
            "row": [str(row) for row in range(40)],
            "column": [str(column) for column in range(CELLS // 40)],
        }
        plan = {
            "name": "Many",
            "base": {"model": MODEL, "prompt": "cell {{ row }} {{ column }}"},
            "axes": axes,
        }
        told = self.ask("/api/experiments", {**plan, "canary": 0, "at_once": 100})
        return str(told["id"])


def _lift_at_once(folder: str) -> None:
    """None of its takes comes home here; so that it goes on all the time, it may have them all at once."""
    from backend.bootstrap import build_deps
    from backend.settings import load_settings
    from backend.store.experiments import running

    deps = build_deps(load_settings(data_dir=folder))
    with deps.store.begin() as session:
        (experiment,) = session.connection().exec_driver_sql("SELECT id FROM experiment").scalars()
        running.change(session, experiment, at_once=CELLS)
    deps.store.close()


@contextmanager
def _provider() -> Iterator[tuple[str, dict[str, float]]]:
    """A provider that takes `ANSWER_S` for each answer; prompt -> when it saw it."""
    seen: dict[str, float] = {}

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen[body["prompt"]] = time.perf_counter()
            time.sleep(ANSWER_S)
            answer = json.dumps({"request_id": f"r-{time.time_ns()}", "queue_position": 0}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
