"""Asked for → the provider sees the POST; and what an idle worker costs."""

import json
import statistics
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil

from benchmarks.common import Result, at_most, free_port, post, process
from benchmarks.starting import MODEL, _token

TAKES, IDLE_S = 40, 20


def run() -> list[Result]:
    waits, busy = measure()
    return [
        at_most("asked for → the provider sees the POST, median", statistics.median(waits) * 1000, 200, "ms"),
        at_most("idle worker", busy * 100, 1.0, "% of a core"),
    ]


def measure(**database: str) -> tuple[list[float], float]:
    """Seconds that each start took to reach the provider, and the share of a core that an idle worker uses.

    database: DATABASE_URL, where it is not a file.
    """
    seen: dict[str, float] = {}

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen[body["prompt"]] = time.perf_counter()
            answer = json.dumps({"request_id": f"r-{len(seen)}", "queue_position": 0}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        port = free_port()
        env = {
            "DATA_DIR": folder,
            "PORT": str(port),
            "FAL_KEY": "bench:key",
            "FIRST_POLL_S": "3600",
            "FAL_QUEUE_URL": url,
            "FAL_REST_URL": url,
            "FAL_API_URL": url,
            **database,
        }
        token = _token(folder, **{name.lower(): value for name, value in database.items()})
        with (
            process("webhook_server.py", port=port, env=env),
            process("-m", "backend", "worker", env=env) as worker,
        ):
            waits = [_one(port, token, number, seen) for number in range(TAKES)]
            time.sleep(2)
            cpu = psutil.Process(worker.pid)
            before, begun = sum(cpu.cpu_times()[:2]), time.perf_counter()
            time.sleep(IDLE_S)
            busy = (sum(cpu.cpu_times()[:2]) - before) / (time.perf_counter() - begun)
    server.shutdown()
    return waits[2:], busy


def _one(port: int, token: str, number: int, seen: dict[str, float]) -> float:
    prompt, begun = f"Take {number}", time.perf_counter()
    post(port, "/api/video/start", {"model": MODEL, "prompt": prompt}, {"Authorization": f"Bearer {token}"})
    while prompt not in seen:
        if time.perf_counter() - begun > 30:
            raise RuntimeError("the provider never saw the POST")
        time.sleep(0.001)
    time.sleep(0.12)
    return seen[prompt] - begun
