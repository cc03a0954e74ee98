"""What votes say of prompts, whole: scores, win rates, a verdict in words, and what to get next.

`fit` is pure and deterministic: the same votes, in the same order, give the same finding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from backend.science.agreement import RaterAgreement, measure_agreement
from backend.science.ballots import TIE, Floats, Vote, read_ballots
from backend.science.effects import Effect, measure_effects
from backend.science.laplace import sigmoid
from backend.science.posterior import Posterior
from backend.science.verdict import DELTA, Judged, judge
from backend.science.wanted_next import Purchase, wanted_purchase

#: What is kept with every finding: with another method, other numbers may come of the same votes.
METHOD = "dailies-1"

VerdictCode = Literal["too_early", "as_good", "better", "alike", "takes_missing", "stopped"]


@dataclass(frozen=True)
class WinRate:
    """Against the average cell, with the 95 % interval; shares, 0 to 1."""

    vs_average: float
    low: float
    high: float


@dataclass(frozen=True)
class CellFinding:
    """One cell. takes: that it has; votes: that its takes are in; score: in logits, the mean of all is 0."""

    id: str
    label: str
    takes: int
    votes: int
    score: float
    win_rate: WinRate
    as_good_as_any: bool
    p_as_good: float


@dataclass(frozen=True)
class PairFinding:
    """How often a fresh take of `a` is preferred to one of `b`. better: which one it is, if that is sure."""

    a: str
    b: str
    win_rate: float
    low: float
    high: float
    better: Literal["a", "b"] | None


@dataclass(frozen=True)
class Verdict:
    """What can be said, in words and as a code. leader: the cell that is spoken of, or leads so far."""

    words: str
    code: VerdictCode
    leader: str | None


@dataclass(frozen=True)
class CellTakes:
    """So many more takes of a cell."""

    cell: str
    n: int


@dataclass(frozen=True)
class Next:
    """What to get next, and why."""

    what: Literal["takes", "votes", "rater", "none"]
    why: str
    takes: tuple[CellTakes, ...]


@dataclass(frozen=True)
class AgreementFinding:
    """See `agreement`: shares, None where nothing tells them."""

    alpha: float | None
    self: float | None
    raters: tuple[RaterAgreement, ...]


@dataclass(frozen=True)
class Side:
    """How many points of votes the left side is worth by being left, with the 95 % interval."""

    left_points: float
    low: float
    high: float


@dataclass(frozen=True)
class Finding:
    """All that votes say. votes: how many; ties: how many of them. method: which version said it."""

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

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def fit(
    votes: Sequence[Vote],
    takes: Mapping[str, str],
    *,
    levels: Mapping[str, Mapping[str, str]] | None = None,
    labels: Mapping[str, str] | None = None,
    delta: float = DELTA,
    planned: int | None = None,
    seed: int = 0,
) -> Finding:
    """What these votes say.

    votes: (left take, right take, choice, rater), in the order in which they came; a choice is left, right or
    tie. takes: take -> cell, also of takes that nobody voted on. levels: cell -> {axis: level}, for effects.
    labels: what a cell is called in words; its id, if it has none. delta: at most this much worse is as good,
    in logits. planned: how many votes were to be given.

    Raises:
        BallotError: a vote names a take that has no cell, or no choice.
    """
    ballots = read_ballots(votes, takes)
    posterior = Posterior(ballots, seed=seed)
    judged = judge(posterior, delta=delta, planned=planned, seed=seed)
    names = [(labels or {}).get(cell, cell) for cell in ballots.cells]
    purchase, agreement = wanted_purchase(posterior), measure_agreement(ballots)
    verdict = _verdict(posterior, judged, purchase, names)
    side = np.quantile(100 * (sigmoid(posterior.side) - 0.5), [0.5, 0.025, 0.975]).tolist()
    return Finding(
        votes=len(ballots),
        cells=_cells(posterior, judged, names),
        pairs=_pairs(posterior, judged),
        verdict=verdict,
        next=_next(verdict, purchase, names, ballots.cells),
        effects=measure_effects(posterior, levels, seed=seed) if levels else (),
        agreement=AgreementFinding(agreement.alpha, agreement.own, agreement.raters),
        side=Side(*side),
        ties=int((ballots.choice == TIE).sum()),
        method=METHOD,
    )


def _told(rates: Floats) -> tuple[float, float, float]:
    """Median and 95 % interval."""
    middle, low, high = np.quantile(rates, [0.5, 0.025, 0.975]).tolist()
    return middle, low, high


def _cells(posterior: Posterior, judged: Judged, names: Sequence[str]) -> tuple[CellFinding, ...]:
    ballots, scores = posterior.ballots, posterior.scores
    over_average = scores - scores.mean(axis=1, keepdims=True)
    votes = np.bincount(ballots.cell_of, ballots.votes_of_take, len(ballots.cells))
    return tuple(
        CellFinding(
            id=cell,
            label=names[number],
            takes=int(ballots.takes_of_cell[number]),
            votes=int(votes[number]),
            score=float(over_average[:, number].mean()),
            win_rate=WinRate(*_told(posterior.win_rates(over_average[:, number]))),
            as_good_as_any=bool(judged.as_good[number]),
            p_as_good=float(judged.as_good_p[number]),
        )
        for number, cell in enumerate(ballots.cells)
    )


def _pairs(posterior: Posterior, judged: Judged) -> tuple[PairFinding, ...]:
    cells, scores, found = posterior.ballots.cells, posterior.scores, []
    for a in range(len(cells)):
        for b in range(a + 1, len(cells)):
            rates = _told(posterior.win_rates(scores[:, a] - scores[:, b]))
            better: Literal["a", "b"] | None = (
                "a" if judged.better[a, b] else "b" if judged.better[b, a] else None
            )
            found.append(PairFinding(cells[a], cells[b], *rates, better))
    return tuple(found)


def _verdict(posterior: Posterior, judged: Judged, purchase: Purchase, names: Sequence[str]) -> Verdict:
    cells = posterior.ballots.cells
    if not len(posterior.ballots) or len(cells) < 2:
        return Verdict("Too early: nobody has voted yet." if cells else "Too early.", "too_early", None)
    lead = int(posterior.scores.mean(axis=0).argmax())
    others = [number for number in range(len(cells)) if number != lead]
    if all(judged.better[lead, other] for other in others):
        over = names[others[0]] if len(others) == 1 else "every other"
        return Verdict(f"{names[lead]} is better than {over}.", "better", cells[lead])
    if judged.alike:
        most = 100 * sigmoid(np.array([judged.alike_lead]))[0]
        words = f"These look alike: the best is at most {most:.0f} : {100 - most:.0f} ahead."
        return Verdict(words, "alike", cells[lead])
    if judged.as_good.any():
        best = int(np.where(judged.as_good, judged.as_good_p, -1).argmax())
        sure, beaten = int(100 * judged.as_good_p[best]), [names[o] for o in others if judged.better[best, o]]
        rest = f" It is better than {', '.join(beaten)}." if beaten else ""
        return Verdict(f"{names[best]} is as good as any ({sure} %).{rest}", "as_good", cells[best])
    if purchase.what == "takes" and len(posterior.ballots) >= 2 * len(posterior.ballots.takes):
        words = "Takes, not votes, are what is missing."
        return Verdict(words, "takes_missing", cells[lead])
    return Verdict(f"Too early to tell; {names[lead]} leads so far.", "too_early", cells[lead])


def _next(verdict: Verdict, purchase: Purchase, names: Sequence[str], cells: Sequence[str]) -> Next:
    if verdict.code in ("better", "as_good", "alike"):
        return Next("none", "The question is answered.", ())
    shorter = f"the interval between the two leaders would be about {100 * purchase.shrinks:.0f} % shorter"
    match purchase.what:
        case "takes":
            wanted = tuple(CellTakes(cell, number) for cell, number in purchase.takes.items())
            why = f"Most of what is not known is how much takes of one prompt differ; with these {shorter}."
            return Next("takes", why, wanted)
        case "rater":
            why = f"Most of what is not known is whose taste it is: with one more person {shorter}."
            return Next("rater", why, ())
        case "votes":
            return Next("votes", f"More votes help most: with twice as many {shorter}.", ())
        case "none":
            return Next("none", "There is nothing to compare.", ())
