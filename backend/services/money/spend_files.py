"""What was spent as a file to keep: CSV for spreadsheets, Parquet for programs; the same rows in both."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from backend.services.money.spending import SpendReport, Spent

#: What spreadsheets take for a formula when a cell begins with it. Source: OWASP, "CSV Injection".
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
#: The columns of money and numbers, in their order.
_MEASURES = tuple(Spent().as_json())
_COUNTS = frozenset({"takes", "unpriced"})


def file_name(report: SpendReport, ending: str) -> str:
    """What a file of these rows is saved as: spend-by-model-from-2026-11-01-to-2026-11-30.csv."""
    query = report.query
    since = [] if query.since is None else ["from", query.since]
    until = [] if query.until is None else ["to", query.until]
    return "-".join(["spend-by", "-and-".join(query.dimensions), *since, *until]) + f".{ending}"


def as_csv(report: SpendReport) -> bytes:
    """UTF-8 with a line of names; what is not known is empty, and no name is taken for a formula."""
    names = [*report.query.dimensions, *_MEASURES]
    return write_csv(names, [[row[name] for name in names] for row in _rows(report)])


def write_csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows under a line of names; None is empty; what looks like a formula gets an apostrophe before it."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return written.getvalue().encode("utf-8", "replace")


def as_parquet(report: SpendReport) -> bytes:
    """One table: texts, whole numbers, and dollars as doubles that are null where not known."""
    import pyarrow as pa  # 60 MB and a quarter of a second, for whoever asks for such a file
    from pyarrow import parquet

    fields = [(str(name), pa.string()) for name in report.query.dimensions]
    fields += [(name, pa.int64() if name in _COUNTS else pa.float64()) for name in _MEASURES]
    written = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(_rows(report), schema=pa.schema(fields)), written)
    return bytes(written.getvalue().to_pybytes())


def _rows(report: SpendReport) -> list[dict[str, Any]]:
    return [group.as_json() for group in report.groups]


def _cell(value: Any) -> Any:
    """An amount is never in the notation of science, which some spreadsheets misread."""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
