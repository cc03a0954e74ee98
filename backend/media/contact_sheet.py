"""Contact sheets: pictures in rows with what is known of each below, as a PDF and as pictures of its pages.

The PDF's text can be searched and copied. A character that no font has (`sheet_fonts`) is an empty box, and a
page with such a box says what it is.
"""

import io
import tempfile
import threading
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pypdfium2
from fpdf import FPDF
from PIL import Image

from backend.media import sheet_fonts

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
_BOX = "□"
_BOXED = f"{_BOX} stands for letters that no font of this server has; manifest.csv has them"
#: So much of a text is drawn at most.
_CHARS_MAX = 400
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
        pdf = _Sheet(title)
        pdf.load_fonts(Path(folder), _characters(captions))
        for begin in range(0, len(captions), PER_PAGE):
            pdf.add_page()
            _draw_page(pdf, captions[begin : begin + PER_PAGE], title, first_page + begin // PER_PAGE)
        return bytes(pdf.output())


class _Sheet(FPDF):
    """The document. known: every character that its fonts draw."""

    def __init__(self, title: str) -> None:
        super().__init__(orientation="landscape", unit="pt", format="A4")
        self.set_auto_page_break(False)
        self.set_title(title)
        self.c_margin = 0
        self.known: frozenset[int] = frozenset()

    def load_fonts(self, folder: Path, characters: frozenset[int]) -> None:
        """Have every font that draws these. folder: keeps the packaged ones until the document is made."""
        packaged = sheet_fonts.packaged_characters()
        for family, name in sheet_fonts.PACKAGED.items():
            path = folder / f"{family}.ttf"
            path.write_bytes(sheet_fonts.packaged_font(name))
            self.add_font(family, fname=path)
        installed = sheet_fonts.find_fonts(characters.difference(packaged))
        for number, font in enumerate(installed):
            self.add_font(f"installed{number}", fname=font.path)
        more = [f"installed{number}" for number in range(len(installed))]
        self.set_fallback_fonts(["signs", *more], exact_match=False)
        self.set_text_shaping(True)
        self.known = frozenset(packaged).union(*(font.has for font in installed))


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


def _draw_page(pdf: _Sheet, captions: Sequence[Caption], title: str, number: int) -> None:
    pdf.set_text_color(_FAINT)
    said = title if _characters(captions) <= pdf.known else f"{title} · {_BOXED}"
    _write(pdf, said, _MARGIN, _MARGIN - 8, _PAGE_WIDTH - 2 * _MARGIN - 60, 1, size=_TITLE_SIZE)
    _write(pdf, f"{number}", _PAGE_WIDTH - _MARGIN - 50, _MARGIN - 8, 50, 1, size=_TITLE_SIZE, align="R")
    for place, caption in enumerate(captions):
        left = _MARGIN + (place % COLUMNS) * (_CELL_WIDTH + _GAP)
        _draw_cell(pdf, caption, left, _TOP + (place // COLUMNS) * _ROW_HEIGHT)


def _draw_cell(pdf: _Sheet, caption: Caption, left: float, top: float) -> None:
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
    pdf: _Sheet,
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
    shown = _shown(text, pdf.known)
    laid = pdf.multi_cell(width, _LEADING, shown, dry_run=True, output="LINES") if shown else []
    lines = cast(list[str], laid)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1].rstrip()[:-2]}…"]
    if lines:
        pdf.multi_cell(width, _LEADING, "\n".join(lines), align=align)
    return len(lines) * _LEADING


def _texts(captions: Sequence[Caption]) -> Iterator[str]:
    for caption in captions:
        yield from (caption.heading, *caption.lines)


def _characters(captions: Sequence[Caption]) -> frozenset[int]:
    """All that is to be drawn."""
    return frozenset(ord(char) for text in _texts(captions) for char in _folded(text) if _needs_sign(char))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text)[:_CHARS_MAX]


def _needs_sign(char: str) -> bool:
    """Is it more than a space, a mark on another one, or nothing that is seen?"""
    return not char.isspace() and unicodedata.category(char) not in ("Cf", "Cc", "Mn")


def _shown(text: str, known: Collection[int]) -> str:
    """A text as the fonts can show it, on one line."""
    kept = []
    for char in _folded(text):
        if char.isspace():
            kept.append(" ")
        elif ord(char) in known:
            kept.append(char)
        elif _needs_sign(char):
            kept.append(_BOX)
    return " ".join("".join(kept).split())
