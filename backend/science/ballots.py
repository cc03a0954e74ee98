"""Votes as they come, and as arrays of whole numbers: which take, cell and rater each of them names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: What a vote says, by its number in the arrays.
CHOICES = ("left", "right", "tie")
LEFT, RIGHT, TIE = range(3)

#: (left take, right take, choice, rater)
Vote = tuple[str, str, str, str]


class BallotError(ValueError):
    """A vote that can't be one: it names an unknown take or choice, or a take against itself."""


@dataclass(frozen=True)
class Ballots:
    """Votes over takes of cells. Every array has one entry a vote, but `cell_of`: one a take.

    takes, cells, raters: names, in the order of their numbers. Takes that nobody voted on are among them.
    """

    takes: tuple[str, ...]
    cells: tuple[str, ...]
    raters: tuple[str, ...]
    cell_of: Ints
    left: Ints
    right: Ints
    choice: Ints
    rater: Ints

    def __len__(self) -> int:
        return len(self.choice)

    @cached_property
    def left_cell(self) -> Ints:
        """The cell of each vote's left take."""
        return self.cell_of[self.left]

    @cached_property
    def right_cell(self) -> Ints:
        """The cell of each vote's right take."""
        return self.cell_of[self.right]

    @cached_property
    def votes_of_take(self) -> Ints:
        """How many votes each take is in."""
        return np.bincount(np.concatenate([self.left, self.right]), minlength=len(self.takes))

    @cached_property
    def takes_of_cell(self) -> Ints:
        """How many takes each cell has, voted on or not."""
        return np.bincount(self.cell_of, minlength=len(self.cells))

    @cached_property
    def has_rated(self) -> NDArray[np.bool_]:
        """(raters, cells): did this rater vote on this cell?"""
        seen = np.zeros((len(self.raters), len(self.cells)), bool)
        seen[self.rater, self.left_cell] = True
        seen[self.rater, self.right_cell] = True
        return seen

    @cached_property
    def group_of(self) -> Ints:
        """(C,): cells of one group are joined by votes, be it by way of others; how two groups stand to
        each other is not known. A group has the number of its first cell."""
        group = np.arange(len(self.cells))
        while True:
            least = np.minimum(group[self.left_cell], group[self.right_cell])
            before = group.copy()
            np.minimum.at(group, self.left_cell, least)
            np.minimum.at(group, self.right_cell, least)
            if (group == before).all():
                return group

    def first(self, number: int) -> "Ballots":
        """Only the first so many votes, with all takes, cells and raters."""
        return self.only(np.arange(len(self)) < number)

    def only(self, kept: NDArray[np.bool_]) -> "Ballots":
        """Only the votes that are kept, with all takes, cells and raters."""
        arrays = (array[kept] for array in (self.left, self.right, self.choice, self.rater))
        return Ballots(self.takes, self.cells, self.raters, self.cell_of, *arrays)


def read_ballots(votes: Sequence[Vote], takes: Mapping[str, str]) -> Ballots:
    """Votes as arrays, in their order. takes: take -> cell; cells are numbered as they first appear there.

    Raises:
        BallotError: says which vote is wrong, and why.
    """
    if short := [number for number, vote in enumerate(votes, 1) if len(vote) != 4]:
        raise BallotError(f"vote {short[0]} must have four parts: left take, right take, choice, rater")
    take_number = {take: number for number, take in enumerate(takes)}
    cell_number = {cell: number for number, cell in enumerate(dict.fromkeys(takes.values()))}
    rater_number = {rater: number for number, rater in enumerate(sorted({vote[3] for vote in votes}))}
    choice_number = {choice: number for number, choice in enumerate(CHOICES)}
    for number, (left, right, choice, _) in enumerate(votes, 1):
        if unknown := [take for take in (left, right) if take not in take_number]:
            raise BallotError(f"vote {number} names the take {unknown[0]!r}, which has no cell")
        if choice not in choice_number:
            raise BallotError(f"vote {number} says {choice!r}; a choice is one of {', '.join(CHOICES)}")
        if left == right:
            raise BallotError(f"vote {number} is of the take {left!r} against itself")
    rows = [
        (take_number[left], take_number[right], choice_number[choice], rater_number[rater])
        for left, right, choice, rater in votes
    ]
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return Ballots(
        tuple(takes), tuple(cell_number), tuple(rater_number),
        np.array([cell_number[cell] for cell in takes.values()], np.int64), *columns,
    )  # fmt: skip
