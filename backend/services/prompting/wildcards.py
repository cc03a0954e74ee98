r"""Alternatives in a prompt: `a {red|blue} dress` stands for two prompts.

`{a|b|c}` is one of several, and may stand in another one. What stands between the bars is kept as it is; an
empty option leaves no second blank behind. `\{`, `\}`, `\|` and `\\` are the characters themselves. Braces
without a bar of their own stay as they are, so a prompt that is JSON keeps its form; what belongs to a
template (`{{ }}`, `{% %}`, `{# #}`) is not looked into.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod

from backend.domain.errors import InvalidRequest

#: More prompts than these are no longer read by anybody before they are paid.
PROMPTS_MAX = 200
#: Alternatives within alternatives, so deep; nobody reads deeper ones.
DEPTH_MAX = 10
#: What an empty option is called.
NONE = "none"

_TOKEN = re.compile(
    r"(?P<own>\{\{[^{}]*\}\}|\{%.*?%\}|\{#.*?#\})|\\(?P<escaped>[{}|\\])|(?P<mark>[{}|])", re.S
)
#: Stands where an empty option was chosen, until the blanks around it are seen to. No prompt may hold it.
_NOTHING = "\0"
_LONE_BLANK = re.compile(rf"(^|(?<=\s))(?:{_NOTHING})+[ \t]|[ \t](?:{_NOTHING})+(?=[.,;:!?]|$)")


@dataclass(frozen=True)
class _Group:
    """What stands between two braces, or the whole text: its options, each pieces in their order."""

    at: int  #: where it begins
    options: list[list["str | _Group"]] = field(default_factory=lambda: [[]])

    def count(self) -> int:
        """How many texts it stands for."""
        return sum(prod(part.count() for part in parts if isinstance(part, _Group)) for parts in self.options)

    def texts(self) -> Iterator[str]:
        """What it stands for, the last alternative changing first."""
        return (text for text, _ in self.choices())

    def choices(self) -> Iterator[tuple[str, list[str]]]:
        """The same, each with what was chosen of each alternative in it."""
        for parts in self.options:
            for chosen in product(*(list(p.texts()) if isinstance(p, _Group) else [p] for p in parts)):
                picked = [one for one, part in zip(chosen, parts, strict=True) if isinstance(part, _Group)]
                yield "".join(chosen) or _NOTHING, picked


def has_wildcards(text: str) -> bool:
    """Does a text look as if it held alternatives, well formed or not? Cheap, for every keystroke."""
    depth = 0
    for found in _TOKEN.finditer(text):
        depth += {"{": 1, "}": -1}.get(found["mark"] or "", 0)
        if found["mark"] == "|" and depth > 0:
            return True
    return False


def expand(text: str, *, at_most: int = PROMPTS_MAX, name: str = "prompt") -> list[str]:
    """Every text that this one stands for, each once, in the order of its options; itself, if it is one.

    at_most: how many there may be. name: the field that a fault is told of.

    Raises InvalidRequest: a brace has no partner, or there are too many; it says which and where.
    """
    return list(expand_choices(text, at_most=at_most, name=name))


def expand_choices(text: str, *, at_most: int = PROMPTS_MAX, name: str = "prompt") -> dict[str, str]:
    """The same, each with what was chosen in it: "a {red|} {dress|coat}" has "a red coat" -> "red, coat".

    An empty option is called `NONE`. Raises as `expand` does.
    """
    whole = _parse(text, name)
    if (number := whole.count()) > at_most:
        many = f"{number:,}" if number < 1_000_000 else "over a million"
        fault = f"stands for {many} prompts by its alternatives; at most {at_most:,} can be made at once"
        raise InvalidRequest({name: fault})
    found: dict[str, str] = {}
    for made, picked in whole.choices():
        prompt = _LONE_BLANK.sub("", made).replace(_NOTHING, "")
        found.setdefault(prompt, ", ".join(one.replace(_NOTHING, "").strip() or NONE for one in picked))
    return found


def _parse(text: str, name: str) -> _Group:
    open_groups = [_Group(-1)]
    end = 0
    for found in _TOKEN.finditer(text):
        parts = open_groups[-1].options[-1]
        parts.append(text[end : found.start()])
        end = found.end()
        mark = found["mark"]
        if mark is None:
            parts.append(found["own"] or found["escaped"])
        elif mark == "{":
            if len(open_groups) > DEPTH_MAX:
                place = _place(text, found.start())
                raise InvalidRequest({name: f"has braces within braces, more than {DEPTH_MAX} deep, {place}"})
            open_groups.append(_Group(found.start()))
        elif mark == "|" and len(open_groups) > 1:
            open_groups[-1].options.append([])
        elif mark == "|":
            parts.append(mark)
        else:
            _close(open_groups, text, found.start(), name)
    open_groups[-1].options[-1].append(text[end:])
    if len(open_groups) > 1:
        raise _lonely("{", text, open_groups[-1].at, name)
    return open_groups[0]


def _close(open_groups: list[_Group], text: str, at: int, name: str) -> None:
    if len(open_groups) == 1:
        raise _lonely("}", text, at, name)
    group = open_groups.pop()
    if len(group.options) > 1:
        open_groups[-1].options[-1].append(group)
    else:  # braces without a bar are braces
        open_groups[-1].options[-1] += ["{", *group.options[0], "}"]


def _lonely(brace: str, text: str, at: int, name: str) -> InvalidRequest:
    partner = "is never closed" if brace == "{" else "closes nothing"
    fault = f"has a {brace} that {partner}, {_place(text, at)}; write \\{brace} for the character itself"
    return InvalidRequest({name: fault})


def _place(text: str, at: int) -> str:
    line, begin = text.count("\n", 0, at) + 1, text.rfind("\n", 0, at) + 1
    where = f"at character {at - begin + 1}" + (f" of line {line}" if "\n" in text else "")
    around = " ".join(text[at : at + 16].split())
    return f"{where} ({around}{'…' if len(text) > at + 16 else ''})"
