"""Contact sheets: pictures in rows with what is known of each below, as a PDF and as pictures of its pages.

The PDF's text can be searched and copied. Fonts come with a package (FiraGO: Latin, Greek, Cyrillic, Arabic,
Hebrew, Devanagari, Thai; Noto symbols); a character that none of them has is an empty box.
"""

import io
import tempfile
import threading
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import pymupdf_fonts
import pypdfium2
from fontTools.ttLib import TTFont
from fpdf import FPDF
from PIL import Image

COLUMNS, ROWS = 4, 3
PER_PAGE = COLUMNS * ROWS
#: In points: an A4 page that lies on its side.
_PAGE_WIDTH, _PAGE_HEIGHT, _MARGIN, _GAP = 841.89, 595.28, 28.0, 12.0
_CELL_WIDTH = (_PAGE_WIDTH - 2 * _MARGIN - (COLUMNS - 1) * _GAP) / COLUMNS
_PICTURE_HEIGHT, _TOP, _ROW_HEIGHT = 106.0, 52.0, 176.0
_TITLE_SIZE, _SIZE, _LEADING = 11.0, 7.5, 9.5
_INK, _FAINT, _PAPER = 25, 105, 236
#: Lines of each caption: of its heading, and of all below.
_HEADING_LINES, _LINES = 1, 5
#: A picture has this many pixels for each point: sharp in print, a few kilobytes each.
_PIXELS_PER_POINT = 2.0
#: Of the pages' own pictures.
PNG_DPI = 120
_JPEG_QUALITY = 82
#: family -> the name under which the package has it. The second fills what the first has no sign for.
_FONTS = {"text": "figo", "heading": "figbo", "signs": "symbol2"}
_BOX = "□"
#: PDFium is one for the whole process, and for one thread at a time.
_rendering = threading.Lock()


@dataclass(frozen=True)
class Caption:
    """One cell. picture: a JPEG of `shrink_picture`; None: there is none, and `no_picture` says why."""

    picture: bytes | None
    no_picture: str
    heading: str
    lines: Sequence[str]


def shrink_picture(content: bytes) -> bytes:
    """A picture of any kind as a JPEG that fits a cell. Raises OSError: it is no picture, or a broken one."""
    with Image.open(io.BytesIO(content)) as picture:
        picture.draft("RGB", (1024, 1024))
        small = picture.convert("RGB")
    small.thumbnail((round(_CELL_WIDTH * _PIXELS_PER_POINT), round(_PICTURE_HEIGHT * _PIXELS_PER_POINT)))
    made = io.BytesIO()
    small.save(made, "JPEG", quality=_JPEG_QUALITY)
    return made.getvalue()


def draw_sheet(captions: Sequence[Caption], *, title: str, first_page: int = 1) -> bytes:
    """A PDF of these, twelve on a page. first_page: the number of its first page."""
    with tempfile.TemporaryDirectory(prefix="sheet-") as folder:
        pdf = FPDF(orientation="landscape", unit="pt", format="A4")
        pdf.set_auto_page_break(False)
        pdf.set_title(title)
        pdf.c_margin = 0
        for family, name in _FONTS.items():
            path = Path(folder) / f"{family}.ttf"
            path.write_bytes(pymupdf_fonts.fontbuffers[name]())
            pdf.add_font(family, fname=path)
        pdf.set_fallback_fonts(["signs"], exact_match=False)
        pdf.set_text_shaping(True)
        for begin in range(0, len(captions), PER_PAGE):
            pdf.add_page()
            _draw_page(pdf, captions[begin : begin + PER_PAGE], title, first_page + begin // PER_PAGE)
        return bytes(pdf.output())


def render_pages(pdf: bytes) -> Iterator[bytes]:
    """Each page of a PDF of ours as a PNG."""
    number, count = 0, 1
    while number < count:
        with _rendering:
            document = pypdfium2.PdfDocument(pdf)
            try:
                count = len(document)
                page = document[number]
                picture = page.render(scale=PNG_DPI / 72).to_pil().convert("RGB")
            finally:
                document.close()
        made = io.BytesIO()
        picture.save(made, "PNG", compress_level=4)
        yield made.getvalue()
        number += 1


def _draw_page(pdf: FPDF, captions: Sequence[Caption], title: str, number: int) -> None:
    pdf.set_text_color(_FAINT)
    _write(pdf, title, _MARGIN, _MARGIN - 8, _PAGE_WIDTH - 2 * _MARGIN - 60, 1, size=_TITLE_SIZE)
    _write(pdf, f"{number}", _PAGE_WIDTH - _MARGIN - 50, _MARGIN - 8, 50, 1, size=_TITLE_SIZE, align="R")
    for place, caption in enumerate(captions):
        left = _MARGIN + (place % COLUMNS) * (_CELL_WIDTH + _GAP)
        _draw_cell(pdf, caption, left, _TOP + (place // COLUMNS) * _ROW_HEIGHT)


def _draw_cell(pdf: FPDF, caption: Caption, left: float, top: float) -> None:
    pdf.set_fill_color(_PAPER)
    pdf.rect(left, top, _CELL_WIDTH, _PICTURE_HEIGHT, style="F")
    if caption.picture is not None:
        pdf.image(
            io.BytesIO(caption.picture), left, top, _CELL_WIDTH, _PICTURE_HEIGHT, keep_aspect_ratio=True
        )
    else:
        pdf.set_text_color(_FAINT)
        middle = top + _PICTURE_HEIGHT / 2 - _LEADING / 2
        _write(pdf, caption.no_picture, left, middle, _CELL_WIDTH, 1, align="C")
    pdf.set_text_color(_INK)
    below = top + _PICTURE_HEIGHT + 3
    below += _write(pdf, caption.heading, left, below, _CELL_WIDTH, _HEADING_LINES, family="heading")
    pdf.set_text_color(_FAINT)
    left_lines = _LINES
    for line in caption.lines:
        if left_lines > 0 and line:
            used = _write(pdf, line, left, below, _CELL_WIDTH, left_lines)
            below, left_lines = below + used, left_lines - round(used / _LEADING)
            pdf.set_text_color(_INK)


def _write(
    pdf: FPDF,
    text: str,
    left: float,
    top: float,
    width: float,
    most: int,
    *,
    family: str = "text",
    size: float = _SIZE,
    align: str = "L",
) -> float:
    """Write a text within a width, on at most so many lines; returns the height that it took."""
    pdf.set_font(family, size=size)
    pdf.set_xy(left, top)
    shown = _shown(text)
    laid = pdf.multi_cell(width, _LEADING, shown, dry_run=True, output="LINES") if shown else []
    lines = cast(list[str], laid)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1].rstrip()[:-2]}…"]
    if lines:
        pdf.multi_cell(width, _LEADING, "\n".join(lines), align=align)
    return len(lines) * _LEADING


def _shown(text: str, most: int = 400) -> str:
    """A text as the fonts can show it, on one line."""
    known = _known_characters()
    kept = []
    for char in unicodedata.normalize("NFC", text)[:most]:
        if char.isspace():
            kept.append(" ")
        elif ord(char) in known:
            kept.append(char)
        elif unicodedata.category(char) not in ("Cf", "Cc", "Mn"):
            kept.append(_BOX)
    return " ".join("".join(kept).split())


@cache
def _known_characters() -> Collection[int]:
    """Every character that the fonts have a sign for."""
    known: set[int] = set()
    for name in ("figo", "symbol2"):
        with TTFont(io.BytesIO(pymupdf_fonts.fontbuffers[name]()), lazy=True) as font:
            known |= set(font.getBestCmap())
    return frozenset(known)
