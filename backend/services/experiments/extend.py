"""An experiment gets further levels, combinations and takes of each, or another cap, while it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from sqlmodel import Session

from backend.domain.errors import InvalidRequest, NotFound
from backend.domain.experiments.axes import AS_IN_BASE, Axis, Level, read_axes, read_rows
from backend.domain.experiments.fields import FieldReader
from backend.domain.experiments.inputs import canonical_json
from backend.domain.experiments.words import AxisKind, DesignKind
from backend.domain.text import PastedText, unknown_names
from backend.models import Experiment, ExperimentAxis
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.experiments.change import get_open, raised, read_raise
from backend.services.experiments.create import cell_rows, kept_level, must_fit, trial_rows
from backend.services.experiments.plan import (
    AT_ONCE_MAX,
    CAP_MAX_USD,
    CELLS_MAX,
    NAME_MAX_CHARS,
    QUESTION_MAX_CHARS,
    TAKES_MAX,
    VOTES_MAX,
    Plan,
    keepable,
    parse_plan,
)
from backend.services.experiments.planning.combinations import Levels, cell_key
from backend.services.experiments.planning.varied import expand_prompts
from backend.services.experiments.quote import PlanFigures, PricedPlan, price_plan
from backend.services.experiments.reuse import fill_trials
from backend.store.experiments import changing, plans, running
from backend.store.money.ledger import to_micros

EXTENSION_FIELDS = frozenset(
    {
        "name",
        "question",
        "cap_usd",
        "raise_cap_usd",
        "at_once",
        "planned_votes",
        "open_to_team",
        "axes",
        "rows",
        "drop_refused",
    }
)


@dataclass(frozen=True)
class Extension:
    """What is to become of an experiment. values: columns of its row; priced: what it gets besides;
    raise_micros: what its cap rises by, in millionths of a USD."""

    values: Mapping[str, Any]
    axes: Sequence[Axis]
    priced: PricedPlan | None
    raise_micros: int = 0

    @property
    def figures(self) -> PlanFigures | None:
        """What the new combinations come to; None: there are none."""
        return self.priced.figures if self.priced else None


def plan_extension(deps: Deps, viewer: Viewer, experiment_id: str, body: Mapping[str, Any]) -> Extension:
    """Read what is to change, and price it: {name?, question?, cap_usd?, raise_cap_usd?, at_once?,
    planned_votes?, open_to_team?, axes?: {axis: further values}, rows?: further combinations,
    drop_refused?}. cap_usd is another cap, raise_cap_usd what is added to the one that stands then.

    Nothing is written. New values of an axis are combined with all others, unless rows say which.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is closed.
        InvalidRequest: names everything at fault.
    """
    given: dict[str, Any] = PastedText().clean(body)
    faults = unknown_names(given, EXTENSION_FIELDS)
    with deps.store.read() as session:
        row = _get(session, viewer, experiment_id, faults)
        kept = plans.list_axes(session, experiment_id)
        keys = {cell.key for cell in plans.list_cells(session, [experiment_id])}
    given = keepable(given, faults)
    values, more = _values(given, faults), read_raise(given, faults)
    if more and "cap_micros" in values:
        faults["raise_cap_usd"] = "is given beside cap_usd; give one of them"
    if given.get("axes") in (None, {}) and given.get("rows") is None:
        if faults:
            raise InvalidRequest(faults)
        return Extension(values, (), None, more)
    plan = replace(parse_plan(row.plan), drop_refused=FieldReader(given, faults).flag("drop_refused"))
    axes, rows = _combinations(plan, [_read_axis(one) for one in kept], given, faults)
    rows = [one for one in rows if cell_key(one) not in keys]
    if len(rows) + len(keys) > CELLS_MAX:
        faults["axes"] = f"would make more than {CELLS_MAX:,} combinations"
    elif (len(rows) + len(keys)) * row.repeats > TAKES_MAX:
        faults["axes"] = f"would make more than {TAKES_MAX:,} takes"
    if faults:
        raise InvalidRequest(faults)
    if not rows:  # they are there, and so is the cap that was raised for them
        return Extension(values, (), None)
    added = replace(
        plan, axes=tuple(axes), rows=tuple(map(dict, rows)), design=DesignKind.ROWS, n=None, canary=0,
        baseline=None, repeats=row.repeats, reuse=row.reuse, cap_usd=None,
    )  # fmt: skip
    try:
        priced = price_plan(deps, viewer, added)
    except InvalidRequest as error:  # all of them are refused
        within = "axes." if given.get("axes") else "rows."
        said = {f"{within}{name.removeprefix('rows.')}": fault for name, fault in error.fields.items()}
        raise InvalidRequest(said) from error
    # One combination more is enough.
    return Extension(values, axes, replace(priced, figures=replace(priced.figures, wrong={})), more)


def extend_experiment(deps: Deps, viewer: Viewer, experiment_id: str, body: Mapping[str, Any]) -> Experiment:
    """The same, written in one transaction: new places wait for their takes as all others do.

    Raises as `plan_extension`; InvalidRequest also for combinations that a model refuses.
    """
    extension = plan_extension(deps, viewer, experiment_id, body)
    if extension.priced is not None:
        must_fit(extension.priced, varied="axes" if body.get("axes") else "rows")
    with deps.store.begin() as session:
        row = get_open(session, viewer, experiment_id)
        changed: dict[str, tuple[Any, Any]] = {
            name: (getattr(row, name), value) for name, value in extension.values.items()
        }
        added = None
        if extension.priced is not None:
            added = _insert(deps, session, viewer, row, extension, extension.priced)
            changed["cells"] = (None, added)
        if added != 0:  # else somebody put in the same ones meanwhile
            changed |= raised(row, extension.raise_micros)
        if not changed:
            return row
        columns = {name: after for name, (_, after) in changed.items() if name != "cells"}
        running.change(session, experiment_id, **columns)
        told = {name: pair for name, pair in changed.items() if name not in ("name", "question")}
        record(
            session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment",
            object_id=experiment_id, changed=told or dict.fromkeys(changed, (None, None)),
        )  # fmt: skip
        return running.get(session, experiment_id)


def _get(session: Session, viewer: Viewer, experiment_id: str, faults: dict[str, str]) -> Experiment:
    """As `get_open`; but a body with unknown names is no change, whatever it is of (InvalidRequest)."""
    try:
        return get_open(session, viewer, experiment_id)
    except NotFound as error:
        if faults:
            raise InvalidRequest(faults) from error
        raise


def _values(given: Mapping[str, Any], faults: dict[str, str]) -> dict[str, Any]:
    """The columns that are set."""
    read, values = FieldReader(given, faults), dict[str, Any]()
    if "name" in given:
        values["name"] = read.text("name", NAME_MAX_CHARS)
    if "question" in given:
        values["question"] = read.text("question", QUESTION_MAX_CHARS)
    if "cap_usd" in given:
        cap = read.number("cap_usd", CAP_MAX_USD, "an amount in dollars above 0, or null for no cap")
        values["cap_micros"] = None if cap is None else to_micros(cap)
    if (at_once := read.whole("at_once", 1, AT_ONCE_MAX)) is not None:
        values["at_once"] = at_once
    if "planned_votes" in given:
        values["planned_votes"] = read.whole("planned_votes", 1, VOTES_MAX)
    if given.get("open_to_team") is not None:
        values["open_to_team"] = read.flag("open_to_team")
    return values


def _read_axis(kept: ExperimentAxis) -> Axis:
    levels = tuple(Level(one["label"], one.get("value", AS_IN_BASE)) for one in kept.levels)
    return Axis(kept.name, AxisKind(kept.kind), levels)


def _combinations(
    plan: Plan, axes: list[Axis], given: Mapping[str, Any], faults: dict[str, str]
) -> tuple[list[Axis], list[Levels]]:
    """(the axes with their new levels, the combinations that are asked for)."""
    further, rows = given.get("axes"), given.get("rows")
    names = [axis.name for axis in axes]
    if rows is not None:
        if further:
            faults["axes"] = "is given beside rows; give one of them"
        read, labels = read_rows(rows, faults)
        where = "rows"
    else:
        read, labels = expand_prompts({}, read_axes(further or {}, faults), faults, beside=True), ()
        where = "axes"
        if read and plan.design is not DesignKind.FULL:
            faults["axes"] = f"belongs to a full design; this one is {plan.design}: give rows"
    faults |= unknown_names([one.name for one in read], names, within=f"{where}.")
    new = {one.name: one for one in read}
    for axis in axes if rows else ():
        if axis.name not in new:
            faults[f"rows.{axis.name}"] = "is missing; each row needs a value of every axis"
    grown = [_with_levels(axis, new.get(axis.name), where, faults) for axis in axes]
    if rows is not None:
        called = {axis.name: _called(axis, new.get(axis.name)) for axis in axes}
        return grown, [
            {name: called.get(name, {}).get(one, one) for name, one in row.items()} for row in labels
        ]
    fresh = {axis.name: {level.label for level in axis.levels} for axis in axes}
    whole = product(*([level.label for level in axis.levels] for axis in grown))
    combined = [dict(zip(names, one, strict=True)) for one in whole] if read else []
    return grown, [one for one in combined if any(label not in fresh[name] for name, label in one.items())]


def _with_levels(axis: Axis, more: Axis | None, where: str, faults: dict[str, str]) -> Axis:
    """The axis with the levels of the other one that it lacks. One label is one value, and once there."""
    known = {level.label: level for level in axis.levels}
    there_as = _called(axis, more)
    for level in more.levels if more else ():
        if level.label in there_as:
            continue
        there = known.setdefault(level.label, level)
        if there.value is not level.value and there.value != level.value:
            faults[f"{where}.{axis.name}"] = f"has another value called {level.label!r:.80}"
    return replace(axis, levels=tuple(known.values()))


def _called(axis: Axis, more: Axis | None) -> dict[str, str]:
    """Labels of levels whose value the axis has under another label -> that label."""
    known = {canonical_json(one.value): one.label for one in axis.levels if one.value is not AS_IN_BASE}
    values = {one.label: one.value for one in more.levels if one.value is not AS_IN_BASE} if more else {}
    there = {label: known.get(canonical_json(value), label) for label, value in values.items()}
    return {label: name for label, name in there.items() if name != label}


def _insert(
    deps: Deps, session: Session, viewer: Viewer, row: Experiment, extension: Extension, priced: PricedPlan
) -> int:
    """Put in the cells that nobody has put in meanwhile, and their places; returns how many."""
    known = plans.list_cells(session, [row.id])
    keys = {cell.key for cell in known}
    wanted = [place for place, cell in enumerate(priced.cells) if cell.key not in keys]
    planned = [priced.cells[place] for place in wanted]
    first = 1 + max((cell.position for cell in known), default=-1)
    cells = cell_rows(deps, row.id, planned, first=first)
    new_place = {place: number for number, place in enumerate(wanted)}
    trials = [
        replace(one, cell=new_place[one.cell], reused=None) for one in priced.trials if one.cell in new_place
    ]
    if row.reuse:
        trials = fill_trials(session, viewer, planned, trials, used={})
    plans.insert_rows(session, cells)
    plans.insert_rows(session, trial_rows(deps, row.id, cells, trials))
    levels = [
        ExperimentAxis(
            experiment_id=row.id, name=axis.name, position=0, kind=axis.kind,
            levels=list(map(kept_level, axis.levels)),
        )
        for axis in extension.axes
    ]  # fmt: skip
    changing.replace_axes(session, levels)
    return len(cells)
