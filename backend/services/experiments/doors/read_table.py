"""A table out of a file that a person has: CSV as programs write it, or Parquet."""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from backend.domain.errors import InvalidRequest

#: More rows are not one experiment.
ROWS_MAX = 5_000
#: A file of so many rows is smaller, unless it is none of prompts.
FILE_MAX_BYTES = UNPACKED_MAX_BYTES = 64 * 1024 * 1024
#: So many faults are named one by one.
FAULTS_MAX = 50
#: What stands between cells, as programs write it. The first also stands where there is one column.
DELIMITERS = (",", ";", "\t")

_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
#: How pandas calls the numbers of rows that it writes along.
_INDEX = re.compile(r"__index_level_\d+__")
LATIN = "It is not in UTF-8, so it was read as Latin-1 (Windows-1252); look whether its accents are right."


@dataclass(frozen=True)
class Table:
    """What a file holds.

    rows: (its number as spreadsheets count, the line of names being 1; its cells, None where one is empty).
    typed: numbers and yes/no are what they were in the file; else all cells are text. notes: what was done.
    decimal_comma: numbers may be written with one.
    """

    names: Sequence[str]
    rows: Sequence[tuple[int, Sequence[Any]]]
    typed: bool
    notes: tuple[str, ...] = ()
    decimal_comma: bool = False


def read_table(name: str, content: bytes) -> Table:
    """Read a file, by what is in it; its name only says what was meant.

    Raises:
        InvalidRequest: names everything that is at fault with the file.
    """
    if len(content) > FILE_MAX_BYTES:
        raise _fault(f"has {len(content):,} bytes; at most {FILE_MAX_BYTES:,} are taken")
    if content.startswith(b"PAR1"):
        return _read_parquet(content)
    if name.lower().endswith((".parquet", ".pq")):
        raise _fault("is no Parquet file: it doesn't begin like one")
    if content.startswith(b"PK\x03\x04"):
        raise _fault("is an Excel workbook or a ZIP; save its sheet as CSV")
    return _read_csv(content)


def too_many(rows: int) -> InvalidRequest:
    """The refusal of a file with so many rows."""
    return _fault(
        f"has {rows:,} rows; at most {ROWS_MAX:,} are taken. Leave some out, or make it several files"
    )


def few_faults(faults: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The first of them by name, and how many more there are."""
    found = dict(faults)
    left = len(found) - FAULTS_MAX
    if left <= 0:
        return found
    return dict(list(found.items())[:FAULTS_MAX]) | {"…": f"{left:,} more faults are like these"}


def _fault(why: str) -> InvalidRequest:
    return InvalidRequest({"file": why})


# -- CSV


def _read_csv(content: bytes) -> Table:
    text, notes = _decoded(content)
    separator = _SEPARATOR_LINE.match(text)
    if separator:  # Excel reads and writes this line
        text = text[separator.end() :]
    delimiter = separator[1] if separator else _delimiter(text)
    records = list(_records(text, delimiter))
    if not records:
        raise _fault("is empty")
    (_, names), *rows = records
    if not rows:
        raise _fault("has a line of names, and no rows below it")
    if len(rows) > ROWS_MAX:
        raise too_many(len(rows))
    width = len(names)
    long = [(number, cells) for number, cells in rows if any(cell.strip() for cell in cells[width:])]
    if long:
        why = "has {} cells for {} columns; put quotes round a text that holds {}"
        told = {",": "a comma", ";": "a semicolon", "\t": "a tab"}.get(delimiter, delimiter)
        named = ((f"row {number}", why.format(len(cells), width, told)) for number, cells in long)
        raise InvalidRequest(few_faults(named))
    filled = [(number, [*cells[:width], *[""] * (width - len(cells))]) for number, cells in rows]
    plain = [(number, [cell if cell.strip() else None for cell in cells]) for number, cells in filled]
    return Table(names, plain, typed=False, notes=tuple(notes), decimal_comma=delimiter == ";")


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that holds something, with its number."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            said = str(error)
            why = "a quote is opened and never closed" if "unexpected end of data" in said else said
            raise InvalidRequest({f"row {number}": f"can't be read: {why}"}) from error
        if cells is None:
            return
        if any(map(str.strip, cells)):
            yield number, cells


def _decoded(content: bytes) -> tuple[str, list[str]]:
    """(the text, what was done to have it)"""
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return content.decode("utf-16"), []
        text, notes = content.decode("utf-8-sig"), list[str]()
    except UnicodeDecodeError:
        text, notes = content.decode("cp1252", "replace"), [LATIN]
    if "\0" in text:
        raise _fault("is neither CSV nor Parquet: it holds bytes that no text has")
    if text.lstrip().startswith(("{", "[")):
        raise _fault("is JSON, and no table; give CSV or Parquet, or the JSON as a plan")
    return text, notes


def _delimiter(text: str) -> str:
    """What stands between the names of the first line."""
    line = _QUOTED.sub("", text.lstrip("\r\n")).partition("\n")[0]
    return max(DELIMITERS, key=line.count)


# -- Parquet


def _read_parquet(content: bytes) -> Table:
    import pyarrow as pa  # a quarter of a second, for whoever brings such a file
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        schema, told = file.schema_arrow, file.metadata
        if told.num_rows > ROWS_MAX:
            raise too_many(told.num_rows)
        if told.num_rows == 0:
            raise _fault("has columns, and no rows")
        size = sum(told.row_group(number).total_byte_size for number in range(told.num_row_groups))
        if size > UNPACKED_MAX_BYTES:
            raise _fault(f"holds {size:,} bytes; at most {UNPACKED_MAX_BYTES:,} are taken")
        if wrong := [(one.name, why) for one in schema if (why := _unfit(pa, one.type))]:
            raise InvalidRequest(few_faults(wrong))
        table = file.read()
        kept = [number for number, name in enumerate(schema.names) if not _INDEX.fullmatch(name)]
        columns = [[_plain(value) for value in table.column(number).to_pylist()] for number in kept]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _fault(f"is a broken Parquet file ({str(error).partition(chr(10))[0][:120]})") from error
    if not columns:
        raise _fault("has no columns")
    rows = [(number, cells) for number, cells in enumerate(zip(*columns, strict=True), 2)]
    named = [schema.names[number] for number in kept]
    return Table(named, [row for row in rows if any(cell is not None for cell in row[1])], typed=True)


def _unfit(pa: Any, kind: Any) -> str | None:
    """Why a column of this type holds no cells of a plan."""
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    plain = (
        types.is_string, types.is_large_string, types.is_string_view, types.is_integer, types.is_floating,
        types.is_boolean, types.is_decimal, types.is_null,
    )  # fmt: skip
    if any(fits(kind) for fits in plain):
        return None
    return (
        f"holds {'lists or objects' if types.is_nested(kind) else kind}; cells are texts, numbers or yes/no"
    )


def _plain(value: Any) -> Any:
    """A whole number is one whatever it was kept as: with a gap in it, a column of them is one of floats."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, Decimal):
        value = float(value)
    if math.isnan(value):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else value
