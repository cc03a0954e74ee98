"""Rows of takes as a file: CSV for spreadsheets, JSON lines and Parquet for programs; the same fields in all.

Each is made batch by batch while it is sent, so that any number of takes needs the memory of one batch.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from backend.services.csv_rows import write_csv
from backend.services.export.rows import COLUMNS, Kind, NamedKind, TakeRow

#: Batches of rows.
Batches = Iterable[Sequence[TakeRow]]
#: In the order of a file.
Columns = Sequence[NamedKind]
#: Of every column of takes.
NAMES = tuple(column.name for column in COLUMNS)
#: So many rows of a Parquet file are in memory; each group of rows costs its readers a look.
GROUP_ROWS = 5000


#: Made once: `json.dumps` makes one a call, which costs more than what it writes.
_to_json = json.JSONEncoder(ensure_ascii=False).encode


def write_lines(batches: Batches, columns: Columns = COLUMNS) -> Iterator[bytes]:
    """JSON lines: an object a row, lists and objects as they are."""
    names = [column.name for column in columns]
    for rows in batches:
        told = (_to_json(plain({name: row[name] for name in names})) for row in rows)
        yield "".join(f"{line}\n" for line in told).encode("utf-8", "replace")


def write_table(batches: Batches, columns: Columns = COLUMNS) -> Iterator[bytes]:
    """CSV under a line of names; lists and objects as JSON."""
    names = [column.name for column in columns]
    yield write_csv(names, [])
    for rows in batches:
        yield csv_lines(rows, names)


def csv_lines(rows: Sequence[TakeRow], names: Sequence[str]) -> bytes:
    """These rows in CSV, with these columns."""
    return write_csv(None, [[_cell(row[name]) for name in names] for row in rows])


def write_parquet(batches: Batches, columns: Columns = COLUMNS) -> Iterator[bytes]:
    """One table: texts, lists of texts, numbers, moments in UTC; objects as JSON."""
    from pyarrow import PythonFile, parquet  # 60 MB, a quarter of a second: for whoever asks for such a file

    sink = _Written()
    with parquet.ParquetWriter(
        PythonFile(sink, mode="w"), arrow_schema(columns), compression="zstd"
    ) as writer:
        for rows in _grouped(batches):
            writer.write_table(arrow_table(rows, columns))
            yield sink.taken()
    yield sink.taken()


def arrow_table(rows: Sequence[TakeRow], columns: Columns) -> Any:
    """These rows as a table of Arrow."""
    import pyarrow as pa

    schema = arrow_schema(columns)
    arrays = [
        _arrow_column(pa, kind, column.kind, [row[column.name] for row in rows])
        for column, kind in zip(columns, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def arrow_schema(columns: Columns) -> Any:
    """The types of these columns; objects are text, which holds JSON."""
    import pyarrow as pa

    kinds = {
        Kind.TEXT: pa.string(),
        Kind.WHOLE: pa.int64(),
        Kind.NUMBER: pa.float64(),
        Kind.MOMENT: pa.timestamp("us", tz="UTC"),
        Kind.FLAG: pa.bool_(),
        Kind.TEXTS: pa.list_(pa.string()),
        Kind.VALUE: pa.string(),
    }
    return pa.schema([(column.name, kinds[column.kind]) for column in columns])


def plain(row: TakeRow) -> dict[str, Any]:
    """A row as JSON holds it."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


#: format -> what writes it
WRITERS: Mapping[str, Callable[..., Iterator[bytes]]] = {
    "csv": write_table,
    "jsonl": write_lines,
    "parquet": write_parquet,
}


class _Written:
    """What a writer wrote since it was last asked."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._position += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _grouped(batches: Batches) -> Iterator[list[TakeRow]]:
    group: list[TakeRow] = []
    for rows in batches:
        group += rows
        if len(group) >= GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return int(value)
    return _to_json(value) if isinstance(value, list | dict) else value


def _arrow_column(pa: Any, arrow: Any, kind: Kind, values: list[Any]) -> Any:
    """A column whole, which is many times as fast as value by value."""
    if kind is Kind.VALUE:
        values = [None if value is None else _to_json(value) for value in values]
    try:
        return pa.array(values, arrow)
    except UnicodeEncodeError:  # half a character, in what a provider said
        return pa.array([_whole(value) for value in values], arrow)


def _whole(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
