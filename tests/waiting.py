"""Waiting for what somebody else does, where nobody tells when it is done."""

import time
from collections.abc import Callable
from typing import Any

#: How long anything is waited for, in seconds. It only ends what would hang: no promise is so slow.
PATIENCE_S = 90.0
#: Looks come close together at first, and then this far apart, in seconds.
FIRST_S, MOST_S = 0.005, 0.1


class _Idle:
    """Does nothing else run here, so that seconds tell something?"""

    machine = False


def hold_to_the_second() -> None:
    _Idle.machine = True


def in_time(took_s: float, promised_s: float) -> bool:
    """Was a promise of so many seconds kept? Held by `--timed` alone: else others share the processors."""
    return took_s < promised_s or not _Idle.machine


def eventually(what: Callable[[], Any], *, process: Any = None, within_s: float = PATIENCE_S) -> Any:
    """Wait until `what` gives something true, and return it; give up at once when `process` has ended.

    process: has a `name`, is `alive` or not, and `said()` what its log holds.
    """
    deadline, pause_s = time.monotonic() + within_s, FIRST_S
    while not (got := what()):
        assert process is None or process.alive, f"{process.name} ended: {process.said()[-2000:]}"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, MOST_S)
    return got
