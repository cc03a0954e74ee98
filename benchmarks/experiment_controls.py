"""Methods that are known to be wrong, to see that the checks of the right one would catch them."""

from math import sqrt

import numpy as np

from backend.science.agreement import wilson
from benchmarks.experiment_worlds import World

#: |z| above which a difference is called significant, as if one looked once.
SIGNIFICANT = 1.959963984540054
#: As a fresh take was rated when it was stored: how good it is, and how it struck somebody.
RATING_SD = 0.6


def pooled_interval(world: World, a: int, b: int) -> tuple[float, float]:
    """Votes as if each were independent of all others: Wilson's interval of the share that preferred a."""
    won, number = _won(world, a, b)
    return wilson(won, number)


def _won(world: World, a: int, b: int) -> tuple[float, int]:
    """Votes for a over b, a tie as half a vote; and how many there are."""
    won, number = 0.0, 0
    for left, right, said, _ in world.votes:
        cells = [world.cell_of[int(take[1:])] for take in (left, right)]
        if set(cells) == {a, b}:
            number += 1
            won += 0.5 if said == "tie" else float(cells[0 if said == "left" else 1] == a)
    return won, number


def stops_when_significant(world: World, takes: int, votes: int, every: int) -> bool:
    """Is p < 0.05 at any of the looks, by a sign test of all decided votes?"""
    world.buy_each(takes)
    while len(world.votes) < votes:
        world.vote_at_random(every)
        decided = [vote for vote in world.votes if vote[2] != "tie"]
        chosen = [left if said == "left" else right for left, right, said, _ in decided]
        for_first = sum(world.cell_of[int(take[1:])] == 0 for take in chosen)
        number = len(decided)
        if number > every and abs(2 * for_first - number) / sqrt(number) > SIGNIFICANT:
            return True
    return False


def reuse_by_rating(world: World, takes: int, stored: int) -> None:
    """Of the first prompt the best-rated of many stored takes are reused; the others are made anew."""
    world.buy(0, stored)
    rated = np.array(world.worth) + world.random.normal(0, RATING_SD, stored)
    kept = np.sort(np.argsort(-rated)[:takes])
    world.worth = [world.worth[take] for take in kept]
    world.cell_of, world.seeds = [0] * takes, list(range(takes))
    for cell in range(1, len(world.truth.scores)):
        world.buy(cell, takes)
