"""The cells of an experiment in rows and columns, with their takes, for `components.draw_matrix`."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.domain.experiments.words import TrialState
from backend.domain.states import API_STATUS
from backend.models import Cell
from backend.services.experiments.planning.naming import level_words
from backend.services.experiments.view import ExperimentView
from pages.ui.experiments import words

#: Where fewer of rows × columns are made, the cells flow instead.
FILLED = 0.4
#: The first takes: those that were made before a person said go on.
CANARY_WAVE = 1
#: More columns are too many to be compared.
COLUMNS_MAX = 24
#: What a place without a take is, and what a take's state is called: looked up for each of thousands.
_WITHOUT: Mapping[str, str] = {"blocked": "blocked", "dropped": "dropped"}
_STATUS: Mapping[str, str] = {str(state): str(word) for state, word in API_STATUS.items()}


def matrix_data(view: ExperimentView, *, across: str | None) -> dict[str, Any]:
    """Rows and columns. across: the axis of the columns; None: the cells flow in their order.

    Each label of an axis is told once, however many cells have it: these name it by its place. What stands
    on the screen is what it is `called`, which tells long ones apart.
    """
    every = axes_of(view)
    labels = [_levels(view.cells, axis) for axis in every]
    named = [[level_words(axis, label) for label in of] for axis, of in zip(every, labels, strict=True)]
    data = {"levels": named}
    called: dict[str, Any] = {"levels": [words.tell_apart(of) for of in named]}
    told: list[tuple[str, dict[str | None, int]]] = [
        (axis, {label: place for place, label in enumerate(of)})
        for axis, of in zip(every, labels, strict=True)
    ]
    shown = {cell.id: _cell(cell, told, view.trials.get(cell.id, ())) for cell in view.cells}
    if across is None:
        flowing = [{"label": "", "cells": list(shown.values())}]
        return {**data, "called": called, "columns": [], "rows": flowing}
    columns, heads = dict(told)[across], named[every.index(across)]
    axes = [axis for axis in every if axis != across]
    rows: dict[str, list[dict[str, Any] | None]] = {}
    for cell in view.cells:
        row = rows.setdefault(words.cell_label(cell.levels, axes), [None] * len(columns))
        row[columns[cell.levels[across]]] = shown[cell.id]
    crossed = [{"label": label, "cells": cells} for label, cells in rows.items()]
    called |= {"columns": words.tell_apart(heads), "rows": words.tell_apart(list(rows))}
    return {**data, "called": called, "columns": heads, "rows": crossed}


def columns_on_offer(view: ExperimentView) -> list[str]:
    """Axes that can be the columns, the best first; none: the cells flow."""
    axes, offered = axes_of(view), {}
    if len(axes) < 2:
        return []
    for axis in axes:
        columns = len(_levels(view.cells, axis))
        others = [one for one in axes if one != axis]
        rows = len({words.cell_label(cell.levels, others) for cell in view.cells})
        if 1 < columns <= COLUMNS_MAX and len(view.cells) >= FILLED * rows * columns:
            offered[axis] = columns
    return sorted(offered, key=lambda axis: (offered[axis] > 6, -offered[axis]))


def axes_of(view: ExperimentView) -> list[str]:
    """What is varied, in the order of the plan."""
    return list(dict.fromkeys(axis for cell in view.cells for axis in cell.levels))


def first_takes(view: ExperimentView) -> list[dict[str, Any]]:
    """The canary's takes as cells without names, so that whoever looks can still judge blind."""
    every = (trial for of in view.trials.values() for trial in of if trial.wave == CANARY_WAVE)
    first = [trial for trial in every if trial.state != TrialState.RETRIED]
    first.sort(key=lambda trial: trial.id[::-1])  # in no order that tells of which cell it is
    return [
        {"id": str(number), "label": f"Take {number}", "note": "", "dropped": False, "takes": [_take(trial)]}
        for number, trial in enumerate(first, 1)
    ]


def _levels(cells: Sequence[Cell], axis: str) -> list[str]:
    return list(dict.fromkeys(cell.levels[axis] for cell in cells if axis in cell.levels))


# A trial is a row of the view, with how its take is.


def _cell(
    cell: Cell, axes: Sequence[tuple[str, Mapping[str | None, int]]], trials: Sequence[Any]
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": cell.id,
        "at": [labels.get(cell.levels.get(axis), -1) for axis, labels in axes],
        "takes": [_take(trial) for trial in trials if trial.state != TrialState.RETRIED],
    }
    return shown if cell.dropped_at is None else {**shown, "dropped": True}


def _take(trial: Any) -> dict[str, Any]:
    """A trial as a tile: id of its take, and a word of the API for its state, or what it is without one."""
    state = _WITHOUT.get(trial.state) or (_STATUS[trial.job_state] if trial.job_state else "planned")
    return {"id": trial.job_id, "state": state, **({"why": trial.why} if trial.why else {})}
