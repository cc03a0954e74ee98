"""The rows of a plan out of a CSV or Parquet file: each column is an axis, and what it isn't is named."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from backend.catalogue.check_params import check_params
from backend.catalogue.models import VideoModel
from backend.domain.errors import InvalidRequest
from backend.domain.prompt import AXES
from backend.domain.shape import load_json
from backend.domain.text import unknown_names
from backend.services.deps import Deps
from backend.services.experiments.doors.read_table import Table, few_faults, read_table
from backend.services.prompting.prompt_variables import variables_in

#: Axes that any plan may have; besides, the model's parameters and the variables of the prompts.
PLAIN_AXES = ("prompt", "template", "model", "image", *(f"style.{axis}" for axis in AXES))
PARAMS = "params."

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_COMMA_NUMBER = re.compile(r"-?(0|[1-9]\d*),\d+", re.ASCII)

#: model's id -> the model; None: there is none of that name
FindModel = Callable[[str], VideoModel | None]
#: axis -> the place of its column
Axes = Mapping[str, int]


@dataclass(frozen=True)
class PlanRows:
    """rows: as a plan has them, each a mapping of axes; what a row leaves out, the plan's base says.

    notes: what was done to the file, in sentences.
    """

    rows: list[dict[str, Any]]
    notes: tuple[str, ...] = ()


def rows_of_file(deps: Deps, name: str, content: bytes, base: Mapping[str, Any]) -> PlanRows:
    """As `read_rows`, for a plan with this base and with the models on offer."""

    @cache
    def find(model_id: str) -> VideoModel | None:
        try:
            return deps.catalogue.get(model_id)
        except KeyError:
            return None

    prompt, model = (str(base.get(one) or "") for one in ("prompt", "model"))
    return read_rows(name, content, prompt=prompt, model=model, find=find)


def read_rows(
    name: str, content: bytes, *, prompt: str = "", model: str = "", find: FindModel = lambda _: None
) -> PlanRows:
    """The rows of a file. prompt, model: what holds where a row has none of its own.

    Text that a CSV file has for a parameter becomes what the model takes there: a number, true or false, a
    list; or text, where it takes text.

    Raises:
        InvalidRequest: names everything that is at fault, columns by their names and cells by their rows.
    """
    table = read_table(name, content)
    columns = _read_names(table)
    axes = columns.axes
    models = {model, *(str(row[axes["model"]]) for _, row in table.rows if "model" in axes)}
    offered = [one for text in models if (one := find(text))]
    prompts = _prompts(table, axes, prompt)
    faults = columns.faults | columns.as_given(_unknown(axes, prompts, offered, len(models - {""})))
    faults |= few_faults(_holes(table, axes, prompt))
    if faults:
        raise InvalidRequest(faults)
    cells = _Cells(table, find)
    rows = [cells.row_of(row, axes, model) for _, row in table.rows]
    return PlanRows(rows, (*table.notes, *columns.notes, *_empty_note(table, axes)))


# -- columns


@dataclass
class _Columns:
    """axes: see `Axes`. given: axis -> its column's name as the file has it. notes: what was left out.
    faults: what is wrong with names by themselves."""

    axes: dict[str, int] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    def as_given(self, faults: Mapping[str, str]) -> dict[str, str]:
        """The same, by the names that whoever wrote the file looks for."""
        return {self.given.get(axis, axis): fault for axis, fault in faults.items()}


def _read_names(table: Table) -> _Columns:
    found = _Columns()
    for place, given in enumerate(table.names):
        written = name = given.strip()
        if name.startswith("param."):
            name = PARAMS + name.removeprefix("param.")
        cells = [row[place] for _, row in table.rows]
        if name and name in found.axes:
            found.faults[written] = "is the name of more than one column"
        elif name:
            found.axes[name], found.given[name] = place, written
        elif any(cell is not None for cell in cells) and not _is_count(cells):
            found.faults[f"column {place + 1}"] = "has no name in the first line"
        else:
            why = "it has no name, and is empty or only counts rows"
            found.notes.append(f"Column {place + 1} is left out: {why}.")
    return found


def _is_count(cells: Sequence[Any]) -> bool:
    """Are these the numbers that pandas writes before each row?"""
    return [str(cell) for cell in cells] == [str(number) for number in range(len(cells))]


def _unknown(axes: Axes, prompts: Sequence[str], models: Sequence[VideoModel], named: int) -> dict[str, str]:
    """What is wrong with columns that no plan can have. named: how many models are; where one of them is not
    known here, parameters are left to where the plan is."""
    variables = {one for prompt in prompts for one in _variables(prompt)}
    params = {f"{PARAMS}{one}" for model in models for one in model.schema.get("properties", {})}
    known, all_known = {*PLAIN_AXES, *variables, *params}, bool(models) and len(models) == named
    unknown = [axis for axis in axes if axis not in known and (all_known or not axis.startswith(PARAMS))]
    faults = unknown_names(unknown, known | (params or {f"{PARAMS}<name>"}))
    misspelt = {f"is not known here; did you mean {one}?" for one in variables}
    for name in faults:
        if name.isidentifier() and faults[name] not in misspelt:  # it may be meant as a word of the prompt
            more = " Or" if faults[name].endswith("?") else "; or"
            faults[name] += f"{more} write {{{{ {name} }}}} in the prompt, to have it filled in there"
    if PARAMS in axes:
        faults[PARAMS] = "names no parameter"
    if not prompts:
        faults["prompt"] = "is missing: add a column `prompt`, or give the plan a prompt of its own"
    return faults


def _prompts(table: Table, axes: Axes, prompt: str) -> list[str]:
    """Every prompt that the rows have."""
    own = [row[axes["prompt"]] for _, row in table.rows] if "prompt" in axes else []
    return list(dict.fromkeys(str(one) for one in (*own, prompt) if one))


@lru_cache(maxsize=10_000)
def _variables(prompt: str) -> tuple[str, ...]:
    """What a prompt leaves open; a prompt that can't be read is told of where the plan is."""
    with suppress(InvalidRequest):
        return variables_in(prompt)
    return ()


