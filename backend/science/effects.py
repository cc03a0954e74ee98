"""What single levels of an axis do: a word, a model, a parameter, over all cells that have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from backend.science.ballots import Ballots, Floats
from backend.science.posterior import TAKE_SDS, Point, Posterior, Spread, fit_grid, share_out, win_rate

#: How much levels differ, in logits; what cells have beyond their levels differs half as much.
LEVEL_SDS = (0.3, 0.6, 1.0)
REST_SHARE = 0.5
TASTE_SD = 0.3


@dataclass(frozen=True)
class Effect:
    """What a level of an axis does: points of win rate against the average cell, with their 95 % interval.

    takes: of the cells that have it.
    """

    axis: str
    level: str
    points: float
    low: float
    high: float
    takes: int


def measure_effects(
    posterior: Posterior, levels: Mapping[str, Mapping[str, str]], *, seed: int
) -> tuple[Effect, ...]:
    """The effect of every level of every axis that varies. levels: cell -> {axis: level}.

    An effect is the mean score of a level's cells minus its axis's mean. A cell's score is the sum of its
    levels' effects, with sd s, and a rest of its own, with sd s/2: with independent cells the intervals would
    hold in 75-84 % of the cases, with levels and rest in 91-93 %.
    """
    ballots = posterior.ballots
    places, has = _levels(ballots, levels)
    if not places:
        return ()
    drawn = list(_draws(posterior, has, seed))
    found = []
    for (axis, level), place in places.items():
        cells, same = has[:, place] > 0, [p for (other, _), p in places.items() if other == axis]
        told = []
        for point, scores in drawn:
            means = np.stack([scores[:, has[:, p] > 0].mean(axis=1) for p in same])
            lead = scores[:, cells].mean(axis=1) - means.mean(axis=0)
            told.append(win_rate(lead, point, posterior.raters))
        low, middle, high = (100 * (np.quantile(np.concatenate(told), [0.025, 0.5, 0.975]) - 0.5)).tolist()
        found.append(Effect(axis, level, middle, low, high, int(ballots.takes_of_cell[cells].sum())))
    return tuple(found)


def _levels(
    ballots: Ballots, levels: Mapping[str, Mapping[str, str]]
) -> tuple[dict[tuple[str, str], int], Floats]:
    """The levels of axes that vary, each with its place; and (C, levels): has this cell this level?"""
    named: Sequence[Mapping[str, str]] = [levels.get(cell, {}) for cell in ballots.cells]
    axes = list(dict.fromkeys(axis for cell in named for axis in cell))
    found = {axis: sorted({cell[axis] for cell in named if axis in cell}) for axis in axes}
    wanted = [(axis, level) for axis in axes if len(found[axis]) > 1 for level in found[axis]]
    places = {one: place for place, one in enumerate(wanted)}
    has = np.zeros((len(named), len(places)))
    for cell, of_cell in enumerate(named):
        for one in of_cell.items():
            if one in places:
                has[cell, places[one]] = 1.0
    return places, has


def _draws(posterior: Posterior, has: Floats, seed: int) -> list[tuple[Point, Floats]]:
    """Each point of a grid of its own, with draws of what cells are worth: their levels' sum and their rest.

    The prior of cells is N(0, s² (has hasᵀ + ¼ I)): its square root takes the place of the cells' columns.
    """
    cells, number = has.shape[0], posterior.columns.number
    root = np.linalg.cholesky(has @ has.T + REST_SHARE**2 * np.eye(cells))
    design = posterior.design.copy()
    design[:, :cells] = design[:, :cells] @ root
    spreads = [Spread(*one, TASTE_SD) for one in product(LEVEL_SDS, TAKE_SDS)]
    points = fit_grid(
        design, posterior.ballots, spreads, lambda spread: posterior.columns.precision(spread, cells)
    )
    random, drawn = np.random.default_rng([seed, 1]), []
    scores = posterior.columns.score_map()
    scores[:, :cells] = scores[:, :cells] @ root
    for point, share in zip(points, share_out([one.weight for one in points]), strict=True):
        if share:
            half = np.linalg.solve(point.mode.cholesky, scores.T)
            spread = np.linalg.cholesky(half.T @ half + 1e-12 * np.eye(cells))
            told = scores @ point.mode.weights + random.standard_normal((share, cells)) @ spread.T
            drawn.append((point, told))
    assert number == design.shape[1]
    return drawn
