"""What the method page says of the method, in small: the benchmark `experiments` says it with enough runs."""

import numpy as np

from backend.science import fit
from backend.science.verdict import AS_GOOD_LOOKS, look_votes
from benchmarks import experiment_controls as controls
from benchmarks.experiment_runs import Way, claims_better, covered, find_best
from benchmarks.experiment_worlds import World, one_better


def test_intervals_hold_where_those_of_pooled_votes_do_not():
    """Two takes each: sixty votes are no sixty answers."""
    ours, pooled = [], []
    for seed in range(20):
        world = World(one_better(2), seed)
        world.buy_each(2)
        world.vote_at_random(60)
        ours.append(covered(world))
        pooled.append(covered(world, controls.pooled_interval))
    assert np.mean(ours) >= 0.9
    assert np.mean(pooled) <= 0.8


def test_where_nothing_differs_looking_often_claims_nothing_but_p_below_5_percent_does():
    equal = one_better(2, win_rate=0.5)
    ours = [claims_better(World(equal, seed), Way(8), 60) for seed in range(5)]
    naive = [controls.stops_when_significant(World(equal, seed), 8, 120, 4) for seed in range(20)]
    assert sum(ours) <= 1
    assert np.mean(naive) > 0.25


def test_favourites_reused_make_their_prompt_look_better_than_it_is():
    held = []
    for seed in range(12):
        world = World(one_better(2, win_rate=0.5), seed)
        controls.reuse_by_rating(world, 8, 24)
        world.vote_at_random(160)
        held.append(covered(world))
    assert np.mean(held) <= 0.9


def test_waves_and_top_two_find_the_best_with_few_votes_and_the_library_says_the_same():
    ended, said = [], []
    for seed in range(6):
        world = World(one_better(2), seed)
        ended.append(find_best(world, Way(5, None)))
        said.append(fit(world.votes, world.takes).verdict)
    assert [one.winner for one in ended].count(0) >= 5
    assert np.mean([one.votes for one in ended]) <= 60
    assert {one.code for one in said} <= {"as_good", "better"}
    least = look_votes(2) * AS_GOOD_LOOKS
    assert all(one.votes >= least for one in ended)


def test_one_side_for_one_prompt_answers_next_to_nothing():
    """Its lead and the side's can't be told apart."""
    widths = []
    for always_left in (None, 0):
        world = World(one_better(2), 3)
        world.buy_each(12)
        world.vote_at_random(150, always_left=always_left)
        told = fit(world.votes, world.takes).pairs[0]
        widths.append(told.high - told.low)
    assert widths[1] > 1.4 * widths[0]
