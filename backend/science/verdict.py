"""What can be said of cells by now, and when: rules that hold although people look after every few votes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.science.ballots import TIE, Ballots, Floats, Ints
from backend.science.laplace import sigmoid
from backend.science.posterior import Posterior
from backend.science.power import as_odds
from backend.science.results import CellTakes, Next, Verdict
from backend.science.wanted_next import Purchase

Bools = NDArray[np.bool_]

#: As good as any: so sure, at so many looks in a row, which are so many votes apart.
AS_GOOD_P, AS_GOOD_LOOKS = 0.95, 3
#: Of so few cells a look is had more often: with them one look that shows it would nearly do.
FEW_CELLS, FEW_CELLS_LOOK, LOOK_VOTES = 4, 4, 6
#: Better: so sure while votes come in, and once the planned number of them is there.
BETTER_P, BETTER_P_PLANNED = 0.995, 0.975
#: The share of all comparisons that simultaneous intervals hold for together.
SIMULTANEOUS = 0.95
#: A level below which even its upper end is no lead: this quantile.
ALIKE_QUANTILE = 0.975

#: So many names stand in a sentence; of the others their number.
NAMES_MAX = 4
#: Who voted so often on every take, knows the takes; what is missing are others.
VOTES_A_TAKE = 2


@dataclass(frozen=True)
class Judged:
    """What holds of every cell and pair of cells. as_good: (C,). better: (C, C), the row's over the column's.
    group: (C,), of `Ballots.group_of`: nothing is claimed of cells of two groups. alike_lead: the most by
    which the best is ahead of any, in logits; alike: is that below delta?"""

    group: Ints
    as_good_p: Floats
    as_good: Bools
    better: Bools
    alike_lead: float
    alike: bool

    @property
    def joined(self) -> bool:
        """Do votes join all cells, be it by way of others?"""
        return len(set(self.group.tolist())) <= 1


def judge(posterior: Posterior, *, delta: float, planned: int | None, seed: int) -> Judged:
    """Judge cells by all votes. planned: how many votes were to be given; None: nobody said."""
    ballots, as_good_p = posterior.ballots, p_as_good(posterior, delta)
    group = ballots.group_of
    leads = np.quantile(posterior.best_gap, ALIKE_QUANTILE, axis=0)
    ahead = float(leads.max()) if len(ballots.cells) > 1 else 0.0
    joined = len(set(group.tolist())) <= 1
    as_good = _held_before(posterior, (as_good_p >= AS_GOOD_P) & joined, delta, seed)
    better = better_than(posterior, planned) & (group[:, None] == group)
    return Judged(group, as_good_p, as_good, better, ahead, ahead < delta and joined)


def p_as_good(posterior: Posterior, delta: float) -> Floats:
    """(C,): how sure it is that no cell is more than `delta` better than this one."""
    known: Floats = (posterior.best_gap <= delta).mean(axis=0)
    return known


def look_votes(cells: int) -> int:
    """Looks are so many votes apart."""
    return FEW_CELLS_LOOK if cells <= FEW_CELLS else LOOK_VOTES


def _held_before(posterior: Posterior, held: Bools, delta: float, seed: int) -> Bools:
    """Did what holds now hold at the last looks, too? They are at fixed numbers of votes, whenever somebody
    asks.

    One look that shows it is not enough: among eight close cells it then holds in 86 % of the cases, at the
    third one in 95 %.
    """
    ballots = posterior.ballots
    apart = look_votes(len(ballots.cells))
    last = len(ballots) // apart
    for look in range(last, last - AS_GOOD_LOOKS, -1):
        if look < 1 or not held.any():
            return np.zeros(len(ballots.cells), bool)
        if look * apart < len(ballots):
            seen = Posterior(ballots.first(look * apart), seed=seed, near=posterior, likely_alone=True)
            held = held & (p_as_good(seen, delta) >= AS_GOOD_P)
    return held


def better_than(posterior: Posterior, planned: int | None) -> Bools:
    """(C, C): is the row's cell better than the column's, as far as can be claimed?"""
    scores = posterior.scores
    done = planned is not None and len(posterior.ballots) >= planned
    sure = BETTER_P_PLANNED if done else BETTER_P
    cells = scores.shape[1]
    ahead = np.array([(scores[:, [a]] > scores).mean(axis=0) for a in range(cells)]).reshape(cells, cells)
    better: Bools = ahead >= sure
    return better & _stands_out(scores) if cells > 2 else better


def _stands_out(scores: Floats) -> Bools:
    """(C, C): is the difference beyond intervals that hold for all pairs at once?

    |mean| / sd above the 95 % quantile, over draws, of the largest |draw - mean| / sd of any pair.
    Source: Edwards and Berry, "The efficiency of simulation-based multiple comparisons", Biometrics 43, 1987.
    """
    cells = scores.shape[1]
    largest = np.zeros(len(scores))
    out = np.zeros((cells, cells))
    for a in range(cells - 1):
        lead = scores[:, [a]] - scores[:, a + 1 :]
        mean, sd = lead.mean(axis=0), lead.std(axis=0) + 1e-12
        np.maximum(largest, (np.abs(lead - mean) / sd).max(axis=1), out=largest)
        out[a, a + 1 :] = out[a + 1 :, a] = np.abs(mean) / sd
    known: Bools = out > np.quantile(largest, SIMULTANEOUS)
    return known


# -- in words -----------------------------------------------------------------------------------


def say_verdict(posterior: Posterior, judged: Judged, purchase: Purchase, names: Sequence[str]) -> Verdict:
    """The strongest that holds."""
    ballots = posterior.ballots
    cells = ballots.cells
    if not len(ballots) or len(cells) < 2:
        words = "nobody has voted yet" if not len(ballots) else "there is nothing to compare it with"
        return Verdict(f"Too early: {words}.", "too_early", None)
    lead = int(posterior.scores.mean(axis=0).argmax())
    others = [number for number in range(len(cells)) if number != lead]
    if len(set(judged.group.tolist())) > 1:
        return Verdict(_say_apart(judged, names), "too_early", None)
    if all(judged.better[lead, other] for other in others):
        over = names[others[0]] if len(others) == 1 else "every other"
        return Verdict(f"{names[lead]} is better than {over}.", "better", cells[lead])
    if judged.alike:
        most = as_odds(float(sigmoid(np.array([judged.alike_lead]))[0]))
        return Verdict(f"These look alike: the best is at most {most} ahead.", "alike", cells[lead])
    if judged.as_good.any():
        best = int(np.where(judged.as_good, judged.as_good_p, -1).argmax())
        sure = int(100 * judged.as_good_p[best])
        words = f"{names[best]} is as good as any ({sure} %).{_say_beaten(judged, best, names)}"
        return Verdict(words, "as_good", cells[best])
    if (ballots.choice == TIE).all():
        return Verdict("Too early to tell: every vote is a tie, and nobody leads.", "too_early", None)
    voted_enough = ballots.votes_of_take.all() and len(ballots) >= VOTES_A_TAKE * len(ballots.takes)
    if purchase.what == "takes" and voted_enough:
        return Verdict("Takes, not votes, are what is missing.", "takes_missing", cells[lead])
    return Verdict(f"Too early to tell; {names[lead]} leads so far.", "too_early", cells[lead])


def _say_beaten(judged: Judged, best: int, names: Sequence[str]) -> str:
    beaten = [names[other] for other in np.flatnonzero(judged.better[best]).tolist()]
    return f" It is better than {list_names(beaten)}." if beaten else ""


def _say_apart(judged: Judged, names: Sequence[str]) -> str:
    """No vote joins some cells to the others: nothing is said of the ones beside the others."""
    groups = [np.flatnonzero(judged.group == one).tolist() for one in np.unique(judged.group)]
    groups.sort(key=len, reverse=True)
    most = list_names([names[one] for one in groups[0]])
    rest = list_names([names[one] for group in groups[1:] for one in group])
    known = [
        f" {names[a]} is better than {names[b]}." for a, b in np.argwhere(judged.better)[:NAMES_MAX].tolist()
    ]
    return f"Too early: {rest} never met {most}, not even by way of others.{''.join(known)}"


def list_names(names: Sequence[str]) -> str:
    """Some of them, and how many more there are."""
    if len(names) > NAMES_MAX:
        return f"{', '.join(names[: NAMES_MAX - 1])} and {len(names) - NAMES_MAX + 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def say_next(verdict: Verdict, purchase: Purchase, ballots: Ballots) -> Next:
    """What to get next, by how much it helps, and why."""
    if len(ballots) and len(set(ballots.group_of.tolist())) > 1:
        return Next("votes", "Some have never been compared with the others: pairs of these come first.", ())
    if verdict.code in ("better", "as_good", "alike"):
        return Next("none", "The question is answered.", ())
    unseen = verdict.code == "too_early" and not ballots.votes_of_take.all()
    if purchase.what == "takes" and unseen:
        return Next("votes", "Some takes have not been voted on yet: their pairs come first.", ())
    shorter = f"the interval of the lead would be about {100 * purchase.shrinks:.0f} % shorter"
    match purchase.what:
        case "takes":
            wanted = tuple(CellTakes(cell, number) for cell, number in purchase.takes.items())
            why = f"Most of what is not known is how much takes of one prompt differ; with these {shorter}."
            return Next("takes", why, wanted)
        case "rater":
            why = f"Most of what is not known is whose taste it is: with one more person {shorter}."
            return Next("rater", why, ())
        case "votes":
            return Next("votes", f"More votes help most: with twice as many {shorter}.", ())
        case "none":
            return Next("none", "There is nothing to compare.", ())
