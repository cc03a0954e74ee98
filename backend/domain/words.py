"""A text as the words by which it is found: the same for what is kept and for what people type.

Case, accents and width make no difference. Scripts that are written without spaces (Chinese, Japanese,
Korean, Thai …) are cut into single characters and pairs of neighbours. Symbols (emoji) are words; all
other marks separate words, so that nothing that people type can be read as a command.
"""

import re
from dataclasses import dataclass
from unicodedata import normalize

from backend.domain.text import clean_text

#: A longer word is cut, here as there; GIN takes no key above 2 KB.
WORD_MAX_CHARS = 64
#: A search looks at this many words of what was typed; a pasted page needs no more.
QUERY_MAX_WORDS = 12
#: A shorter last word is taken as a whole one: too many words begin so.
PREFIX_MIN_CHARS = 2

_ACCENT = re.compile("[\u0300-\u036f]")
#: Letters with a stroke, which no decomposition takes off.
_STROKES = str.maketrans("øłđħŧı", "oldhti")
#: Written without spaces: Thai, Lao, Tibetan, Burmese, Khmer, kana, Han, Hangul.
_DENSE = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
#: A run of a dense script; a word with the vowel signs that Indic scripts put beside letters; a symbol.
_PIECE = re.compile(
    rf"(?P<dense>[{_DENSE}]+)|(?P<word>(?:[^\W_{_DENSE}]|[\u0900-\u0963\u0966-\u0dff])+)"
    r"|(?P<sign>[\u2190-\u2bff\U0001f000-\U0001faff])"
)


@dataclass(frozen=True)
class SearchTerms:
    """What somebody looks for: every word of `whole`, and one that begins with `start` ("" for none)."""

    whole: tuple[str, ...]
    start: str

    @property
    def is_empty(self) -> bool:
        """Was nothing typed that could be looked for?"""
        return not self.whole and not self.start

    def matches(self, indexed: set[str]) -> bool:
        """Is a text with these words among what is looked for?"""
        if self.is_empty or not indexed.issuperset(self.whole):
            return False
        return not self.start or any(word.startswith(self.start) for word in indexed)


def index_terms(*texts: str) -> set[str]:
    """The words by which these texts are found."""
    found: set[str] = set()
    for text in texts:
        for piece in _PIECE.finditer(fold_text(text)):
            run = piece.group()
            if piece.lastgroup == "dense":
                found.update(run)
                found.update(run[i : i + 2] for i in range(len(run) - 1))
            else:
                found.add(run[:WORD_MAX_CHARS])
    return found


def query_terms(text: str) -> SearchTerms:
    """What to look for when somebody types this; the last word may be unfinished.

    Any text has an answer; one of marks alone asks for nothing.
    """
    words: list[str] = []
    start = ""
    for piece in list(_PIECE.finditer(fold_text(text)))[:QUERY_MAX_WORDS]:
        words += [start] if start else []
        run, start = piece.group(), ""
        if piece.lastgroup == "dense" and len(run) > 1:
            words += [run[i : i + 2] for i in range(min(len(run) - 1, QUERY_MAX_WORDS))]
        elif piece.lastgroup == "word" and len(run) >= PREFIX_MIN_CHARS:
            start = run[:WORD_MAX_CHARS]
        else:
            words.append(run)
    return SearchTerms(tuple(dict.fromkeys(words)), start)


def fold_text(text: str) -> str:
    """The text without case, accents, width and what nobody sees."""
    text = clean_text(text)
    if text.isascii():
        return text.lower()
    bare = _ACCENT.sub("", normalize("NFKD", normalize("NFKD", text).casefold()))
    return normalize("NFC", bare.translate(_STROKES))
