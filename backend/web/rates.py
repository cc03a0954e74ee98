"""How many calls one token may make: a bucket for all calls, and a smaller one for starts.

A bucket holds what may be made in a minute and fills again evenly, so that a burst of that size is fine and a
loop that never ends is not. A limit holds for each process of the sidecar.
"""

import math
import threading

from backend.domain.clock import Clock
from backend.domain.errors import TooManyCalls
from backend.settings import Settings

#: Beyond so many tokens, those that are idle are forgotten: an idle bucket is a full one.
REMEMBERED = 10_000


class RateLimit:
    """Generic cell rate algorithm: one number for each key, the moment when its bucket is full again.

    Source: ITU-T I.371, annex A (GCRA, the virtual scheduling algorithm).
    """

    def __init__(self, a_minute: int) -> None:
        """a_minute: how many calls; 0: without a limit."""
        self._step = 60.0 / a_minute if a_minute else 0.0
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait_s(self, key: str, now: float) -> float:
        """Count one call; 0.0. Where that would be too many, none is counted: seconds until one is free."""
        if not self._step:
            return 0.0
        with self._lock:
            full_at = max(self._full_at.get(key, now), now)
            if (late := full_at - now + self._step - 60.0) > 1e-6:
                return late
            self._full_at[key] = full_at + self._step
            if len(self._full_at) > REMEMBERED:
                self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Full buckets first; if that isn't enough, the half that is fullest."""
        left = sorted((at, key) for key, at in self._full_at.items() if at > now)
        self._full_at = {key: at for at, key in left[-REMEMBERED // 2 :]}


class TokenRates:
    """The limits of one process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._calls = RateLimit(settings.rate_calls_a_minute)
        self._starts = RateLimit(settings.rate_starts_a_minute)
        self._clock = clock

    def count_call(self, token_id: str, *, is_start: bool) -> None:
        """Count a call of this token. Raises TooManyCalls."""
        now = self._clock.monotonic()
        for limit, what, counts in ((self._calls, "calls", True), (self._starts, "starts", is_start)):
            if counts and (wait_s := limit.wait_s(token_id, now)):
                raise TooManyCalls(what, math.ceil(wait_s))
