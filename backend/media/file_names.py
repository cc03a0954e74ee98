"""Names under which people save what is theirs: such as every file system takes, Windows' included. Pure.

Source: Microsoft, "Naming Files, Paths, and Namespaces"; 255 bytes are what ext4 and others hold.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

#: A name and its ending together stay well below 255 bytes, also with "(2)" put behind them by a browser.
NAME_MAX_BYTES = 180
#: What no file name may hold on Windows, and separators anywhere.
_REFUSED = re.compile(r'[<>:"/\\|?*]')
#: What Windows takes for a device, whatever ending follows.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?=\.|$)", re.IGNORECASE)
#: Within a word these join letters and emoji; everywhere else they are nothing that can be seen.
_JOINERS = "\u200c\u200d"


def readable_name(text: str, max_bytes: int = NAME_MAX_BYTES) -> str:
    """The words of a text as they are, without what some file system refuses or nobody can see.

    >>> readable_name("Red / dress: take?")
    'Red dress take'
    """
    shown = (char if char.isprintable() or char in _JOINERS else " " for char in _REFUSED.sub(" ", text))
    return _cut(" ".join("".join(shown).split()), max_bytes).strip(f". {_JOINERS}")


def slug(text: str, max_bytes: int = NAME_MAX_BYTES) -> str:
    """Letters and digits of any script in lower case, joined by hyphens; "" where there are none.

    >>> slug("Red / dress: take?")
    'red-dress-take'
    """
    folded = unicodedata.normalize("NFC", text).lower()
    kept = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in folded)
    return _cut("-".join(kept.split()), max_bytes).strip("-")


def word(text: str, max_chars: int | None = None, max_bytes: int = NAME_MAX_BYTES) -> str:
    """A text as one word of a name: letters, digits and pictographs as they are, hyphens between.

    >>> word("Red / dress: take 1.5?")
    'Red-dress-take-1.5'
    """
    kept = "".join(char if _in_word(char) else " " for char in unicodedata.normalize("NFC", text))
    return _cut("-".join(kept.split())[:max_chars], max_bytes).strip(f"-.{_JOINERS}")


def safe_stem(text: str, max_bytes: int = NAME_MAX_BYTES) -> str:
    """A text as a file's name before its ending, such as Windows takes as well; "" where nothing is left.

    >>> safe_stem("con. ")
    '_con'
    """
    name = readable_name(unicodedata.normalize("NFC", text), max_bytes)
    return f"_{name}" if _DEVICE.match(name) else name


class FreeNames:
    """Names of one folder, none of which some file system takes for another one."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(map(_folded, taken))
        self._last: dict[str, int] = {}

    def take(self, name: str) -> str:
        """This name; where it is taken, with a number behind it."""
        number, free = self._last.get(_folded(name), 1), name
        while _folded(free) in self._taken:
            number += 1
            free = f"{name}-{number}"
        self._taken.add(_folded(free))
        self._last[_folded(name)] = number
        return free


def unique_names(names: Sequence[str]) -> list[str]:
    """The same names; of those that some file system takes for one, the later ones get a number.

    >>> unique_names(["a.png", "A.png"])
    ['a.png', 'A-2.png']
    """
    taken: set[str] = set()
    made = []
    for name in names:
        stem, dot, ending = name.rpartition(".") if "." in name else (name, "", "")
        number, free = 1, name
        while free.casefold() in taken:
            number += 1
            free = f"{stem}-{number}{dot}{ending}"
        taken.add(free.casefold())
        made.append(free)
    return made


def saved_name(wanted: str, key: str) -> str:
    """The name that is wanted, short enough, with the ending of the file itself.

    >>> saved_name("setup.exe", "ab12.mp4")
    'setup.exe.mp4'
    """
    ending = PurePosixPath(key).suffix
    return _cut(wanted.removesuffix(ending), NAME_MAX_BYTES - len(ending)) + ending


def content_disposition(name: str) -> str:
    """The header that has a browser save an answer under this name, whatever the name holds.

    Source: RFC 6266, appendix D: a plain name for old programs first, the real one as RFC 8187 writes it.
    """
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _folded(name: str) -> str:
    """The same for names that some file system takes for one: by case, or by how letters are put together."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _in_word(char: str) -> bool:
    category = unicodedata.category(char)
    pictured = category in ("So", "Sk") and not char.isascii()
    return category[0] in "LMN" or pictured or char in f"._{_JOINERS}"


def _cut(text: str, max_bytes: int) -> str:
    return text.encode(errors="replace")[:max_bytes].decode(errors="ignore")
