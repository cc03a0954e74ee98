"""Starts the worker or the sidecar as usual, but wired to kill or freeze itself at a point that a test arms.

`python -m tests.e2e.crash worker|sidecar`. The file `armed` in the data folder holds the name of a
signal and that of a point; the first call that reaches the point removes the file, and the process
gets the signal. SIGKILL: no cleanup, no flush, no thread ends its work. SIGSTOP: frozen by the test,
until SIGCONT.
`BROKEN_BUILD` names a build that is broken on purpose: a function of `broken`.

The wiring is done from outside: the program itself has no switch for it.
"""

import functools
import importlib
import os
import pkgutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from backend import cli
from backend.web import serve
from tests.e2e import broken
from tests.e2e.points import EXPERIMENT_POINTS, POINTS, Point

ARMED = Path(os.environ.get("DATA_DIR", ".")) / "armed"
#: What `ARMED` is called while the one that reached the point waits to be frozen.
REACHED = ARMED.with_suffix(".reached")


def freeze() -> None:
    """Wait until a test has frozen this process, while no thread of it writes: see `Drill.frozen_at`.

    Whoever is frozen inside a transaction keeps SQLite's one write lock, and all others wait for it; no
    thread can keep the others from beginning one. A server ends such a transaction by itself.
    """
    ARMED.rename(REACHED)
    while REACHED.exists():
        time.sleep(0.01)


def wire(point: Point) -> None:
    """Have the point's function look whether it is armed."""
    module, _, path = point.target.partition(":")
    *outer, name = path.split(".")
    holder = pkgutil.resolve_name(f"{module}:{'.'.join(outer)}")
    inner = getattr(holder, name)

    def reached(*args: Any, **options: Any) -> None:
        if not ARMED.exists():
            return
        name, _, armed = ARMED.read_text().partition(" ")
        if armed == point.name and point.counts(args, options):
            if name == "SIGSTOP":
                return freeze()
            ARMED.unlink()
            # To this very thread: it must not take another step while the others are being reached.
            signal.pthread_kill(threading.get_ident(), signal.Signals[name])

    @functools.wraps(inner)
    def wired(*args: Any, **options: Any) -> Any:
        if point.when == "before":
            reached(*args, **options)
        result = inner(*args, **options)
        if point.when == "after":
            reached(*args, **options)
        return result

    setattr(holder, name, wired)


def main(process: str) -> None:
    """Break, wire, run."""
    for module in ("backend.work.embedded", "backend.work.distributed"):
        importlib.import_module(module)  # a name that is imported later would not be the wired one
    if build := os.environ.get("BROKEN_BUILD"):
        getattr(broken, build)()
    for point in (*POINTS, *EXPERIMENT_POINTS):
        if point.process == process:
            wire(point)
    sys.exit({"worker": cli.worker, "sidecar": serve.main}[process]())


if __name__ == "__main__":
    main(sys.argv[1])
