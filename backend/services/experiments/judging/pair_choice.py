"""Which pairs of takes somebody is shown next, and on which side each stands. Values in, values out."""

import random
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from backend.store.experiments.ballots import Ballot
from backend.store.experiments.pairs import Candidate

#: One pair in so many comes back with its sides changed: how often somebody agrees with themselves.
REPEAT_EVERY = 15
#: It comes back once so many others were shown after it.
REPEAT_AFTER = 5
#: So often somebody is shown the same two takes at most, if they ask for more than there is.
LAPS = 5
RANDOM, REPEAT = "random", "repeat"


class Chosen(NamedTuple):
    """Two takes by their sides. why: `random` in the first round, `top two`, or `repeat`."""

    left: str
    right: str
    why: str


@dataclass(frozen=True)
class Shown:
    """A pair that this rater was shown. lapsed: they left or skipped it; else it is answered, or waits."""

    left: str
    right: str
    why: str
    voted: bool
    lapsed: bool


@dataclass(frozen=True)
class Situation:
    """What next pairs are chosen by. votes: of all, of these takes. waiting: pairs before somebody now.

    shown: to this rater, in order. again: may they be asked of the same two takes once more?
    """

    takes: Sequence[Candidate]
    votes: Sequence[Ballot]
    waiting: Sequence[tuple[str, str]] = ()
    shown: Sequence[Shown] = ()
    again: bool = False


def choose_pairs(situation: Situation, number: int, chance: random.Random) -> list[Chosen]:
    """The next pairs for one rater: as many as are asked for, fewer once they have judged what there is."""
    if len({take.cell for take in situation.takes}) < 2:
        return []
    chooser = _Chooser(situation, chance)
    wanted = _wanted(situation, 2 * number, chance)
    found: list[Chosen] = []
    while len(found) < number and (chosen := chooser.next(wanted)):
        found.append(chosen)
    return found


def _wanted(situation: Situation, number: int, chance: random.Random) -> list[Chosen]:
    """What the statistics ask for, the last one first."""
    from backend.science.ballots import read_ballots
    from backend.science.wanted_next import wanted_pairs

    names = [take.job for take in situation.takes]
    place = {name: at for at, name in enumerate(names)}
    waiting = [(place[a], place[b]) for a, b in situation.waiting if a in place and b in place]
    pairs = wanted_pairs(
        read_ballots(situation.votes, {take.job: take.cell for take in situation.takes}),
        number,
        seed=chance.getrandbits(32),
        seeds=[take.seed for take in situation.takes],
        waiting=waiting,
    )
    return [Chosen(names[a], names[b], why) for a, b, why in reversed(pairs)]


@dataclass
class _Chooser:
    """Goes through what is wanted, and knows what this rater has seen."""

    situation: Situation
    chance: random.Random
    cell: dict[str, str] = field(init=False)
    seed: dict[str, int | None] = field(init=False)
    live: list[Shown] = field(init=False)
    met: Counter[frozenset[str]] = field(init=False)
    judged: Counter[frozenset[str]] = field(init=False)
    seen: set[frozenset[str]] = field(init=False)
    lefts: Counter[tuple[str, str]] = field(init=False)
    lap: int = field(init=False)

    def __post_init__(self) -> None:
        takes, shown = self.situation.takes, self.situation.shown
        self.cell = {take.job: take.cell for take in takes}
        self.seed = {take.job: take.seed for take in takes}
        self.live = [one for one in shown if not one.lapsed]
        self.met = Counter(frozenset(vote[:2]) for vote in self.situation.votes)
        self.met.update(frozenset(pair) for pair in self.situation.waiting)
        self.judged = Counter(frozenset((one.left, one.right)) for one in self.live if one.why != REPEAT)
        self.seen = {frozenset((one.left, one.right)) for one in shown}
        self.lap = self._lap()
        self.lefts = Counter()
        for one in self.live:
            self._count_sides(one.left, one.right)

    def next(self, wanted: list[Chosen]) -> Chosen | None:
        """One more pair; None: this rater has judged what there is."""
        chosen = self._repeated() or self._fresh(wanted)
        if chosen is not None:
            self.live.append(Shown(*chosen, voted=False, lapsed=False))
            key = frozenset(chosen[:2])
            self.seen.add(key)
            self.met[key] += 1
            self.judged[key] += chosen.why != REPEAT
            self._count_sides(chosen.left, chosen.right)
        return chosen

    def _lap(self) -> int:
        """How often this rater has judged what they are asked now; more than once if that is wanted alone."""
        done = all(one.voted for one in self.live)
        if not self.situation.again or not done or self._least_met(0):
            return 0
        return next((lap for lap in range(1, LAPS) if self._least_met(lap)), 0)

    def _count_sides(self, left: str, right: str) -> None:
        if left in self.cell and right in self.cell:
            self.lefts[self.cell[left], self.cell[right]] += 1

    def _fresh(self, wanted: list[Chosen]) -> Chosen | None:
        while wanted:
            one = wanted.pop()
            for takes in ((one.left, one.right), self._between(one)):
                if takes and frozenset(takes) not in self.seen:
                    return self._sided(*takes, one.why)
        found = self._least_met(self.lap, self.seen) or self._least_met(self.lap)
        return found and self._sided(*found, RANDOM)

    def _between(self, one: Chosen) -> tuple[str, str] | None:
        """Two other takes of the same two cells: those that met least, of these such with equal seeds."""
        sides = [[job for job, cell in self.cell.items() if cell == self.cell[take]] for take in one[:2]]
        pairs = [(a, b) for a in sides[0] for b in sides[1] if frozenset((a, b)) not in self.seen]
        return min(pairs, key=lambda pair: self._rank(*pair), default=None)

    def _rank(self, a: str, b: str) -> tuple[int, bool, float]:
        equal = self.seed[a] is not None and self.seed[a] == self.seed[b]
        return self.met[frozenset((a, b))], not equal, self.chance.random()

    def _least_met(self, lap: int, without: Set[frozenset[str]] = frozenset()) -> tuple[str, str] | None:
        """Any two takes of different cells that this rater has judged so often."""
        jobs = list(self.cell)
        self.chance.shuffle(jobs)
        for a in jobs:
            others = [
                (a, b)
                for b in jobs
                if self.cell[a] != self.cell[b]
                and self.judged[key := frozenset((a, b))] == lap
                and key not in without
            ]
            if others:
                return min(others, key=lambda pair: self._rank(*pair))
        return None

    def _sided(self, a: str, b: str, why: str) -> Chosen:
        """Each of two cells stands on the left as often as on the right, as near as can be."""
        more = self.lefts[self.cell[a], self.cell[b]] - self.lefts[self.cell[b], self.cell[a]]
        changed = more > 0 or (more == 0 and self.chance.random() < 0.5)
        return Chosen(b, a, why) if changed else Chosen(a, b, why)

    def _repeated(self) -> Chosen | None:
        """An earlier pair with its sides changed, if it is time for one."""
        repeats = [frozenset((one.left, one.right)) for one in self.live if one.why == REPEAT]
        if (len(self.live) + 1) // REPEAT_EVERY <= len(repeats):
            return None
        early = [
            one
            for one in self.live[:-REPEAT_AFTER]
            if one.why != REPEAT
            and one.left in self.cell
            and one.right in self.cell
            and frozenset((one.left, one.right)) not in repeats
        ]
        answered = [one for one in early if one.voted] or early
        if not answered:
            return None
        one = self.chance.choice(answered)
        return Chosen(one.right, one.left, REPEAT)
