"""The model of votes: its likelihood and derivatives, its mode, and what must not matter."""

import numpy as np
import pytest

from backend.science import laplace
from backend.science.ballots import BallotError, read_ballots
from backend.science.finding import fit
from backend.science.laplace import find_mode, sigmoid
from backend.science.posterior import Posterior, Spread, grid, lay_out, share_out, win_rate
from tests.unit.science.worlds import World, one_better

VOTES = one_better(3, 2, seed=5)


def laid_out(number: int = 40):
    ballots = read_ballots(VOTES.votes(number), VOTES.takes)
    columns, design = lay_out(ballots)
    return ballots, columns, design, columns.precision(Spread(1.0, 0.6, 0.3), len(ballots.cells))


def test_what_can_happen_to_a_pair_adds_up_to_one_and_a_tie_is_a_win_and_a_loss_with_a_head_start():
    eta, kappa = np.linspace(-6, 6, 25), 0.4
    left, right = sigmoid(eta - kappa), sigmoid(-eta - kappa)
    tie = sigmoid(eta + kappa) * sigmoid(-eta + kappa) * (1 - np.exp(-2 * kappa))
    assert np.allclose(left + right + tie, 1, atol=1e-12)


@pytest.mark.parametrize("kappa", [0.05, 0.3, 1.2])
def test_the_derivatives_are_those_of_the_objective(kappa):
    ballots, columns, design, precision = laid_out()
    search = laplace._Search(design, ballots.choice, precision)
    weights = np.random.default_rng(1).normal(0, 0.4, columns.number)
    whole, step = np.append(weights, kappa), 1e-5

    def slope_at(point):
        def value(place, by):
            moved = point.copy()
            moved[place] += by
            return search.objective(moved[:-1], float(moved[-1]))

        return np.array([(value(n, step) - value(n, -step)) / (2 * step) for n in range(len(point))])

    newton, kappa_step, gain = search.newton_step(weights, kappa)
    numeric = np.array(
        [
            (slope_at(whole + step * unit) - slope_at(whole - step * unit)) / (2 * step)
            for unit in np.eye(len(whole))
        ]
    )
    expected = -np.linalg.solve(numeric, slope_at(whole))
    assert np.allclose(np.append(newton, kappa_step), expected, rtol=1e-3, atol=1e-4)
    assert gain == pytest.approx(float(-slope_at(whole) @ expected), rel=1e-3)


def test_the_mode_is_flat_and_the_only_one_wherever_one_begins():
    ballots, columns, design, precision = laid_out()
    found = find_mode(design, ballots.choice, precision)
    far = laplace.Mode(np.full(columns.number, 2.0), 3.0, found.cholesky, 0.0)
    again = find_mode(design, ballots.choice, precision, start=far)
    assert np.allclose(found.weights, again.weights, atol=1e-4)
    assert found.kappa == pytest.approx(again.kappa, abs=1e-4)
    assert found.log_evidence == pytest.approx(again.log_evidence, abs=1e-4)


def test_without_ties_there_is_no_room_for_one():
    world = World((0.5, 0.0), 2, kappa=0.0, seed=2)
    votes = [vote for vote in world.votes(30) if vote[2] != "tie"]
    ballots = read_ballots(votes, world.takes)
    columns, design = lay_out(ballots)
    assert find_mode(design, ballots.choice, columns.precision(Spread(1, 0.6, 0.3), 2)).kappa == 0.0


def test_the_evidence_is_that_of_an_integral_over_all_weights():
    """One vote, no ties, one take each: the integral is one-dimensional, over eta."""
    ballots = read_ballots([("a", "b", "left", "r")], {"a": "A", "b": "B"})
    columns, design = lay_out(ballots)
    precision = columns.precision(Spread(0.5, 0.3, 0.3), 2)
    found = find_mode(design, ballots.choice, precision)
    variance = float((design[0] ** 2 / precision).sum())
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    exact = np.log((sigmoid(np.sqrt(variance) * nodes) @ weights) / weights.sum())
    assert found.log_evidence == pytest.approx(exact, abs=0.02)


def test_the_same_votes_give_the_same_numbers_and_names_and_sides_do_not_matter():
    votes, takes = one_better(3, 3, seed=9).votes(60), one_better(3, 3, seed=9).takes
    found = fit(votes, takes)
    assert fit(votes, takes) == found
    other = {"left": "right", "right": "left", "tie": "tie"}
    mirrored = fit([(right, left, other[said], who) for left, right, said, who in votes], takes)
    assert mirrored.side.left_points == pytest.approx(-found.side.left_points, abs=1.0)
    renamed = fit(
        [(f"x{left}", f"x{right}", said, f"q{who}") for left, right, said, who in votes],
        {f"x{take}": f"y{cell}" for take, cell in takes.items()},
    )
    for one, same, new in zip(found.cells, mirrored.cells, renamed.cells, strict=True):
        assert same.score == pytest.approx(one.score, abs=0.03)
        assert (new.id, new.score) == (f"y{one.id}", one.score)


def test_a_win_rate_counts_what_fresh_takes_and_another_taste_add():
    ballots = read_ballots([("a", "b", "left", "r")], {"a": "A", "b": "B"})
    point = Posterior(ballots).points[-1]
    leads = np.array([-3.0, -0.7, 0.0, 0.7, 3.0])
    told, random = win_rate(leads, point, raters=4), np.random.default_rng(0)
    sd = np.sqrt(2 * point.spread.take**2 + 2 * point.spread.taste**2 * 0.75)
    x = leads[:, None] + sd * random.standard_normal(200_000)
    drawn = 0.5 * (sigmoid(x - point.mode.kappa) + sigmoid(x + point.mode.kappa)).mean(axis=1)
    assert np.allclose(told, drawn, atol=0.003)
    assert told[2] == pytest.approx(0.5, abs=1e-9)


def test_draws_are_shared_by_weight_and_none_is_lost():
    assert share_out([0.5, 0.25, 0.25], 10) == [5, 3, 2]
    assert sum(share_out([1 / 45] * 45)) == 4_000
    assert [len(grid(cells)) for cells in (2, 3, 4, 7, 8, 50)] == [15, 15, 45, 45, 15, 15]


@pytest.mark.parametrize(
    ("vote", "says"),
    [
        (("a", "z", "left", "r"), "'z', which has no cell"),
        (("a", "b", "middle", "r"), "a choice is one of left, right, tie"),
        (("a", "a", "tie", "r"), "against itself"),
    ],
)
def test_what_can_be_no_vote_is_named(vote, says):
    with pytest.raises(BallotError, match="vote 2 "):
        fit([("a", "b", "left", "r"), vote], {"a": "A", "b": "B"})
    with pytest.raises(BallotError, match=says):
        fit([vote], {"a": "A", "b": "B"})
