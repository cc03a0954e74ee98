"""What single levels of an axis do: a word, a model, a parameter, over all cells that have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from backend.science.ballots import Ballots, Floats
from backend.science.fields import Fields
from backend.science.laplace import Prior
from backend.science.posterior import BETA_SD, Part, Posterior, Spread, draw_parts, fit_grid

#: How much levels differ, in logits; what cells have beyond their levels differs half as much.
LEVEL_SDS = (0.3, 0.6, 1.0)
REST_SHARE = 0.5
TASTE_SD = 0.3


@dataclass(frozen=True)
class Effect(Fields):
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
    parts, found = _parts(posterior, has, seed), []
    for (axis, level), place in places.items():
        cells, same = has[:, place] > 0, [p for (other, _), p in places.items() if other == axis]
        told = []
        for part in parts:
            means = np.stack([part.scores[:, has[:, p] > 0].mean(axis=1) for p in same])
            told.append(part.win_rates(part.scores[:, cells].mean(axis=1) - means.mean(axis=0)))
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


def _parts(posterior: Posterior, has: Floats, seed: int) -> list[Part]:
    """Draws of what cells are worth on a grid of its own: N(0, s² (has hasᵀ + ¼ I)), their levels' sum and
    their rest. Each point is fitted from the usual one whose takes differ as much."""
    cells = has.shape[0]
    precision = np.asarray(np.linalg.inv(has @ has.T + REST_SHARE**2 * np.eye(cells)), np.float64)
    takes = sorted({point.spread.take for point in posterior.likely})
    spreads = [Spread(*one, TASTE_SD) for one in product(LEVEL_SDS, takes)]
    of_take = {point.spread.take: point.mode for point in posterior.points if point.spread.taste == TASTE_SD}
    points = fit_grid(
        posterior.rows,
        spreads,
        lambda spread: Prior(precision * spread.cell**-2, spread.take**-2, spread.taste**-2, BETA_SD**-2),
        [of_take[spread.take] for spread in spreads],
    )
    return draw_parts(posterior.ballots, points, np.random.default_rng([seed, 1]))
