"""Fifty blocking calls held open by one worker: the memory it takes, and whether a fetch waits for them."""

import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil

from benchmarks.common import Result, at_most
from benchmarks.fetching import _take, studio

CALLS, ROUNDS = 50, 5
MODEL = "blackboxai/google/veo-3-fast"


class _Open(ThreadingHTTPServer):
    """A blocking provider that answers nobody until it is told to; `held` counts its open calls."""

    request_queue_size = 128

    def __init__(self) -> None:
        self.held, self.lock, self.gone = 0, threading.Lock(), threading.Event()
        super().__init__(("127.0.0.1", 0), _Call)


class _Call(BaseHTTPRequestHandler):
    server: _Open

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.held += 1
        self.server.gone.wait(300)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


def run() -> list[Result]:
    provider = _Open()
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        stack.callback(provider.shutdown)
        stack.callback(provider.gone.set)
        calls = {
            "BLACKBOX_API_KEY": "bench",
            "BLACKBOX_URL": f"http://127.0.0.1:{provider.server_port}",
            "BLACKBOX_MODELS": MODEL,
            "BLACKBOX_CALLS": str(CALLS),
        }
        worker, env = studio(stack, folder, **calls)
        deps = _deps(env)
        _take(deps, 0)  # warms everybody up
        alone = _fetches(deps, 1)
        opened_s = _open_calls(deps, provider)
        beside = _fetches(deps, 1 + ROUNDS)
        memory = psutil.Process(worker.pid).memory_info().rss
    return [
        at_most(f"memory of a worker with {CALLS} calls open", memory / 2**20, 400, "MB"),
        at_most(
            "a fetch is delayed by them", max(0.0, beside - alone), 1.0, "s", f"alone {alone:.2f} s, 50 MB"
        ),
        at_most(f"until all {CALLS} calls are open", opened_s, 10.0, "s"),
    ]


def _fetches(deps: Any, first: int) -> float:
    """Seconds from the webhook to a stored file of 50 MB, median."""
    return statistics.median(_take(deps, number)[1] for number in range(first, first + ROUNDS))


def _open_calls(deps: Any, provider: _Open) -> float:
    """Ask for as many takes as calls may be open, and wait until the provider has them all."""
    from backend.services import access
    from backend.services.takes import create
    from backend.services.takes.request import parse_request

    viewer, begun = access.Viewer("bench", access.Role.CREATOR), time.perf_counter()
    for number in range(CALLS):
        create.create_job(deps, viewer, parse_request({"model": MODEL, "prompt": f"Held open {number}"}))
    while provider.held < CALLS:
        if time.perf_counter() - begun > 60:
            raise RuntimeError(f"only {provider.held} calls are open")
        time.sleep(0.02)
    return time.perf_counter() - begun


def _deps(env: dict[str, str]) -> Any:
    from backend.bootstrap import open_deps
    from backend.settings import load_settings

    return open_deps(
        load_settings(
            data_dir=env["DATA_DIR"], blackbox_api_key="bench", blackbox_models=env["BLACKBOX_MODELS"]
        )
    )
