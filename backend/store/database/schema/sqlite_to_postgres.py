"""From an SQLite file to a PostgreSQL server: every row, its id kept, compared at the end.

The file's one write lock is held from the first row to the last, so nothing changes under the copy:
whoever wants to write there meanwhile waits, and is then put off. Afterwards the file is sealed: it can
be read, and refuses every write. A run that was killed is finished by starting it again.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete, func, insert, select, text, tuple_
from sqlmodel import Session, SQLModel, col

from backend.domain.errors import SettingsError, StoreUnavailable
from backend.models import Job, KeyValue
from backend.store.database.engine import Store
from backend.store.database.schema.migrate import (
    MOVED_TO_FACT,
    MOVING_FROM_FACT,
    SCHEMA_FACT,
    current_revision,
    migrate_schema,
)
from backend.store.records import key_values
from backend.store.search.index import take_index

#: Rows that are read and written at a time, each batch in a transaction of its own.
BATCH = 1000
#: A worker that was heard of this lately is taken to be alive; one with a long lease speaks more seldom.
WORKER_ALIVE_WITHIN = timedelta(seconds=45)
WORKER_ALIVE_LEASES = 3


def move_to_postgres(
    source: Store, target: Store, *, now: Callable[[], datetime], on_progress: Callable[[str], None]
) -> dict[str, int]:
    """Copy everything, compare it, seal the source; returns table -> rows.

    Raises:
        SettingsError: what stands in the way, or what differs; the source is as it was.
    """
    _fits(source, target)
    try:
        with source.begin() as old:
            _is_quiet(old, now())
            _claim(target, source, now())
            rows = {table.name: _table(old, target, table, on_progress) for table in _tables()}
            # The index of takes is no table of ours: the target's triggers have noted every take.
            take_index.index_all_pending(target, on_progress=lambda n: on_progress(f"index of takes: {n:,}"))
            _seal(old, target.redacted_url, now())
        with target.begin() as new:
            key_values.delete_value(new, MOVING_FROM_FACT)
    except StoreUnavailable as error:
        raise SettingsError(f"The move stopped: {error.why}. Start it again; it goes on.") from error
    return rows


def _fits(source: Store, target: Store) -> None:
    if not source.embedded or target.embedded:
        raise SettingsError("Give a file and a server: sqlite:///… postgresql+psycopg://…")
    if not Path(source.engine.url.database or "").is_file():
        raise SettingsError(f"{source.redacted_url}: there is no such file. Nothing was changed.")
    head = migrate_schema(target)
    at = current_revision(source)
    if at != head:
        raise SettingsError(
            f"The schema of {source.redacted_url} is {at or 'none'}, not {head}: is it the right file? "
            "If it is, bring it to the newest schema first: python -m backend migrate"
        )
    with source.read() as old:
        moved = key_values.get_value(old, MOVED_TO_FACT)
    if moved is not None and moved["to"] != target.redacted_url:
        raise SettingsError(
            f"{source.redacted_url} was moved to {moved['to']}, and what was done since is only there. A "
            "second database of the same takes would send and pay for them again. Nothing was changed."
        )


def _is_quiet(old: Session, now: datetime) -> None:
    """No worker has work in hand: what it is doing now would be known to nobody afterwards."""
    signs = key_values.list_by_prefix(old, "worker:")
    alive = [sign for sign in signs if now - sign.at <= _speaks_within(sign)]
    held = old.execute(select(func.count()).select_from(Job).where(col(Job.claimed_until) > now)).scalar_one()
    if alive or held:
        names = ", ".join(fact.name.removeprefix("worker:") for fact in alive) or "one that was just killed"
        longest = max(map(_speaks_within, alive), default=WORKER_ALIVE_WITHIN)
        raise SettingsError(
            f"A worker is at work on this database ({names}): stop everything first. One that was killed "
            f"counts as stopped after {longest.total_seconds():g} s."
        )


def _speaks_within(sign: KeyValue) -> timedelta:
    """Silent for longer, this worker is taken to be dead. One of an older program doesn't tell its lease."""
    return max(WORKER_ALIVE_WITHIN, WORKER_ALIVE_LEASES * timedelta(seconds=sign.value.get("lease_s", 0)))


def _claim(target: Store, source: Store, now: datetime) -> None:
    """This target is filled from this source, and from nothing else."""
    with target.begin() as new:
        mark = key_values.get(new, MOVING_FROM_FACT)
        if mark is not None:
            if mark.value["source"] != source.url:
                from_where = mark.value["source"]
                raise SettingsError(
                    f"{target.redacted_url} is half filled from {from_where}: finish that, or empty it"
                )
            return
        with source.read() as old:
            if key_values.get_value(old, MOVED_TO_FACT) is not None:
                raise SettingsError(f"{source.redacted_url} was moved there already: there is nothing to do.")
        rows = {table.name: _ours(select(1).select_from(table), table).limit(1) for table in _tables()}
        if full := ", ".join(name for name, query in rows.items() if new.execute(query).first()):
            raise SettingsError(f"{target.redacted_url} is not empty ({full}): give an empty database")
        key_values.set_value(new, MOVING_FROM_FACT, {"source": source.url}, at=now)


