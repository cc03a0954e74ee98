"""Text that people give: cleaned as it is pasted, then what may be in it.

Web pages, word processors, chats and PDF files put characters between words that nobody sees and that mean
nothing. They are taken out, and counted. What carries meaning stays: direction marks (U+200E, U+200F,
U+061C), joiners (U+200C, U+200D) and variation selectors, with which Arabic, Persian and Indic scripts and
emoji are written.

Embeddings, overrides and isolates go, in right-to-left text too. They only turn the order in which a line is
shown; what is kept and sent is in the order in which it was written, with them and without. Source: Unicode
Standard Annex #9, section 2: "In all other respects they should be ignored".
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

#: A region's flag is spelt with characters that mean nothing elsewhere: 🏴 and England's letters behind it.
_FLAG = "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"
#: NUL, soft hyphen, embeddings and overrides, word joiner and invisible operators, isolates and marks that
#: are out of use, byte order mark, tags.
_NOTHING = "[\\x00\u00ad\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
_NOTHING_OR_FLAG = re.compile(f"({_FLAG})|{_NOTHING}")
#: Written without spaces between words: Thai, Lao, Tibetan, Burmese, Khmer. Where writers part words there,
#: they do it with a zero-width space.
_UNSPACED = "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]"
_ZERO_WIDTH_SPACES = re.compile(f"(?<={_UNSPACED})(\u200b)\u200b*(?={_UNSPACED})|\u200b+")
#: Vertical tab, form feed, next line, line and paragraph separator. The first two also stand beside breaks.
_BREAK = r"[\x0b\x0c\x85\u2028\u2029]"
_LINE_END = r"[\r\n\x85\u2028\u2029]"
_BREAKS = re.compile(rf"(?:(?<={_LINE_END})[\x0b\x0c]+|[\x0b\x0c]+(?={_LINE_END}))|({_BREAK})")
#: So many unknown names are told one by one, and so much of each: a body may hold a hundred thousand.
UNKNOWN_MAX, NAME_MAX_CHARS = 50, 80

#: Most texts hold none of all this.
_ANY = re.compile(f"{_NOTHING}|\u200b|{_BREAK}")

#: What no text may hold, by what is said of it. Of the control characters, lines and tabs belong in a
#: prompt. A direction mark turns what follows it, so that a text reads unlike what is sent; right-to-left
#: text itself needs none.
_UNFIT = re.compile(
    r"(?P<turning>[\u202a-\u202e\u2066-\u2069])|(?P<half>[\ud800-\udfff])"
    r"|(?P<control>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f])"
)


#: What ends a sentence, behind which a bracket or a quote may close.
_ENDED = re.compile(r"[.!?…:][)\]\"'”’»]*$")


def join_sentences(*parts: str | None) -> str:
    """Texts as sentences behind each other: each has its end, and empty ones are left out.

    >>> join_sentences("Too many requests", "", "It is tried again.")
    'Too many requests. It is tried again.'
    """
    told = [part.strip() for part in parts if part and part.strip()]
    return " ".join(part if _ENDED.search(part) else f"{part}." for part in told)


@dataclass
class PastedText:
    """Cleans what is pasted, and counts what it does to it."""

    removed: int = 0  #: characters that were taken out
    broken: int = 0  #: page and line separators that became line breaks

    def clean(self, value: Any) -> Any:
        """The value without what nobody sees: a text, or every text in objects and lists (names stay)."""
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, Mapping):
            return {name: self.clean(one) for name, one in value.items()}
        return [self.clean(one) for one in value] if isinstance(value, list) else value

    @property
    def notes(self) -> list[str]:
        """What was done, for a person; nothing when nothing was."""
        said = []
        if self.removed:
            words = "character was" if self.removed == 1 else "characters were"
            said.append(f"{self.removed:,} invisible {words} removed")
        if self.broken:
            words = "separator became a line break" if self.broken == 1 else "separators became line breaks"
            said.append(f"{self.broken:,} page or line {words}")
        return said

    def _clean(self, text: str) -> str:
        if _ANY.search(text) is None:
            return text
        visible = _ZERO_WIDTH_SPACES.sub(r"\1", _NOTHING_OR_FLAG.sub(r"\1", text))
        cleaned = _BREAKS.sub(lambda found: "\n" if found[1] else "", visible)
        self.removed += len(text) - len(cleaned)
        self.broken += cleaned.count("\n") - visible.count("\n")
        return cleaned


def clean_text(text: str) -> str:
    """The text without what nobody sees and what means nothing; breaks of every kind are line breaks.

    Cleaning it again changes nothing.
    """
    return str(PastedText().clean(text))


def cleaning_notes(*texts: str | None) -> list[str]:
    """What cleaning does to these texts, for a person."""
    pasted = PastedText()
    pasted.clean(list(texts))
    return pasted.notes


def fault_in(text: str) -> str | None:
    """What is wrong with a text as a prompt or label, for a person; None when nothing is."""
    found = _UNFIT.search(text)
    if found is None:
        return None
    what = {
        "turning": f"an invisible direction mark ({_name(found[0])})",
        "half": "half a character (a lone surrogate)",
        "control": f"a control character ({_name(found[0])})",
    }[str(found.lastgroup)]
    return f"holds {what} at character {found.start() + 1}; remove it"


def describe_kind(value: Any) -> str:
    """What a value that is of the wrong kind is, in words."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "nothing")


def unknown_names(given: Iterable[str], known: Collection[str], *, within: str = "") -> dict[str, str]:
    """name -> what to say of it, for every name that is given and not known: the nearest one that is.

    within: what the names stand in, such as "style."; it is put before each.
    """
    unknown = iter(name for name in map(str, given) if name not in known)
    faults = {
        f"{within}{name[:NAME_MAX_CHARS]}": _unknown(name, known) for name in islice(unknown, UNKNOWN_MAX)
    }
    more = sum(1 for _ in unknown)
    return faults | ({f"{within}…": f"{more:,} more names are not known here"} if more else {})


def _unknown(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name[:NAME_MAX_CHARS].lower(), known, n=1)
    if near:
        return f"is not known here; did you mean {near[0]}?"
    return f"is not known here; known: {', '.join(sorted(known)) or 'nothing'}"


def _name(char: str) -> str:
    return f"U+{ord(char):04X}"
