"""Whoever waits for a database that hangs is told so, instead of waiting with it."""

import logging
import threading
import time

from backend.services.deps import Deps
from backend.services.operations import readiness

log = logging.getLogger(__name__)

#: How often the database is looked at while pages are drawn, in seconds.
LOOK_EVERY_S = 0.4
#: For so long after a page began, in seconds: none takes longer.
WATCH_S = 30.0


class HangGuard:
    """Watches the database while pages are drawn; nobody looks at it while nobody looks at a page."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._lock = threading.Lock()
        self._until = 0.0
        self._thread: threading.Thread | None = None

    def keep_watch(self) -> None:
        """For the next `WATCH_S`, whoever waits for a database that hangs gets StoreUnavailable.

        Nobody waits for a file, but with its disk; that can't be helped from here.
        """
        if self._deps.store.embedded:
            return
        with self._lock:
            self._until = time.monotonic() + WATCH_S
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True, name="hang guard")
                self._thread.start()

    def _watch(self) -> None:
        while self._is_wanted():
            if readiness.database_hangs(self._deps) and (cut := self._deps.store.cut_waiting()):
                log.error("the database hangs", extra={"cut": cut})
            time.sleep(LOOK_EVERY_S)

    def _is_wanted(self) -> bool:
        with self._lock:
            if time.monotonic() < self._until:
                return True
            self._thread = None
            return False
