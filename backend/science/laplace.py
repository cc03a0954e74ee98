"""The mode and the curvature of one model of votes, by Newton's method, and how well it explains them.

Of a vote, with F(x) = 1 / (1 + e^-x), eta the lead of the left take and kappa >= 0 the width of a tie:

    P(left) = F(eta - kappa)    P(right) = F(-eta - kappa)
    P(tie)  = 1 - both = F(eta + kappa) F(-eta + kappa) (1 - e^-2kappa)

so each vote is one or two terms log F(a eta + b kappa), all of them concave: the mode is the only one.

Source: Davidson's and Rao-Kupper's models of paired comparisons with ties (Rao and Kupper, "Ties in
paired-comparison experiments", JASA 62, 1967); Laplace's approximation: Tierney and Kadane, JASA 81, 1986.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.science.ballots import Floats
from backend.science.rows import Rows, Weights

#: Newton's method has arrived with a step that gained less: what is left then is about the square of it.
TOLERANCE = 1e-4
STEPS_MAX = 60
#: The width of a tie to begin with, and the least one where there are ties.
KAPPA_START, KAPPA_LEAST_START, KAPPA_MIN = 0.3, 0.01, 1e-6
#: Where every vote is a tie, so much of a decided vote is thought of beside them: kappa would have no
#: maximum, and the fewest ties would say for sure that all are alike.
DECIDED_BESIDE_TIES = 0.5
#: From so many main weights on a step is found without writing the curvature out.
MANY_WEIGHTS = 500
#: So much of the slope may be left of such a step: the next one starts there, with the square of it as error.
SLOPE_LEFT, TURNS_MAX = 1e-3, 500
#: Rows of a triangle that are solved at once.
BLOCK = 128


@dataclass(frozen=True)
class Prior:
    """Normal, around 0, by its precision. cells: (C, C); of takes, tastes and the side: a number each."""

    cells: Floats
    take: float
    taste: float
    side: float

    def times(self, weights: Weights) -> Weights:
        """The precision times these weights."""
        cells = len(self.cells)
        main = np.concatenate(
            [
                self.cells @ weights.main[:cells],
                self.take * weights.main[cells:-1],
                self.side * weights.main[-1:],
            ]
        )
        return Weights(main, self.taste * weights.tastes)

    def diagonal(self, rows: Rows) -> Weights:
        """Of the precision of all weights of these rows."""
        takes = np.full(len(rows.shown), self.take)
        main = np.concatenate([np.diag(self.cells), takes, [self.side]])
        return Weights(main, np.full((rows.raters, rows.cells), self.taste))

    def log_det(self, rows: Rows) -> float:
        """Of the precision of all weights of these rows."""
        rest = len(rows.shown) * np.log(self.take) + rows.raters * rows.cells * np.log(self.taste)
        return float(np.linalg.slogdet(self.cells)[1] + rest + np.log(self.side))


class Curvature:
    """Second derivatives by the weights. A rater's tastes meet no other rater's, so they are taken out rater
    by rater, and what is left is as large as there are main weights, however many people vote."""

    def __init__(self, rows: Rows, bends: Floats, prior: Prior) -> None:
        main, cross, tastes = rows.bend(bends)
        cells, takes = rows.cells, len(rows.shown)
        main[:cells, :cells] += prior.cells
        diagonal = np.concatenate([np.full(takes, prior.take), [prior.side]])
        places = np.arange(cells, rows.main)
        main[places, places] += diagonal
        tastes += prior.taste * np.eye(cells)
        self._inverse_root = np.linalg.inv(np.linalg.cholesky(tastes))
        self._solved = self._inverse_root @ cross
        flat = self._solved.reshape(rows.raters * cells, rows.main)
        self._root: Floats = np.asarray(np.linalg.cholesky(main - flat.T @ flat), np.float64)

    def solve(self, main: Floats, tastes: Floats) -> tuple[Floats, Floats]:
        """What the curvature times this is: main (M, n), tastes (K, C, n)."""
        rest = self._inverse_root @ tastes
        left = main - np.tensordot(self._solved, rest, ([0, 1], [0, 1]))
        told = _solve_by_root(self._root, left)
        return told, self._inverse_root.transpose(0, 2, 1) @ (rest - self._solved @ told)

    @cached_property
    def log_det(self) -> float:
        """Its determinant's logarithm."""
        of_tastes = np.log(np.diagonal(self._inverse_root, axis1=1, axis2=2)).sum()
        return 2 * float(np.log(np.diag(self._root)).sum() - of_tastes)


