"""What was spent as a file to keep: CSV for spreadsheets, Parquet for programs; the same rows in both."""

from typing import Any

from backend.services.csv_rows import write_csv
from backend.services.money.spending import NAMED, SpendReport, Spent

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
    names = [*_named(report), *_MEASURES]
    return write_csv(names, [[row[name] for name in names] for row in _rows(report)])


def as_parquet(report: SpendReport) -> bytes:
    """One table: texts, whole numbers, and dollars as doubles that are null where not known."""
    import pyarrow as pa  # 60 MB and a quarter of a second, for whoever asks for such a file
    from pyarrow import parquet

    fields = [(name, pa.string()) for name in _named(report)]
    fields += [(name, pa.int64() if name in _COUNTS else pa.float64()) for name in _MEASURES]
    written = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(_rows(report), schema=pa.schema(fields)), written)
    return bytes(written.getvalue().to_pybytes())


def _named(report: SpendReport) -> list[str]:
    """The columns that tell groups apart; a project and an experiment have their names beside their ids."""
    named = {one: [str(one), f"{one}_name"] for one in NAMED}
    return [name for one in report.query.dimensions for name in named.get(one, [str(one)])]


def _rows(report: SpendReport) -> list[dict[str, Any]]:
    return [group.as_json() for group in report.groups]