def _table(old: Session, target: Store, table: Table, on_progress: Callable[[str], None]) -> int:
    """Copy one table and compare it; what an earlier run left is believed only if it is the same."""
    total = old.execute(_ours(select(func.count()).select_from(table), table)).scalar_one()
    for attempt in ("goes on", "anew"):
        _copy(old, target, table, total, on_progress)
        mine = _digest(_batches(old, table, None))
        with target.read() as new:
            # Between two batches a slow machine thinks for longer than a silent transaction may last.
            new.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            theirs = _digest(_batches(new, table, None))
        if mine == theirs:
            on_progress(f"{table.name}: {total:,} rows, compared")
            return int(total)
        if attempt == "goes on":  # the source changed since the run that was killed
            with target.begin() as new:
                new.execute(_ours(delete(table), table))
    counts = f"{mine[0]:,} rows there, {theirs[0]:,} here"
    raise SettingsError(f"{table.name} differs: {counts}, or what they hold")


def _copy(old: Session, target: Store, table: Table, total: int, on_progress: Callable[[str], None]) -> None:
    with target.read() as new:
        newest = _ours(select(*table.primary_key), table).order_by(*(key.desc() for key in table.primary_key))
        last = new.execute(newest.limit(1)).first()
        done = new.execute(_ours(select(func.count()).select_from(table), table)).scalar_one()
    for batch in _batches(old, table, None if last is None else tuple(last)):
        with target.begin() as new:
            new.connection().execute(insert(table), batch)
        done += len(batch)
        on_progress(f"{table.name}: {done:,} of {total:,}")
    with target.begin() as new:
        _count_on(new, table)


def _count_on(new: Session, table: Table) -> None:
    """The next id that the server gives by itself follows the last one."""
    key = table.autoincrement_column
    if key is None:
        return
    sequence = new.execute(text("SELECT pg_get_serial_sequence(:t, :c)"), {"t": table.name, "c": key.name})
    name = sequence.scalar()
    last = new.execute(select(func.max(key))).scalar()
    if name is not None and last is not None:
        new.execute(select(func.setval(name, last)))


def _seal(old: Session, moved_to: str, now: datetime) -> None:
    """From the end of this transaction on nothing can be written there: it would be lost."""
    if key_values.get_value(old, MOVED_TO_FACT) is not None:
        return
    key_values.set_value(old, MOVED_TO_FACT, {"to": moved_to}, at=now)
    for table in _tables():
        for act in ("INSERT", "UPDATE", "DELETE"):
            old.execute(text(
                f"CREATE TRIGGER IF NOT EXISTS moved_{table.name}_{act} BEFORE {act} ON {table.name} "
                "BEGIN SELECT RAISE(ABORT, 'this database was moved'); END"
            ))  # fmt: skip


# -- rows -------------------------------------------------------------------------------------


def _tables() -> Sequence[Table]:
    return SQLModel.metadata.sorted_tables


def _ours(statement: Any, table: Table) -> Any:
    """Without what this module itself writes down, and what each database knows of its own schema."""
    if table.name != KeyValue.__tablename__:
        return statement
    return statement.where(table.c.name.not_in([MOVING_FROM_FACT, MOVED_TO_FACT, SCHEMA_FACT]))


def _batches(session: Session, table: Table, after: tuple[Any, ...] | None) -> Iterator[list[dict[str, Any]]]:
    """All rows by their key, from behind `after` on."""
    keys = list(table.primary_key)
    while True:
        query = _ours(select(table), table).order_by(*keys).limit(BATCH)
        if after is not None:
            query = query.where(tuple_(*keys) > tuple_(*after))
        batch = [dict(row) for row in session.connection().execute(query).mappings()]
        if not batch:
            return
        yield batch
        after = tuple(batch[-1][key.name] for key in keys)


def _digest(batches: Iterator[list[dict[str, Any]]]) -> tuple[int, str]:
    """(how many rows, the SHA-256 of all that they hold)."""
    digest, count = hashlib.sha256(), 0
    for count, row in enumerate(chain.from_iterable(batches), start=1):  # noqa: B007  the last number is how many there are
        digest.update(json.dumps(row, sort_keys=True, default=_told).encode())
        digest.update(b"\n")
    return count, digest.hexdigest()


def _told(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime) else repr(value)
