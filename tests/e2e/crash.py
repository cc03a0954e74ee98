"""Starts the worker or the sidecar as usual, but wired to kill or freeze itself at a point that a test arms.

`python -m tests.e2e.crash worker|sidecar`. The file `armed` in the data folder holds the name of a
signal and that of a point; the first call that reaches the point removes the file, and the process
gets the signal. SIGKILL: no cleanup, no flush, no thread ends its work. SIGSTOP: frozen, until SIGCONT.
`BROKEN_BUILD` names a build that is broken on purpose (see `broken`).

The wiring is done from outside: the program itself has no switch for it.
"""

import functools
import importlib
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e import broken
from tests.e2e.points import POINTS, Point

ARMED = Path(os.environ.get("DATA_DIR", ".")) / "armed"


def owner_of(target: str) -> tuple[Any, str]:
    """(what holds the function, its name) for `module:function` or `module:Class.method`."""
    module, _, path = target.partition(":")
    holder: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        holder = getattr(holder, part)
    return holder, name


def between_transactions() -> None:
    """Wait until no thread of this process, or of any other, is writing to the database.

    Whoever is frozen inside a transaction keeps SQLite's one write lock, and all others wait for it. A
    server ends such a transaction by itself.
    """
    if os.environ.get("DATABASE_URL"):
        return
    db = sqlite3.connect(ARMED.with_name("dailies.db"), timeout=10, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("ROLLBACK")
    db.close()


def wire(point: Point) -> None:
    """Have the point's function look whether it is armed."""
    holder, name = owner_of(point.target)
    inner = getattr(holder, name)

    def reached(*args: Any, **options: Any) -> None:
        if not ARMED.exists():
            return
        name, _, armed = ARMED.read_text().partition(" ")
        if armed == point.name and point.counts(args, options):
            if name == "SIGSTOP":
                between_transactions()
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
    workers = ("backend.work.embedded", "backend.work.distributed")
    for module in workers if process == "worker" else ("backend.web.serve",):
        importlib.import_module(module)
    if build := os.environ.get("BROKEN_BUILD"):
        broken.BUILDS[build]()
    for point in POINTS:
        if point.process == process:
            wire(point)
    return entry()


if __name__ == "__main__":
    sys.exit(main())
