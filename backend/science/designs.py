"""Which combinations of levels to make, where all of them would be too many."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from backend.science.ballots import Floats

#: Exchanges end when a whole round through the design gains less in log det, or after so many rounds.
GAIN, ROUNDS = 1e-9, 30
#: Exchanges end on a hill, not always on the highest: so many starts, where there are few combinations.
STARTS, STARTS_CANDIDATES = 10, 300
#: More combinations than this are drawn from by chance before exchanging.
CANDIDATES_MAX = 6_000
#: Keeps the determinant of few rows above 0.
RIDGE = 1e-6

Combination = tuple[int, ...]


def sum_to_zero(levels: Sequence[int], rows: Sequence[Combination]) -> Floats:
    """The model matrix of main effects: a constant, and for each axis of L levels L - 1 columns, in which its
    last level is -1 in all of them. levels: how many each axis has; rows: a level of each axis."""
    table = np.asarray(rows, np.int64).reshape(len(rows), len(levels))
    columns = [np.ones((len(rows), 1))]
    for axis, number in enumerate(levels):
        code = np.vstack([np.eye(number - 1), -np.ones((1, number - 1))])
        columns.append(code[table[:, axis]])
    return np.hstack(columns)


def choose_fraction(
    levels: Sequence[int],
    number: int,
    *,
    seed: int = 0,
    allowed: Callable[[Combination], bool] = lambda _: True,
) -> list[Combination]:
    """So many combinations, from which the effects of single axes are told best: exchanges on log det X'X.

    levels: how many each axis has. allowed: combinations that may be made. All of them, where there are no
    more. A combination stands in it once. Source: Fedorov, "Theory of optimal experiments", 1972 (exchange).
    """
    random = np.random.default_rng(seed)
    candidates = _candidates(levels, allowed, random)
    if len(candidates) <= number:
        return candidates
    matrix = sum_to_zero(levels, candidates)
    starts = STARTS if len(candidates) <= STARTS_CANDIDATES else 1
    tries = [_exchange(matrix, number, random) for _ in range(starts)]
    _, chosen = max(tries, key=lambda one: one[0])
    return sorted(candidates[one] for one in chosen)


def _exchange(matrix: Floats, number: int, random: np.random.Generator) -> tuple[float, list[int]]:
    """From a start by chance as far up as exchanges lead: (log det, the rows chosen)."""
    chosen = [int(one) for one in random.choice(len(matrix), number, replace=False)]
    is_chosen = np.zeros(len(matrix), bool)
    is_chosen[chosen] = True
    for _ in range(ROUNDS):
        gained = 0.0
        for place, out in enumerate(chosen):
            into, gain = _best_exchange(matrix, chosen, is_chosen, out)
            if gain > GAIN:
                is_chosen[[out, into]] = False, True
                chosen[place] = into
                gained += gain
        if gained <= GAIN:
            break
    rows = matrix[chosen]
    return float(np.linalg.slogdet(rows.T @ rows + RIDGE * np.eye(matrix.shape[1]))[1]), chosen


def _candidates(
    levels: Sequence[int], allowed: Callable[[Combination], bool], random: np.random.Generator
) -> list[Combination]:
    whole = 1
    for number in levels:
        whole *= number
    if whole <= CANDIDATES_MAX:
        return [one for one in product(*map(range, levels)) if allowed(one)]
    drawn = np.stack([random.integers(number, size=CANDIDATES_MAX) for number in levels], axis=1)
    unique = dict.fromkeys(map(tuple, drawn.tolist()))
    return [one for one in unique if allowed(one)]


def _best_exchange(
    matrix: Floats, chosen: Sequence[int], is_chosen: np.ndarray[tuple[int], np.dtype[np.bool_]], out: int
) -> tuple[int, float]:
    """Which candidate in place of `out` raises log det most, and by how much.

    det(M - oo' + cc') = det(M) [(1 - d_oo)(1 + d_cc) + d_oc²], with d_ab = a' M⁻¹ b.
    """
    rows = matrix[list(chosen)]
    inverse = np.linalg.inv(rows.T @ rows + RIDGE * np.eye(matrix.shape[1]))
    leverage = np.einsum("ij,jk,ik->i", matrix, inverse, matrix)
    across = matrix @ (inverse @ matrix[out])
    factor = (1 - leverage[out]) * (1 + leverage) + across**2
    factor[is_chosen] = 0.0
    into = int(factor.argmax())
    return into, float(np.log(max(factor[into], 1e-300)))


def d_efficiency(levels: Sequence[int], rows: Sequence[Combination]) -> float:
    """How much these rows tell, for each of them, beside an orthogonal array: 1 is as much.

    |X'X / n|^(1/p) over the same of all combinations, which are orthogonal.
    """
    return float(np.exp(_log_det(levels, rows) - _log_det(levels, list(product(*map(range, levels))))))


def _log_det(levels: Sequence[int], rows: Sequence[Combination]) -> float:
    matrix = sum_to_zero(levels, rows)
    sign, log_det = np.linalg.slogdet(matrix.T @ matrix / len(rows))
    return float(log_det) / matrix.shape[1] if sign > 0 else -np.inf
