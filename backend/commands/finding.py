"""What votes in files say of takes: `python -m backend experiment finding`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.domain.errors import InvalidRequest, SettingsError
from backend.domain.experiments.axes import label_of
from backend.domain.shape import load_json
from backend.web.told_errors import told_error

if TYPE_CHECKING:
    from backend.science import Finding  # NumPy, which no start is to wait for

VOTE_FIELDS, TAKE_FIELDS = ("left", "right", "choice", "rater"), ("take", "cell")


class FileFault(SettingsError):
    """What is wrong with a file, and with which one. why: what comes behind its name in the sentence."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}{why}")
        self.file = file


def print_finding(
    votes: Annotated[Path, typer.Option(help="JSON lines of left, right, choice (left, right, tie), rater.")],
    takes: Annotated[Path, typer.Option(help="JSON lines of take, cell and, for effects, levels.")],
    planned: Annotated[int | None, typer.Option(help="How many votes were to be given.", min=1)] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole finding, as the API tells it; faults as well.")
    ] = False,
) -> None:
    """What votes say of takes. Needs no database, and asks none."""
    try:
        found = _found(votes, takes, planned)
    except FileFault as fault:
        if not as_json:
            raise
        which = "takes" if fault.file == takes else "votes"
        typer.echo(json.dumps(told_error(InvalidRequest({which: str(fault)})), ensure_ascii=False))
        raise typer.Exit(1) from fault
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
        return
    typer.echo(f"{found.verdict.words} ({count_words(found.votes, 'vote')})")
    for cell in sorted(found.cells, key=lambda one: -one.score):
        rate = cell.win_rate
        told = f"{rate.vs_average:.0%}, between {rate.low:.0%} and {rate.high:.0%}"
        seen = f"{count_words(cell.takes, 'take')}, {count_words(cell.votes, 'vote')}"
        typer.echo(f"  {cell.label}: wins {told}, against the average; {seen}")
    called = {cell.id: cell.label for cell in found.cells}
    wanted = ", ".join(f"{count_words(one.n, 'take')} of {called[one.cell]}" for one in found.next.takes)
    typer.echo(f"Next: {wanted and f'{wanted}. '}{found.next.why}")


def count_words(number: int, what: str) -> str:
    """A number of these: "1 take", "2,000 takes"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _found(votes: Path, takes: Path, planned: int | None) -> "Finding":
    from backend.science import BallotError, fit

    cells, levels, labels = _read_takes(takes)
    lines = [line for _, line in _lines(votes, VOTE_FIELDS)]
    given = [tuple(line[name] for name in VOTE_FIELDS) for line in lines]
    repeated = len(lines) - len({_whose(line) for line in lines})
    if repeated:
        typer.echo(f"{repeated} votes are the same as one before them; each counts as a vote.", err=True)
    try:
        return fit(given, cells, levels=levels or None, labels=labels, planned=planned)
    except BallotError as error:
        raise FileFault(votes, f": {error}. Nothing was computed.") from error


def _whose(line: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a vote this one: its id, where files of `export` have it, or all that it says."""
    return (line["vote"],) if line.get("vote") else tuple(line[name] for name in VOTE_FIELDS)


def _read_takes(file: Path) -> tuple[dict[str, str], dict[str, dict[str, str]], dict[str, str]]:
    """take -> cell, cell -> {axis: level}, and cell -> what it is called, where the file says that."""
    cells: dict[str, str] = {}
    labels: dict[str, str] = {}
    levels: dict[str, dict[str, str]] = {}
    for number, line in _lines(file, TAKE_FIELDS):
        take, cell, own = line["take"], line["cell"], line.get("levels")
        if cells.setdefault(take, cell) != cell:
            was = f"the take {take!r} was in the cell {cells[take]!r} before."
            raise FileFault(file, f", line {number}: {was}")
        if label := line.get("cell_label"):
            labels.setdefault(cell, str(label))
        if own is None:
            continue
        if not isinstance(own, dict) or any(isinstance(one, dict | list) for one in own.values()):
            raise FileFault(file, f", line {number}: levels must be an object of values, axis by axis.")
        own = {axis: label_of(level) for axis, level in own.items()}
        if levels.setdefault(cell, own) != own:
            raise FileFault(file, f", line {number}: the cell {cell!r} had other levels before.")
    return cells, levels, labels


def _lines(file: Path, fields: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line's number and object, which has a text in each of these fields."""
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileFault(file, f" can't be read as UTF-8 text: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = load_json(line)
        except ValueError as error:
            raise FileFault(file, f", line {number} is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise FileFault(file, f", line {number} must be an object of {', '.join(fields)}.")
        if _is_left_out(value):
            continue
        for name in fields:
            if not isinstance(value.get(name), str) or not value[name]:
                raise FileFault(file, f", line {number}: {name} is missing, or no text.")
        yield number, value


def _is_left_out(line: dict[str, Any]) -> bool:
    """In tables that `export` writes: votes that don't count, takes not here, or of dropped cells."""
    if line.get("counted") is False:
        return True
    return "trial" in line and (line.get("status") != "completed" or line.get("cell_dropped") is True)
