"""What is done in a world: votes are looked at as they come in, takes are bought, and a winner is claimed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from backend.science.posterior import Posterior
from backend.science.verdict import (
    AS_GOOD_LOOKS,
    AS_GOOD_P,
    better_than,
    judge,
    look_votes,
    p_as_good,
)
from backend.science.wanted_next import DELTA, Doubts, wanted_pairs, wanted_purchase
from benchmarks.experiment_worlds import World

#: Where nothing is found, a run ends.
VOTES_MAX = 700
#: Before more takes are bought, every take of the leader and of who stands in its way was voted on so often.
SHOWN_BEFORE_BUYING = 2


@dataclass(frozen=True)
class Ended:
    """How a run ended. winner: the prompt that was said to be as good as any; None: nothing was."""

    winner: int | None
    takes: int
    votes: int


@dataclass(frozen=True)
class Way:
    """How somebody goes about it. first: takes of each prompt to begin with. wave: of each that may be the
    best, later; None: as many as `wanted_purchase` says; 0: no others are bought. pairs: how they are chosen.
    """

    first: int
    wave: int | None = 0
    pairs: str = "top two"  #: or "random"
    equal_seeds: bool = False  #: are pairs of equal seeds shown first?
    always_left: int | None = None  #: a prompt that is always on the left


def looks(world: World, way: Way, votes_max: int = VOTES_MAX) -> Iterator[Posterior]:
    """A look after every few votes, with what is done in between."""
    world.buy_each(way.first)
    number, posterior = look_votes(len(world.truth.scores)), None
    while len(world.votes) <= votes_max:
        posterior = Posterior(world.ballots(), near=posterior)
        yield posterior
        if not _buy(world, way, posterior):
            _vote(world, way, posterior, number)


def _buy(world: World, way: Way, posterior: Posterior) -> bool:
    ballots = posterior.ballots
    if way.wave == 0 or (p_as_good(posterior, DELTA) >= AS_GOOD_P).any():
        return False
    contend = np.isin(ballots.cell_of, Doubts(posterior, DELTA).contenders)
    if ballots.votes_of_take[contend].min() < SHOWN_BEFORE_BUYING:
        return False
    purchase = wanted_purchase(posterior)
    for cell, proposed in purchase.takes.items():
        world.buy(int(cell[1:]), proposed if way.wave is None else way.wave)
    return bool(purchase.takes)


def _vote(world: World, way: Way, posterior: Posterior, number: int) -> None:
    if way.pairs == "random":
        world.vote_at_random(number, always_left=way.always_left)
        return
    seeds = world.seeds if way.equal_seeds else None
    ballots = posterior.ballots
    for a, b, _ in wanted_pairs(ballots, number, seed=world.seed, seeds=seeds, posterior=posterior):
        lefts = [take for take in (a, b) if world.cell_of[take] == way.always_left]
        world.vote(a, b, on_left=lefts[0] if lefts else None)


def find_best(world: World, way: Way, votes_max: int = VOTES_MAX) -> Ended:
    """Vote until a prompt is as good as any at three looks in a row."""
    held = np.zeros(len(world.truth.scores), int)
    for posterior in looks(world, way, votes_max):
        sure = p_as_good(posterior, DELTA)
        held = np.where(sure >= AS_GOOD_P, held + 1, 0)
        if (held >= AS_GOOD_LOOKS).any():
            winner = int(np.where(held >= AS_GOOD_LOOKS, sure, -1).argmax())
            return Ended(winner, len(world.cell_of), len(world.votes))
    return Ended(None, len(world.cell_of), len(world.votes))


def leads_after(world: World, way: Way, votes: int) -> int:
    """Which prompt leads after so many votes on takes that were all bought at once."""
    world.buy_each(way.first)
    world.vote_at_random(votes)
    return int(Posterior(world.ballots()).scores.mean(axis=0).argmax())


def claims_better(world: World, way: Way, votes: int, *, planned: bool = False) -> bool:
    """Is one prompt ever said to be better than another, at any look?"""
    for posterior in looks(world, way, votes):
        done = len(world.votes) if planned and len(world.votes) >= votes else None
        if better_than(posterior, done).any():
            return True
    return False


def says_alike(world: World, way: Way, votes: int, every: int) -> int | None:
    """After how many votes prompts are said to be alike; None: not within these."""
    world.buy_each(way.first)
    while len(world.votes) < votes:
        world.vote_at_random(every)
        if judge(Posterior(world.ballots()), delta=DELTA, planned=None, seed=0).alike:
            return len(world.votes)
    return None


def covered(world: World, told: Callable[[World, int, int], tuple[float, float]] | None = None) -> float:
    """Of how many pairs of prompts the 95 % interval holds the truth. told: by another method."""
    cells = range(len(world.truth.scores))
    pairs = [(a, b) for a in cells for b in cells if a < b]
    if told is None:
        posterior = Posterior(world.ballots())
        rates = [posterior.win_rates(posterior.scores[:, a] - posterior.scores[:, b]) for a, b in pairs]
        ends = [tuple(np.quantile(rate, [0.025, 0.975])) for rate in rates]
    else:
        ends = [told(world, a, b) for a, b in pairs]
    held = [low <= world.win_rate(a, b) <= high for (a, b), (low, high) in zip(pairs, ends, strict=True)]
    return float(np.mean(held))
