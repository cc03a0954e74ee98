"""What is believed of cells after votes: a mixture of normals over a grid of how much things differ.

The lead of the left take L over the right one R for rater k is

    eta = beta + u_L - u_R + g[k, cell(L)] - g[k, cell(R)]        u_t = theta[cell(t)] + tau_t
    theta ~ N(0, s^2)   tau ~ N(0, st^2)   g ~ N(0, sg^2)   beta ~ N(0, 0.5^2)

theta: how good a cell is; tau: how its takes differ from each other; g: a rater's own taste; beta: how much
the left side is liked for being left. How large s, st and sg are is not known: each point of a grid of them
is fitted (`laplace`), and weighted by how well it explains the votes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from backend.science.ballots import Ballots, Floats
from backend.science.laplace import MANY_WEIGHTS, Mode, Prior, Start, find_mode, sigmoid
from backend.science.rows import Rows

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
#: A point of the grid with less weight changes nothing that is told.
UNLIKELY = 1e-3
#: With so much of the best one's weight it has no draw by far, and what lies behind it isn't looked at.
NO_WEIGHT = 1e-6
#: Points of Gauss-Hermite quadrature over what a fresh take and another rater add.
NODES = 15
#: Leads at which win rates are computed.
LEADS = np.linspace(-12.0, 12.0, 801)


@dataclass(frozen=True)
class Spread:
    """How much cells, takes of a cell, and tastes differ: standard deviations in logits."""

    cell: float
    take: float
    taste: float


def usual_prior(cells: int, spread: Spread) -> Prior:
    """Cells that have nothing in common."""
    return Prior(np.eye(cells) * spread.cell**-2, spread.take**-2, spread.taste**-2, BETA_SD**-2)


@dataclass(frozen=True)
class Point:
    """One point of the grid, fitted. weight: of all points together 1."""

    spread: Spread
    mode: Mode
    weight: float


def fit_grid(
    rows: Rows,
    spreads: Sequence[Spread],
    prior: Callable[[Spread], Prior],
    near: Sequence[Mode | Start] = (),
) -> list[Point]:
    """Points of the grid, with their weights: each fitted from a point beside it, or from a mode nearby if
    there is one for each. All of them, but with many weights those that are sure to have no draw."""
    modes: dict[Spread, Mode] = {}
    if near or rows.main <= MANY_WEIGHTS:
        for place, spread in enumerate(spreads):
            start = near[place] if near else modes[spreads[place - 1]] if modes else None
            modes[spread] = find_mode(rows, prior(spread), start)
    else:
        modes = _climb(rows, spreads, prior)
    evidence = np.array([mode.log_evidence for mode in modes.values()])
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    return [Point(*one) for one in zip(modes, modes.values(), map(float, weights), strict=True)]


def _climb(rows: Rows, spreads: Sequence[Spread], prior: Callable[[Spread], Prior]) -> dict[Spread, Mode]:
    """The modes of the points that matter, from the grid's middle on: the neighbours of the likeliest one
    first. How well points explain the votes falls off from the best one to all sides, so what lies behind one
    that has no weight has less."""
    values = [sorted({getattr(one, name) for one in spreads}) for name in ("cell", "take", "taste")]
    places = list(product(*(range(len(some)) for some in values)))
    at = {Spread(*(some[n] for some, n in zip(values, place, strict=True))): place for place in places}
    middle = min(at, key=lambda one: sum(abs(n - len(v) // 2) for n, v in zip(at[one], values, strict=True)))
    modes = {middle: find_mode(rows, prior(middle))}
    while True:
        likely = sorted(modes, key=lambda one: -modes[one].log_evidence)
        least = modes[likely[0]].log_evidence + np.log(NO_WEIGHT)
        beside = (
            (other, one)
            for one in likely
            if modes[one].log_evidence > least
            for other in at
            if other not in modes and sum(abs(a - b) for a, b in zip(at[one], at[other], strict=True)) == 1
        )
        further = next(beside, None)
        if further is None:
            return {one: modes[one] for one in spreads if one in modes}
        modes[further[0]] = find_mode(rows, prior(further[0]), modes[further[1]])


def grid(cells: int) -> list[Spread]:
    """The points for so many cells, neighbours beside each other."""
    cell_sds = CELL_SDS if cells > FEW_CELLS else (FEW_CELLS_SD,)
    taste_sds = TASTE_SDS if cells < MANY_CELLS else (MANY_CELLS_SD,)
    return [Spread(*one) for one in product(cell_sds, TAKE_SDS, taste_sds)]


@dataclass(frozen=True)
class Part:
    """Draws of one point of the grid. scores: (n, C); side: (n,)."""

    point: Point
    scores: Floats
    side: Floats
    raters: int

    def win_rates(self, leads: Floats) -> Floats:
        """How often a fresh take of a cell is preferred to a fresh one of another by a random member of the
        team, for each lead in score; any shape.

        Ties count half: ½ [F(x - kappa) + F(x + kappa)], averaged over x ~ N(lead, 2 st² + 2 sg² (1 - 1/K)).
        It is a function of the lead alone, so it is computed at 801 leads, and read off between them (the
        error is below 1e-5).
        """
        read: Floats = np.interp(leads, LEADS, self._told)
        return read

    @cached_property
    def _told(self) -> Floats:
        spread, kappa = self.point.spread, self.point.mode.kappa
        sd = np.sqrt(2 * spread.take**2 + 2 * spread.taste**2 * (1 - 1 / self.raters))
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        x = LEADS[:, None] + sd * nodes
        told: Floats = 0.5 * (sigmoid(x - kappa) + sigmoid(x + kappa)) @ (weights / weights.sum())
        return told


def draw_parts(ballots: Ballots, points: Sequence[Point], random: np.random.Generator) -> list[Part]:
    """Of each point that has draws: draws of every cell's score for this team, its theta and the mean taste
    of those who voted on it, and of the side."""
    cells, rated = len(ballots.cells), ballots.has_rated
    share_of = rated / np.maximum(1, rated.sum(axis=0))
    parts = []
    for point, number in zip(points, share_out([one.weight for one in points]), strict=True):
        if not number:
            continue
        weights = point.mode.weights
        main = np.zeros((len(weights.main), cells + 1))
        main[np.arange(cells), np.arange(cells)] = main[-1, -1] = 1.0
        tastes = np.zeros((*share_of.shape, cells + 1))
        tastes[:, np.arange(cells), np.arange(cells)] = share_of
        told, told_tastes = point.mode.curvature.solve(main, tastes)
        covariance = main.T @ told
        covariance[:cells] += (share_of[:, :, None] * told_tastes).sum(axis=0)
        mean = np.append(weights.main[:cells] + (share_of * weights.tastes).sum(axis=0), weights.main[-1])
        half = np.linalg.cholesky((covariance + covariance.T) / 2 + 1e-12 * np.eye(cells + 1))
        drawn = mean + random.standard_normal((number, cells + 1)) @ half.T
        parts.append(Part(point, drawn[:, :-1], drawn[:, -1], max(1, len(ballots.raters))))
    return parts


class Posterior:
    """What is believed of cells, as draws of their scores that are the same for the same votes and seed."""

    def __init__(
        self,
        ballots: Ballots,
        *,
        seed: int = 0,
        near: "Posterior | None" = None,
        likely_alone: bool = False,
    ) -> None:
        """near: of more or of fewer votes on the same takes, from whose modes this one is found sooner.

        likely_alone: what was unlikely there is not looked at again: for a few votes more or less.
        """
        self.ballots = ballots
        self.rows: Rows = Rows(ballots)
        cells = len(ballots.cells)
        carried = near.likely if near and likely_alone else near.points if near else []
        weights = [self.rows.carry(near.rows, point.mode.weights) for point in carried] if near else []
        starts = [
            Start(one, point.mode.kappa)
            for one, point in zip(weights, carried, strict=True)
            if one is not None
        ]
        self.points: list[Point] = fit_grid(
            self.rows,
            [point.spread for point in carried] or grid(cells),
            lambda spread: usual_prior(cells, spread),
            starts if len(starts) == len(carried) else (),
        )
        self._seed = seed

    @property
    def likely(self) -> list[Point]:
        """The points of the grid that have nearly all of the weight."""
        return [point for point in self.points if point.weight > UNLIKELY]

    @cached_property
    def parts(self) -> list[Part]:
        """The draws, by the point of the grid that they are of."""
        return draw_parts(self.ballots, self.points, np.random.default_rng(self._seed))

    @cached_property
    def scores(self) -> Floats:
        """(draws, C)."""
        return np.vstack([part.scores for part in self.parts])

    @cached_property
    def side(self) -> Floats:
        """(draws,): beta."""
        return np.concatenate([part.side for part in self.parts])

    def prior_leads(self) -> Floats:
        """(draws,): of one cell over another, where no vote leads from the one to the other, be it by way of
        others: as wide as before the first vote, and even."""
        ends = (len(self.scores) + 1) // 2
        even = np.random.default_rng([self._seed, 2]).standard_normal(ends)
        sds = np.concatenate([np.full(len(part.scores), part.point.spread.cell) for part in self.parts])
        leads: Floats = np.sqrt(2) * sds * np.ravel(np.column_stack([even, -even]))[: len(sds)]
        return leads

    @cached_property
    def best_gap(self) -> Floats:
        """(draws, C): how far each cell is behind the best one of its draw."""
        behind: Floats = self.scores.max(axis=1, keepdims=True, initial=-np.inf) - self.scores
        return behind

    @cached_property
    def p_best(self) -> Floats:
        """(C,): how often each cell is the best."""
        return np.bincount(self.scores.argmax(axis=1), minlength=self.scores.shape[1]) / len(self.scores)

    @property
    def raters(self) -> int:
        """How many people voted; 1 while nobody has."""
        return max(1, len(self.ballots.raters))

    def mean(self, of: Callable[[Point], float]) -> float:
        """The mean over the grid."""
        return sum(point.weight * of(point) for point in self.points)

    def win_rates(self, leads: Floats) -> Floats:
        """How often a fresh take is preferred, for each draw's lead in score. leads: (draws, …)."""
        ends = np.cumsum([len(part.scores) for part in self.parts])[:-1]
        apart = zip(self.parts, np.split(leads, ends), strict=True)
        return np.concatenate([part.win_rates(some) for part, some in apart])


def share_out(weights: Sequence[float], total: int = DRAWS) -> list[int]:
    """So many draws, shared by weight: whole numbers that add up, by largest remainder."""
    exact = np.array(weights) * total
    shares = np.floor(exact).astype(int)
    for place in np.argsort(shares - exact, kind="stable")[: total - int(shares.sum())]:
        shares[place] += 1
    return [int(share) for share in shares]
