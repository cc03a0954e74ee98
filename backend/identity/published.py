"""What an issuer publishes: its addresses and its keys, fetched when asked for and kept for a while."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import requests
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from backend.domain.clock import Clock
from backend.domain.errors import DailiesError
from backend.domain.shape import load_json
from backend.http.calls import HttpCall
from backend.http.outbound import Outbound

log = logging.getLogger(__name__)

#: What was fetched is used for so long, in seconds; and on, while it can't be fetched again.
KEPT_S = 3600.0
#: With keys in hand, a key that isn't among them leads to a fetch at most this often, in seconds.
UNKNOWN_KEY_S = 60.0
#: After a fetch that failed nobody tries again for so long, in seconds: whoever waited shares the outcome.
FAILED_S = 2.0
#: The longest that a fetch may take, in seconds; somebody looks at a browser meanwhile.
FETCH_S = 5.0
#: The largest document that an issuer may publish.
MAX_BYTES = 1024 * 1024

T = TypeVar("T")


class IssuerUnavailable(DailiesError):
    """The issuer, or what it publishes, can't be had now. why: what is found, without its address."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Published(Generic[T]):
    """One document of an issuer. Safe to use from many threads; one of them fetches for all.

    read: makes of the JSON what is wanted; it raises ValueError, KeyError or TypeError for what it isn't.
    """

    def __init__(self, url: Callable[[], str], read: Callable[[Any], T], clock: Clock, outbound: Outbound):
        self._url, self._read, self._clock, self._outbound = url, read, clock, outbound
        self._lock = threading.Lock()
        self._kept: T | None = None
        self._fetched_at: datetime | None = None
        self._failed_at: datetime | None = None
        self._doubted_at: datetime | None = None
        self._why = ""

    def current(self) -> T:
        """What is published. Raises IssuerUnavailable: nothing is kept, and nothing to be had now."""
        with self._lock:
            if self._kept is None or self._waited(self._fetched_at, KEPT_S):
                self._fetch()
            if self._kept is None:
                raise IssuerUnavailable(self._why)
            return self._kept

    def newer_than(self, seen: T) -> T | None:
        """Something else than what was seen, if there is; asks for it at most once a minute."""
        with self._lock:
            if self._kept is seen and self._waited(self._doubted_at, UNKNOWN_KEY_S):
                self._doubted_at = self._clock.now()
                self._fetch()
            return self._kept if self._kept is not seen else None

    def _waited(self, since: datetime | None, seconds: float) -> bool:
        """Has it been so long? A clock that was set back counts as yes."""
        return since is None or not timedelta(0) <= self._clock.now() - since < timedelta(seconds=seconds)

    def _fetch(self) -> None:
        if not self._waited(self._failed_at, FAILED_S):
            return
        try:
            self._kept = self._ask()
        except IssuerUnavailable as problem:
            self._failed_at, self._why = self._clock.now(), problem.why
            log.warning("an issuer can't be asked", extra={"why": problem.why})
        else:
            self._fetched_at = self._clock.now()

    def _ask(self) -> T:
        call = HttpCall(
            outbound=self._outbound,
            connect_s=FETCH_S,
            read_s=FETCH_S,
            deadline_s=FETCH_S,
            max_bytes=MAX_BYTES,
        )
        try:
            answer = call.send("GET", self._url(), headers={"Accept": "application/json"})
        except (requests.RequestException, OSError, ValueError) as error:
            raise IssuerUnavailable(call.explain_error(error)) from error
        if answer.status != 200:
            raise IssuerUnavailable(f"it answers {answer.status}")
        try:
            return self._read(load_json(answer.body))
        except (ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
            raise IssuerUnavailable(f"what it publishes can't be read ({type(error).__name__})") from error


def published_keys(url: Callable[[], str], clock: Clock, outbound: Outbound) -> Published[KeySet]:
    """The public keys of an issuer (JWKS)."""
    return Published(url, KeySet.import_key_set, clock, outbound)
