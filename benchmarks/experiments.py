"""What is said of prompts, on worlds whose truth is known: does it hold, and with how few takes and votes?

Every world has a seed. In all of them the best prompt wins 65 % of fresh takes against each other one, the
others are equal; takes of a prompt differ by 0.6 logits, tastes by 0.3, a tie is 0.3 wide, the left side is
worth 0.15, and four people vote, unless something else is said. `SHARE` makes fewer runs of everything.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from backend.science import fit
from backend.science.one_core import one_core
from backend.science.wanted_next import wanted_pairs
from benchmarks import experiment_controls as controls
from benchmarks.common import Result, at_least, at_most
from benchmarks.experiment_runs import (
    Ended,
    Way,
    claims_better,
    covered,
    find_best,
    leads_after,
    says_alike,
)
from benchmarks.experiment_worlds import Truth, World, one_better

#: Of the runs that each table names: 1 for all of them, which take about a quarter of an hour of one core.
SHARE = float(os.environ.get("EXPERIMENT_RUNS_SHARE", "1"))
Study = Callable[[], Iterable[Result]]

#: name: (truth or None for drawn ones, takes of each prompt, votes)
SETTINGS: dict[str, tuple[Truth, int, int]] = {
    "2 prompts, 2 takes each": (one_better(2), 2, 60),
    "2 prompts, 8 takes each": (one_better(2), 8, 60),
    "2 equal prompts, 2 takes each": (one_better(2, win_rate=0.5), 2, 60),
    "4 prompts, 4 takes each": (one_better(4), 4, 120),
    "4 prompts, takes twice as different": (one_better(4, take_sd=1.2), 4, 120),
    "8 prompts, 4 takes each": (one_better(8), 4, 240),
}
COVERED_RUNS, CLAIMS_RUNS = 300, 100
#: How waves go: so many takes of each prompt first; later ones as they are proposed.
WAVES = {2: Way(5, None), 4: Way(4, None), 8: Way(4, None)}
#: A full grid with random pairs: takes of each prompt, and numbers of votes that are tried.
GRID = {2: (6, (40, 80, 120)), 4: (16, (80, 160, 240, 320)), 8: (16, (320, 640, 960))}
#: The most takes and votes beside those of a full grid that is as right; None: no limit.
MOST: dict[int, tuple[float | None, float | None]] = {2: (None, 0.5), 4: (0.75, 0.6), 8: (None, None)}
#: The most takes and votes with which the best of eight is found.
MOST_OF_EIGHT = (96, 320)
#: Where nothing is found on a full grid, a run ends.
GRID_VOTES_MAX = 1_500
BEST_RUNS = {2: 100, 4: 100, 8: 100}


def runs_of(number: int) -> range:
    """Seeds of so many runs, or of a share of them."""
    return range(max(4, round(number * SHARE)))


def spread(share: float, runs: int) -> str:
    """How many runs, and how far their share may lie beside the truth."""
    return f"{runs} runs, ± {196 * np.sqrt(share * (1 - share) / runs):.0f} points"


def intervals() -> Iterable[Result]:
    """Do 95 % intervals of win rates hold the truth in 93 to 98 %?"""
    for name, (truth, takes, votes) in SETTINGS.items():
        held = []
        for seed in runs_of(COVERED_RUNS):
            world = World(truth, seed)
            world.buy_each(takes)
            world.vote_at_random(votes)
            held.append(covered(world))
        share = float(np.mean(held))
        note = spread(share, len(held))
        yield at_least(f"intervals hold, {name}", 100 * share, 93, "%", note)
    yield _fails("pooled votes", _pooled)
    yield _fails("reuse by rating", _reused)


def _pooled(seed: int) -> float:
    world = World(one_better(2), seed)
    world.buy_each(2)
    world.vote_at_random(60)
    return covered(world, controls.pooled_interval)


def _reused(seed: int) -> float:
    world = World(one_better(2, win_rate=0.5), seed)
    controls.reuse_by_rating(world, 8, 24)
    world.vote_at_random(160)
    return covered(world)


def _fails(name: str, once: Callable[[int], float]) -> Result:
    """A method whose intervals must not pass the check."""
    held = [once(seed) for seed in runs_of(COVERED_RUNS)]
    share = float(np.mean(held))
    note = spread(share, len(held))
    return at_most(f"control: {name}, intervals hold", 100 * share, 92.9, "%", note)


def false_claims() -> Iterable[Result]:
    """Where nothing differs, is one said to be better, however often one looks?"""
    for prompts, takes, votes, number in ((2, 8, 120, CLAIMS_RUNS), (8, 4, 240, CLAIMS_RUNS // 4)):
        truth = one_better(prompts, win_rate=0.5)
        claimed = [claims_better(World(truth, seed), Way(takes), votes) for seed in runs_of(number)]
        share = float(np.mean(claimed))
        note = spread(share, len(claimed))
        yield at_most(f"false better, {prompts} prompts, {votes} votes", 100 * share, 5, "%", note)
    truth = one_better(2, win_rate=0.5)
    claimed = [controls.stops_when_significant(World(truth, seed), 8, 120, 4) for seed in runs_of(200)]
    share = 100 * float(np.mean(claimed))
    yield at_least("control: p < 0.05 at each look, false better", share, 5, "%", f"{len(claimed)} runs")


def _mean(ended: Sequence[Ended]) -> tuple[float, float, float]:
    right = float(np.mean([one.winner == 0 for one in ended]))
    return right, float(np.mean([one.takes for one in ended])), float(np.mean([one.votes for one in ended]))


def _grid_as_right(prompts: int, right: float) -> tuple[int, float]:
    """Votes on random pairs of a full grid with which its leader is the best as often; how often that is."""
    takes, tried = GRID[prompts]
    share = 0.0
    for votes in tried:
        worlds = (World(one_better(prompts), seed) for seed in runs_of(2 * BEST_RUNS[prompts]))
        led = [leads_after(world, Way(takes, pairs="random"), votes) == 0 for world in worlds]
        share = float(np.mean(led))
        if share >= right - 0.01:
            break
    return votes, share


def finding_the_best() -> Iterable[Result]:
    """With how few takes and votes is the best found, beside a full grid with random pairs as right?"""
    for prompts, way in WAVES.items():
        ended = [find_best(World(one_better(prompts), seed), way) for seed in runs_of(BEST_RUNS[prompts])]
        right, takes, votes = _mean(ended)
        yield at_least(f"waves, {prompts} prompts, right", 100 * right, 90, "%", spread(right, len(ended)))
        grid_takes, (grid_votes, share) = prompts * GRID[prompts][0], _grid_as_right(prompts, right)
        beside = (
            f"mean {takes:.0f} takes, {votes:.0f} votes; a full grid: {grid_takes} takes, {grid_votes} votes"
        )
        note = f"{beside}, right {share:.0%}"
        most_takes, most_votes = MOST[prompts]
        if most_votes:
            yield at_most(
                f"waves, {prompts} prompts, votes beside it", votes / grid_votes, most_votes, "×", note
            )
        if most_takes:
            yield at_most(f"waves, {prompts} prompts, takes beside it", takes / grid_takes, most_takes)
        if prompts == 8:
            yield at_most("waves, 8 prompts, mean takes", takes, MOST_OF_EIGHT[0], "takes", note)
            yield at_most("waves, 8 prompts, mean votes", votes, MOST_OF_EIGHT[1], "votes")
    left = replace(WAVES[2], always_left=0)
    ended = [find_best(World(one_better(2), seed), left, 160) for seed in runs_of(40)]
    yield at_least("control: the first always on the left, mean votes", _mean(ended)[2], 40, "votes")


def choosing_pairs() -> Iterable[Result]:
    """With all takes of a full grid, does the choice of pairs alone save votes?"""
    votes, right = {}, {}
    for pairs in ("top two", "random"):
        way = Way(GRID[8][0], 0, pairs)
        ended = [find_best(World(one_better(8), seed), way, GRID_VOTES_MAX) for seed in runs_of(24)]
        right[pairs], _, votes[pairs] = _mean(ended)
    ratio = votes["top two"] / votes["random"]
    told = (f"{votes[pairs]:.0f} votes, right {right[pairs]:.0%}" for pairs in votes)
    note = f"{' and '.join(told)}; {len(runs_of(24))} runs"
    yield at_most("pair choice alone, votes beside random pairs", ratio, 0.6, "×", note)


def alike_and_seeds() -> Iterable[Result]:
    """What was specified and never tried: the verdict alike, and pairs of equal seeds."""
    for takes, win_rate in product((40, 120), (0.5, 0.65)):
        truth = replace(one_better(2, win_rate=win_rate), taste_sd=0.0 if win_rate == 0.5 else 0.3)
        said = [says_alike(World(truth, seed), Way(takes), 600, 100) for seed in runs_of(20)]
        share = 100 * float(np.mean([one is not None for one in said]))
        name = f"alike is said of 2 prompts at {win_rate:.0%}, {takes} takes each, 600 votes"
        yield at_most(name, share, 5 if win_rate > 0.5 else 100, "%", f"{len(said)} runs")
    votes, right = {}, {}
    for equal in (False, True):
        truth = replace(one_better(2), shared=0.5)
        way = replace(WAVES[2], equal_seeds=equal)
        ended = [find_best(World(truth, seed), way) for seed in runs_of(60)]
        right[equal], _, votes[equal] = _mean(ended)
    note = f"right {right[True]:.0%}, without {right[False]:.0%}; half of the takes' variance is the seed's"
    yield at_most("equal seeds first, votes beside free seeds", votes[True] / votes[False], 1.1, "×", note)
    held = []
    for seed in runs_of(COVERED_RUNS):
        world = World(replace(one_better(2), shared=0.5), seed)
        world.buy_each(8)
        for _ in range(60):
            take = int(world.random.integers(8))
            world.vote(take, 8 + take)
        held.append(covered(world))
    share = float(np.mean(held))
    yield at_least("equal seeds alone, intervals hold", 100 * share, 93, "%", spread(share, len(held)))


def speed() -> Iterable[Result]:
    """How long a fit takes, of one core, with the looks back and the effects of levels; and next pairs."""
    for cells, takes, votes, limit in ((8, 64, 500, 0.15), (24, 144, 1_000, 0.5), (50, 100, 2_000, 3.0)):
        world = World(one_better(cells, win_rate=0.8), 1)
        world.buy_each(takes // cells)
        world.vote_at_random(votes)
        levels = {f"c{cell}": {"a": str(cell % 2), "b": str(cell // 2 % 2)} for cell in range(cells)}
        fit(world.votes[:20], world.takes)
        took = []
        for _ in range(3):
            begun = time.thread_time()
            found = fit(world.votes, world.takes, levels=levels)
            took.append(time.thread_time() - begun)
        name = f"fit of {cells} cells, {takes} takes, {votes:,} votes"
        yield at_most(name, min(took) / limit, 1, "× its limit", f"{min(took):.3f} s, {found.verdict.code}")
    world = World(one_better(100, win_rate=0.8), 1)
    world.buy_each(20)
    world.vote_at_random(20_000)
    begun = time.thread_time()
    wanted_pairs(world.ballots(), 16, seed=1)
    took_s = time.thread_time() - begun
    yield at_most("pairs of 100 cells, 2,000 takes, 20,000 votes", took_s / 4, 1, "× 4 s", f"{took_s:.1f} s")


STUDIES: tuple[Study, ...] = (
    speed, false_claims, intervals, finding_the_best, choosing_pairs, alike_and_seeds,
)  # fmt: skip


def run() -> Iterator[Result]:
    """Each result once it is there: all of them take a while."""
    with one_core():
        for study in STUDIES:
            yield from study()
