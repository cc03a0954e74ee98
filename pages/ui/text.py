"""Texts as markdown elements take them, and the words that cards have as well. No element is drawn here."""

import re

from backend.services.gallery.figures import ago as ago
from backend.services.gallery.figures import clock as clock
from backend.services.gallery.figures import dollars as dollars
from backend.services.gallery.figures import param_words as param_words
from backend.services.gallery.figures import shorten as shorten
from backend.services.gallery.figures import since as since
from backend.services.gallery.figures import size as size
from backend.services.gallery.looks import LOOKS as LOOKS
from backend.services.gallery.looks import Look as Look
from backend.services.gallery.looks import state_look as state_look

#: Everything that means something to markdown, or to the kit's own marks (`:red[…]`, `$…$`).
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&^=])")


def plain(text: object) -> str:
    """A text that markdown elements show as it is, on one line: no link, no formula, no colour."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))
