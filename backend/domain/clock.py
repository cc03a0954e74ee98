"""Time and ids, passed in so that a test can hold both still."""

import os
import threading
import time
import uuid
from datetime import UTC, datetime


class Clock:
    """The real thing: wall clock in UTC, and ids that sort by their moment of birth."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_ms = 0
        self._seq = 0

    def now(self) -> datetime:
        """The moment, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only rise; for durations."""
        return time.monotonic()

    def new_id(self) -> str:
        """A UUIDv7 as text: within one process, later ids sort after earlier ones.

        Layout after RFC 9562, 5.7: 48 bits of milliseconds, a 12-bit counter within the
        millisecond (method 1 of 6.2), 62 random bits.
        """
        with self._lock:
            ms = int(self.now().timestamp() * 1000)
            if ms <= self._last_ms:
                ms, self._seq = self._last_ms, self._seq + 1
                if self._seq > 0xFFF:
                    ms, self._seq = ms + 1, 0
            else:
                self._seq = 0
            self._last_ms, seq = ms, self._seq
        rand = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
        return str(uuid.UUID(int=(ms << 80) | (0x7 << 76) | (seq << 64) | (0b10 << 62) | rand))


def id_lower_bound(at: datetime) -> str:
    """What sorts before every id that is made at this moment or later, and after those made earlier."""
    ms = int(at.timestamp() * 1000)
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}"
