"""Variables that a version of the team's template declares: their kinds, and the values that takes give them.

Each has a value to start with, so a take that names none is made as well; a template says with them what the
team wants to be asked for, beside prompt and style.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from backend.domain.errors import InvalidRequest
from backend.domain.prompt import AXES
from backend.domain.text import clean_text, describe_kind, fault_in, unknown_names

Value = str | int | float
#: Jinja's own name for the template itself.
NOT_A_NAME = "self"
#: More are a form of their own, which nobody fills in for one take.
VARIABLES_MAX = 20
OPTIONS_MAX = 50
#: A value is a few words, as one axis of a style is.
VALUE_MAX_CHARS = 500
#: What a template has besides, and what means something else in it.
TAKEN_NAMES = frozenset(
    {"prompt", "style", "loop", "true", "false", "none", "not", "and", "or", "in", "is", "if", "else",
     NOT_A_NAME, *AXES}
)  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class VariableKind(StrEnum):
    """What a variable takes."""

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"


@dataclass(frozen=True)
class Variable:
    """A name that a template asks a value for. start: what it has unless a take says otherwise."""

    name: str
    kind: VariableKind = VariableKind.TEXT
    start: Value = ""
    options: tuple[str, ...] = ()  #: of a choice
    low: float | None = None  #: of a number, as `high`
    high: float | None = None

    def fault(self, value: Any) -> str | None:
        """What is wrong with a value; None: nothing."""
        match self.kind:
            case VariableKind.NUMBER:
                return self._number_fault(value)
            case VariableKind.CHOICE if value not in self.options:
                return f"must be one of {', '.join(self.options)}"
        if not isinstance(value, str):
            return f"must be text, not {describe_kind(value)}"
        too_long = len(value) > VALUE_MAX_CHARS
        return (
            f"has {len(value):,} characters; at most {VALUE_MAX_CHARS} fit" if too_long else fault_in(value)
        )

    def _number_fault(self, value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number, not {describe_kind(value)}"
        low, high = self.low, self.high
        below, above = low is not None and value < low, high is not None and value > high
        if abs(value) < 1e15 and not (below or above):  # which no infinity is, and nothing that is no number
            return None
        limits = [
            f"at least {low:g}" if low is not None else "",
            f"at most {high:g}" if high is not None else "",
        ]
        return f"must be {' and '.join(filter(None, limits)) or 'a number of usual size'}"

    def as_json(self) -> dict[str, Any]:
        """As it is kept with its version."""
        return {**asdict(self), "options": list(self.options)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Variable":
        """As it was kept."""
        return cls(**{**kept, "kind": VariableKind(kept["kind"]), "options": tuple(kept["options"])})


def list_variables(kept: Sequence[Mapping[str, Any]] | None) -> tuple[Variable, ...]:
    """The variables of a version, as its row keeps them."""
    return tuple(Variable.of(one) for one in kept or ())


def written(value: Value) -> Value:
    """A value as a prompt has it: a whole number without a point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_variables(variables: Sequence[Variable]) -> tuple[Variable, ...]:
    """Variables that a version may declare, their texts cleaned.

    Raises InvalidRequest: names each at fault as `variables.<name>`.
    """
    faults: dict[str, str] = {}
    cleaned = tuple(_cleaned(one) for one in variables)
    if len(cleaned) > VARIABLES_MAX:
        faults["variables"] = f"are {len(cleaned)}; at most {VARIABLES_MAX} can be declared"
    for place, one in enumerate(cleaned):
        twice = any(other.name == one.name for other in cleaned[:place])
        if fault := "is declared twice" if twice else _declaration_fault(one):
            faults[f"variables.{one.name[:40]}"] = fault
    if faults:
        raise InvalidRequest(faults)
    return cleaned


def value_faults(variables: Sequence[Variable], given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the values of a take: `variables.<name>` -> what."""
    known = {one.name: one for one in variables}
    faults = unknown_names(given, known, within="variables.")
    wrong = {name: known[name].fault(value) for name, value in given.items() if name in known}
    return faults | {f"variables.{name}": fault for name, fault in wrong.items() if fault}


def fill_values(variables: Sequence[Variable], given: Mapping[str, Any]) -> dict[str, Value]:
    """A value for each variable: as given where that fits, else what it starts with."""
    return {
        one.name: written(
            given[one.name] if one.name in given and not one.fault(given[one.name]) else one.start
        )
        for one in variables
    }


def sample_values(variables: Sequence[Variable]) -> list[dict[str, Value]]:
    """Values to try a template with: what they start with, the last options and limits, and empty texts."""
    last: dict[str, Value] = {}
    for one in variables:
        ends = {VariableKind.TEXT: "", VariableKind.CHOICE: (*one.options, "")[-1]}
        last[one.name] = ends.get(one.kind, one.start if one.high is None else one.high)
    return [fill_values(variables, {}), fill_values(variables, last)]


def _cleaned(one: Variable) -> Variable:
    start = clean_text(one.start).strip() if isinstance(one.start, str) else one.start
    options = tuple(dict.fromkeys(text for each in one.options if (text := clean_text(each).strip())))
    if one.kind == VariableKind.CHOICE and not start and options:
        start = options[0]
    return Variable(one.name, one.kind, start, options, one.low, one.high)


def _declaration_fault(one: Variable) -> str | None:
    if not _NAME.fullmatch(one.name):
        return "is no name: use a small letter first, then small letters, figures and _, 40 at most"
    if one.name in TAKEN_NAMES:
        return "means something else in a template; use another name"
    if one.kind == VariableKind.CHOICE:
        if not 1 <= len(one.options) <= OPTIONS_MAX:
            return f"needs 1 to {OPTIONS_MAX} options"
        for option in one.options:
            if fault := Variable(one.name).fault(option):
                return f"has an option that {fault}"
    if one.low is not None and one.high is not None and one.low > one.high:
        return f"must be at least {one.low:g} and at most {one.high:g}, which nothing is"
    fault = one.fault(one.start)
    return f"can't start with {str(one.start)[:40]!r}: it {fault}" if fault else None
