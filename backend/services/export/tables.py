"""Rows of takes as a file: CSV for spreadsheets, JSON lines and Parquet for programs; the same fields in all.

Each is made batch by batch while it is sent, so that any number of takes needs the memory of one batch.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from backend.services.csv_rows import write_csv
from backend.services.export.rows import COLUMNS, Column, Kind, TakeRow

#: Batches of rows.
Batches = Iterable[Sequence[TakeRow]]
#: Of every column, in the order of a file.
NAMES = tuple(column.name for column in COLUMNS)
#: So many rows of a Parquet file are in memory; each group of rows costs its readers a look.
GROUP_ROWS = 5000


def write_lines(batches: Batches) -> Iterator[bytes]:
    """JSON lines: an object a take, lists and objects as they are."""
    for rows in batches:
        yield "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows).encode(
            "utf-8", "replace"
        )


def write_table(batches: Batches) -> Iterator[bytes]:
    """CSV under a line of names; lists and objects as JSON."""
    yield write_csv(NAMES, [])
    for rows in batches:
        yield csv_lines(rows, NAMES)


def csv_lines(rows: Sequence[TakeRow], names: Sequence[str]) -> bytes:
    """These rows in CSV, with these columns."""
    return write_csv(None, [[_cell(row[name]) for name in names] for row in rows])


def write_parquet(batches: Batches) -> Iterator[bytes]:
    """One table: texts, lists of texts, numbers, moments in UTC; objects as JSON."""
    import pyarrow as pa  # 60 MB and a quarter of a second, for whoever asks for such a file
    from pyarrow import parquet

    schema = pa.schema([(column.name, _arrow(pa, column.kind)) for column in COLUMNS])
    sink = _Written()
    with parquet.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for rows in _grouped(batches):
            values = [[_stored(column, row[column.name]) for row in rows] for column in COLUMNS]
            arrays = [pa.array(some, kind) for some, kind in zip(values, schema.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


def plain(row: TakeRow) -> dict[str, Any]:
    """A row as JSON holds it."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


#: format -> what writes it
WRITERS: Mapping[str, Callable[[Batches], Iterator[bytes]]] = {
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
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _stored(column: Column, value: Any) -> Any:
    """A value as Parquet holds it."""
    if column.kind is Kind.VALUE:
        return None if value is None else json.dumps(value, ensure_ascii=False)
    if column.kind is Kind.TEXT and value is not None:
        return value.encode("utf-8", "replace").decode()
    return float(value) if column.kind is Kind.NUMBER and value is not None else value


def _arrow(pa: Any, kind: Kind) -> Any:
    return {
        Kind.TEXT: pa.string(),
        Kind.WHOLE: pa.int64(),
        Kind.NUMBER: pa.float64(),
        Kind.MOMENT: pa.timestamp("us", tz="UTC"),
        Kind.FLAG: pa.bool_(),
        Kind.TEXTS: pa.list_(pa.string()),
        Kind.VALUE: pa.string(),
    }[kind]