def _solve_by_root(root: Floats, wanted: Floats) -> Floats:
    """x with root @ root.T @ x = wanted, for a lower triangle, block by block."""
    found, number = wanted.copy(), len(root)
    blocks = [slice(at, min(at + BLOCK, number)) for at in range(0, number, BLOCK)]
    for one in blocks:
        found[one] -= root[one, : one.start] @ found[: one.start]
        found[one] = np.linalg.solve(root[one, one], found[one])
    for one in reversed(blocks):
        found[one] -= root[one.stop :, one].T @ found[one.stop :]
        found[one] = np.linalg.solve(root[one, one].T, found[one])
    return found


def _solve_by_gradients(times: Callable[[Floats], Floats], diagonal: Floats, wanted: Floats) -> Floats:
    """x with `times(x)` = wanted, nearly: times is a symmetric, positive matrix with this diagonal.

    It is multiplied, never written out: a product takes as long as there are votes. Source: Hestenes and
    Stiefel, "Methods of conjugate gradients for solving linear systems", J. Res. NBS 49, 1952; how near a
    step has to come: Nocedal and Wright, "Numerical Optimization", 2nd ed., 7.1.
    """
    found, rest = np.zeros_like(wanted), wanted.copy()
    scaled = rest / diagonal
    along, size = scaled, float(rest @ scaled)
    enough = SLOPE_LEFT**2 * size
    for _ in range(TURNS_MAX):
        if size <= enough:
            break
        turned = times(along)
        length = size / float(along @ turned)
        found += length * along
        rest -= length * turned
        scaled = rest / diagonal
        before, size = size, float(rest @ scaled)
        along = scaled + size / before * along
    return found


@dataclass(frozen=True)
class Start:
    """Where a search may begin."""

    weights: Weights
    kappa: float


@dataclass(frozen=True)
class Mode:
    """weights and kappa at the mode; curvature there by the weights, the inverse of which is the covariance;
    log_evidence: up to a constant that is the same for the same votes."""

    weights: Weights
    kappa: float
    curvature: Curvature
    log_evidence: float


