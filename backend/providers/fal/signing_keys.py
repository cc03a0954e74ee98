"""fal's public keys: cached in memory and on disk, fetched by one caller at a time, not too often.

Source: fal documentation, "Webhooks": a JWKS of Ed25519 keys, to be cached for at most 24 hours.
"""

import json
import logging
import os
import threading
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from backend.domain.clock import Clock
from backend.domain.errors import KeysUnavailable
from backend.domain.shape import load_json
from backend.http.calls import HttpCall
from backend.http.outbound import DIRECT, Outbound

log = logging.getLogger(__name__)

#: Keys are fetched again after this; the old ones go on being used while that fails.
KEYS_TTL = timedelta(hours=24)
#: With keys in hand, an unknown signature leads to a fetch at most this often: forgeries are cheap.
REFRESH_EVERY = timedelta(seconds=60)
#: With no keys at all nothing can be judged, so fetching is tried again sooner.
RETRY_EVERY = timedelta(seconds=2)
#: A fetch happens while a delivery waits, and fal waits 15 s for its answer.
FETCH_S = 5.0
#: More keys than this in one set are not looked at.
MAX_KEYS = 50
#: The points of small order, as y with the sign bit cleared: under such a "key" (32 zero bytes are one)
#: anybody can sign. Source: Ed25519's curve, points of order 1, 2, 4 and 8, with their two spellings.
WEAK_KEYS = frozenset(
    {
        bytes(32),
        bytes([1]) + bytes(31),
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        bytes([0xEC]) + b"\xff" * 30 + b"\x7f",
        bytes([0xED]) + b"\xff" * 30 + b"\x7f",
        bytes([0xEE]) + b"\xff" * 30 + b"\x7f",
    }
)


class FalSigningKeys:
    """The keys that fal signs with. Safe to use from many threads.

    url: the JWKS; path: where the last good set is kept between runs.
    """

    def __init__(self, url: str, path: Path, clock: Clock, outbound: Outbound = DIRECT) -> None:
        self._url, self._path, self._clock, self._outbound = url, path, clock, outbound
        self._lock = threading.Lock()
        self._keys: tuple[bytes, ...] = ()
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._doubted_at: datetime | None = None
        self._loaded = False

    def current_keys(self) -> tuple[bytes, ...]:
        """The keys to verify with, 32 bytes each. Raises KeysUnavailable: none, and none to be had now."""
        self._load()
        now = self._clock.now()
        if not self._keys or self._fetched_at is None or now - self._fetched_at > KEYS_TTL:
            with self._lock:
                if self._waited(self._tried_at, REFRESH_EVERY if self._keys else RETRY_EVERY):
                    self._refresh()
        if not self._keys:
            why = KeysUnavailable("fal's public keys can't be had now.")
            raise why.for_operators("FAL_REST_URL must be reachable from here.")
        return self._keys

    def newer_than(self, seen: tuple[bytes, ...]) -> tuple[bytes, ...] | None:
        """Other keys than those seen, if there are any; asks fal, but not more often than is polite.

        One caller asks for all who wait here: whoever comes second finds the first one's keys.
        """
        with self._lock:
            if self._keys == seen and self._waited(self._doubted_at, REFRESH_EVERY):
                self._doubted_at = self._clock.now()
                self._refresh()
        return self._keys if self._keys != seen else None

    def _refresh(self) -> None:
        keys = self._fetch()
        self._tried_at = self._clock.now()  # afterwards: who waited for a slow failure must not repeat it
        if keys:
            self._keys, self._fetched_at = keys, self._tried_at
            self._save()

    def _waited(self, since: datetime | None, long_enough: timedelta) -> bool:
        """Has it been long enough? A clock that was set back counts as yes."""
        return since is None or not timedelta(0) <= self._clock.now() - since < long_enough

    def _fetch(self) -> tuple[bytes, ...]:
        call = HttpCall(outbound=self._outbound, connect_s=FETCH_S, read_s=FETCH_S, deadline_s=FETCH_S)
        try:
            answer = call.send("GET", self._url)
        except (requests.RequestException, OSError, ValueError) as error:
            log.warning("keys not fetched", extra={"why": call.explain_error(error)})
            return ()
        if answer.status != 200:
            log.warning("keys not fetched", extra={"status": answer.status})
            return ()
        return parse_jwks(answer.body)

    def _load(self) -> None:
        if self._loaded:
            return
        with self._lock:
            self._loaded = True
            try:
                kept = load_json(self._path.read_bytes())
                self._keys = tuple(bytes.fromhex(key) for key in kept["keys"])
                self._fetched_at = datetime.fromisoformat(kept["fetched_at"]).astimezone(UTC)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                self._keys, self._fetched_at = (), None

    def _save(self) -> None:
        assert self._fetched_at is not None
        kept = {"fetched_at": self._fetched_at.isoformat(), "keys": [key.hex() for key in self._keys]}
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            draft.write_text(json.dumps(kept))
            draft.replace(self._path)
        except OSError as error:  # the keys in memory serve all the same
            log.warning("keys not kept on disk", extra={"why": error.strerror})


def parse_jwks(body: bytes) -> tuple[bytes, ...]:
    """The Ed25519 keys in a JWKS; whatever else it holds is passed over.

    The padding of base64url is optional in a JWKS and required by Python, so it is added.
    """
    try:
        found = load_json(body)["keys"]
        keys = [_key(item) for item in found[:MAX_KEYS]]
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(dict.fromkeys(key for key in keys if key is not None))


def _key(item: Any) -> bytes | None:
    if not isinstance(item, dict) or item.get("kty", "OKP") != "OKP" or not isinstance(item.get("x"), str):
        return None
    try:
        key = urlsafe_b64decode(item["x"] + "=" * (-len(item["x"]) % 4))
    except ValueError:
        return None
    return key if len(key) == 32 and key[:31] + bytes([key[31] & 0x7F]) not in WEAK_KEYS else None
