"""The keys by which the index knows takes, and those that a filter asks for.

A take has a key for each word and for each value that somebody can ask for. Those that can change begin with
`LOOSE`, so that they can be taken away again; no word begins so, nor with "_" or "#". Pure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from backend.domain.library.review import PICKED, ReviewState, short_id
from backend.domain.states import ACTIVE_STATES
from backend.store.search import numbers
from backend.store.search.facts import TakeFacts, style_part
from backend.store.search.matches import Range, Rule

#: What keys begin with that a take may lose, and what sorts right after all of them.
LOOSE, AFTER_LOOSE = "!", '"'
#: What moves is not noted at each step, so all of it has one key. It is new, and in few blocks.
MOVING = "moving"
#: The kinds of numbers, and how their keys begin.
NUMBERS = {"rating": "!r", "cost": "!d", "length": "!l"}

#: What is told by more keys than these is read where all else holds.
MANY_KEYS = 6
_REVIEWED = frozenset(ReviewState) - {ReviewState.NONE}
_ERROR, _TRASHED = "!e", "!x"


class Part(Protocol):
    """What must hold of a take, among all else."""

    @property
    def keys(self) -> Collection[str]:
        """The keys by which it is told."""

    def among(self, left: int, rows: Mapping[str, int]) -> int:
        """Of which of these places it holds. rows: key -> those that have it."""


@dataclass(frozen=True)
class Group:
    """A take has any of these keys; `without`: it has none."""

    keys: tuple[str, ...]
    without: bool = False

    def among(self, left: int, rows: Mapping[str, int]) -> int:
        """As `Part` says."""
        having = _any_of(self.keys, rows)
        return left & (~having if self.without else having)


@dataclass(frozen=True)
class Said:
    """A take holds every word, each of which is a group; or it is named by one of these keys."""

    words: Sequence[Group]
    names: tuple[str, ...]

    @property
    def keys(self) -> Collection[str]:
        """As `Part` says."""
        return {*self.names, *(key for word in self.words for key in word.keys)}

    def among(self, left: int, rows: Mapping[str, int]) -> int:
        """As `Part` says."""
        said = left if self.words else 0
        for word in self.words:
            said = word.among(said, rows)
        return said | (left & _any_of(self.names, rows))


@dataclass(frozen=True)
class Asked:
    """Takes of which every part holds.

    states: what else must hold for their rows, where keys don't tell; None: nothing.
    """

    parts: Sequence[Part]
    states: frozenset[str] | None = None

    @property
    def phases(self) -> Sequence[Sequence[Part]]:
        """The parts in the order in which they leave the fewest takes for the least that must be read.

        What a take must have comes before what it must not have: most have not.
        """
        new: list[Part] = []
        few: list[Part] = []
        many: list[Part] = []
        without: list[Part] = []
        for part in self.parts:
            if isinstance(part, Group) and part.without:
                without.append(part)
            elif set(part.keys) == {f"!s{MOVING}"}:
                new.append(part)
            else:
                (many if len(part.keys) > MANY_KEYS else few).append(part)
        return [some for some in (new, few, many, without) if some]


def first_keys(take: TakeFacts) -> set[str]:
    """The keys that a take has for ever."""
    row = take.row
    marks = {_key("o", row.owner), _key("m", row.model), _key("p", row.provider), f"#{short_id(take.id)}"}
    return take.first_words | marks | {_key("y", *part) for part in take.style}


def later_keys(take: TakeFacts) -> set[str]:
    """Those that it may lose."""
    row = take.row
    found = {f"!w{word}" for word in take.later_words}
    found |= {_loose("t", tag) for tag in take.tags} | {_loose("c", one) for one in take.collections}
    found |= {_loose("f", person) for person in take.favourite_of}
    found |= {f"!s{_standing(row.state)}"}
    found |= {_loose("j", row.project_id)} if row.project_id else set()
    found |= {f"!v{row.review}"} if row.review else set()
    found |= {_loose("a", take.ratio)} if take.ratio else set()
    found |= {_ERROR} if take.has_error else set()
    found |= {_TRASHED} if row.trashed_at is not None else set()
    return found | numbers_of(take)


def numbers_of(take: TakeFacts) -> set[str]:
    """The keys of its numbers."""
    known = ((begin, getattr(take, kind)) for kind, begin in NUMBERS.items())
    return {
        f"{begin}{one}" for begin, value in known if value is not None for one in numbers.beginnings(value)
    }


def number_keys(ranges: Iterable[Range]) -> list[str]:
    """All keys that might be asked for by these ranges; most of them no take has."""
    return sorted({key for one in ranges for some in _of_range(one) for key in some})


def read_filter(rule: Rule, completed: Sequence[str], known: frozenset[str]) -> Asked:
    """What a filter asks of the index. completed: what its unfinished word stands for.

    known: those of `number_keys` that there are.
    """
    wanted = rule.wanted
    groups = [Group((_TRASHED,), without=not wanted.trashed)]
    for kind, values in (("o", wanted.owners), ("m", wanted.models)):
        groups += [Group(tuple(_key(kind, one) for one in values))] if values is not None else []
    groups += [Group((_key("p", wanted.provider),))] if wanted.provider else []
    groups += [Group((_key("y", *style_part(*part)),)) for part in wanted.style]
    single = (("j", wanted.project), ("c", wanted.collection), ("a", wanted.ratio))
    groups += [Group((_loose(kind, value),)) for kind, value in single if value is not None]
    groups += [Group((_loose("t", tag),)) for tag in wanted.tags]
    if wanted.favourite_of is not None:
        groups.append(Group(tuple(_loose("f", person) for person in wanted.favourite_of)))
    if wanted.picks_of is not None:
        groups.append(Group(_picks(wanted.picks_of)))
    if wanted.not_owners:
        groups.append(Group(tuple(_key("o", person) for person in wanted.not_owners), without=True))
    if wanted.not_favourite_of:
        groups.append(Group(tuple(_loose("f", one) for one in wanted.not_favourite_of), without=True))
    if wanted.not_picks_of:
        groups.append(Group(_picks(wanted.not_picks_of), without=True))
    flags = ((NUMBERS["rating"], wanted.rated), (_ERROR, wanted.has_error))
    groups += [Group((key,), without=not value) for key, value in flags if value is not None]
    if wanted.review is not None:
        groups.append(_either("!v", wanted.review, _REVIEWED))
    for one in rule.ranges:
        groups += [Group(tuple(key for key in some if key in known)) for some in _of_range(one)]
    said = _of_text(rule, completed)
    states = None if wanted.states is None else frozenset(wanted.states)
    if states is not None:
        groups.append(Group(tuple(f"!s{one}" for one in sorted({_standing(state) for state in states}))))
    moving = states & ACTIVE_STATES if states else frozenset()
    return Asked([*groups, *said], states if moving and moving != ACTIVE_STATES else None)


def _picks(people: Iterable[str]) -> tuple[str, ...]:
    return (*(_loose("f", person) for person in people), *(f"!v{state}" for state in sorted(PICKED)))


def _either(begin: str, wanted: frozenset[str], known: frozenset[str]) -> Group:
    """Takes with one of these values; values besides those known have no key, so the others are left out."""
    without = not wanted <= known
    return Group(tuple(f"{begin}{one}" for one in sorted(known - wanted if without else wanted)), without)


def _standing(state: str) -> str:
    """A state as the index knows it."""
    return MOVING if state in ACTIVE_STATES else str(state)


def _of_text(rule: Rule, completed: Sequence[str]) -> list[Said]:
    """What was typed, if anything was."""
    typed = rule.typed
    if typed is None:
        return []
    groups = [_of_word(rule, word, (word,), word) for word in typed.terms.whole]
    start = typed.terms.start
    groups += [_of_word(rule, start, completed, start, unfinished=True)] if start else []
    return [Said(groups, tuple(f"#{one}" for one in typed.short_ids))]


def _of_word(
    rule: Rule, word: str, stands_for: Sequence[str], short: str, *, unfinished: bool = False
) -> Group:
    keys = [key for one in stands_for for key in (one, f"!w{one}")]
    titled = [
        _key("m", model)
        for model, title in rule.titles.items()
        if word in title or (unfinished and any(one.startswith(word) for one in title))
    ]
    return Group((*keys, f"#{short}", *titled))


def _of_range(asked: Range) -> list[list[str]]:
    begin = NUMBERS[asked.kind]
    low = [numbers.at_least(asked.low)] if asked.low is not None else []
    high = [numbers.at_most(asked.high)] if asked.high is not None else []
    return [[f"{begin}{one}" for one in some] for some in low + high]


def _any_of(keys: Iterable[str], rows: Mapping[str, int]) -> int:
    found = 0
    for key in keys:
        found |= rows.get(key, 0)
    return found


def _key(kind: str, *values: str) -> str:
    return f"_{kind}{blake2b(chr(0).join(values).encode(), digest_size=8).hexdigest()}"


def _loose(kind: str, *values: str) -> str:
    return f"{LOOSE}{_key(kind, *values)[1:]}"