def sigmoid(x: Floats) -> Floats:
    """F(x), without overflow at either end."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _log_sigmoid(x: Floats) -> Floats:
    return -np.logaddexp(0.0, -x)


def find_mode(rows: Rows, prior: Prior, start: "Mode | Start | None" = None) -> Mode:
    """The mode of votes under a prior. start: a mode nearby, of as many weights, to begin at."""
    search = Search(rows, prior)
    weights = rows.start() if start is None else start.weights
    kappa = (KAPPA_START if start is None else max(start.kappa, KAPPA_LEAST_START)) if rows.ties else 0.0
    value = search.objective(weights, kappa)
    for _ in range(STEPS_MAX):
        step, kappa_step, gain = search.newton_step(weights, kappa)
        length = 1.0
        while True:
            there, kappa_there = weights.moved(step, length), kappa + length * kappa_step
            if not rows.ties or kappa_there > KAPPA_MIN:
                reached = search.objective(there, kappa_there)
                if reached <= value - 1e-4 * length * gain + 1e-10 or length < 1e-8:
                    break
            length /= 2
        weights, kappa, value = there, kappa_there, reached
        if gain < TOLERANCE:
            break
    curvature = search.curvature(weights, kappa)
    return Mode(weights, kappa, curvature, -value + 0.5 * (prior.log_det(rows) - curvature.log_det))


class Search:
    """The objective, minus the log of likelihood times prior, and its derivatives."""

    def __init__(self, rows: Rows, prior: Prior) -> None:
        self._rows, self._prior = rows, prior
        self._beside = DECIDED_BESIDE_TIES if rows.ties and rows.ties == len(rows) else 0.0

    def _terms(self, weights: Weights, kappa: float) -> tuple[Floats, Floats]:
        """The argument of each vote's F, and of a tie's second one (of a decided vote: unused)."""
        eta = self._rows.leads(weights)
        first = np.where(self._rows.tie, eta + kappa, self._rows.towards * eta - kappa)
        return first, kappa - eta

    def objective(self, weights: Weights, kappa: float) -> float:
        """Up to a constant."""
        first, second = self._terms(weights, kappa)
        likelihood = float(_log_sigmoid(first).sum())
        if self._rows.ties:
            likelihood += float(_log_sigmoid(second[self._rows.tie]).sum())
            likelihood += self._rows.ties * float(np.log(-np.expm1(-2 * kappa)))
            likelihood -= self._beside * float(np.logaddexp(0.0, kappa))
        return 0.5 * weights.along(self._prior.times(weights)) - likelihood

    def _bends(self, weights: Weights, kappa: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Of each vote: slopes by eta and by kappa, curvature by eta, and the mixed one."""
        first, second = self._terms(weights, kappa)
        tie = self._rows.tie
        up, up_second = sigmoid(-first), np.where(tie, sigmoid(-second), 0.0)
        bend, bend_second = up * (1 - up), up_second * (1 - up_second)
        towards, width = np.where(tie, 1.0, self._rows.towards), np.where(tie, 1.0, -1.0)
        return (
            towards * up - up_second,
            width * up + up_second,
            bend + bend_second,
            towards * width * bend - bend_second,
        )

    def curvature(self, weights: Weights, kappa: float) -> Curvature:
        """Second derivatives by the weights alone."""
        return Curvature(self._rows, self._bends(weights, kappa)[2], self._prior)

    def newton_step(self, weights: Weights, kappa: float) -> tuple[Weights, float, float]:
        """The step of the weights, of kappa, and the gain that it promises."""
        slope_eta, slope_kappa, bend, mixed = self._bends(weights, kappa)
        slope = self._rows.gather(slope_eta).moved(self._prior.times(weights), -1.0)
        by_kappa, bend_kappa = self._of_kappa(kappa, slope_kappa, bend)
        if self._rows.main > MANY_WEIGHTS:
            step, kappa_step = self._step_by_gradients(bend, mixed, bend_kappa, slope, by_kappa)
            return step, kappa_step, slope.along(step) + by_kappa * kappa_step
        across = self._rows.gather(mixed)
        main, tastes = Curvature(self._rows, bend, self._prior).solve(
            np.stack([slope.main, across.main], axis=1), np.stack([slope.tastes, across.tastes], axis=2)
        )
        step = Weights(main[:, 0], tastes[:, :, 0])
        if not self._rows.ties:
            return step, 0.0, slope.along(step)
        per_kappa = Weights(main[:, 1], tastes[:, :, 1])
        kappa_step = (by_kappa - across.along(step)) / (bend_kappa - across.along(per_kappa))
        step = step.moved(per_kappa, -kappa_step)
        return step, kappa_step, slope.along(step) + by_kappa * kappa_step

    def _of_kappa(self, kappa: float, slope_kappa: Floats, bend: Floats) -> tuple[float, float]:
        """Slope and curvature by kappa; without ties it stays 0."""
        if not self._rows.ties:
            return 0.0, 1.0
        grown = np.expm1(2 * kappa)
        undecided = 1 / (1 + np.exp(-kappa))
        by_kappa = float(slope_kappa.sum()) + self._rows.ties * 2 / grown - self._beside * undecided
        bend_kappa = float(bend.sum()) + self._rows.ties * 4 * (grown + 1) / grown**2
        return by_kappa, bend_kappa + self._beside * undecided * (1 - undecided)

    def _step_by_gradients(
        self, bend: Floats, mixed: Floats, bend_kappa: float, slope: Weights, by_kappa: float
    ) -> tuple[Weights, float]:
        """The same step. Weights and kappa stand in one array."""
        rows, prior = self._rows, self._prior
        mixed = mixed if rows.ties else np.zeros_like(mixed)

        def apart(flat: Floats) -> tuple[Weights, float]:
            tastes = flat[rows.main : -1].reshape(rows.raters, rows.cells)
            return Weights(flat[: rows.main], tastes), float(flat[-1])

        def together(weights: Weights, kappa: float) -> Floats:
            return np.concatenate([weights.main, weights.tastes.ravel(), [kappa]])

        def times(flat: Floats) -> Floats:
            weights, kappa = apart(flat)
            leads = rows.leads(weights)
            turned = rows.gather(bend * leads + mixed * kappa).moved(prior.times(weights), 1.0)
            return together(turned, float(mixed @ leads) + bend_kappa * kappa)

        diagonal = together(rows.diagonal(bend).moved(prior.diagonal(rows), 1.0), bend_kappa)
        return apart(_solve_by_gradients(times, diagonal, together(slope, by_kappa)))
