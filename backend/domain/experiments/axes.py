"""What is varied: axes and their levels, read from a plan's body, with every fault named."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.domain.experiments.inputs import canonical_json
from backend.domain.experiments.words import AxisKind
from backend.domain.prompt import AXES
from backend.domain.text import describe_kind, fault_in

#: More axes than these, and more levels of one, nobody reads; a file has no more rows.
AXES_MAX, LEVELS_MAX, ROWS_MAX = 20, 500, 5_000
#: A label stands in tables and charts; a longer value is cut there.
LABEL_MAX_CHARS = 200
#: What a level is called that leaves its axis out, and a row that says nothing of it.
NONE_LABEL, BASE_LABEL = "none", "as in the base"
#: Axes with a name of their own; the others are `style.<axis>`, `params.<name>`, a prompt's variables, and
#: those of the team's template: `variables.<name>`.
NAMED = {"prompt": AxisKind.PROMPT, "template": AxisKind.PROMPT, "model": AxisKind.MODEL,
         "image": AxisKind.PHOTO}  # fmt: skip
#: Axes as they may be named, for who mistypes one.
KNOWN_AXES = (*NAMED, *(f"style.{axis}" for axis in AXES), "params.<name>", "variables.<name>")
_TEXTS = frozenset({"prompt", "model"})


class AsInBase:
    """The value of a level of which a row says nothing."""


AS_IN_BASE = AsInBase()


@dataclass(frozen=True)
class Level:
    """One value on an axis. value: None leaves it out; `AS_IN_BASE`: what the base says."""

    label: str
    value: Any


@dataclass(frozen=True)
class Axis:
    """What is varied: its levels in order, each label once."""

    name: str
    kind: AxisKind
    levels: tuple[Level, ...]

    def find_level(self, wanted: Any) -> Level | None:
        """The level with this value or label; None: there is none."""
        as_json = canonical_json(wanted)
        same = (one for one in self.levels if one.value is not AS_IN_BASE)
        found = next((one for one in same if canonical_json(one.value) == as_json), None)
        return found or next((one for one in self.levels if one.label == wanted), None)


def kind_of(name: str) -> AxisKind:
    """What is varied on an axis of this name."""
    if name.startswith("style."):
        return AxisKind.STYLE
    if name.startswith("params."):
        return AxisKind.PARAMETER
    return NAMED.get(name, AxisKind.VARIABLE)


def label_of(value: Any) -> str:
    """What a value is called in tables and charts.

    >>> label_of(5.0), label_of(True), label_of("Dolly")
    ('5', 'true', 'Dolly')
    """
    text = NONE_LABEL if value is None else value if isinstance(value, str) else canonical_json(value)
    text = " ".join(text.split()) or NONE_LABEL
    if len(text) <= LABEL_MAX_CHARS:
        return text
    return f"{text[: LABEL_MAX_CHARS - 10]}… {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def read_axes(given: Any, faults: dict[str, str]) -> tuple[Axis, ...]:
    """The axes of a plan: {name: [values]}, a value as it is or as {label, value}. Faults are added."""
    if not isinstance(given, Mapping):
        faults["axes"] = f"must be an object of axes and their values, not {describe_kind(given)}"
        return ()
    if len(given) > AXES_MAX:
        faults["axes"] = f"has {len(given)} axes; at most {AXES_MAX} fit"
        return ()
    return tuple(_read_axis(name, values, faults) for name, values in given.items())


def read_rows(given: Any, faults: dict[str, str]) -> tuple[tuple[Axis, ...], tuple[dict[str, str], ...]]:
    """The axes that rows vary, and each row as {axis: label}; what all say alike is an axis of one level.

    given: a list of mappings from axis to value. Faults are added.
    """
    if not isinstance(given, list) or not all(isinstance(row, Mapping) for row in given):
        faults["rows"] = "must be a list of objects, each of axes and their values"
        return (), ()
    if len(given) > ROWS_MAX:
        faults["rows"] = f"has {len(given):,} rows; at most {ROWS_MAX:,} fit"
        return (), ()
    names = list(dict.fromkeys(str(name) for row in given for name in row))
    if len(names) > AXES_MAX:
        faults["rows"] = f"varies {len(names)} axes; at most {AXES_MAX} fit"
        return (), ()
    axes, labels = [], {}
    for name in names:
        levels, of_rows = _levels_of(name, [row.get(name, AS_IN_BASE) for row in given], faults)
        axes.append(Axis(name, kind_of(name), levels))
        labels[name] = of_rows
    rows = tuple({name: labels[name][place] for name in names} for place in range(len(given)))
    _name_repeated(rows, faults)
    return tuple(axes), rows


def _read_axis(name: str, values: Any, faults: dict[str, str]) -> Axis:
    """An axis that is at fault has the values that can be read: that it is there is no fault besides."""
    where, found = f"axes.{name[:80]}", list[Level]()
    if not isinstance(values, list):
        faults[where] = f"must be a list of values, not {describe_kind(values)}"
        values = []
    elif len(values) > LEVELS_MAX:
        faults[where] = f"has {len(values):,} values; at most {LEVELS_MAX} fit"
    for number, one in enumerate(values[:LEVELS_MAX], 1):
        label, value, fault = _read_value(name, one)
        if fault:
            faults.setdefault(where, f"value {number} {fault}")
        else:
            found.append(Level(label_of(value) if label is None else label, value))
    if fault := _twice([one.label for one in found]):
        faults.setdefault(where, fault)
    return Axis(name, kind_of(name), tuple({one.label: one for one in found}.values()))


def _levels_of(
    name: str, values: Sequence[Any], faults: dict[str, str]
) -> tuple[tuple[Level, ...], list[str]]:
    """The levels that rows have on an axis, and the label of each row."""
    levels: dict[str, Level] = {}
    labels = []
    for number, given in enumerate(values, 1):
        if given is AS_IN_BASE:
            label, value = BASE_LABEL, given
        else:
            named, value, fault = _read_value(name, given)
            label = label_of(value) if named is None else named
            if fault:
                faults[f"rows.{number}.{name[:80]}"] = fault
        known = levels.setdefault(label, Level(label, value))
        if AS_IN_BASE not in (known.value, value) and canonical_json(known.value) != canonical_json(value):
            faults[f"rows.{number}.{name[:80]}"] = (
                f"is called {label!r} as another value is; label them apart"
            )
        labels.append(label)
    return tuple(levels.values()), labels


def _read_value(name: str, given: Any) -> tuple[str | None, Any, str | None]:
    """(label that was given, value, fault)."""
    label, value = None, given
    if isinstance(given, Mapping) and given.keys() == {"label", "value"}:
        label, value = given["label"], given["value"]
        if not isinstance(label, str) or not label.strip() or len(label) > LABEL_MAX_CHARS or fault_in(label):
            return None, value, f"needs a label of 1 to {LABEL_MAX_CHARS} characters"
        label = " ".join(label.split())
    return label, value, _value_fault(name, value)


def _value_fault(name: str, value: Any) -> str | None:
    kind = kind_of(name)
    if kind is AxisKind.PARAMETER:
        return None  # the model's own schema says what it may be
    if name == "template":
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole else f"must be the number of a version, not {describe_kind(value)}"
    if kind is AxisKind.VARIABLE and isinstance(value, bool | int | float):
        return None
    if value is None and name not in _TEXTS and kind is not AxisKind.VARIABLE:
        return None
    if not isinstance(value, str):
        return f"must be text, not {describe_kind(value)}"
    if not value.strip() and name in _TEXTS:
        return "is empty"
    return fault_in(value)


def _twice(labels: Iterable[str]) -> str | None:
    seen: dict[str, int] = {}
    for number, label in enumerate(labels, 1):
        if label in seen:
            return f"values {seen[label]} and {number} are both called {label[:60]!r}; give each value once"
        seen[label] = number
    return None


def _name_repeated(rows: Sequence[Mapping[str, str]], faults: dict[str, str]) -> None:
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        first = seen.setdefault(canonical_json(row), number)
        if first != number:
            faults.setdefault(
                "rows", f"rows {first} and {number} are the same; for more takes of one, raise repeats"
            )
