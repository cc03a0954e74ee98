"""The model of votes: its likelihood and derivatives, its mode, and what must not matter."""

from dataclasses import replace

import numpy as np
import pytest

from backend.science import laplace, posterior
from backend.science.ballots import BallotError, read_ballots
from backend.science.finding import fit
from backend.science.laplace import Curvature, find_mode, sigmoid
from backend.science.posterior import Posterior, Spread, grid, share_out, usual_prior
from backend.science.rows import Rows, Weights
from backend.science.wanted_next import wanted_pairs
from tests.unit.science.worlds import World, one_better

VOTES = one_better(3, 2, seed=5)


def laid_out(number: int = 40):
    ballots = read_ballots(VOTES.votes(number), VOTES.takes)
    return Rows(ballots), usual_prior(len(ballots.cells), Spread(1.0, 0.6, 0.3))


def whole(rows, weights):
    """All weights in a row."""
    return np.concatenate([weights.main, weights.tastes.ravel()])


def apart(rows, all_weights):
    return Weights(all_weights[: rows.main], all_weights[rows.main :].reshape(rows.raters, rows.cells))


def test_what_can_happen_to_a_pair_adds_up_to_one_and_a_tie_is_a_win_and_a_loss_with_a_head_start():
    eta, kappa = np.linspace(-6, 6, 25), 0.4
    left, right = sigmoid(eta - kappa), sigmoid(-eta - kappa)
    tie = sigmoid(eta + kappa) * sigmoid(-eta + kappa) * (1 - np.exp(-2 * kappa))
    assert np.allclose(left + right + tie, 1, atol=1e-12)


@pytest.mark.parametrize("kappa", [0.05, 0.3, 1.2])
def test_the_derivatives_are_those_of_the_objective(kappa):
    rows, prior = laid_out()
    search = laplace.Search(rows, prior)
    number = len(whole(rows, rows.start()))
    point, step = np.append(np.random.default_rng(1).normal(0, 0.4, number), kappa), 1e-5

    def slope_at(point):
        def value(place, by):
            moved = point.copy()
            moved[place] += by
            return search.objective(apart(rows, moved[:-1]), float(moved[-1]))

        return np.array([(value(n, step) - value(n, -step)) / (2 * step) for n in range(len(point))])

    newton, kappa_step, gain = search.newton_step(apart(rows, point[:-1]), kappa)
    numeric = np.array(
        [
            (slope_at(point + step * unit) - slope_at(point - step * unit)) / (2 * step)
            for unit in np.eye(len(point))
        ]
    )
    expected = -np.linalg.solve(numeric, slope_at(point))
    assert np.allclose(np.append(whole(rows, newton), kappa_step), expected, rtol=1e-3, atol=1e-4)
    assert gain == pytest.approx(float(-slope_at(point) @ expected), rel=1e-3)


def test_what_is_counted_out_is_what_a_matrix_of_the_votes_would_give():
    """The design written out, one column a weight: leads, slopes, curvature, and what it is solved for."""
    rows, prior = laid_out()
    random = np.random.default_rng(2)
    number = len(whole(rows, rows.start()))
    design = np.stack([rows.leads(apart(rows, unit)) for unit in np.eye(number)], axis=1)
    assert set(np.abs(design).ravel().tolist()) == {0.0, 1.0}
    assert (np.abs(design).sum(axis=1) == 7).all()
    slopes, bends = random.normal(size=len(rows)), random.random(len(rows))
    assert np.allclose(whole(rows, rows.gather(slopes)), design.T @ slopes)
    dense = design.T @ (bends[:, None] * design)
    dense += np.stack([whole(rows, prior.times(apart(rows, unit))) for unit in np.eye(number)])
    curvature, wanted = Curvature(rows, bends, prior), random.normal(size=(number, 3))
    main, tastes = curvature.solve(wanted[: rows.main], wanted[rows.main :].reshape(rows.raters, -1, 3))
    assert np.allclose(np.vstack([main, tastes.reshape(-1, 3)]), np.linalg.solve(dense, wanted))
    assert curvature.log_det == pytest.approx(float(np.linalg.slogdet(dense)[1]))


def test_the_mode_is_flat_and_the_only_one_wherever_one_begins():
    rows, prior = laid_out()
    found = find_mode(rows, prior)
    away = apart(rows, np.full(len(whole(rows, rows.start())), 2.0))
    again = find_mode(rows, prior, start=laplace.Mode(away, 3.0, found.curvature, 0.0))
    assert np.allclose(whole(rows, found.weights), whole(rows, again.weights), atol=1e-4)
    assert found.kappa == pytest.approx(again.kappa, abs=1e-4)
    assert found.log_evidence == pytest.approx(again.log_evidence, abs=1e-4)


