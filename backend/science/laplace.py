"""The mode and the curvature of one model of votes, by Newton's method, and how well it explains them.

Of a vote, with F(x) = 1 / (1 + e^-x), eta the lead of the left take and kappa >= 0 the width of a tie:

    P(left) = F(eta - kappa)    P(right) = F(-eta - kappa)
    P(tie)  = 1 - both = F(eta + kappa) F(-eta + kappa) (1 - e^-2kappa)

so each vote is one or two terms log F(a eta + b kappa), all of them concave: the mode is the only one.

Source: Davidson's and Rao-Kupper's models of paired comparisons with ties (Rao and Kupper, "Ties in
paired-comparison experiments", JASA 62, 1967); Laplace's approximation: Tierney and Kadane, JASA 81, 1986.
"""

from dataclasses import dataclass

import numpy as np

from backend.science.ballots import LEFT, TIE, Floats, Ints

#: Newton's method has arrived when the next step would change the objective by less.
TOLERANCE = 1e-8
STEPS_MAX = 60
#: The width of a tie to begin with, and the least one where there are ties.
KAPPA_START, KAPPA_MIN = 0.3, 1e-6


@dataclass(frozen=True)
class Mode:
    """weights: (D,) at the mode; kappa: there; cholesky: (D, D), lower, of the curvature H, the inverse of
    whose is the covariance; log_evidence: up to a constant that is the same for the same votes."""

    weights: Floats
    kappa: float
    cholesky: Floats
    log_evidence: float


def sigmoid(x: Floats) -> Floats:
    """F(x), without overflow at either end."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _log_sigmoid(x: Floats) -> Floats:
    return -np.logaddexp(0.0, -x)


def find_mode(design: Floats, choice: Ints, precision: Floats, start: Mode | None = None) -> Mode:
    """The mode of votes under a normal prior around 0.

    design: (V, D), eta = design @ weights. choice: (V,), numbers of `ballots`. precision: (D,), of the prior.
    start: a mode nearby, to begin at.
    """
    search = _Search(design, choice, precision)
    weights = np.zeros(design.shape[1]) if start is None else start.weights.copy()
    kappa = (KAPPA_START if start is None else max(start.kappa, KAPPA_MIN)) if search.ties else 0.0
    value = search.objective(weights, kappa)
    for _ in range(STEPS_MAX):
        step, kappa_step, gain = search.newton_step(weights, kappa)
        if gain < TOLERANCE:
            break
        length = 1.0
        while True:
            there, kappa_there = weights + length * step, kappa + length * kappa_step
            if not search.ties or kappa_there > KAPPA_MIN:
                reached = search.objective(there, kappa_there)
                if reached <= value - 1e-4 * length * gain or length < 1e-8:
                    break
            length /= 2
        weights, kappa, value = there, kappa_there, reached
    cholesky = np.asarray(np.linalg.cholesky(search.curvature(weights, kappa)), np.float64)
    half_log_det = float(np.log(np.diag(cholesky)).sum())
    return Mode(weights, kappa, cholesky, -value + 0.5 * float(np.log(precision).sum()) - half_log_det)


class _Search:
    """The objective, minus the log of likelihood times prior, and its derivatives."""

    def __init__(self, design: Floats, choice: Ints, precision: Floats) -> None:
        self._design, self._precision = design, precision
        self._tie = choice == TIE
        self.ties = int(self._tie.sum())
        self._side = np.where(choice == LEFT, 1.0, -1.0)

    def _terms(self, weights: Floats, kappa: float) -> tuple[Floats, Floats]:
        """The argument of each vote's F, and of a tie's second one (of a decided vote: unused)."""
        eta = self._design @ weights
        first = np.where(self._tie, eta + kappa, self._side * eta - kappa)
        return first, kappa - eta

    def objective(self, weights: Floats, kappa: float) -> float:
        first, second = self._terms(weights, kappa)
        likelihood = float(_log_sigmoid(first).sum())
        if self.ties:
            likelihood += float(_log_sigmoid(second[self._tie]).sum())
            likelihood += self.ties * float(np.log(-np.expm1(-2 * kappa)))
        return 0.5 * float(self._precision @ weights**2) - likelihood

    def _bends(self, weights: Floats, kappa: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Of each vote: slopes by eta and by kappa, curvature by eta, and the mixed one."""
        first, second = self._terms(weights, kappa)
        up, up_second = sigmoid(-first), np.where(self._tie, sigmoid(-second), 0.0)
        bend, bend_second = up * (1 - up), up_second * (1 - up_second)
        towards, width = np.where(self._tie, 1.0, self._side), np.where(self._tie, 1.0, -1.0)
        return (
            towards * up - up_second,
            width * up + up_second,
            bend + bend_second,
            towards * width * bend - bend_second,
        )

    def curvature(self, weights: Floats, kappa: float) -> Floats:
        """Second derivatives by the weights alone: (D, D)."""
        _, _, bend, _ = self._bends(weights, kappa)
        return self._design.T @ (bend[:, None] * self._design) + np.diag(self._precision)

    def newton_step(self, weights: Floats, kappa: float) -> tuple[Floats, float, float]:
        """The step of the weights, of kappa, and the gain that it promises."""
        slope_eta, slope_kappa, bend, mixed = self._bends(weights, kappa)
        slope = self._design.T @ slope_eta - self._precision * weights
        matrix = self._design.T @ (bend[:, None] * self._design) + np.diag(self._precision)
        if not self.ties:
            step = np.asarray(np.linalg.solve(matrix, slope), np.float64)
            return step, 0.0, float(slope @ step)
        grown = np.expm1(2 * kappa)
        by_kappa = float(slope_kappa.sum()) + self.ties * 2 / grown
        bend_kappa = float((bend).sum()) + self.ties * 4 * (grown + 1) / grown**2
        across = self._design.T @ mixed
        whole = np.block([[matrix, across[:, None]], [across[None, :], np.array([[bend_kappa]])]])
        slopes = np.append(slope, by_kappa)
        steps = np.asarray(np.linalg.solve(whole, slopes), np.float64)
        return steps[:-1], float(steps[-1]), float(slopes @ steps)
