"""Looks at what may hang: in a thread of their own, so that whoever asks waits only so long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

T = TypeVar("T")


class NoAnswer(Exception):
    """What is looked at has not answered for `after_s` seconds."""

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        super().__init__(f"no answer for {after_s:.0f} s")


class PatientLook(Generic[T]):
    """One look at one thing, again and again, never twice at once. `look` may hang, or raise.

    believed_s: what was seen is given out for so long without looking again; an error isn't. silent_s: and
    for so much longer while the next look is under way.
    """

    def __init__(self, look: Callable[[], T], *, believed_s: float, silent_s: float = 0.0) -> None:
        self._look, self._believed_s, self._silent_s = look, believed_s, silent_s
        self._lock = threading.Lock()
        self._last: tuple[float, Future[T]] | None = None
        self._running: tuple[float, Future[T]] | None = None

    def begin(self) -> None:
        """See to it that a look is under way, or that the last one is young enough."""
        with self._lock:
            if self._running is not None or self._is_young(0.0):
                return
            running = self._running = (time.monotonic(), Future())
        threading.Thread(target=self._run, args=running, daemon=True, name="look").start()

    def outcome(self, *, within_s: float) -> T:
        """What is seen. A look that began so long ago is not waited for any more.

        Raises:
            NoAnswer: the look is still under way, and what was seen before is too old.
        """
        self.begin()
        with self._lock:
            last, running = self._last, self._running
        if running is None:
            assert last is not None
            return last[1].result()
        began, future = running
        wait([future], timeout=max(0.0, began + within_s - time.monotonic()))
        if future.done():
            return future.result()
        if last is not None and self._is_young(self._silent_s):
            return last[1].result()
        raise NoAnswer(time.monotonic() - began)

    def _is_young(self, longer_s: float) -> bool:
        """Is what was seen last to be believed still?"""
        if self._last is None or self._last[1].exception() is not None:
            return False
        return time.monotonic() - self._last[0] < self._believed_s + longer_s

    def _run(self, began: float, future: Future[T]) -> None:
        try:
            future.set_result(self._look())
        except BaseException as error:
            future.set_exception(error)
        with self._lock:
            self._last, self._running = (time.monotonic(), future), None
