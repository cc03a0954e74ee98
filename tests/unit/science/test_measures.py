"""Agreement, intervals of shares, designs, power and effects: against textbooks and worlds that are known."""

from itertools import product

import numpy as np
import pytest

from backend.science.agreement import (
    alpha_between,
    interval,
    krippendorff_alpha,
    measure_agreement,
    nominal,
    ordinal,
    wilson,
)
from backend.science.ballots import read_ballots
from backend.science.designs import choose_fraction, d_efficiency
from backend.science.finding import fit
from backend.science.power import enough_takes, lead_of, picks_better
from tests.unit.science.worlds import World

#: Four observers, twelve units. Source: Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.
TEXTBOOK = [
    [1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [5, 5, 5], [1, 1], [3],
]  # fmt: skip


@pytest.mark.parametrize(("metric", "alpha"), [(nominal, 0.743), (ordinal, 0.815), (interval, 0.849)])
def test_alpha_is_that_of_the_textbook(metric, alpha):
    assert krippendorff_alpha(TEXTBOOK, metric) == pytest.approx(alpha, abs=0.0005)


def test_alpha_of_nothing_to_compare_is_none_and_of_one_answer_one():
    assert krippendorff_alpha([[1], [2]]) is None
    assert krippendorff_alpha([[1, 1], [1, 1]]) == 1.0


def test_the_interval_of_alpha_holds_it_and_narrows_with_more_pairs():
    random = np.random.default_rng(5)

    def pairs(number: int) -> list[list[float]]:
        """Two raters who both say what is true in eight of ten."""
        true = random.choice([-1.0, 1.0], number)
        said = [np.where(random.random(number) < 0.8, true, -true) for _ in range(2)]
        return [list(unit) for unit in zip(*said, strict=True)]

    truth = krippendorff_alpha(pairs(200_000))
    held, widths = 0, []
    for _ in range(40):
        low, high = alpha_between([*pairs(60), [1.0]])
        held += low <= truth <= high
        widths.append(high - low)
    assert held >= 34  # of 40; with intervals of 95 % less is seen once in five hundred
    low, high = alpha_between(pairs(2_000))
    assert high - low < min(widths) / 3
    assert alpha_between([[1.0, 1.0]]) is None
    assert alpha_between([[1.0, 1.0]] * 5) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("number", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (8, 10, 0.4902, 0.9433), (50, 100, 0.4038, 0.5962), (0, 0, 0, 1)],
)
def test_wilsons_interval(number, of, low, high):
    assert wilson(number, of) == pytest.approx((low, high), abs=0.0005)


@pytest.mark.parametrize(
    ("levels", "number", "least"),
    [((4, 4, 4), 16, 0.995), ((3, 3, 3, 3), 18, 0.98), ((4, 4, 4, 4), 32, 0.985), ((2, 5), 10, 0.999)],
)
def test_a_fraction_tells_nearly_as_much_a_take_as_all_combinations(levels, number, least):
    chosen = choose_fraction(levels, number)
    assert len(chosen) == len(set(chosen)) == number
    assert d_efficiency(levels, chosen) >= least
    assert chosen == choose_fraction(levels, number)


def test_what_may_not_be_made_is_not_in_a_fraction_and_few_combinations_are_all_of_them():
    chosen = choose_fraction((3, 3, 3), 9, allowed=lambda one: one[0] != one[1])
    assert len(chosen) == 9
    assert all(one[0] != one[1] for one in chosen)
    assert choose_fraction((2, 2), 9) == list(product(range(2), range(2)))


def test_power_says_what_so_many_takes_can_show():
    random, lead = np.random.default_rng(0), lead_of(0.65)
    for takes, cells in ((1, 2), (4, 2), (16, 2), (4, 8)):
        seen = random.normal(0, np.sqrt(0.6**2 / takes + 0.3**2 / 4), (50_000, cells))
        seen[:, 0] += lead
        right = (seen.argmax(axis=1) == 0).mean()
        assert picks_better(takes, cells=cells) == pytest.approx(right, abs=0.01)
    assert picks_better(4, cells=2, votes=20) < picks_better(4, cells=2)
    assert [enough_takes(cells) for cells in (2, 4, 8)] == sorted(enough_takes(cells) for cells in (2, 4, 8))
    assert enough_takes(24, win_rate=0.501) is None
    x = lead + np.sqrt(2 * 0.6**2 + 2 * 0.3**2) * random.standard_normal(200_000)
    assert (1 / (1 + np.exp(-x))).mean() == pytest.approx(0.65, abs=0.003)


def test_a_word_that_helps_everywhere_is_told_as_an_effect_with_its_points():
    worth = {"slow": 0.9, "fast": 0.0}
    cells = [(speed, light) for speed in worth for light in ("day", "night")]
    world = World(tuple(worth[speed] for speed, _ in cells), 8, seed=8)
    levels = {f"c{n}": {"speed": speed, "light": light} for n, (speed, light) in enumerate(cells)}
    effects = {
        (one.axis, one.level): one for one in fit(world.votes(200), world.takes, levels=levels).effects
    }
    assert effects["speed", "slow"].low > 0 > effects["speed", "fast"].high
    assert effects["light", "day"].low < 0 < effects["light", "day"].high
    assert effects["speed", "slow"].points == pytest.approx(-effects["speed", "fast"].points, abs=1.0)
    assert effects["speed", "slow"].takes == 16


def test_a_rater_who_votes_at_random_or_on_one_side_is_flagged_and_others_are_not():
    world = World((1.5, 0.0, -1.0), 6, raters=3, seed=12, kappa=0.05)
    votes, random = world.votes(300), np.random.default_rng(3)
    pairs = [vote[:2] for vote in votes[:90]]
    votes += [(*one, str(random.choice(["left", "right"])), "dice") for one in pairs]
    votes += [(*one, "left", "lefty") for one in pairs]
    raters = {one.rater: one for one in measure_agreement(read_ballots(votes, world.takes)).raters}
    assert {name for name, one in raters.items() if one.flagged} == {"dice", "lefty"}
    assert all(one.agrees_low < one.agrees < one.agrees_high for one in raters.values())
    assert "about as chance would" in raters["dice"].why
    assert "the left one in 90 of 90" in raters["lefty"].why


def test_who_answers_a_pair_the_same_when_it_comes_back_mirrored_agrees_with_themselves():
    takes = {"a": "A", "b": "B"}
    same = [("a", "b", "left", "r"), ("b", "a", "right", "r")]
    assert measure_agreement(read_ballots(same, takes)).own == 1.0
    assert measure_agreement(read_ballots([*same, ("a", "b", "right", "r")], takes)).own == 0.5
