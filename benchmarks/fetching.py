"""Webhook → playable for a 50 MB file, against curl to disk; and the memory that it takes."""

import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import requests

from benchmarks.common import Result, at_most, free_port, process
from benchmarks.starting import MODEL

ROUNDS, MEGABYTES = 5, 50
#: What is allowed besides one and a half times curl.
GRACE_S = 0.5


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        worker, env = studio(stack, folder)
        deps = _deps(env)
        _take(deps, 0)  # warms everybody up
        before = _memory(worker.pid)
        takes, curls, peak = [], [], before
        for number in range(1, ROUNDS + 1):
            job, seconds = _take(deps, number)
            takes.append(seconds)
            peak = max(peak, _memory(worker.pid))
            curls.append(_curl(job.result_url, Path(folder) / "curl.mp4"))
    took, curl = statistics.median(takes), statistics.median(curls)
    limit = 1.5 * curl + GRACE_S
    return [
        at_most("webhook → playable, 50 MB", took, limit, "s", f"curl to disk: {curl:.3f} s"),
        at_most("memory the worker grew by", (peak - before) / 2**20, 50, "MB"),
    ]


def studio(stack: ExitStack, folder: str, **env: str) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    """A simulated fal, a sidecar and a worker until the stack ends: the worker, and their settings."""
    sim_port = free_port()
    url = f"http://127.0.0.1:{sim_port}"
    code = (
        "from pathlib import Path; from simulator.server import serve; "
        "from simulator.config import SimulatorConfig as C; "
        f"serve('127.0.0.1', {sim_port}, C(data_dir=Path({folder!r})/'sim', pace=0.02, small=True, seed=1))"
    )
    stack.enter_context(process("-c", code, port=sim_port))
    env = {
        "DATA_DIR": f"{folder}/data",
        "PORT": str(free_port()),
        "FAL_KEY": "bench:key",
        "FIRST_POLL_S": "3600",
        "FAL_QUEUE_URL": url,
        "FAL_REST_URL": url,
        "FAL_API_URL": url,
        "FETCH_ALLOW": f"127.0.0.1:{sim_port}",
        **env,
    }
    stack.enter_context(process("webhook_server.py", port=int(env["PORT"]), env=env))
    return stack.enter_context(process("-m", "backend", "worker", env=env)), env


def _deps(env: dict[str, str]) -> Any:
    from backend.bootstrap import open_deps
    from backend.settings import load_settings

    return open_deps(load_settings(data_dir=env["DATA_DIR"]))


def _take(deps: Any, number: int) -> tuple[Any, float]:
    """A take of 50 MB; seconds from the webhook's commit to `stored`."""
    from backend.services import access
    from backend.services.takes import create
    from backend.services.takes.request import parse_request
    from backend.store.jobs import jobs

    viewer = access.Viewer("bench", access.Role.CREATOR)
    prompt = f"Take {number} [sim:media-big={MEGABYTES}]"
    made = create.create_job(deps, viewer, parse_request({"model": MODEL, "prompt": prompt}))
    deadline = time.monotonic() + 60
    while True:
        with deps.store.read() as session:
            job = jobs.get(session, made.id)
        if job.state == "stored":
            assert job.rendered_at is not None
            return job, (job.state_at - job.rendered_at) / timedelta(seconds=1)
        if time.monotonic() > deadline:
            raise RuntimeError(f"{job.state}: {job.error}")
        time.sleep(0.02)


def _curl(url: str, path: Path) -> float:
    curl = shutil.which("curl")
    begun = time.perf_counter()
    if curl:
        subprocess.run([curl, "-s", "-o", str(path), url], check=True)
    else:
        path.write_bytes(requests.get(url, timeout=60).content)
    return time.perf_counter() - begun


def _memory(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)
