"""What so many takes can show, before any is paid."""

from math import erf, log, sqrt

import numpy as np

from backend.science.laplace import sigmoid

#: How much takes of one prompt differ, usually, in logits: the middle of what is learnt from votes later.
TAKE_SD, TASTE_SD = 0.6, 0.3
#: A difference worth finding: how often the better prompt's fresh take is preferred.
WIN_RATE = 0.65
NODES = 31


def lead_of(win_rate: float, *, take_sd: float = TAKE_SD, taste_sd: float = TASTE_SD) -> float:
    """The difference of scores, in logits, at which a fresh take wins so often. 0.5 < win_rate < 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    sd = sqrt(2 * take_sd**2 + 2 * taste_sd**2)
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        told = float(sigmoid(middle + sd * nodes) @ weights / weights.sum())
        low, high = (middle, high) if told < win_rate else (low, middle)
    return low


def picks_better(
    takes: int, *, cells: int = 2, votes: int | None = None, win_rate: float = WIN_RATE,
    take_sd: float = TAKE_SD, taste_sd: float = TASTE_SD, raters: int = 4,
) -> float:  # fmt: skip
    """How probably the best cell is the one with the best score, 0 to 1.

    takes: of each cell. cells: all others are equally much worse. votes: of all pairs; None: endless ones.
    The means of cells vary by their takes (st²/R), by whose taste is asked (sg²/K) and by votes, of which
    each tells about ¼ of a squared logit of a difference.
    """
    if cells < 2 or takes < 1:
        return 1.0 / max(1, cells)
    lead = lead_of(win_rate, take_sd=take_sd, taste_sd=taste_sd)
    variance = take_sd**2 / takes + taste_sd**2 / raters
    if votes:
        variance += cells / (0.5 * votes)
    sd = sqrt(variance)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    beaten = np.array([0.5 * (1 + erf((lead / sd + node) / sqrt(2))) for node in nodes])
    return float((beaten ** (cells - 1)) @ weights / weights.sum())


def enough_takes(cells: int, *, sure: float = 0.9, win_rate: float = WIN_RATE, most: int = 64) -> int | None:
    """The least takes of each cell with which the best is picked so surely; None: `most` are not enough."""
    for takes in range(1, most + 1):
        if picks_better(takes, cells=cells, win_rate=win_rate) >= sure:
            return takes
    return None


def as_odds(win_rate: float) -> str:
    """A win rate as people say it: "65 : 35"."""
    first = round(100 * win_rate)
    return f"{first} : {100 - first}"


def logit(share: float) -> float:
    """The lead at which F is this share. 0 < share < 1."""
    return log(share / (1 - share))
