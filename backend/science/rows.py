"""Votes as rows of a model: which weights add up to the lead of the left take, and the sums over votes.

Weights are `main` ones (M,): C cells, one for each take that is compared, and the side; and `tastes` (K, C):
of each rater for each cell. A vote's row has seven entries that are not 0, so sums are counted out, not
multiplied: the curvature of 2,000 votes on 50 cells takes 1 ms in place of 50.
"""

from dataclasses import dataclass

import numpy as np

from backend.science.ballots import LEFT, TIE, Ballots, Floats, Ints

#: Of a row's main weights: the left cell and take, the right cell and take, the side.
MAIN_SIGNS = np.array([1.0, 1.0, -1.0, -1.0, 1.0])
#: Of its tastes: the rater's for the left cell, and for the right one.
TASTE_SIGNS = np.array([1.0, -1.0])


@dataclass(frozen=True)
class Weights:
    """main: (M,). tastes: (K, C)."""

    main: Floats
    tastes: Floats

    def moved(self, step: "Weights", length: float) -> "Weights":
        """So far along a step."""
        return Weights(self.main + length * step.main, self.tastes + length * step.tastes)

    def along(self, other: "Weights") -> float:
        """The inner product."""
        return float(self.main @ other.main) + float(self.tastes.ravel() @ other.tastes.ravel())


class Rows:
    """The rows of some votes, in an order of their own: the order in which votes came changes no sum."""

    def __init__(self, ballots: Ballots) -> None:
        self.cells, self.raters = len(ballots.cells), len(ballots.raters)
        #: numbers of the takes that have a weight: those with a vote
        self.shown = np.flatnonzero(ballots.votes_of_take)
        self.main = self.cells + len(self.shown) + 1
        place = np.full(len(ballots.takes), -1, np.int64)
        place[self.shown] = self.cells + np.arange(len(self.shown))
        order = np.lexsort((ballots.choice, ballots.rater, ballots.right, ballots.left))
        left, right, rater = ballots.left[order], ballots.right[order], ballots.rater[order]
        left_cell, right_cell = ballots.cell_of[left], ballots.cell_of[right]
        side = np.full(len(order), self.main - 1)
        self._in_main = np.stack([left_cell, place[left], right_cell, place[right], side], axis=1)
        self._in_tastes = rater[:, None] * self.cells + np.stack([left_cell, right_cell], axis=1)
        choice = ballots.choice[order]
        self.tie = choice == TIE
        self.ties = int(self.tie.sum())
        #: which way a decided vote points
        self.towards = np.where(choice == LEFT, 1.0, -1.0)
        self._products()

    def __len__(self) -> int:
        return len(self.tie)

    def _products(self) -> None:
        """Where each product of two entries of a row is added up: main by main, tastes by main, tastes by
        tastes of the same rater; and its sign."""
        main, cells, in_main, in_tastes = self.main, self.cells, self._in_main, self._in_tastes
        number = len(self)
        within = in_tastes[:, :, None] * cells + np.stack([in_tastes % cells] * 2, axis=1)
        self._cross_at = main * main
        self._tastes_at = self._cross_at + self.raters * cells * main
        self._ends = self._tastes_at + self.raters * cells * cells
        where = (
            in_main[:, :, None] * main + in_main[:, None, :],
            self._cross_at + in_tastes[:, :, None] * main + in_main[:, None, :],
            self._tastes_at + within,
        )
        flat = [one.reshape(number, one.shape[1] * one.shape[2]) for one in where]
        self._where = np.concatenate(flat, axis=1).ravel()
        outer = ((MAIN_SIGNS, MAIN_SIGNS), (TASTE_SIGNS, MAIN_SIGNS), (TASTE_SIGNS, TASTE_SIGNS))
        self._signs = np.concatenate([np.outer(*one).ravel() for one in outer])

    def start(self) -> Weights:
        """All weights 0."""
        return Weights(np.zeros(self.main), np.zeros((self.raters, self.cells)))

    def carry(self, other: "Rows", weights: Weights) -> Weights | None:
        """Weights of other rows as weights of these: 0 for takes that they don't know; None: other people."""
        if (other.cells, other.raters) != (self.cells, self.raters):
            return None
        main = np.zeros(self.main)
        _, own, theirs = np.intersect1d(self.shown, other.shown, True, True)
        main[: self.cells], main[-1] = weights.main[: self.cells], weights.main[-1]
        main[self.cells + own] = weights.main[self.cells + theirs]
        return Weights(main, weights.tastes)

    def leads(self, weights: Weights) -> Floats:
        """(V,): the lead of each vote's left take."""
        told: Floats = weights.main[self._in_main] @ MAIN_SIGNS
        told += weights.tastes.ravel()[self._in_tastes] @ TASTE_SIGNS
        return told

    def gather(self, slopes: Floats) -> Weights:
        """What slopes by the leads, (V,), are by the weights."""
        main = _add_up(self._in_main, np.outer(slopes, MAIN_SIGNS), self.main)
        tastes = _add_up(self._in_tastes, np.outer(slopes, TASTE_SIGNS), self.raters * self.cells)
        return Weights(main, tastes.reshape(self.raters, self.cells))

    def diagonal(self, bends: Floats) -> Weights:
        """Of what `bend` adds up: each entry's own curvature."""
        main = _add_up(self._in_main, np.repeat(bends, len(MAIN_SIGNS)), self.main)
        tastes = _add_up(self._in_tastes, np.repeat(bends, len(TASTE_SIGNS)), self.raters * self.cells)
        return Weights(main, tastes.reshape(self.raters, self.cells))

    def bend(self, bends: Floats) -> tuple[Floats, Floats, Floats]:
        """What curvatures by the leads, (V,), are by the weights: main by main (M, M), tastes by main
        (K, C, M), and tastes of a rater by each other (K, C, C)."""
        added = _add_up(self._where, np.outer(bends, self._signs), self._ends)
        return (
            added[: self._cross_at].reshape(self.main, self.main),
            added[self._cross_at : self._tastes_at].reshape(self.raters, self.cells, self.main),
            added[self._tastes_at :].reshape(self.raters, self.cells, self.cells),
        )


def _add_up(where: Ints, what: Floats, number: int) -> Floats:
    """Sums of what has the same place, of so many places; 0 where there is nothing."""
    added: Floats = np.bincount(where.ravel(), what.ravel(), number).astype(float, copy=False)
    return added
