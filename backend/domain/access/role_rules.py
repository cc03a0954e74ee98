"""`LOGIN_ROLES`: which role somebody has who signs in; the first rule that fits decides.

`admin: ana@example.com, group:dailies-admins; creator: @example.com`. Rules stand between semicolons (or on
lines of their own); who is meant by one, between commas: an address, a domain behind an @, or a group.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import NamedTuple

from backend.domain.access.roles import Role

#: More of what was written is not repeated in a message.
SHOWN_CHARS = 60

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_NAME = r"[^\W_]([\w-]*[^\W_])?"
_DOMAIN = re.compile(rf"{_NAME}(\.{_NAME})*")
_ADDRESS = re.compile(rf"[^\s@:\"]+@{_DOMAIN.pattern}")


class Who(StrEnum):
    """What a rule goes by."""

    ADDRESS = "address"
    DOMAIN = "domain"
    GROUP = "group"


class RoleRule(NamedTuple):
    """One who of one rule. value: an address or domain in lower case, or a group without its first slash."""

    role: Role
    who: Who
    value: str
    place: str  #: "rule 2, at character 31"

    @property
    def written(self) -> str:
        """As people write it."""
        return f"{_PREFIX[self.who]}{self.value}"


_PREFIX = {Who.ADDRESS: "", Who.DOMAIN: "@", Who.GROUP: "group:"}


class RoleRuleFaults(ValueError):
    """What is wrong with the rules: each fault with its place."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class RoleRules:
    """All rules, in their order."""

    rules: tuple[RoleRule, ...] = ()

    def can_make(self, role: Role) -> bool:
        """Is there a rule by which somebody gets this role?"""
        shadowed = {later for _, later in self.contradictions}
        return any(rule.role is role and rule not in shadowed for rule in self.rules)

    @property
    def contradictions(self) -> list[tuple[RoleRule, RoleRule]]:
        """(the rule that wins, a later one that says otherwise of the same people and so never counts)."""
        return [
            (first, later)
            for number, later in enumerate(self.rules)
            if (first := self._first_over(later, number)) and first.role is not later.role
        ]

    def _first_over(self, later: RoleRule, number: int) -> RoleRule | None:
        """The first rule before this one that catches everybody whom it means."""
        return next((rule for rule in self.rules[:number] if _covers(rule, later)), None)


def _covers(rule: RoleRule, later: RoleRule) -> bool:
    if (rule.who, rule.value) == (later.who, later.value):
        return True
    domain = later.value.rpartition("@")[2]
    return rule.who is Who.DOMAIN and later.who is Who.ADDRESS and domain == rule.value


@lru_cache(maxsize=8)
def parse_rules(text: str) -> RoleRules:
    """The rules as written; none where nothing is written. Raises RoleRuleFaults: names every fault."""
    rules: list[RoleRule] = []
    faults: list[str] = []
    number = 0
    for part, at in _split(text, ";\n"):
        if not part:
            continue
        number += 1
        head, colon, rest = part.partition(":")
        role = _read_role(head.strip())
        if not colon:
            faults.append(f"{_place(number, at)}: {_shown(part)} has no colon between a role and who has it")
            continue
        if role is None:
            faults.append(f"{_place(number, at)}: {_no_role(head.strip())}")
        for who, offset in _split(rest, ","):
            place = _place(number, at + len(head) + 1 + offset)
            read = _read_who(who)
            if isinstance(read, str):
                faults.append(f"{place}: {read}")
            elif role is not None:
                rules.append(RoleRule(role, *read, place))
    if faults:
        raise RoleRuleFaults(tuple(faults))
    return RoleRules(tuple(rules))


def fold_address(text: str) -> str:
    """An address or domain in lower case, to compare. Letters that only look like ASCII's stay others."""
    return text.strip().translate(_LOWER)


def fold_group(name: str) -> str:
    """A group's name to compare: Keycloak writes `/dailies/admins` where it gives whole paths."""
    return name.strip().removeprefix("/")


def _split(text: str, marks: str) -> Iterator[tuple[str, int]]:
    """(a part without blanks around it, where it begins in the text)."""
    for found in re.finditer(f"[^{marks}]*", text):
        # An empty match stands behind each part as well; only where two marks meet is it a part.
        if found.start() == 0 or text[found.start() - 1] in marks:
            part = found[0]
            yield part.strip(), found.start() + len(part) - len(part.lstrip())


def _read_role(name: str) -> Role | None:
    try:
        return Role(name.lower())
    except ValueError:
        return None


def _read_who(text: str) -> tuple[Who, str] | str:
    """Who is meant, or what is wrong."""
    kind, colon, name = text.partition(":")
    if not text:
        return "nobody is named; leave no comma or colon without a name behind it"
    if colon and kind.strip().lower() == Who.GROUP:
        return (Who.GROUP, fold_group(name)) if fold_group(name) else "group: names no group"
    if colon and _read_role(kind.strip()):
        return f"{_shown(text)} is a rule of its own; write a semicolon before it"
    if text.startswith("@") and _DOMAIN.fullmatch(text[1:]):
        return Who.DOMAIN, fold_address(text[1:])
    if _ADDRESS.fullmatch(text):
        return Who.ADDRESS, fold_address(text)
    return f"{_shown(text)} is no address, no @domain and no group:NAME"


def _no_role(name: str) -> str:
    near = get_close_matches(name.lower(), list(Role), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{_shown(name)} is no role ({', '.join(Role)}){hint}"


def _place(number: int, at: int) -> str:
    return f"rule {number}, at character {at + 1}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…")
