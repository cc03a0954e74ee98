"""Starts the worker or the sidecar as usual, but wired to kill itself at a point that a test arms.

`python -m tests.e2e.crash worker|sidecar`. The file `armed` in the data folder holds a point's name;
the first call that reaches that point removes it and the process gets SIGKILL: no cleanup, no flush,
no thread ends its work. `BROKEN_BUILD` names a build that is broken on purpose (see `broken`).

The wiring is done from outside: the program itself has no switch for it.
"""

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e import broken
from tests.e2e.points import POINTS, Point

ARMED = Path(os.environ.get("DATA_DIR", ".")) / "armed"


def die() -> None:
    """As a power button does it to one process."""
    os.kill(os.getpid(), signal.SIGKILL)


def owner_of(target: str) -> tuple[Any, str]:
    """(what holds the function, its name) for `module:function` or `module:Class.method`."""
    module, _, path = target.partition(":")
    holder: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        holder = getattr(holder, part)
    return holder, name


def wire(point: Point) -> None:
    """Have the point's function look whether it is armed."""
    holder, name = owner_of(point.target)
    inner = getattr(holder, name)

    def reached(*args: Any, **options: Any) -> None:
        if ARMED.exists() and ARMED.read_text() == point.name and point.counts(args, options):
            ARMED.unlink()
            die()

    @functools.wraps(inner)
    def wired(*args: Any, **options: Any) -> Any:
        if point.when == "before":
            reached(*args, **options)
        result = inner(*args, **options)
        if point.when == "after":
            reached(*args, **options)
        return result

    setattr(holder, name, wired)


def worker() -> int:
    from backend.cli import worker as run

    run()
    return 0


def sidecar() -> int:
    from backend.web.serve import main

    return main()


def main() -> int:
    """Break, wire, run."""
    process = sys.argv[1]
    entry: Callable[[], int] = {"worker": worker, "sidecar": sidecar}[process]
    importlib.import_module("backend.work.embedded" if process == "worker" else "backend.web.serve")
    if build := os.environ.get("BROKEN_BUILD"):
        broken.BUILDS[build]()
    for point in POINTS:
        if point.process == process:
            wire(point)
    return entry()


if __name__ == "__main__":
    sys.exit(main())
