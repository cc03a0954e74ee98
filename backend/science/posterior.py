"""What is believed of cells after votes: a mixture of normals over a grid of how much things differ.

The lead of the left take L over the right one R for rater k is

    eta = beta + u_L - u_R + g[k, cell(L)] - g[k, cell(R)]        u_t = theta[cell(t)] + tau_t
    theta ~ N(0, s^2)   tau ~ N(0, st^2)   g ~ N(0, sg^2)   beta ~ N(0, 0.5^2)

theta: how good a cell is; tau: how its takes differ from each other; g: a rater's own taste; beta: how much
the left side is liked for being left. How large s, st and sg are is not known: each point of a grid of them
is fitted (`laplace`), and weighted by how well it explains the votes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from backend.science.ballots import Ballots, Floats
from backend.science.laplace import Mode, find_mode, sigmoid

#: The prior's spread of the side: a left side worth half a logit would be a lot.
BETA_SD = 0.5
#: The grids, equally weighted, in logits.
CELL_SDS, TAKE_SDS, TASTE_SDS = (0.5, 1.0, 1.6), (0.05, 0.3, 0.6, 1.0, 1.5), (0.05, 0.3, 0.6)
#: How much few cells differ can't be learnt from them.
FEW_CELLS, FEW_CELLS_SD = 3, 1.0
#: From so many cells on one taste is fitted, for speed.
MANY_CELLS, MANY_CELLS_SD = 8, 0.3
#: So many draws tell intervals; points of the grid with less weight than one draw tell nothing.
DRAWS = 4_000
#: Points of Gauss-Hermite quadrature over what a fresh take and another rater add.
NODES = 15


@dataclass(frozen=True)
class Spread:
    """How much cells, takes of a cell, and tastes differ: standard deviations in logits."""

    cell: float
    take: float
    taste: float


@dataclass(frozen=True)
class Columns:
    """Where the weights of a design stand. cells: C columns, then one a take that was voted on, one a rater
    and cell that they voted on, and the side's."""

    ballots: Ballots
    take_column: dict[int, int]
    taste_column: dict[tuple[int, int], int]
    side: int

    @property
    def number(self) -> int:
        """How many weights there are."""
        return self.side + 1

    def precision(self, spread: Spread, cell_columns: int) -> Floats:
        """Of the prior, for each column."""
        kept = np.empty(self.number)
        kept[:cell_columns] = spread.cell**-2
        kept[cell_columns : cell_columns + len(self.take_column)] = spread.take**-2
        kept[cell_columns + len(self.take_column) : self.side] = spread.taste**-2
        kept[self.side] = BETA_SD**-2
        return kept

    def score_map(self) -> Floats:
        """(C, D): a cell's score for this team, its theta and the mean taste of those who voted on it."""
        ballots = self.ballots
        scores = np.zeros((len(ballots.cells), self.number))
        scores[np.arange(len(ballots.cells)), np.arange(len(ballots.cells))] = 1.0
        raters = ballots.has_rated.sum(axis=0)
        for (_, cell), column in self.taste_column.items():
            scores[cell, column] = 1.0 / raters[cell]
        return scores


def lay_out(ballots: Ballots) -> tuple[Columns, Floats]:
    """The columns, and the design matrix (V, D) of the votes."""
    cells = len(ballots.cells)
    voted = np.flatnonzero(ballots.votes_of_take)
    take_column = {int(take): cells + place for place, take in enumerate(voted)}
    first = cells + len(voted)
    rated = [(int(k), int(c)) for k, c in np.argwhere(ballots.has_rated)]
    taste_column = {pair: first + place for place, pair in enumerate(rated)}
    columns = Columns(ballots, take_column, taste_column, first + len(rated))
    design = np.zeros((len(ballots), columns.number))
    rows = np.arange(len(ballots))
    for takes, of_cell, sign in (
        (ballots.left, ballots.left_cell, 1.0),
        (ballots.right, ballots.right_cell, -1.0),
    ):
        design[rows, of_cell] += sign
        design[rows, [take_column[int(take)] for take in takes]] += sign
        tastes = zip(ballots.rater, of_cell, strict=True)
        design[rows, [taste_column[int(k), int(c)] for k, c in tastes]] += sign
    design[:, columns.side] = 1.0
    return columns, design


@dataclass(frozen=True)
class Point:
    """One point of the grid, fitted. weight: of all points together 1."""

    spread: Spread
    mode: Mode
    weight: float


def fit_grid(
    design: Floats, ballots: Ballots, spreads: Sequence[Spread], precision: Callable[[Spread], Floats]
) -> list[Point]:
    """Every point of the grid, fitted from the one before, with its weight."""
    modes: list[Mode] = []
    for spread in spreads:
        modes.append(find_mode(design, ballots.choice, precision(spread), start=modes[-1] if modes else None))
    evidence = np.array([mode.log_evidence for mode in modes])
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    return [Point(*one) for one in zip(spreads, modes, map(float, weights), strict=True)]


