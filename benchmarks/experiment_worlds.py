"""Worlds of takes and people whose truth is known: votes are drawn from them, by chance from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.science.ballots import Ballots, Vote, read_ballots
from backend.science.power import lead_of

#: A fresh take of the best prompt is preferred so often to one of any other.
WIN_RATE = 0.65


@dataclass(frozen=True)
class Truth:
    """How votes come about. scores: of each prompt; the others: standard deviations in logits, the width of
    a tie, what the left side is worth; shared: the part of the takes' variance that a seed does to all."""

    scores: tuple[float, ...]
    take_sd: float = 0.6
    taste_sd: float = 0.3
    kappa: float = 0.3
    side: float = 0.15
    raters: int = 4
    shared: float = 0.0


def one_better(prompts: int, *, win_rate: float = WIN_RATE, take_sd: float = 0.6) -> Truth:
    """The first prompt wins so often against each other one; the others are equal."""
    lead = lead_of(win_rate, take_sd=take_sd, taste_sd=0.3) if win_rate > 0.5 else 0.0
    return Truth((lead, *[0.0] * (prompts - 1)), take_sd=take_sd)


@dataclass
class World:
    """A truth and what has been seen of it. Takes are numbered as they are bought; take n of a prompt has the
    seed n."""

    truth: Truth
    seed: int
    votes: list[Vote] = field(default_factory=list)
    cell_of: list[int] = field(default_factory=list)
    worth: list[float] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        truth = self.truth
        self.tastes = self.random.normal(0, truth.taste_sd, (truth.raters, len(truth.scores)))
        self._of_seed = self.random.normal(0, truth.take_sd * np.sqrt(truth.shared), 10_000)

    def buy(self, cell: int, number: int = 1) -> None:
        """So many more takes of a prompt."""
        own_sd = self.truth.take_sd * np.sqrt(1 - self.truth.shared)
        for _ in range(number):
            self.seeds.append(self.cell_of.count(cell))
            self.cell_of.append(cell)
            own = float(self.random.normal(0, own_sd) + self._of_seed[self.seeds[-1]])
            self.worth.append(self.truth.scores[cell] + own)

    def buy_each(self, number: int) -> None:
        """So many more takes of every prompt."""
        for cell in range(len(self.truth.scores)):
            self.buy(cell, number)

    @property
    def takes(self) -> dict[str, str]:
        """take -> cell, by their names."""
        return {f"t{take}": f"c{cell}" for take, cell in enumerate(self.cell_of)}

    def ballots(self, number: int | None = None) -> Ballots:
        """The votes so far, or the first of them."""
        return read_ballots(self.votes[:number], self.takes)

    def vote(self, a: int, b: int, *, on_left: int | None = None) -> None:
        """A random member of the team votes on two takes; which is left is drawn, or it is one of them."""
        flip = self.random.random() < 0.5 if on_left is None else on_left == b
        left, right = (b, a) if flip else (a, b)
        rater = int(self.random.integers(self.truth.raters))
        taste = self.tastes[rater]
        lead = self.truth.side + self.worth[left] - self.worth[right]
        lead += float(taste[self.cell_of[left]] - taste[self.cell_of[right]])
        chance, kappa = self.random.random(), self.truth.kappa
        p_left, p_right = 1 / (1 + np.exp(kappa - lead)), 1 / (1 + np.exp(kappa + lead))
        said = "left" if chance < p_left else "right" if chance < p_left + p_right else "tie"
        self.votes.append((f"t{left}", f"t{right}", said, f"r{rater}"))

    def random_pair(self, among: Sequence[int] | None = None) -> tuple[int, int]:
        """Two takes of different prompts, by chance."""
        cells = np.array(self.cell_of)
        while True:
            a, b = (int(take) for take in self.random.integers(len(cells), size=2))
            if cells[a] != cells[b] and (among is None or {cells[a], cells[b]} <= set(among)):
                return a, b

    def vote_at_random(self, number: int, *, always_left: int | None = None) -> None:
        """So many votes on random pairs. always_left: the prompt that stands on the left wherever it is."""
        for _ in range(number):
            a, b = self.random_pair()
            on_left = None
            if always_left is not None and always_left in (self.cell_of[a], self.cell_of[b]):
                on_left = a if self.cell_of[a] == always_left else b
            self.vote(a, b, on_left=on_left)

    def win_rate(self, a: int, b: int) -> float:
        """The truth: how often a fresh take of a is preferred to one of b by a random member of this team."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(41)
        own = 1 - self.truth.shared
        leads = self.truth.scores[a] - self.truth.scores[b] + self.tastes[:, a] - self.tastes[:, b]
        x = leads[:, None] + self.truth.take_sd * np.sqrt(2 * (own + self.truth.shared)) * nodes
        kappa = self.truth.kappa
        told = 0.5 * (1 / (1 + np.exp(kappa - x)) + 1 / (1 + np.exp(-kappa - x)))
        return float((told @ weights / weights.sum()).mean())
