"""Tables in documents that tests make: each between two marks, and a test fails when it is another one."""

from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def differs(name: str, mark: str, made: str, *, write: bool) -> bool:
    """Does docs/`name` have something else between the marks? write: then it has this from now on."""
    path, begin, end = DOCS / name, f"<!-- {mark}: made by tests -->\n", f"<!-- {mark} ends -->\n"
    text = path.read_text("utf-8")
    head, rest = text.split(begin)
    old, tail = rest.split(end)
    if write:
        path.write_text(f"{head}{begin}{made}{end}{tail}", "utf-8")
    return old != made and not write
