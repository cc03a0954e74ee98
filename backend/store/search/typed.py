"""What somebody typed to find takes: words, or the name of one take. Pure."""

import re
from dataclasses import dataclass

from backend.domain.library.review import SHORT_ID_CHARS
from backend.domain.output_files import DATA_ENDINGS, ENDINGS
from backend.domain.words import SearchTerms, query_terms

_ENDINGS = "|".join(sorted({*DATA_ENDINGS, *(one for some in ENDINGS.values() for one in some)}))
#: A file that was saved from here: its take's short id stands between separators.
_SAVED = re.compile(rf"(?P<stem>.+)\.(?:{_ENDINGS})", re.IGNORECASE)
#: What may be an id, of a take or as providers give them.
_NAME = re.compile(r"[!-~]{6,200}")
_SHORT = re.compile(rf"(?<![0-9a-z])([0-9a-f]{{{SHORT_ID_CHARS}}})(?![0-9a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Typed:
    """terms: words that a take must hold. name: the whole text, if it may be a take's or a request's id.

    short_ids: of takes whose saved file this is the name of.
    """

    terms: SearchTerms
    name: str
    short_ids: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Was nothing typed that could be looked for?"""
        return self.terms.is_empty


def read_typed(text: str) -> Typed:
    """What is looked for when somebody types this. The ending of a file's name is no word."""
    name = text.strip()
    saved = _SAVED.fullmatch(name)
    stem = saved["stem"] if saved else name
    short_ids = tuple(dict.fromkeys(one.lower() for one in _SHORT.findall(stem))) if saved else ()
    return Typed(query_terms(stem), name if _NAME.fullmatch(name) else "", short_ids)
