"""What can be said of cells by now, and when: rules that hold although people look after every few votes."""

from dataclasses import dataclass

import numpy as np

from backend.science.ballots import Ballots, Floats
from backend.science.posterior import Posterior

#: At most this much worse is as good: in logits, about 55 : 45.
DELTA = 0.2
#: As good as any: so sure, at so many looks in a row, which are so many votes apart.
AS_GOOD_P, AS_GOOD_LOOKS, LOOK_VOTES = 0.95, 3, 6
#: Better: so sure while votes come in, and once the planned number of them is there.
BETTER_P, BETTER_P_PLANNED = 0.995, 0.975
#: The share of all comparisons that simultaneous intervals hold for together.
SIMULTANEOUS = 0.95
#: A level below which even its upper end is no lead: this quantile.
ALIKE_QUANTILE = 0.975


@dataclass(frozen=True)
class Judged:
    """What holds of every cell and pair of cells. as_good: (C,). better: (C, C), the row's over the column's.
    alike_lead: the most by which the best is ahead of any, in logits; alike: is that below delta?"""

    as_good_p: Floats
    as_good: np.ndarray[tuple[int], np.dtype[np.bool_]]
    better: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
    alike_lead: float
    alike: bool


def judge(posterior: Posterior, *, delta: float, planned: int | None, seed: int) -> Judged:
    """Judge cells by all votes. planned: how many votes were to be given; None: nobody said."""
    as_good_p = p_as_good(posterior, delta)
    leads = np.quantile(posterior.best_gap, ALIKE_QUANTILE, axis=0)
    ahead = float(leads.max()) if len(posterior.ballots.cells) > 1 else 0.0
    as_good = (as_good_p >= AS_GOOD_P) & _held_before(posterior.ballots, delta, seed)
    return Judged(as_good_p, as_good, _better(posterior, planned), ahead, ahead < delta)


def p_as_good(posterior: Posterior, delta: float) -> Floats:
    """(C,): how sure it is that no cell is more than `delta` better than this one."""
    known: Floats = (posterior.best_gap <= delta).mean(axis=0)
    return known


def _held_before(ballots: Ballots, delta: float, seed: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Did it hold at the last looks? They are at fixed numbers of votes, whenever somebody asks.

    One look that shows it is not enough: among eight close cells it then holds in 86 % of the cases, at the
    third one in 95 %.
    """
    held = np.ones(len(ballots.cells), bool)
    last = len(ballots) // LOOK_VOTES
    for look in range(last - AS_GOOD_LOOKS + 1, last + 1):
        if look < 1:
            return np.zeros(len(ballots.cells), bool)
        if not held.any():
            break
        seen = Posterior(ballots.first(look * LOOK_VOTES), seed=seed)
        held &= p_as_good(seen, delta) >= AS_GOOD_P
    return held


def _better(posterior: Posterior, planned: int | None) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """(C, C): is the row's cell better than the column's, as far as can be claimed?"""
    scores = posterior.scores
    done = planned is not None and len(posterior.ballots) >= planned
    sure = BETTER_P_PLANNED if done else BETTER_P
    cells = scores.shape[1]
    ahead = np.array([(scores[:, [a]] > scores).mean(axis=0) for a in range(cells)]).reshape(cells, cells)
    better: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = ahead >= sure
    return better & _stands_out(scores) if cells > 2 else better


def _stands_out(scores: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """(C, C): is the difference beyond intervals that hold for all pairs at once?

    |mean| / sd above the 95 % quantile, over draws, of the largest |draw - mean| / sd of any pair.
    Source: Edwards and Berry, "The efficiency of simulation-based multiple comparisons", Biometrics 43, 1987.
    """
    cells = scores.shape[1]
    rows, columns = np.triu_indices(cells, 1)
    largest = np.zeros(len(scores))
    out = np.zeros((cells, cells))
    for a, b in zip(rows, columns, strict=True):
        lead = scores[:, a] - scores[:, b]
        mean, sd = lead.mean(), lead.std() + 1e-12
        np.maximum(largest, np.abs(lead - mean) / sd, out=largest)
        out[a, b] = out[b, a] = abs(mean) / sd
    known: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = out > np.quantile(largest, SIMULTANEOUS)
    return known
