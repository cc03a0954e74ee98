"""Gets videos rendered elsewhere than where HTTP is answered: a child process that does one at a time.

The child reads one JSON line a job from its standard input and answers one line; it ends when that
closes, so it doesn't outlive the simulator, however that ends. Small videos are made in this process.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

JSON = dict[str, Any]

log = logging.getLogger(__name__)

#: How long an end waits for a video that is being painted, in seconds; one of the demo takes two.
CLOSE_S = 10.0
#: Where `simulator` is imported from.
_ROOT = Path(__file__).resolve().parents[2]


class CannotPaint(Exception):
    """The renderer broke; says how."""


class Painter:
    """Renders by `spec`, a plain dict (see `render.render_video`), into `spec["path"]`."""

    def __init__(self, *, in_process: bool) -> None:
        self._in_process = in_process
        self._pool = ThreadPoolExecutor(1, "simulator-paint")
        self._child: subprocess.Popen[bytes] | None = None
        self._busy = threading.Lock()
        self._closing = False

    def paint(self, spec: Callable[[], JSON], done: Callable[[], None]) -> "Future[JSON]":
        """Render in the background; the future holds {width, height, fps, duration, num_frames, file_size}.

        Of what nobody will see (`seen` false) only the size is told, and nothing is rendered.

        `spec` is called in the background too. The future raises what it raises, or `CannotPaint`.
        `done` is called when the future is settled.
        """
        future = self._pool.submit(self._paint, spec)
        future.add_done_callback(lambda _: done())
        return future

    def close(self) -> None:
        """Afterwards no child is left. What still renders here after `CLOSE_S` is left, and logged."""
        self._closing = True
        if self._child is not None:
            self._child.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._busy.acquire(timeout=CLOSE_S):
            self._busy.release()
        else:
            log.warning("event=simulator_painting_left after_s=%g", CLOSE_S)
        self._put_away()

    def _paint(self, spec: Callable[[], JSON]) -> JSON:
        with self._busy:
            if self._closing:
                raise CannotPaint("the simulator is closing")
            order = spec()
            if not order.get("seen", True):
                return {"width": order["width"], "height": order["height"], "file_size": 0}
            answer = self._in_this_process(order) if self._in_process else self._in_child(order)
        if "error" in answer:
            raise CannotPaint(answer["error"])
        return answer

    def _in_this_process(self, spec: JSON) -> JSON:
        from simulator.paint.render import answer_job  # numpy and FFmpeg load only where they work

        return answer_job(spec)

    def _in_child(self, spec: JSON) -> JSON:
        child = self._living_child()
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

    def _living_child(self) -> "subprocess.Popen[bytes]":
        if self._child is None or self._child.poll() is not None:
            self._put_away()
            self._child = subprocess.Popen(
                [sys.executable, "-m", "simulator.paint.render"],
                cwd=_ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._child

    def _put_away(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait(10)
            assert self._child.stdin is not None
            assert self._child.stdout is not None
            self._child.stdout.close()
            with suppress(OSError):  # what was written to a dead child can't be flushed
                self._child.stdin.close()