def test_without_ties_there_is_no_room_for_one():
    world = World((0.5, 0.0), 2, kappa=0.0, seed=2)
    votes = [vote for vote in world.votes(30) if vote[2] != "tie"]
    rows = Rows(read_ballots(votes, world.takes))
    assert find_mode(rows, usual_prior(2, Spread(1, 0.6, 0.3))).kappa == 0.0


def test_the_evidence_is_that_of_an_integral_over_all_weights():
    """One vote, no ties, one take each: the integral is one-dimensional, over eta."""
    ballots = read_ballots([("a", "b", "left", "r")], {"a": "A", "b": "B"})
    found = find_mode(Rows(ballots), usual_prior(2, Spread(0.5, 0.3, 0.3)))
    variance = 2 * 0.5**2 + 2 * 0.3**2 + 2 * 0.3**2 + 0.5**2
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    exact = np.log((sigmoid(np.sqrt(variance) * nodes) @ weights) / weights.sum())
    assert found.log_evidence == pytest.approx(exact, abs=0.02)


def test_the_same_votes_give_the_same_numbers_and_names_and_sides_do_not_matter():
    votes, takes = one_better(3, 3, seed=9).votes(60), one_better(3, 3, seed=9).takes
    found = fit(votes, takes)
    assert fit(votes, takes) == found
    shuffled = [votes[place] for place in np.random.default_rng(1).permutation(len(votes))]
    assert fit(shuffled, takes).pairs == found.pairs, "the order says which looks were had, and no more"
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
    part = replace(Posterior(ballots).parts[-1], raters=4)
    point, leads = part.point, np.array([-3.0, -0.7, 0.0, 0.7, 3.0])
    told, random = part.win_rates(leads), np.random.default_rng(0)
    sd = np.sqrt(2 * point.spread.take**2 + 2 * point.spread.taste**2 * 0.75)
    x = leads[:, None] + sd * random.standard_normal(200_000)
    drawn = 0.5 * (sigmoid(x - point.mode.kappa) + sigmoid(x + point.mode.kappa)).mean(axis=1)
    assert np.allclose(told, drawn, atol=0.003)
    assert told[2] == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("ties", [False, True])
def test_of_many_takes_the_same_is_believed_as_of_few_though_no_curvature_is_written_out(ties, monkeypatch):
    world = one_better(9, 4, seed=2)
    votes = [one for one in world.votes(700) if ties or one[2] != "tie"]
    ballots = read_ballots(votes, world.takes)
    few = Posterior(ballots)
    for module in (laplace, posterior):
        monkeypatch.setattr(module, "MANY_WEIGHTS", 0)
    many = Posterior(ballots)
    told = {point.spread: point for point in few.points}
    assert {point.spread for point in few.likely} == {point.spread for point in many.likely}
    for point in many.points:
        same = told[point.spread]
        assert point.weight == pytest.approx(same.weight, abs=1e-5)
        assert point.mode.log_evidence == pytest.approx(same.mode.log_evidence, abs=1e-5)
        assert point.mode.kappa == pytest.approx(same.mode.kappa, abs=1e-4)
        assert np.allclose(point.mode.weights.main, same.mode.weights.main, atol=1e-3)
    pairs = [wanted_pairs(ballots, 12, seed=4, posterior=one) for one in (few, many)]
    assert pairs[0] == pairs[1]


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


def test_without_takes_tastes_and_sides_it_is_plain_bradley_terry():
    """Cells free, all else held at 0. The oracle: evalica."""
    import evalica

    world = one_better(5, 3, seed=21)
    votes = [vote for vote in world.votes(300) if vote[2] != "tie"]
    prior = laplace.Prior(np.eye(5) * 1e-6, 1e10, 1e10, 1e10)
    scores = find_mode(Rows(read_ballots(votes, world.takes)), prior).weights.main[:5]
    winner = {"left": evalica.Winner.X, "right": evalica.Winner.Y}
    left, right = ([world.takes[vote[side]] for vote in votes] for side in (0, 1))
    strengths = evalica.bradley_terry(
        left, right, [winner[vote[2]] for vote in votes], tolerance=1e-12, limit=10_000
    ).scores
    expected = np.log([strengths[f"c{cell}"] for cell in range(5)])
    assert np.allclose(scores - scores.mean(), expected - expected.mean(), atol=1e-3)
