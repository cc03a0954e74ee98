"""Rows as CSV for spreadsheets, in which no cell is taken for a formula."""

import csv
import io
from collections.abc import Sequence
from typing import Any

#: What spreadsheets take for a formula when a cell begins with it. Source: OWASP, "CSV Injection".
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(names: Sequence[str] | None, rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows in UTF-8, under a line of names if there are any.

    None is empty; what looks like a formula gets an apostrophe before it.
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    if names is not None:
        writer.writerow(names)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return written.getvalue().encode("utf-8", "replace")


def plain_cell(text: str) -> str:
    """What stands in a cell of such a file: without the apostrophe before what looks like a formula.

    >>> plain_cell("'=A1"), plain_cell("'tis")
    ('=A1', "'tis")
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def _cell(value: Any) -> Any:
    """An amount is never in the notation of science, which some spreadsheets misread."""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
