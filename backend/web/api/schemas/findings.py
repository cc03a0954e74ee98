"""What votes say: the answer of an experiment's finding."""

from typing import Literal

from pydantic import Field

from backend.web.api.schemas.base import Asked, Told
from backend.web.api.schemas.experiments import ShortVerdict


class FindingQuery(Asked):
    """Of which question."""

    criterion: str = Field(default="", description="The id of a question about pairs; without: the first.")


class WinRate(Told):
    """How often a fresh take is preferred to one of the average cell, and the 95 % interval."""

    vs_average: float
    low: float
    high: float


class FoundCell(Told):
    """A cell that has takes."""

    id: str
    label: str
    takes: int
    votes: int
    score: float = Field(description="In logits; the mean of all is 0.")
    win_rate: WinRate
    as_good_as_any: bool
    p_as_good: float | None = Field(
        description="How sure it is that no cell is more than delta better; null where some never met."
    )


class FoundPair(Told):
    """How often a fresh take of a is preferred to one of b, and the 95 % interval."""

    a: str
    b: str
    win_rate: float
    low: float
    high: float
    better: Literal["a", "b"] | None


class CellTakes(Told):
    """So many more takes of a cell."""

    cell: str
    n: int


class WantedNext(Told):
    """What to get next, and why."""

    what: Literal["takes", "votes", "rater", "none"]
    why: str
    takes: list[CellTakes]


class Effect(Told):
    """What a level of an axis does, in points of win rate against the average, and the 95 % interval."""

    axis: str
    level: str
    points: float
    low: float
    high: float
    takes: int


class RaterAgreement(Told):
    """A rater, and how often what they chose is what the others' votes say."""

    rater: str
    votes: int
    agrees: float | None
    flagged: bool
    why: str
    decided: int = Field(description="Votes that are no ties: what `agrees` is a share of.")
    agrees_low: float | None
    agrees_high: float | None


class Agreement(Told):
    """Krippendorff's alpha; how often people answer a mirrored pair the same; raters. With 95 % intervals."""

    alpha: float | None
    self: float | None
    raters: list[RaterAgreement]
    pairs: int = Field(description="Pairs that two or more people answered: what `alpha` is of.")
    alpha_low: float | None
    alpha_high: float | None
    again: int = Field(
        description="Pairs that came again to who had answered them: what `self` is a share of."
    )
    self_low: float | None
    self_high: float | None


class Side(Told):
    """How many points of votes the left side is worth by being left, and the 95 % interval."""

    left_points: float
    low: float
    high: float


class FindingAnswer(Told):
    """All that votes say."""

    votes: int = Field(description="How many are counted; the verdict says which are left out.")
    cells: list[FoundCell]
    pairs: list[FoundPair]
    verdict: ShortVerdict
    next: WantedNext
    effects: list[Effect]
    agreement: Agreement
    side: Side
    ties: int
    method: str
    joined: bool = Field(
        description="Do votes join all cells, be it by way of others? Else no effects are told."
    )