def grid(cells: int) -> list[Spread]:
    """The points for so many cells, neighbours beside each other."""
    cell_sds = CELL_SDS if cells > FEW_CELLS else (FEW_CELLS_SD,)
    taste_sds = TASTE_SDS if cells < MANY_CELLS else (MANY_CELLS_SD,)
    return [Spread(*one) for one in product(cell_sds, TAKE_SDS, taste_sds)]


class Posterior:
    """What is believed of cells, as draws of their scores that are the same for the same votes and seed."""

    def __init__(self, ballots: Ballots, *, seed: int = 0) -> None:
        self.ballots = ballots
        self.columns, self.design = lay_out(ballots)
        cells = len(ballots.cells)
        self.points = fit_grid(
            self.design, ballots, grid(cells), lambda spread: self.columns.precision(spread, cells)
        )
        self._seed = seed

    @cached_property
    def _parts(self) -> list[tuple[Point, Floats, Floats]]:
        """Of each point that has draws: it, its draws of scores (n, C), and of the side (n,)."""
        scores = self.columns.score_map()
        wanted = np.vstack([scores, np.eye(1, self.columns.number, self.columns.side)])
        random = np.random.default_rng(self._seed)
        parts = []
        for point, number in zip(self.points, share_out([p.weight for p in self.points]), strict=True):
            if number:
                half = np.linalg.solve(point.mode.cholesky, wanted.T)  # its square is the covariance
                spread = np.linalg.cholesky(half.T @ half + 1e-12 * np.eye(len(wanted)))
                drawn = wanted @ point.mode.weights + random.standard_normal((number, len(wanted))) @ spread.T
                parts.append((point, drawn[:, :-1], drawn[:, -1]))
        return parts

    @cached_property
    def scores(self) -> Floats:
        """(draws, C)."""
        return np.vstack([scores for _, scores, _ in self._parts])

    @cached_property
    def side(self) -> Floats:
        """(draws,): beta."""
        return np.concatenate([side for _, _, side in self._parts])

    @cached_property
    def best_gap(self) -> Floats:
        """(draws, C): how far each cell is behind the best one of its draw."""
        behind: Floats = self.scores.max(axis=1, keepdims=True) - self.scores
        return behind

    @cached_property
    def p_best(self) -> Floats:
        """(C,): how often each cell is the best."""
        return np.bincount(self.scores.argmax(axis=1), minlength=self.scores.shape[1]) / len(self.scores)

    @property
    def raters(self) -> int:
        """How many people voted; 1 while nobody has."""
        return max(1, len(np.unique(self.ballots.rater)))

    def mean(self, of: Callable[[Point], float]) -> float:
        """The mean over the grid."""
        return sum(point.weight * of(point) for point in self.points)

    def win_rates(self, leads: Floats) -> Floats:
        """How often a fresh take is preferred, for each draw's lead in score. leads: (draws, …)."""
        told, at = [], 0
        for point, scores, _ in self._parts:
            told.append(win_rate(leads[at : at + len(scores)], point, self.raters))
            at += len(scores)
        return np.concatenate(told)

    def looks(self) -> Iterator[tuple[Point, Floats]]:
        """Each point that has draws, with its draws of scores."""
        yield from ((point, scores) for point, scores, _ in self._parts)


def win_rate(leads: Floats, point: Point, raters: int) -> Floats:
    """How often a fresh take of a cell is preferred to a fresh one of another by a random member of the team.

    leads: by how much the one's score is above the other's. Ties count half: ½ [F(x - kappa) + F(x + kappa)],
    averaged over x ~ N(lead, 2 st² + 2 sg² (1 - 1/K)). It is a function of the lead alone, so it is computed
    at 801 leads, and read off between them (the error is below 1e-5).
    """
    sd = np.sqrt(2 * point.spread.take**2 + 2 * point.spread.taste**2 * (1 - 1 / raters))
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    at = np.linspace(-12.0, 12.0, 801)
    x = at[:, None] + sd * nodes
    kappa = point.mode.kappa
    told = 0.5 * (sigmoid(x - kappa) + sigmoid(x + kappa)) @ (weights / weights.sum())
    read: Floats = np.interp(leads, at, told)
    return read


def share_out(weights: Sequence[float], total: int = DRAWS) -> list[int]:
    """So many draws, shared by weight: whole numbers that add up, by largest remainder."""
    exact = np.array(weights) * total
    shares = np.floor(exact).astype(int)
    for place in np.argsort(shares - exact, kind="stable")[: total - int(shares.sum())]:
        shares[place] += 1
    return [int(share) for share in shares]
