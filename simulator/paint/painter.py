"""Gets videos rendered elsewhere than where HTTP is answered: child processes that do one at a time.

A child reads one JSON line a job from its standard input and answers one line; it ends when that
closes, so none outlives the simulator, however that ends. Small videos are made in this process.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

JSON = dict[str, Any]

log = logging.getLogger(__name__)

#: Where `simulator` is imported from.
_ROOT = Path(__file__).resolve().parents[2]


class CannotPaint(Exception):
    """The renderer broke; says how."""


class Painter:
    """Renders by `spec`, a plain dict (see `render.render`), into `spec["path"]`."""

    def __init__(self, workers: int, *, in_process: bool) -> None:
        self._in_process = in_process
        self._pool = ThreadPoolExecutor(max(1, workers), "simulator-paint")
        self._mine = threading.local()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._closing = False

    def paint(self, spec: Callable[[], JSON], done: Callable[[], None]) -> "Future[JSON]":
        """Render in the background; the future holds {width, height, fps, duration, num_frames, file_size}.

        `spec` is called in the background too. The future raises what it raises, or `CannotPaint`.
        `done` is called when the future is settled.
        """
        future = self._pool.submit(self._paint, spec)
        future.add_done_callback(lambda _: done())
        return future

    def close(self) -> None:
        """Afterwards nothing renders, and no child is left."""
        self._closing = True
        for child in list(self._children):
            child.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for child in self._children:
            child.wait(10)
            _close_pipes(child)

    def _paint(self, spec: Callable[[], JSON]) -> JSON:
        order = spec()
        answer = self._here(order) if self._in_process else self._in_child(order)
        if "error" in answer:
            raise CannotPaint(answer["error"])
        return answer

    def _here(self, spec: JSON) -> JSON:
        from simulator.paint.render import answer  # numpy and FFmpeg load only where they work

        return answer(spec)

    def _in_child(self, spec: JSON) -> JSON:
        child = self._child()
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(spec).encode() + b"\n")
            child.stdin.flush()
            line = child.stdout.readline()
            answer = json.loads(line) if line else {"error": "the renderer went away"}
        except (OSError, ValueError) as error:
            answer = {"error": f"the renderer went away ({type(error).__name__})"}
        if "error" in answer and child.poll() is not None and not self._closing:
            log.warning("event=simulator_renderer_died code=%s", child.returncode)
        return dict(answer)

    def _child(self) -> "subprocess.Popen[bytes]":
        child: subprocess.Popen[bytes] | None = getattr(self._mine, "child", None)
        if child is None or child.poll() is not None:
            if child is not None:
                self._children.discard(child)
                _close_pipes(child)
            child = self._mine.child = subprocess.Popen(
                [sys.executable, "-m", "simulator.paint.render"],
                cwd=_ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            self._children.add(child)
        return child


def _close_pipes(child: "subprocess.Popen[bytes]") -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was written to a dead child can't be flushed
                continue
