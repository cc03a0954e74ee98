"""What would help most now: another pair to be voted on, takes to buy, or another person to ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from backend.science.ballots import Ballots
from backend.science.one_core import one_core
from backend.science.posterior import Posterior

#: A cell gets further takes while it may be the best with this probability.
BUY_P = 0.04
#: One pair in so many is against whoever may still be the best, instead of the runner-up.
EXPLORE_EVERY = 10
#: How far above its mean a cell may still be, in standard deviations.
STILL_SD = 2.0
#: Draws that are tried for a second best that is another one than the best.
TRIES = 50
#: In the first round each take is shown about so often.
FIRST_ROUND = 2


@dataclass(frozen=True)
class Purchase:
    """What to get next. takes: cell -> how many more. shrinks: by how much the interval of the two leaders'
    difference would get shorter, 0 to 1. shares: what its width is made of; they add up to at most 1."""

    what: Literal["takes", "votes", "rater", "none"]
    takes: dict[str, int]
    shrinks: float
    take_share: float
    taste_share: float


def wanted_purchase(posterior: Posterior) -> Purchase:
    """What the difference of the two leading cells is unsure of: their takes, the team's tastes, or votes."""
    ballots = posterior.ballots
    if len(ballots.cells) < 2:
        return Purchase("none", {}, 0.0, 0.0, 0.0)
    first, second = _leaders(posterior)
    variance = float((posterior.scores[:, first] - posterior.scores[:, second]).var())
    shown = _takes_voted_on(ballots)
    take = posterior.mean(lambda point: point.spread.take**2)
    taste = posterior.mean(lambda point: point.spread.taste**2)
    apart = 1 / max(1, shown[first]) + 1 / max(1, shown[second])
    take_share = min(1.0, take * apart / variance)
    taste_share = min(1.0 - take_share, 2 * taste / posterior.raters / variance)
    more = _takes_to_buy(posterior)
    if take_share > 0.5:
        kept = 1 / max(1, shown[first] + more.get(ballots.cells[first], 0))
        kept += 1 / max(1, shown[second] + more.get(ballots.cells[second], 0))
        return Purchase("takes", more, _shrinks(1 - take_share * (1 - kept / apart)), take_share, taste_share)
    if taste_share > 0.5:
        left = 1 - taste_share / (posterior.raters + 1)
        return Purchase("rater", {}, _shrinks(left), take_share, taste_share)
    left = 1 - (1 - take_share - taste_share) / 2  # twice as many votes
    return Purchase("votes", {}, _shrinks(left), take_share, taste_share)


def hopeful_cells(posterior: Posterior) -> list[int]:
    """Whose further takes help: the two leaders, whose difference is asked for, and who may be the best."""
    likely = np.flatnonzero(posterior.p_best > BUY_P).tolist()
    return sorted({*_leaders(posterior), *likely})


def _takes_to_buy(posterior: Posterior) -> dict[str, int]:
    """Half again as many as the hopeful cell with the fewest has, at least one: for every hopeful cell that
    has fewer than that. The variance is that of the one with few takes; who has many gets no more of them."""
    ballots, hopeful = posterior.ballots, hopeful_cells(posterior)
    have = ballots.takes_of_cell
    least = min(int(have[cell]) for cell in hopeful)
    wanted = least + max(1, (least + 1) // 2)
    return {ballots.cells[cell]: wanted - int(have[cell]) for cell in hopeful if have[cell] < wanted}


def _shrinks(variance_left: float) -> float:
    return 1 - float(np.sqrt(max(0.0, variance_left)))


def _leaders(posterior: Posterior) -> tuple[int, int]:
    order = np.argsort(-posterior.scores.mean(axis=0), kind="stable")
    return int(order[0]), int(order[1])


def _takes_voted_on(ballots: Ballots) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
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
    `random` in the first round, then `top two`. posterior: of these votes, if somebody has it.
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
        self._posterior = posterior

    def _count(self, a: int, b: int) -> None:
        key = (min(a, b), max(a, b))
        self._paired[key] = self._paired.get(key, 0) + 1

    def pick(self) -> tuple[int, int, str] | None:
        """One more pair; None: there are no two cells with takes."""
        if len(np.unique(self._ballots.cell_of)) < 2:
            return None
        in_first_round = self._is_first_round()
        a, b = self._first_round() if in_first_round else self._top_two()
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

    def _top_two(self) -> tuple[int, int]:
        """Thompson's two: the best of one draw, and the best of another one in which that is not the best."""
        posterior = self._posterior = self._posterior or Posterior(self._ballots)
        scores = posterior.scores
        best = int(scores[self._random.integers(len(scores))].argmax())
        if self._random.random() < 1 / EXPLORE_EVERY:
            reach = scores.mean(axis=0) + STILL_SD * scores.std(axis=0)
            still = np.flatnonzero(reach >= scores.mean(axis=0).max())
            others = still[still != best]
            second = int(self._random.choice(others)) if len(others) else self._runner_up(scores, best)
        else:
            second = best
            for _ in range(TRIES):
                second = int(scores[self._random.integers(len(scores))].argmax())
                if second != best:
                    break
            second = self._runner_up(scores, best) if second == best else second
        a = self._least(np.flatnonzero(self._ballots.cell_of == best))
        return a, self._partner(a, np.flatnonzero(self._ballots.cell_of == second))

    def _runner_up(self, scores: np.ndarray[tuple[int, int], np.dtype[np.float64]], best: int) -> int:
        mean = scores.mean(axis=0)
        mean[best] = -np.inf
        return int(mean.argmax())

    def _least(self, takes: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
        """The take among these that was shown least, by chance where several were."""
        least = takes[self._shown[takes] == self._shown[takes].min()]
        return int(self._random.choice(least))

    def _partner(self, take: int, among: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
        """Whom to show it against: an equal seed first, then whom it met least, then who was shown least."""
        met = np.array([self._paired.get((min(take, one), max(take, one)), 0) for one in among.tolist()])
        same = np.array(
            [self._seeds[one] is not None and self._seeds[one] == self._seeds[take] for one in among.tolist()]
        )
        order = np.lexsort((self._random.random(len(among)), self._shown[among], ~same, met))
        return int(among[order[0]])
