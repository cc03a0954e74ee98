"""Where files lie now: as `STORAGE_URL` says, or where they have been moved since, or on the way between.

One fact says which place was moved to which. Whoever is told the old place by its settings uses the new
one from the moment that the move begins, and finds what has not come over yet at the old one. So a move
needs no process to stop; settings are changed whenever there is time.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from backend.domain.clock import Clock
from backend.domain.errors import StorageDown, StoreUnavailable
from backend.domain.place import normalize_storage_url
from backend.media.storage.base import Storage
from backend.services.deps import Deps
from backend.services.storage.copy_verified import ChecksumMismatch, copy_file
from backend.store.database.engine import Store
from backend.store.records import key_values

#: The fact: {"from": URL, "to": URL, "was": [URL], "done": bool, "reached": key, "bad": [key]}.
#: was: where files lay before that; settings that still name such a place mean the newest one.
#: bad: what stayed behind so far.
MOVE_KEY = "storage_move"
#: Readers ask this often whether a move has begun or ended; who finds nothing asks at once.
PLACES_TTL_S = 1.0


@dataclass(frozen=True)
class Places:
    """Where new files go, and where else files may be found while they move."""

    current: str
    previous: str | None = None


class RelocatableStorage:
    """A `Storage` that is wherever files lie now. Without a database it stays where it was last seen."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configured_url: str,
        open_storage: Callable[[str], Storage],
        parts: Path,
    ) -> None:
        self._store, self._clock, self._usual, self._parts = store, clock, configured_url, parts
        self._open_storage = open_storage
        self._opened: dict[str, Storage] = {}
        self._lock = threading.Lock()
        self._seen, self._seen_at = Places(configured_url), -PLACES_TTL_S

    def current_places(self, *, uncached: bool = False) -> Places:
        """Where files lie. uncached: as the database says at this moment.

        Raises:
            StoreUnavailable, SQLAlchemyError: uncached, and it can't be read.
        """
        now = self._clock.monotonic()
        if uncached or now - self._seen_at >= PLACES_TTL_S:
            try:
                seen = self._seen = self._read()
            except (StoreUnavailable, SQLAlchemyError):
                if uncached:
                    raise
                seen = self._seen
            self._seen_at = now
            return seen  # what another thread has seen meanwhile may be older
        return self._seen

    def put_file(self, part: Path, key: str) -> None:
        """See `Storage`.

        The database is asked before and after: whoever began before a move and ended in it brings the
        file over himself, however long he was asleep between. So the move misses none.
        """
        places = self.current_places(uncached=True)
        if places.previous and not part.exists() and self.size(key) is not None:
            return  # placed before, by a call that was cut short after it
        self._at(places.current).put_file(part, key)
        after = self.current_places(uncached=True)
        if after.current != places.current:
            try:
                copy_file(self._at(places.current), self._at(after.current), key, self._parts)
            except ChecksumMismatch as error:
                raise StorageDown(f"{error}; it is brought again later.") from error

    def local_path(self, key: str) -> Path | None:
        """See `Storage`."""
        return self._holder(key).local_path(key)

    def open(self, key: str, *, start: int = 0) -> BinaryIO:
        """See `Storage`."""
        return self._holder(key).open(key, start=start)

    def size(self, key: str) -> int | None:
        """See `Storage`."""
        return self._holder(key).size(key)

    def remove(self, key: str) -> None:
        """See `Storage`: from where new files go. While files move, the old place may hold it whole."""
        self._at(self.current_places().current).remove(key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """See `Storage`: each key once."""
        seen: set[str] = set()
        for storage in self._all():
            for key in storage.list_keys(prefix):
                if key not in seen:
                    seen.add(key)
                    yield key

    def direct_link(
        self, key: str, *, expires_s: int, content_type: str | None = None, download_as: str | None = None
    ) -> str | None:
        """See `Storage`."""
        return self._holder(key).direct_link(
            key, expires_s=expires_s, content_type=content_type, download_as=download_as
        )

    def link_origins(self) -> tuple[str, ...]:
        """See `Storage`."""
        return tuple(origin for storage in self._all() for origin in storage.link_origins())

    def free_bytes(self) -> int | None:
        """See `Storage`."""
        return self._at(self.current_places().current).free_bytes()

    def remove_unfinished(self) -> int:
        """See `Storage`."""
        return sum(storage.remove_unfinished() for storage in self._all())

    def check_answers(self) -> None:
        """See `Storage`."""
        self._at(self.current_places().current).check_answers()

    def check_writable(self) -> str:
        """See `Storage`."""
        return self._at(self.current_places().current).check_writable()

    def _read(self) -> Places:
        with self._store.read() as session:
            move = read_move(session)
        if move is None or self._usual not in (move["from"], move["to"], *move["was"]):
            return Places(self._usual)
        return Places(move["to"], None if move["done"] else move["from"])

    def _all(self) -> list[Storage]:
        places = self.current_places()
        return [self._at(url) for url in (places.current, places.previous) if url]

    def _holder(self, key: str) -> Storage:
        """Where this file is; the current place when it is nowhere."""
        places = self.current_places()
        current = self._at(places.current)
        if places.previous is None or current.size(key) is not None:
            return current if places.previous or current.link_origins() else self._looked(current, key)
        previous = self._at(places.previous)
        return previous if previous.size(key) is not None else current

    def _looked(self, current: Storage, key: str) -> Storage:
        """Nothing moves, as far as we have seen; where the file is missing, look whether that is still so."""
        if current.size(key) is not None:
            return current
        before = self._seen
        self._seen_at = self._clock.monotonic() - PLACES_TTL_S
        return current if self.current_places() == before else self._holder(key)

    def _at(self, url: str) -> Storage:
        with self._lock:
            if url not in self._opened:
                self._opened[url] = self._open_storage(url)
            return self._opened[url]


def read_move(session: Session, *, for_update: bool = False) -> dict[str, Any] | None:
    """The fact of the last move, if there is one; its places in their one spelling, however it has them."""
    read = key_values.get_value_for_update if for_update else key_values.get_value
    move = read(session, MOVE_KEY)
    if move is None:
        return None
    source, target, *was = map(normalize_storage_url, [move["from"], move["to"], *move["was"]])
    return {**move, "from": source, "to": target, "was": was}


def forget_move(deps: Deps) -> None:
    """Files lie where `STORAGE_URL` says, whatever was moved before."""
    with deps.store.begin() as session:
        key_values.delete_value(session, MOVE_KEY)
