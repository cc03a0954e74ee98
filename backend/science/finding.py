"""What votes say of prompts, whole: scores, win rates, a verdict in words, and what to get next.

`fit` is pure and deterministic: the same votes, in the same order, give the same finding.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from backend.science.agreement import Agreement, measure_agreement
from backend.science.ballots import TIE, Ballots, Floats, Vote, read_ballots
from backend.science.effects import measure_effects
from backend.science.laplace import sigmoid
from backend.science.one_core import one_core
from backend.science.posterior import Posterior
from backend.science.results import (
    AgreementFinding,
    CellFinding,
    Finding,
    PairFinding,
    Side,
    WinRate,
)
from backend.science.verdict import Judged, judge, say_next, say_verdict
from backend.science.wanted_next import DELTA, wanted_purchase

#: What is kept with every finding: with another method, other numbers may come of the same votes.
METHOD = "dailies-3"


def fit(
    votes: Sequence[Vote],
    takes: Mapping[str, str],
    *,
    levels: Mapping[str, Mapping[str, str]] | None = None,
    labels: Mapping[str, str] | None = None,
    delta: float = DELTA,
    planned: int | None = None,
    seed: int = 0,
) -> Finding:
    """What these votes say.

    votes: (left take, right take, choice, rater), in the order in which they came; a choice is left, right or
    tie. takes: take -> cell, also of takes that nobody voted on. levels: cell -> {axis: level}, for effects.
    labels: what a cell is called in words; its id, if it has none. delta: at most this much worse is as good,
    in logits. planned: how many votes were to be given.

    Raises:
        BallotError: a vote names a take that has no cell, or no choice.
    """
    with one_core():
        return _fit(read_ballots(votes, takes), levels, labels or {}, delta, planned, seed)


def _fit(
    ballots: Ballots,
    levels: Mapping[str, Mapping[str, str]] | None,
    labels: Mapping[str, str],
    delta: float,
    planned: int | None,
    seed: int,
) -> Finding:
    posterior = Posterior(ballots, seed=seed)
    judged = judge(posterior, delta=delta, planned=planned, seed=seed)
    names = [labels.get(cell, cell) for cell in ballots.cells]
    purchase, agreement = wanted_purchase(posterior, delta), measure_agreement(ballots)
    verdict = say_verdict(posterior, judged, purchase, names)
    side = np.quantile(100 * (sigmoid(posterior.side) - 0.5), [0.5, 0.025, 0.975]).tolist()
    return Finding(
        votes=len(ballots),
        cells=_cells(posterior, judged, names),
        pairs=_pairs(posterior, judged),
        verdict=verdict,
        next=say_next(verdict, purchase, ballots),
        effects=measure_effects(posterior, levels, seed=seed) if levels and judged.joined else (),
        agreement=_told_agreement(agreement),
        side=Side(*side),
        ties=int((ballots.choice == TIE).sum()),
        method=METHOD,
        joined=judged.joined,
    )


def _told_agreement(agreement: Agreement) -> AgreementFinding:
    alpha_low, alpha_high = agreement.alpha_between or (None, None)
    self_low, self_high = agreement.own_between or (None, None)
    return AgreementFinding(
        alpha=agreement.alpha, self=agreement.own, raters=agreement.raters, pairs=agreement.pairs,
        alpha_low=alpha_low, alpha_high=alpha_high, again=agreement.again, self_low=self_low,
        self_high=self_high,
    )  # fmt: skip


def _told(rates: Floats) -> list[list[float]]:
    """Of each column of draws: median and 95 % interval."""
    told: list[list[float]] = np.quantile(rates.T.copy(), [0.5, 0.025, 0.975], axis=1).T.tolist()
    return told


def _cells(posterior: Posterior, judged: Judged, names: Sequence[str]) -> tuple[CellFinding, ...]:
    ballots = posterior.ballots
    over_average = _over_average(posterior, judged)
    votes = np.bincount(ballots.cell_of, ballots.votes_of_take, len(ballots.cells))
    rates = _told(posterior.win_rates(over_average))
    return tuple(
        CellFinding(
            id=cell,
            label=names[number],
            takes=int(ballots.takes_of_cell[number]),
            votes=int(votes[number]),
            score=float(over_average[:, number].mean()),
            win_rate=WinRate(*rates[number]),
            as_good_as_any=bool(judged.as_good[number]),
            p_as_good=float(judged.as_good_p[number]) if judged.joined else None,
        )
        for number, cell in enumerate(ballots.cells)
    )


def _over_average(posterior: Posterior, judged: Judged) -> Floats:
    """(draws, C): each cell's score less the mean of those that votes join to it. Of one that never met any
    other nothing is known: as before the first vote."""
    over = posterior.scores.copy()
    cells = over.shape[1]
    for group in np.unique(judged.group).tolist():
        same = judged.group == group
        if same.sum() > 1 or cells == 1:
            over[:, same] -= over[:, same].mean(axis=1, keepdims=True)
        else:
            over[:, same] = np.sqrt((1 - 1 / cells) / 2) * posterior.prior_leads()[:, None]
    return over


def _pairs(posterior: Posterior, judged: Judged) -> tuple[PairFinding, ...]:
    cells, scores, found = posterior.ballots.cells, posterior.scores, []
    for a in range(len(cells) - 1):
        leads = scores[:, [a]] - scores[:, a + 1 :]
        apart = judged.group[a] != judged.group[a + 1 :]
        if apart.any():
            leads[:, apart] = posterior.prior_leads()[:, None]
        rates = _told(posterior.win_rates(leads))
        for b, (middle, low, high) in enumerate(rates, a + 1):
            better: Literal["a", "b"] | None = (
                "a" if judged.better[a, b] else "b" if judged.better[b, a] else None
            )
            found.append(PairFinding(cells[a], cells[b], middle, low, high, better))
    return tuple(found)
