"""What would help most now: another pair to be voted on, takes to buy, or another person to ask.

One thing is asked for: that the leader b is as good as any. What speaks against it is the chance that some
other cell j is more than delta better, which is at most the sum of those of each (Boole):

    sum over j of F(-z_j)    z_j = (m_j + delta) / sqrt(v_j)    F, f: the standard normal's

m_j and v_j: mean and variance of the lead of b over j. To first order, making v_j smaller by d makes this
smaller by w_j d, with w_j = f(z_j) z_j / (2 v_j). So a pair, and a take, is worth the sum over j of w_j times
what it takes off v_j, and what is worth most comes next. A far cell has a small w_j and gets nothing; the
leader is in every v_j and gets most.

Source: the slope of Chen's bound of correct selection ("Simulation budget allocation for further enhancing
the efficiency of ordinal optimization", Discrete Event Dynamic Systems 10, 2000), here of "at most delta
worse", with votes that compare two cells and with takes that have a variance of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from backend.science.ballots import Ballots, Floats, Ints
from backend.science.one_core import one_core
from backend.science.posterior import Posterior

#: At most this much worse is as good: in logits, about 55 : 45.
DELTA = 0.2
#: So many takes are bought at once, of those that there are: a few, as each wave tells where the next is due.
WAVE_SHARE = 0.1
#: One pair in so many is drawn, not chosen: who leads may be wrong.
EXPLORE_EVERY = 10
#: What one vote leaves unsure of a lead: 1 / F(1 - F) of the logistic F: 4 for even takes, 5 for 72 : 28.
VOTE_VARIANCE = 4.5
#: Draws that are tried for a second best that is another one than the best.
TRIES = 50
#: In the first round each take is shown about so often.
FIRST_ROUND = 2


class Doubts:
    """What speaks against the leader's being as good as any; see above. leader: the cell with the highest
    mean. variance, weight: (C,), v_j and w_j (the largest is about 1; the leader's is 0)."""

    def __init__(self, posterior: Posterior, delta: float) -> None:
        means = posterior.scores.mean(axis=0)
        self.posterior, self.leader = posterior, int(means.argmax())
        self.variance: Floats = (posterior.scores[:, [self.leader]] - posterior.scores).var(axis=0) + 1e-12
        z = np.maximum(means[self.leader] - means + delta, 1e-6) / np.sqrt(self.variance)
        others = np.arange(len(means)) != self.leader
        log_weight = np.log(z / self.variance) - z**2 / 2
        self.weight: Floats = np.where(others, np.exp(log_weight - log_weight[others].max()), 0.0)

    @cached_property
    def take_variance(self) -> float:
        """st², as far as it is known."""
        return self.posterior.mean(lambda point: point.spread.take**2)

    def of_takes(self, takes: Ints) -> float:
        """The weighted variance that is due to so few takes of each cell."""
        spread = self.take_variance / np.maximum(1, takes)
        return float(self.weight @ (spread[self.leader] + spread))

    @property
    def whole(self) -> float:
        """The weighted variance."""
        return float(self.weight @ self.variance)

    @property
    def contenders(self) -> tuple[int, int]:
        """The leader, and who stands in its way most."""
        return self.leader, int(self.weight.argmax())

    def takes_to_buy(self) -> Ints:
        """(C,): how many more of each cell: one after the other, each where it takes off most.

        One more of R takes of a cell takes st²/R - st²/(R + 1) = st²/(R (R + 1)) off each lead that it is in.
        """
        have = self.posterior.ballots.takes_of_cell.astype(np.int64)
        weight, wanted = self.weight.copy(), have.copy()
        weight[self.leader] = weight.sum()
        for _ in range(max(1, round(WAVE_SHARE * int(have.sum())))):
            wanted[(weight / (wanted * (wanted + 1))).argmax()] += 1
        return wanted - have


@dataclass(frozen=True)
class Purchase:
    """What to get next. takes: cell -> how many more. shrinks: by how much the interval of the leader's
    lead over who may be better would get shorter, 0 to 1. shares: what its variance is made of; they add up
    to at most 1."""

    what: Literal["takes", "votes", "rater", "none"]
    takes: dict[str, int]
    shrinks: float
    take_share: float
    taste_share: float


def wanted_purchase(posterior: Posterior, delta: float = DELTA) -> Purchase:
    """What it is that the leader's lead is unsure of: takes, the team's tastes, or votes."""
    ballots = posterior.ballots
    if len(ballots.cells) < 2:
        return Purchase("none", {}, 0.0, 0.0, 0.0)
    doubts, shown = Doubts(posterior, delta), _takes_voted_on(ballots)
    whole, of_takes = doubts.whole, doubts.of_takes(shown)
    taste = 2 * posterior.mean(lambda point: point.spread.taste**2) / posterior.raters
    take_share = min(1.0, of_takes / whole)
    taste_share = min(1.0 - take_share, taste * float(doubts.weight.sum()) / whole)
    if take_share > 0.5:
        more = doubts.takes_to_buy()
        left = 1 - take_share * (1 - doubts.of_takes(np.maximum(1, shown) + more) / of_takes)
        wanted = {ballots.cells[cell]: int(more[cell]) for cell in np.flatnonzero(more).tolist()}
        return Purchase("takes", wanted, _shrinks(left), take_share, taste_share)
    if taste_share > 0.5:
        left = 1 - taste_share / (posterior.raters + 1)
        return Purchase("rater", {}, _shrinks(left), take_share, taste_share)
    left = 1 - (1 - take_share - taste_share) / 2  # twice as many votes
    return Purchase("votes", {}, _shrinks(left), take_share, taste_share)


def _shrinks(variance_left: float) -> float:
    return 1 - float(np.sqrt(max(0.0, variance_left)))


def _takes_voted_on(ballots: Ballots) -> Ints:
    voted = ballots.cell_of[ballots.votes_of_take > 0]
    return np.bincount(voted, minlength=len(ballots.cells))


def wanted_pairs(
    ballots: Ballots,
    number: int,
    *,
    seed: int,
    seeds: Sequence[int | None] | None = None,
    waiting: Sequence[tuple[int, int]] = (),
    posterior: Posterior | None = None,
) -> list[tuple[int, int, str]]:
    """The next pairs of takes to vote on: (take, take, why), without a side.

    seeds: of each take; equal ones are compared first. waiting: pairs that are being voted on now. why:
    `random` in the first round, then `top two`: of who may be the best. posterior: of these votes, if
    somebody has it.
    """
    random = np.random.default_rng([seed, len(ballots), len(waiting)])
    picker = _Picker(ballots, random, seeds or [None] * len(ballots.takes), waiting, posterior)
    with one_core():
        return [pair for _ in range(number) if (pair := picker.pick())]


class _Picker:
    def __init__(
        self,
        ballots: Ballots,
        random: np.random.Generator,
        seeds: Sequence[int | None],
        waiting: Sequence[tuple[int, int]],
        posterior: Posterior | None,
    ) -> None:
        self._ballots, self._random, self._seeds = ballots, random, seeds
        self._shown = ballots.votes_of_take.astype(np.int64).copy()
        self._paired: dict[tuple[int, int], int] = {}
        for a, b in [*zip(ballots.left.tolist(), ballots.right.tolist(), strict=True), *waiting]:
            self._count(a, b)
        for a, b in waiting:
            self._shown[[a, b]] += 1
        self._waiting, self._posterior = waiting, posterior

    def _count(self, a: int, b: int) -> None:
        key = (min(a, b), max(a, b))
        self._paired[key] = self._paired.get(key, 0) + 1

    def pick(self) -> tuple[int, int, str] | None:
        """One more pair; None: there are no two cells with takes."""
        if len(np.unique(self._ballots.cell_of)) < 2:
            return None
        in_first_round = self._is_first_round()
        a, b = self._first_round() if in_first_round else self._takes_of(*self._cells())
        self._shown[[a, b]] += 1
        self._count(a, b)
        return a, b, "random" if in_first_round else "top two"

    def _is_first_round(self) -> bool:
        """Was some cell shown less than twice as often as the cell with the fewest takes has takes? Takes
        that were bought later, for cells that may be the best, come with the best two."""
        ballots = self._ballots
        shown = np.bincount(ballots.cell_of, self._shown, len(ballots.cells))
        return bool(shown.min() < FIRST_ROUND * ballots.takes_of_cell.min())

    def _first_round(self) -> tuple[int, int]:
        """A take of the cell that was shown least, against one of another cell."""
        ballots = self._ballots
        shown = np.bincount(ballots.cell_of, self._shown, len(ballots.cells))
        a = self._least(np.flatnonzero(ballots.cell_of == shown.argmin()))
        others = np.flatnonzero(self._ballots.cell_of != self._ballots.cell_of[a])
        return a, self._partner(a, others)

    def _known(self) -> Posterior:
        self._posterior = self._posterior or Posterior(self._ballots)
        return self._posterior

    @cached_property
    def _doubts(self) -> Doubts:
        return Doubts(self._known(), DELTA)

    @cached_property
    def _unsure(self) -> Floats:
        """(C, C): the covariance of scores, once the votes that wait have come."""
        self._unsure = np.cov(self._known().scores.T)
        for a, b in self._waiting:
            self._expect(int(self._ballots.cell_of[a]), int(self._ballots.cell_of[b]))
        return self._unsure

    @property
    def _noise(self) -> float:
        """What a vote on a fresh take of each of two cells leaves unsure of their scores."""
        return VOTE_VARIANCE + 2 * self._doubts.take_variance

    def _expect(self, a: int, b: int) -> None:
        """A vote between these cells makes scores surer, whatever it says (a normal's conditional one)."""
        toward = self._unsure[:, a] - self._unsure[:, b]
        self._unsure = self._unsure - np.outer(toward, toward) / (self._noise + toward[a] - toward[b])

    def _cells(self) -> tuple[int, int]:
        """The two cells of which a vote helps most, or now and then two that are drawn.

        A vote between i and j takes cov(lead of the leader over k, s_i - s_j)² / (noise + var(s_i - s_j)) off
        the variance of that lead. Pairs of two rivals are among them: with the leader alone in every pair its
        lead over each would be known by their own votes only.
        """
        if self._random.random() < 1 / EXPLORE_EVERY:
            best, second = self._top_two()
        else:
            unsure, doubts = self._unsure, self._doubts
            leads = unsure[doubts.leader] - unsure
            told = _apart(leads.T @ (doubts.weight[:, None] * leads)) / (self._noise + _apart(unsure))
            told[np.tril_indices(len(told))] = -np.inf  # each two once: a rounding decides nothing
            best, second = (int(one) for one in np.unravel_index(told.argmax(), told.shape))
        self._expect(best, second)
        return best, second

    def _top_two(self) -> tuple[int, int]:
        """Thompson's two: the best of one draw, and the best of another one in which that is not the best.

        Source: Russo, "Simple Bayesian algorithms for best-arm identification", Operations Research 68, 2020.
        """
        scores = self._known().scores
        best = int(scores[self._random.integers(len(scores))].argmax())
        for _ in range(TRIES):
            second = int(scores[self._random.integers(len(scores))].argmax())
            if second != best:
                return best, second
        return best, self._runner_up(scores, best)

    def _takes_of(self, one: int, other: int) -> tuple[int, int]:
        """Of each of two cells the take that was shown least."""
        a = self._least(np.flatnonzero(self._ballots.cell_of == one))
        return a, self._partner(a, np.flatnonzero(self._ballots.cell_of == other))

    def _runner_up(self, scores: Floats, best: int) -> int:
        mean = scores.mean(axis=0)
        mean[best] = -np.inf
        return int(mean.argmax())

    def _least(self, takes: Ints) -> int:
        """The take among these that was shown least, by chance where several were."""
        least = takes[self._shown[takes] == self._shown[takes].min()]
        return int(self._random.choice(least))

    def _partner(self, take: int, among: Ints) -> int:
        """Whom to show it against: whom it met least, of these an equal seed, else who was shown least."""
        met = np.array([self._paired.get((min(take, one), max(take, one)), 0) for one in among.tolist()])
        same = np.array(
            [self._seeds[one] is not None and self._seeds[one] == self._seeds[take] for one in among.tolist()]
        )
        order = np.lexsort((self._random.random(len(among)), self._shown[among], ~same, met))
        return int(among[order[0]])


def _apart(covariance: Floats) -> Floats:
    """(C, C): of a quantity's covariance, the variance of the difference of each two."""
    own = np.diag(covariance)
    apart: Floats = own[:, None] + own - 2 * covariance
    return apart
