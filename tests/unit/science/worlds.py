"""A world of takes and people whose truth is known: votes are drawn from it, by chance from a seed."""

from dataclasses import dataclass, field

import numpy as np

from backend.science.ballots import Vote
from backend.science.power import lead_of

#: How a take of the better cell fares against one of another, and how takes, tastes, ties and sides are.
TAKE_SD, TASTE_SD, KAPPA, SIDE = 0.6, 0.3, 0.3, 0.15


@dataclass
class World:
    """cells: their true scores. Every one has so many takes; people vote at random on pairs of two cells."""

    cells: tuple[float, ...]
    takes_each: int
    raters: int = 4
    seed: int = 0
    take_sd: float = TAKE_SD
    taste_sd: float = TASTE_SD
    kappa: float = KAPPA
    side: float = SIDE
    takes: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)
        number = len(self.cells) * self.takes_each
        self._cell = np.repeat(np.arange(len(self.cells)), self.takes_each)
        self._worth = np.array(self.cells)[self._cell] + self._random.normal(0, self.take_sd, number)
        self._taste = self._random.normal(0, self.taste_sd, (self.raters, len(self.cells)))
        self.takes = {f"t{take}": f"c{self._cell[take]}" for take in range(number)}

    def vote(self, left: int, right: int, rater: int) -> Vote:
        """What this person says of these two takes, by number."""
        lead = self.side + self._worth[left] - self._worth[right]
        lead += self._taste[rater, self._cell[left]] - self._taste[rater, self._cell[right]]
        chance = self._random.random()
        p_left, p_right = 1 / (1 + np.exp(self.kappa - lead)), 1 / (1 + np.exp(self.kappa + lead))
        said = "left" if chance < p_left else "right" if chance < p_left + p_right else "tie"
        return f"t{left}", f"t{right}", said, f"r{rater}"

    def votes(self, number: int) -> list[Vote]:
        """So many votes, each of two random takes of different cells by a random person."""
        said: list[Vote] = []
        while len(said) < number:
            left, right = (int(take) for take in self._random.integers(len(self.takes), size=2))
            if self._cell[left] != self._cell[right]:
                said.append(self.vote(left, right, int(self._random.integers(self.raters))))
        return said


def one_better(cells: int, takes_each: int, *, win_rate: float = 0.65, **more: object) -> World:
    """A world in which a fresh take of `c0` is preferred so often to one of any other, all equal."""
    lead = lead_of(win_rate, take_sd=TAKE_SD, taste_sd=TASTE_SD)
    return World((lead, *[0.0] * (cells - 1)), takes_each, **more)  # type: ignore[arg-type]
