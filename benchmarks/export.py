"""A ZIP of 2 GB from the sidecar and from the dashboard, against `cat` of the same files to a socket.

All three are read by the same loop, in turns, in one run; and what the servers' memory grows by.
"""

import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import Result, at_least, at_most, free_port, process

ROUNDS, FILES, MEGABYTES = 5, 8, 256
#: Memory is looked at after each so many bytes.
LOOK_EVERY = 64 * 2**20


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        paths, token, small = _filled(folder)
        env = {"DATA_DIR": folder, "PORT": str(free_port()), "DASHBOARD_PORT": str(free_port())}
        servers = {
            "sidecar": (("webhook_server.py",), "PORT", f"/api/video/export?owner=bench&rich=0#{token}"),
            "dashboard": (("-m", "streamlit", "run", "app.py"), "DASHBOARD_PORT", "/wall/export?owner=bench"),
        }
        started: dict[str, tuple[Any, int, str]] = {}
        for name, (command, port_of, path) in servers.items():
            port = int(env[port_of])
            started[name] = (stack.enter_context(process(*command, port=port, env=env)), port, path)
            _zip(started[name], f"&ids={small}")  # what it needs is loaded
        took: dict[str, list[float]] = {name: [] for name in ("cat", *started)}
        grown = dict.fromkeys(started, 0.0)
        for _ in range(ROUNDS):
            took["cat"].append(_timed(partial(_cat, paths)))
            for name, server in started.items():
                memory = _Memory(server[0].pid)
                took[name].append(_timed(partial(_zip, server, "", memory.look)))
                grown[name] = max(grown[name], memory.grown_mb)
    cat = statistics.median(took["cat"])
    results = []
    for name in started:
        ours = statistics.median(took[name])
        note = f"{FILES * MEGABYTES / ours:.0f} MB/s against {FILES * MEGABYTES / cat:.0f} MB/s"
        results.append(
            at_least(f"a ZIP of 2 GB from the {name} / cat to a socket", cat / ours, 0.7, note=note)
        )
        results.append(at_most(f"memory that the {name} grew by", grown[name], 20, "MB"))
    return results


class _Memory:
    """What the memory of a process grows by from now on."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._before = self._peak = self._process.memory_info().rss

    def look(self) -> None:
        self._peak = max(self._peak, self._process.memory_info().rss)

    @property
    def grown_mb(self) -> float:
        return (self._peak - self._before) / 2**20


def _timed(what: Callable[[], int]) -> float:
    begun = time.perf_counter()
    size = what()
    took = time.perf_counter() - begun
    assert size >= FILES * MEGABYTES * 2**20, f"only {size} bytes came"
    return took


def _drain(connection: socket.socket, look: Callable[[], None] = lambda: None) -> int:
    """Read to the end."""
    place, size, next_look = bytearray(2**20), 0, 0
    while got := connection.recv_into(place):
        size += got
        if size >= next_look:
            look()
            next_look = size + LOOK_EVERY
    return size


def _cat(paths: list[Path]) -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = socket.create_connection(server.getsockname())
        writer, _ = server.accept()
        with reader:
            with writer:
                cat = subprocess.Popen(["cat", *paths], stdout=writer.fileno())
            size = _drain(reader)
    assert cat.wait() == 0
    return size


def _zip(server: tuple[Any, int, str], more: str, look: Callable[[], None] = lambda: None) -> int:
    _, port, path = server
    address, _, token = path.partition("#")
    head = f"GET {address}{more} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{head}Authorization: Bearer {token}\r\n\r\n".encode())
        return _drain(connection, look)


def _filled(folder: str) -> tuple[list[Path], str, str]:
    """The files of as many takes, a token that may see them, and the id of a take without any."""
    from backend.bootstrap import open_deps
    from backend.models import Job, Video
    from backend.services.access import Role
    from backend.settings import load_settings
    from backend.store.database.rows import insert_row
    from tests.viewers import make_token

    deps, paths = open_deps(load_settings(data_dir=folder)), []
    media = Path(deps.settings.resolved_storage_url.removeprefix("file://"))
    now, noise = deps.clock.now(), os.urandom(2**20)
    with deps.store.begin() as session:
        for number in range(FILES + 1):
            key, job_id = f"{number:064x}.mp4", deps.clock.new_id()
            stored = number < FILES
            if stored:
                paths.append(media / key)
                with paths[-1].open("wb") as file:
                    for block in range(MEGABYTES):
                        file.write(number.to_bytes(4) + block.to_bytes(4) + noise[8:])
                insert_row(
                    session,
                    Video(
                        id=key, sha256=key[:64], key=key, content_type="video/mp4",
                        size_bytes=MEGABYTES * 2**20, duration_s=5, width=640, height=360, created_at=now,
                    ),
                )  # fmt: skip
            insert_row(
                session,
                Job(
                    id=job_id, owner="bench", provider="fal", model="m", prompt="A dress", sent_prompt="x",
                    state="stored" if stored else "failed", state_at=now, created_at=now, ended_at=now,
                    video_id=key if stored else None,
                ),
            )  # fmt: skip
    token = make_token(deps, "reader", Role.ADMIN)
    deps.store.close()
    return paths, token, job_id
