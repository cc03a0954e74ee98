"""Names under which people save what is theirs: such as every file system takes, Windows' included. Pure.

Source: Microsoft, "Naming Files, Paths, and Namespaces"; 255 bytes are what ext4 and others hold.
"""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

#: A name and its ending together stay well below 255 bytes, also with "(2)" put behind them by a browser.
NAME_MAX_BYTES = 180
#: What no file name may hold on Windows, and separators anywhere.
_REFUSED = re.compile(r'[<>:"/\\|?*]')


def readable_name(text: str, max_bytes: int = NAME_MAX_BYTES) -> str:
    """The words of a text as they are, without what some file system refuses or nobody can see.

    >>> readable_name("Red / dress: take?")
    'Red dress take'
    """
    kept = "".join(char if char.isprintable() else " " for char in _REFUSED.sub(" ", text))
    return _cut(" ".join(kept.split()), max_bytes).strip(". ")


def slug(text: str, max_bytes: int = NAME_MAX_BYTES) -> str:
    """Letters and digits of any script in lower case, joined by hyphens; "" where there are none.

    >>> slug("Red / dress: take?")
    'red-dress-take'
    """
    folded = unicodedata.normalize("NFC", text).lower()
    kept = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in folded)
    return _cut("-".join(kept.split()), max_bytes).strip("-")


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


def _cut(text: str, max_bytes: int) -> str:
    return text.encode(errors="replace")[:max_bytes].decode(errors="ignore")