# -- cells


def _holes(table: Table, axes: Axes, prompt: str) -> Iterator[tuple[str, str]]:
    """Cells without which a prompt can't be made; for any other, the base has a value or needs none."""
    for number, row in table.rows:
        own = row[axes["prompt"]] if "prompt" in axes else prompt
        if own is None:
            yield f"row {number}, prompt", "is empty"
            continue
        for variable in _variables(str(own)):
            if variable in axes and row[axes[variable]] is None:
                yield f"row {number}, {variable}", "is empty, and the prompt of this row needs it"


def _empty_note(table: Table, axes: Axes) -> list[str]:
    empty = sum(row[place] is None for _, row in table.rows for place in axes.values())
    if not empty:
        return []
    return [
        f"{empty:,} empty cell{'s are' if empty > 1 else ' is'} left out: there the plan's own value holds."
    ]


class _Cells:
    """What the cells of a table say, as their axes have it."""

    def __init__(self, table: Table, find: FindModel) -> None:
        self._table, self._find = table, find
        self._fitted = cache(self._fit)

    def row_of(self, row: Sequence[Any], axes: Axes, model: str) -> dict[str, Any]:
        """A row of the plan. model: the base's."""
        found = {axis: row[place] for axis, place in axes.items() if row[place] is not None}
        own = str(found.get("model", model)).strip()
        return {axis: self._value(axis, cell, own) for axis, cell in found.items()}

    def _value(self, axis: str, cell: Any, model: str) -> Any:
        if axis in PLAIN_AXES:
            return str(cell).strip()
        if self._table.typed or not axis.startswith(PARAMS):
            return cell
        return self._fitted(axis.removeprefix(PARAMS), cell, model)

    def _fit(self, name: str, text: str, model_id: str) -> Any:
        """A CSV file's text as what the model takes; where it takes neither, as what it looks like."""
        read, model = self._read(text.strip()), self._find(model_id)
        if model is None or not check_params(model, {name: read}, partial=True):
            return read
        return text if not check_params(model, {name: text}, partial=True) else read

    def _read(self, text: str) -> Any:
        if self._table.decimal_comma and _COMMA_NUMBER.fullmatch(text):
            text = text.replace(",", ".")
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if _NUMBER.fullmatch(text) or text.startswith(("[", "{")):
            try:
                return load_json(text)
            except ValueError:
                return text
        return text
