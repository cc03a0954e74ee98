"""How far people agree: with each other, with themselves, and with what the others' votes say."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt

import numpy as np

from backend.science.ballots import LEFT, RIGHT, TIE, Ballots, Floats, Vote, read_ballots
from backend.science.fields import Fields
from backend.science.laplace import find_mode
from backend.science.one_core import one_core
from backend.science.posterior import Spread, usual_prior
from backend.science.rows import Rows

#: The 97.5 % point of a normal: two-sided intervals of 95 %.
Z = 1.959963984540054
#: A rater is judged from so many decided votes on.
FLAG_VOTES = 60
#: Who chooses one side more often than this, surely, doesn't look.
ONE_SIDE = 0.75
#: So many times units are drawn again.
ALPHA_DRAWS = 1_000
#: A middling spread, at which the others' votes are fitted to judge one rater.
USUAL_SPREAD = Spread(1.0, 0.6, 0.3)


@dataclass(frozen=True)
class RaterAgreement(Fields):
    """One rater. votes: all; agrees: of the decided ones, how often with the fit of the others, with its 95 %
    interval; None: nobody else voted. flagged: should a person look at it? why: in words; ""."""

    rater: str
    votes: int
    agrees: float | None
    flagged: bool
    why: str
    decided: int
    agrees_low: float | None
    agrees_high: float | None


@dataclass(frozen=True)
class Agreement:
    """alpha: Krippendorff's over the `pairs` that two or more voted on; own: how often the same answer came
    for a pair that came `again`. Each with its 95 % interval. None: there is nothing to tell it by."""

    alpha: float | None
    own: float | None
    raters: tuple[RaterAgreement, ...]
    pairs: int = 0
    alpha_between: tuple[float, float] | None = None
    again: int = 0
    own_between: tuple[float, float] | None = None


def wilson(successes: float, number: int) -> tuple[float, float]:
    """Wilson's score interval of a share, 95 %. Source: E. B. Wilson, JASA 22, 1927."""
    if not number:
        return 0.0, 1.0
    share, z2 = successes / number, Z * Z
    middle = (share + z2 / (2 * number)) / (1 + z2 / number)
    half = Z / (1 + z2 / number) * sqrt(share * (1 - share) / number + z2 / (4 * number * number))
    return max(0.0, middle - half), min(1.0, middle + half)


def nominal(values: Floats, counts: Floats) -> Floats:
    """Two values differ, or they don't."""
    differs: Floats = (values[:, None] != values[None, :]).astype(float)
    return differs


def interval(values: Floats, counts: Floats) -> Floats:
    """The square of their distance."""
    squared: Floats = (values[:, None] - values[None, :]) ** 2
    return squared


def ordinal(values: Floats, counts: Floats) -> Floats:
    """By how many answers lie between them. counts: of each value, in all that can be paired."""
    total = np.concatenate([[0.0], np.cumsum(counts)])
    between = np.abs(total[1:][None, :] - total[:-1][:, None])
    upper = np.triu(between - (counts[:, None] + counts[None, :]) / 2, 1)
    squared: Floats = (upper + upper.T) ** 2
    return squared


def krippendorff_alpha(
    units: Sequence[Sequence[float]], metric: Callable[[Floats, Floats], Floats] = nominal
) -> float | None:
    """Krippendorff's alpha. units: the answers that each unit got; who gave which does not matter.

    None: no unit has two answers. 1: all agree, also where all gave the same one answer.
    Source: K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.
    """
    paired = [np.asarray(unit, float) for unit in units if len(unit) >= 2]
    if not paired:
        return None
    values = np.unique(np.concatenate(paired))
    seen = np.zeros((len(values), len(values)))
    for unit in paired:
        counts = np.array([(unit == value).sum() for value in values], float)
        seen += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    totals = seen.sum(axis=0)
    by_chance = (np.outer(totals, totals) - np.diag(totals)) / (totals.sum() - 1)
    distance = metric(values, totals)
    expected = float((by_chance * distance).sum())
    return 1.0 if expected == 0 else 1 - float((seen * distance).sum()) / expected


