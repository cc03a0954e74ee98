"""What a plan varies: its base, its axes or rows, alternatives in prompts, and the variables they name."""

from collections.abc import Mapping
from typing import Any

from backend.domain.errors import InvalidRequest
from backend.domain.experiments.axes import AS_IN_BASE, KNOWN_AXES, Axis, label_of, read_axes, read_rows
from backend.domain.experiments.words import AxisKind
from backend.domain.prompt import AXES
from backend.domain.text import describe_kind, unknown_names
from backend.services.prompting.prompt_variables import variables_in
from backend.services.prompting.wildcards import expand_choices, has_wildcards
from backend.services.takes.request import REQUEST_FIELDS, parse_request

#: Combinations of one's own, each {axis: label}.
Rows = tuple[dict[str, str], ...]


def read_base(given: Mapping[str, Any], faults: dict[str, str]) -> Mapping[str, Any]:
    """The request that axes are put over. Faults are added."""
    base = given.get("base")
    if not isinstance(base, Mapping):
        is_there = "base" in given
        faults["base"] = f"must be an object, not {describe_kind(base)}" if is_there else "is missing"
        return {}
    found = parse_request({**base, "made_from": base.get("made_from")}).faults
    faults |= {f"base.{field}": fault for field, fault in found.items()}
    return {name: one for name, one in base.items() if name in REQUEST_FIELDS}


def read_varied(
    given: Mapping[str, Any], base: Mapping[str, Any], faults: dict[str, str]
) -> tuple[tuple[Axis, ...], Rows | None]:
    """The axes, prompts' alternatives expanded, and the rows where there are any. Faults are added."""
    axes, rows = given.get("axes"), given.get("rows")
    if rows is None:
        varied, read = expand_prompts(base, read_axes({} if axes is None else axes, faults), faults), None
    else:
        varied, read = read_rows(_expanded_rows(base, rows, faults), faults)
        if axes:
            faults["axes"] = "is given beside rows; rows stand in place of axes"
    _check_names(base, varied, faults, in_rows=rows is not None)
    return varied, read


def expand_prompts(
    base: Mapping[str, Any], axes: tuple[Axis, ...], faults: dict[str, str], *, beside: bool = False
) -> tuple[Axis, ...]:
    """The axes with every prompt that alternatives in a prompt stand for as a level.

    A level is called by what was chosen where that is all that differs, or after its prompt's own label.
    beside: there are other prompts already.
    """
    named = next((axis for axis in axes if axis.name == "prompt"), None)
    if named is None:
        prompts = _expand(base.get("prompt"), "base.prompt", faults)
        return (*read_axes({"prompt": _called(prompts)}, faults), *axes) if len(prompts) > 1 else axes
    levels: list[Any] = []
    for one in named.levels:
        found = _expand(one.value, "axes.prompt", faults)
        if len(found) < 2:
            levels.append({"label": one.label, "value": one.value})
        elif one.label != label_of(one.value):
            levels += _called({prompt: f"{one.label} · {picked}" for prompt, picked in found.items()})
        else:
            levels += _called(found) if len(named.levels) == 1 and not beside else found
    read = read_axes({"prompt": levels}, faults) if len(levels) > len(named.levels) else (named,)
    return tuple(one for axis in axes for one in (read if axis is named else (axis,)))


def _expanded_rows(base: Mapping[str, Any], rows: Any, faults: dict[str, str]) -> Any:
    """The rows, one for each prompt that alternatives in a row's prompt stand for."""
    if not isinstance(rows, list):
        return rows
    found = []
    written = [row.get("prompt", base.get("prompt")) if isinstance(row, Mapping) else None for row in rows]
    alone = all(prompt == written[0] for prompt in written)
    for row, prompt in zip(rows, written, strict=True):
        prompts = _expand(prompt, "rows.prompt", faults)
        levels = _called(prompts) if alone else list(prompts)
        found += [{**row, "prompt": one} for one in levels] if len(prompts) > 1 else [row]
    return found


def _called(prompts: Mapping[str, str]) -> list[Any]:
    """Prompts with their labels; as they are, where two would be called the same."""
    labels = [label_of(label) for label in prompts.values()]
    if len(set(labels)) < len(labels):
        return list(prompts)
    return [{"label": label, "value": one} for label, one in zip(labels, prompts, strict=True)]


def _expand(text: Any, where: str, faults: dict[str, str]) -> Mapping[Any, str]:
    """The prompts that one stands for, each with what was chosen; itself where it has no alternatives."""
    if not isinstance(text, str) or not has_wildcards(text):
        return {text: ""} if isinstance(text, str) else {}
    try:
        return expand_choices(text, name=where)
    except InvalidRequest as error:
        faults |= error.fields
        return {text: ""}


def _check_names(
    base: Mapping[str, Any], axes: tuple[Axis, ...], faults: dict[str, str], *, in_rows: bool
) -> None:
    """Is each axis one that there is, does it vary anything, and has each variable an axis?"""
    within = "rows." if in_rows else "axes."
    where, prompts = _prompts(base, axes, within)
    variables: set[str] = set()
    for prompt in prompts:
        try:
            variables.update(variables_in(prompt))
        except InvalidRequest as error:
            faults.setdefault(where, error.fields["prompt"])
    styles = [f"style.{axis}" for axis in AXES]
    for axis in axes:
        fits = {
            AxisKind.STYLE: axis.name in styles,
            AxisKind.PARAMETER: len(axis.name) > len("params."),
            AxisKind.VARIABLE: axis.name in variables
            or axis.name.removeprefix("variables.") not in ("", axis.name),
        }
        if not fits.get(axis.kind, True):
            faults |= unknown_names([axis.name], [*KNOWN_AXES, *variables], within=within)
        elif len(axis.levels) < 2 and not in_rows:
            many = "one value" if axis.levels else "no value"
            faults.setdefault(f"axes.{axis.name}", f"has {many}; an axis needs two, or belongs in the base")
    named = {axis.name for axis in axes}
    for name in sorted(variables - named):
        faults.setdefault(where, f"names {{{{ {name} }}}}, and no axis says what it is")


def _prompts(base: Mapping[str, Any], axes: tuple[Axis, ...], within: str) -> tuple[str, list[str]]:
    """(where prompts are given, every prompt that is sent before its variables are filled)."""
    axis = next((one for one in axes if one.name == "prompt"), None)
    given = [AS_IN_BASE] if axis is None else [level.value for level in axis.levels]
    told = [base.get("prompt") if value is AS_IN_BASE else value for value in given]
    where = "base.prompt" if axis is None else f"{within}prompt"
    return where, [prompt for prompt in told if isinstance(prompt, str)]
