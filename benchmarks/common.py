"""What every benchmark needs: processes of its own, load, and a line for the result."""

import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Result:
    """One measured line. good: value is on the right side of limit."""

    name: str
    value: float
    limit: float
    unit: str
    good: bool
    note: str = ""


def at_least(name: str, value: float, limit: float, unit: str = "×", note: str = "") -> Result:
    return Result(name, value, limit, unit, value >= limit, note)


def at_most(name: str, value: float, limit: float, unit: str = "×", note: str = "") -> Result:
    return Result(name, value, limit, unit, value <= limit, note)


def on_both_databases(measure: Callable[[str], Iterator[Result]]) -> list[Result]:
    """What is measured on SQLite, then on PostgreSQL, which it is told by name; their server is ended."""
    from tests import databases

    try:
        return [result for kind in databases.KINDS for result in measure(kind)]
    finally:
        databases.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def process(
    *command: str, port: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this repository; with a port, it is ready when that answers."""
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env={**os.environ, **(env or {})}, stdout=log, stderr=log
        )
        try:
            if port is not None:
                wait_for_port(port, started)
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def wait_for_port(port: int, started: subprocess.Popen[bytes], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if started.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{started.args!r} did not come up")
        time.sleep(0.05)


def rate(
    port: int, request: Callable[[int], tuple[str, str, bytes, dict[str, str]]], *, n: int, clients: int
) -> float:
    """Requests a second that `clients` keep-alive connections get answered with a 2xx."""
    counter = iter(range(n))
    lock, failed = threading.Lock(), []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while True:
            with lock:
                number = next(counter, None)
            if number is None:
                connection.close()
                return
            method, path, body, headers = request(number)
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if not 200 <= answer.status < 300:
                failed.append(answer.status)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    if failed:
        raise RuntimeError(f"{len(failed)} requests failed, the first with {failed[0]}")
    return n / took


def paced(
    port: int, request: Callable[[int], tuple[str, str, bytes, dict[str, str]]], *, n: int, a_second: float
) -> list[float]:
    """Seconds that each of n requests took, sent at a steady pace."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    took = []
    begun = time.perf_counter()
    for number in range(n):
        time.sleep(max(0.0, begun + number / a_second - time.perf_counter()))
        method, path, body, headers = request(number)
        at = time.perf_counter()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        took.append(time.perf_counter() - at)
    connection.close()
    return took


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def post(port: int, path: str, body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, json.dumps(body), headers or {})
    answer = connection.getresponse()
    value: dict[str, Any] = json.loads(answer.read())
    connection.close()
    return value


def show(result: Result) -> None:
    mark = "ok  " if result.good else "MISS"
    line = f"{mark} {result.name}: {result.value:.3g} {result.unit} (limit {result.limit:g}) {result.note}"
    print(line, flush=True)