def alpha_between(units: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """The 95 % interval of the nominal alpha: units are drawn again, with replacement, from a fixed seed.

    None: less than two units have two answers.
    Source: A. F. Hayes, K. Krippendorff, "Answering the call for a standard reliability measure for coding
    data", Communication Methods and Measures 1, 2007; of units in place of pairs of answers, as those of one
    unit hang together.
    """
    paired = [np.asarray(unit, float) for unit in units if len(unit) >= 2]
    if len(paired) < 2:
        return None
    values = np.unique(np.concatenate(paired))
    counts = np.array([[(unit == value).sum() for value in values] for unit in paired], float)
    sizes = counts.sum(axis=1)
    random = np.random.default_rng(0)
    drawn = random.multinomial(len(paired), np.full(len(paired), 1 / len(paired)), ALPHA_DRAWS).astype(float)
    alike = drawn @ ((counts * (counts - 1)).sum(axis=1) / (sizes - 1))
    totals, number = drawn @ counts, drawn @ sizes
    by_chance = (totals * (totals - 1)).sum(axis=1) / (number - 1)
    differs, expected = number - alike, number - by_chance
    alphas = np.where(expected <= 1e-9, 1.0, 1 - differs / np.where(expected <= 1e-9, 1.0, expected))
    low, high = np.quantile(alphas, [0.025, 0.975]).tolist()
    return low, high


def measure_agreement(ballots: Ballots) -> Agreement:
    """Agreement over all votes."""
    units: dict[tuple[int, int], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    towards = {LEFT: 1.0, RIGHT: -1.0, TIE: 0.0}
    rows = zip(
        ballots.left.tolist(), ballots.right.tolist(), ballots.choice.tolist(), ballots.rater.tolist(),
        strict=True,
    )  # fmt: skip
    for left, right, choice, rater in rows:
        sign = 1.0 if left < right else -1.0
        units[min(left, right), max(left, right)][rater].append(sign * towards[choice])
    answers = [[said[0] for said in raters.values()] for raters in units.values()]
    again = [a == b for raters in units.values() for said in raters.values() for a, b in pairwise(said)]
    return Agreement(
        alpha=krippendorff_alpha(answers),
        own=sum(again) / len(again) if again else None,
        raters=tuple(_raters(ballots)),
        pairs=sum(len(unit) > 1 for unit in answers),
        alpha_between=alpha_between(answers),
        again=len(again),
        own_between=wilson(sum(again), len(again)) if again else None,
    )


def compare_rater(counted: Sequence[Vote], own: Sequence[Vote], takes: Mapping[str, str]) -> RaterAgreement:
    """How often somebody whose votes are not counted, be it a machine, says what the counted ones say."""
    name = "\0not counted"  # no rater's, so that the same person's counted votes stay apart
    ballots = read_ballots([*counted, *((left, right, said, name) for left, right, said, _ in own)], takes)
    number = ballots.raters.index(name)
    with one_core():
        agreed = _agreed(ballots, number)
    decided = int(((ballots.rater == number) & (ballots.choice != TIE)).sum())
    return _rated(own[0][3], len(own), decided, agreed, "")


def _raters(ballots: Ballots) -> list[RaterAgreement]:
    measured = []
    for rater, name in enumerate(ballots.raters):
        own = ballots.rater == rater
        decided = own & (ballots.choice != TIE)
        agreed = _agreed(ballots, rater)
        lefts = int((ballots.choice[decided] == LEFT).sum())
        measured.append((name, int(own.sum()), int(decided.sum()), lefts, agreed))
    bounds = {
        name: wilson(agreed, decided)[0]
        for name, _, decided, _, agreed in measured
        if agreed is not None and decided
    }
    found = []
    for name, votes, decided, lefts, agreed in measured:
        others = [bound for other, bound in bounds.items() if other != name]
        why = ""
        if decided >= FLAG_VOTES:
            one_side = max(lefts, decided - lefts)
            if wilson(one_side, decided)[0] > ONE_SIDE:
                side = "left" if lefts * 2 > decided else "right"
                why = f"chose the {side} one in {one_side} of {decided} decided votes"
            elif agreed is not None and bounds[name] <= 0.5 and any(bound > 0.5 for bound in others):
                why = f"agrees with the others in {agreed} of {decided} decided votes, about as chance would"
        found.append(_rated(name, votes, decided, agreed, why))
    return found


def _rated(name: str, votes: int, decided: int, agreed: int | None, why: str) -> RaterAgreement:
    if agreed is None or not decided:
        return RaterAgreement(name, votes, None, bool(why), why, decided, None, None)
    low, high = wilson(agreed, decided)
    return RaterAgreement(name, votes, agreed / decided, bool(why), why, decided, low, high)


def _agreed(ballots: Ballots, rater: int) -> int | None:
    """How many of a rater's decided votes agree with the fit of the others'; None: nobody else voted."""
    others = ballots.only(ballots.rater != rater)
    if not len(others):
        return None
    pooled = replace(others, raters=("others",), rater=np.zeros_like(others.rater))
    rows, cells = Rows(pooled), len(ballots.cells)
    weights = find_mode(rows, usual_prior(cells, USUAL_SPREAD)).weights
    takes = np.zeros(len(ballots.takes))
    takes[rows.shown] = weights.main[cells:-1]
    value = (weights.main[:cells] + weights.tastes[0])[ballots.cell_of] + takes
    mine = (ballots.rater == rater) & (ballots.choice != TIE)
    lead = value[ballots.left[mine]] - value[ballots.right[mine]]
    return int(((lead > 0) == (ballots.choice[mine] == LEFT)).sum())
