"""Answers that are made while they are sent, and may take minutes: a few at a time."""

import threading
from collections.abc import Callable

from flask import Flask, Response, current_app

from backend.domain.errors import RequestError, TooManyCalls

#: Each keeps a thread of the sidecar for as long as its reader takes, and deliveries need theirs.
AT_ONCE = 4
RETRY_S = 10
_NAME = "long answers"


class TooManyDownloads(TooManyCalls):
    """As many downloads as may be are under way; nothing was made. retry_after_s: whole seconds to wait."""

    status = 503
    code = "busy"

    def __init__(self, most: int, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        RequestError.__init__(self, f"{most} other downloads are under way. Try again in {retry_after_s} s.")


class Places:
    """Room for so many of them at once."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(AT_ONCE)

    def take(self) -> Callable[[], None]:
        """Take a place; returns what gives it back. Raises TooManyDownloads: there is none."""
        if not self._free.acquire(blocking=False):
            raise TooManyDownloads(AT_ONCE, RETRY_S)
        return self._free.release


def set_up(app: Flask) -> None:
    """Give this application its places."""
    app.extensions[_NAME] = Places()


def long_answer(make: Callable[[], Response]) -> Response:
    """What `make` returns. Its place is free again once it is sent, or its reader has gone.

    Raises:
        TooManyDownloads: nothing was made.
    """
    places: Places = current_app.extensions[_NAME]
    release = places.take()
    try:
        response = make()
    except BaseException:
        release()
        raise
    response.call_on_close(release)
    return response
