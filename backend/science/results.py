"""What a finding is made of: the same names in the HTTP API, the command line and notebooks.

Each is read as an attribute, or as from JSON: `finding.verdict.code`, `finding["verdict"]["code"]`.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from backend.science.agreement import RaterAgreement
from backend.science.effects import Effect
from backend.science.fields import Fields

VerdictCode = Literal["too_early", "as_good", "better", "alike", "takes_missing", "stopped"]


@dataclass(frozen=True)
class WinRate(Fields):
    """Against the average cell, with the 95 % interval; shares, 0 to 1. The average is of cells that votes
    join to this one, be it by way of others: how it stands to the rest nobody knows."""

    vs_average: float
    low: float
    high: float


@dataclass(frozen=True)
class CellFinding(Fields):
    """One cell. takes: that it has; votes: that its takes are in; score: in logits, the mean of all is 0.
    p_as_good: how sure it is that no cell is more than delta better, 0 to 1; None: some never met."""

    id: str
    label: str
    takes: int
    votes: int
    score: float
    win_rate: WinRate
    as_good_as_any: bool
    p_as_good: float | None


@dataclass(frozen=True)
class PairFinding(Fields):
    """How often a fresh take of `a` is preferred to one of `b`. better: which one it is, if that is sure."""

    a: str
    b: str
    win_rate: float
    low: float
    high: float
    better: Literal["a", "b"] | None


@dataclass(frozen=True)
class Verdict(Fields):
    """What can be said, in words and as a code. leader: the cell that is spoken of, or leads so far."""

    words: str
    code: VerdictCode
    leader: str | None


@dataclass(frozen=True)
class CellTakes(Fields):
    """So many more takes of a cell."""

    cell: str
    n: int


@dataclass(frozen=True)
class Next(Fields):
    """What to get next, and why."""

    what: Literal["takes", "votes", "rater", "none"]
    why: str
    takes: tuple[CellTakes, ...]


@dataclass(frozen=True)
class AgreementFinding(Fields):
    """See `agreement`: shares with their 95 % intervals, None where nothing tells them. pairs: that alpha is
    of; again: pairs that came again to who had answered them."""

    alpha: float | None
    self: float | None
    raters: tuple[RaterAgreement, ...]
    pairs: int
    alpha_low: float | None
    alpha_high: float | None
    again: int
    self_low: float | None
    self_high: float | None


@dataclass(frozen=True)
class Side(Fields):
    """How many points of votes the left side is worth by being left, with the 95 % interval."""

    left_points: float
    low: float
    high: float


@dataclass(frozen=True)
class Finding(Fields):
    """All that votes say. votes: how many; ties: how many of them. method: which version said it. joined: do
    votes join all cells, be it by way of others? Else no effects are told."""

    votes: int
    cells: tuple[CellFinding, ...]
    pairs: tuple[PairFinding, ...]
    verdict: Verdict
    next: Next
    effects: tuple[Effect, ...]
    agreement: AgreementFinding
    side: Side
    ties: int
    method: str
    joined: bool

    def as_json(self) -> dict[str, Any]:
        """As plain data, as it would come back from JSON."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    """With lists in place of tuples."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
