"""Move every stored file to another place while everything runs: copy, compare, switch.

From its first moment on, new files go to the new place, and what has not come over yet is read from the
old one (`services.storage.relocatable`). Nothing is removed from the old place. The same command continues
a move that was cut short.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from backend.domain.errors import MediaError, SettingsError, StorageDown
from backend.domain.place import normalize_storage_url
from backend.media.storage.base import Storage
from backend.services.deps import Deps
from backend.services.storage.copy_verified import ChecksumMismatch, copy_file
from backend.services.storage.relocatable import MOVE_KEY, read_move
from backend.store.records import key_values

#: Files at once: most are small, and wait for the bucket's answer.
COPY_THREADS = 4
#: Progress is written down after so many files.
BATCH_SIZE = 64


@dataclass
class MoveResult:
    """What was done. problems: a line for each file that was not what its name says, and stayed behind."""

    files: int = 0
    copied: int = 0
    copied_bytes: int = 0
    problems: list[str] = field(default_factory=list)


def move_storage(deps: Deps, source: str, target: str, *, on_progress: Callable[[str], None]) -> MoveResult:
    """Afterwards every good file is at the new place, compared by its hash, and only that one is used.

    Raises:
        SettingsError: the places are wrong, or the new one can't be used; nothing has changed. Or another
            run of the same command has ended the move.
        StorageFull: one of them failed on the way; both stay in use, and the same command goes on.
    """
    try:
        source, target = normalize_storage_url(source), normalize_storage_url(target)
    except ValueError as error:
        raise SettingsError(f"A place {error}.") from error
    fact = _begin(deps, source, target)
    move = _Move(deps, deps.open_storage(source), deps.open_storage(target), fact, on_progress)
    move.first_pass()
    while move.pass_again():  # for what came to the old place meanwhile
        continue
    _keep(deps, {**fact, "done": True, "reached": "", "bad": []})
    return move.moved


class _Move:
    """One run of the command."""

    def __init__(
        self, deps: Deps, old: Storage, new: Storage, fact: dict[str, Any], on_progress: Callable[[str], None]
    ) -> None:
        self._deps, self._old, self._new, self._fact, self._told = deps, old, new, fact, on_progress
        self._seen: set[str] = set()
        self._bad: set[str] = set()
        self.moved = MoveResult()

    def first_pass(self) -> None:
        """Everything behind the key that an earlier run has come to, each compared by its hash.

        What that run found bad is read again: it may be whole by now, or else is told of by this run, too.
        """
        reached, bad = self._fact["reached"], set(self._fact["bad"])
        keys = sorted(key for key in self._old.list_keys() if key > reached or key in bad)
        for start in range(0, len(keys), BATCH_SIZE):
            batch = keys[start : start + BATCH_SIZE]
            self._take(batch)
            bad = (bad - set(batch)) | self._bad
            _keep(self._deps, {**self._fact, "reached": max(reached, batch[-1]), "bad": sorted(bad)})
            self._told(f"{start + len(batch)} of {len(keys)} files, {self.moved.copied} copied")

    def pass_again(self) -> bool:
        """What is new since; was there anything?"""
        found = [key for key in self._old.list_keys() if key not in self._seen]
        late = [key for key in found if self._new.size(key) != self._old.size(key)]
        self._seen.update(found)
        for start in range(0, len(late), BATCH_SIZE):
            self._take(late[start : start + BATCH_SIZE])
        return bool(late)

    def _take(self, keys: list[str]) -> None:
        with ThreadPoolExecutor(COPY_THREADS, thread_name_prefix="move") as pool:
            for copied_bytes in pool.map(self._one, keys):
                self.moved.files += 1
                self.moved.copied += copied_bytes > 0
                self.moved.copied_bytes += copied_bytes
        self._seen.update(keys)

    def _one(self, key: str) -> int:
        try:
            return copy_file(self._old, self._new, key, self._deps.settings.parts_dir)
        except FileNotFoundError as error:
            if self._old.size(key) is None:  # removed meanwhile, from both
                return 0
            raise StorageDown(f"{key} did not arrive; the same command goes on.") from error
        except ChecksumMismatch as error:
            self._bad.add(key)
            self.moved.problems.append(str(error))
            return 0


def _begin(deps: Deps, source: str, target: str) -> dict[str, Any]:
    """Write down that the move is on; returns the fact, with how far an earlier run has come."""
    if source == target:
        raise SettingsError("FROM and TO are the same place.")
    if f"{source}/".startswith(f"{target}/") or f"{target}/".startswith(f"{source}/"):
        raise SettingsError("FROM and TO lie within each other: name places that can be removed one by one.")
    with deps.store.read() as session:
        before = read_move(session)
    if before is not None and (before["from"], before["to"]) == (source, target) and not before["done"]:
        fact = {"bad": [], **before}
    else:
        was = _checked(deps, source, target, before)
        fact = {"from": source, "to": target, "was": was, "done": False, "reached": "", "bad": []}
    try:
        deps.open_storage(target).check_writable()
    except MediaError as error:
        raise SettingsError(f"TO can't be used: {error.in_full}") from error
    with deps.store.begin() as session:
        if read_move(session, for_update=True) != before:
            raise SettingsError("Another move has just begun. Nothing was changed here: see what it does.")
        key_values.set_value(session, MOVE_KEY, fact, at=deps.clock.now())
    return fact


def _checked(deps: Deps, source: str, target: str, before: dict[str, Any] | None) -> list[str]:
    """All places whose name in somebody's settings means the source by now."""
    if before and not before["done"]:
        raise SettingsError(f"A move from {before['from']} to {before['to']} is under way: end it first.")
    names = [*before["was"], before["from"], before["to"]] if before else []
    usual = deps.settings.resolved_storage_url
    where = before["to"] if before and usual in names else usual
    if before and (source, target) == (before["from"], before["to"]) and where == target:
        raise SettingsError(f"That move is done: files lie in {target}. There is nothing to do.")
    if source != where:
        raise SettingsError(f"Files do not lie in {source}, but in {where}: name that as FROM.")
    return [name for name in names if usual in names and name not in (source, target)]


def _keep(deps: Deps, fact: dict[str, Any]) -> None:
    """Write down how far the move has come; SettingsError if it is no longer on."""
    with deps.store.begin() as session:
        now = read_move(session, for_update=True)
        if now is None or now["done"] or (now["from"], now["to"]) != (fact["from"], fact["to"]):
            raise SettingsError("This move was ended meanwhile, by another run of the same command or so.")
        key_values.set_value(session, MOVE_KEY, fact, at=deps.clock.now())
