"""Fonts that draw what people write in any script: those that come with a package, and the machine's own.

FiraGO has Latin, Greek, Cyrillic, Arabic, Hebrew, Devanagari and Thai, a Noto font the symbols. For all else,
such as Chinese, Japanese and Korean, the fonts that are installed are looked through, once it is needed.
"""

import io
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import pymupdf_fonts
from fontTools.ttLib import TTCollection, TTFont, TTLibError

#: family -> the name under which the package has it. The second fills what the first has no sign for.
PACKAGED = {"text": "figo", "heading": "figbo", "signs": "symbol2"}
#: Where systems keep their fonts.
FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts",
    "/Library/Fonts", "/System/Library/Fonts", "~/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip
_ENDINGS = frozenset({".ttf", ".otf", ".ttc", ".otc"})
#: A machine with more fonts is looked through so far: some milliseconds a font.
FILES_MAX = 1_000
#: So many fonts together draw what one alone does not.
FONTS_MAX = 3


@dataclass(frozen=True)
class InstalledFont:
    """A font of this machine, the first of its file. has: what it draws of what was asked for."""

    path: Path
    has: frozenset[int]


def packaged_font(name: str) -> bytes:
    """The file of a font that comes with the package."""
    content: bytes = pymupdf_fonts.fontbuffers[name]()
    return content


@cache
def packaged_characters() -> Collection[int]:
    """Every character that the packaged fonts have a sign for."""
    known: set[int] = set()
    for name in (PACKAGED["text"], PACKAGED["signs"]):
        with TTFont(io.BytesIO(packaged_font(name)), lazy=True) as font:
            known |= set(font.getBestCmap())
    return frozenset(known)


@lru_cache(maxsize=16)
def find_fonts(missing: frozenset[int], folders: tuple[str, ...] = FOLDERS) -> tuple[InstalledFont, ...]:
    """Fonts of this machine that draw these characters, as far as any do: as few as possible."""
    found = [font for font in _fonts(missing, folders) if font.has] if missing else []
    chosen: list[InstalledFont] = []
    while missing and len(chosen) < FONTS_MAX:
        best = max(found, key=lambda font: len(font.has & missing), default=None)
        if best is None or not best.has & missing:
            break
        chosen.append(best)
        missing -= best.has
    return tuple(chosen)


def _fonts(wanted: frozenset[int], folders: tuple[str, ...]) -> Iterator[InstalledFont]:
    for path in _files(folders):
        # It may be broken, or no font. The first of a collection has the signs of all of them.
        with suppress(OSError, TTLibError, ValueError, AssertionError, KeyError), path.open("rb") as file:
            several = path.suffix.lower() in (".ttc", ".otc")
            font = TTCollection(file, lazy=True).fonts[0] if several else TTFont(file, lazy=True)
            yield InstalledFont(path, _signs(font, wanted))


def _signs(font: TTFont, wanted: frozenset[int]) -> frozenset[int]:
    """What it draws of these by outlines; pictures in colour are none."""
    has_outlines = "glyf" in font or "CFF " in font
    return wanted & set(font.getBestCmap() or ()) if has_outlines else frozenset()


def _files(folders: tuple[str, ...]) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        for root, inside, names in os.walk(Path(folder).expanduser()):
            inside.sort()
            found += (Path(root, name) for name in sorted(names) if Path(name).suffix.lower() in _ENDINGS)
    return found[:FILES_MAX]
