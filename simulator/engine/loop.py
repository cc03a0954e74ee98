"""A thread that does what is due, then sleeps until the next thing is or somebody wakes it."""

import logging
import threading
import time
from collections.abc import Callable

from simulator.engine.ledger import Ended

log = logging.getLogger(__name__)

#: The longest sleep, so that nothing waits for ever on a wake-up that was missed.
LONGEST_S = 5.0


class Loop:
    """Subclasses say what is due in `run_due`; they change what it reads under `changed`."""

    def __init__(self, name: str) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._woken = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; once only."""
        self._thread.start()

    def stop(self) -> None:
        """Afterwards the thread has ended."""
        with self.changed:
            self._stopping = True
            self.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(10.0)

    def wake_up(self) -> None:
        """Have a look now."""
        with self.changed:
            self._woken = True
            self.changed.notify_all()

    def wait_until(self, true: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until this is true of what `changed` guards; False when not in time, Ended when stopped."""
        with self.changed:
            came = self.changed.wait_for(lambda: self._stopping or true(), timeout=timeout_s)
            if self._stopping:
                raise Ended
            return came

    def run_due(self, now: float) -> float | None:
        """Do what is due at `now` (seconds since 1970); returns when the next thing is, or None."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._stopping:
            with self.changed:
                self._woken = False
            try:
                due = self.run_due(time.time())
            except Exception:
                log.exception("event=simulator_tick_failed loop=%s", self._thread.name)
                due = time.time() + 1.0
            wait_s = LONGEST_S if due is None else max(0.0, min(LONGEST_S, due - time.time()))
            with self.changed:
                self.changed.wait_for(lambda: self._woken or self._stopping, timeout=wait_s)
