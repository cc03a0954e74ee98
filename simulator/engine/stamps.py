"""Ids and moments as fal writes them."""

import os
import time
import uuid
from datetime import UTC, datetime


def new_id() -> str:
    """A UUIDv7, as fal's request ids look: 48 bits of milliseconds, then 74 random ones (RFC 9562, 5.7)."""
    rand = int.from_bytes(os.urandom(10))
    ms = time.time_ns() // 1_000_000
    bits = (ms << 80) | (0x7 << 76) | ((rand >> 62 & 0xFFF) << 64) | (0b10 << 62) | (rand & (1 << 62) - 1)
    return str(uuid.UUID(int=bits))


def iso_of(moment: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC, or None."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def moment_of(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 text; without a zone it is UTC. ValueError: it isn't one."""
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
