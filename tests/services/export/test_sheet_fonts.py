"""Letters of a contact sheet that the packaged fonts lack are drawn by a font of the machine, or told of."""

import pypdfium2
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from backend.media import contact_sheet, sheet_fonts
from backend.media.contact_sheet import Caption

pytestmark = pytest.mark.databases(None)
#: Japanese; Arabic, which a packaged font has; letters that no font of the test has.
PROMPTS = {"east": "東の港", "arabic": "امرأة", "none": "𓂀"}


@pytest.fixture
def fonts(tmp_path, monkeypatch):
    """A folder with a font that has the Japanese letters alone, and what looks like one."""
    letters = {ord(char): f"u{number}" for number, char in enumerate(PROMPTS["east"])}
    pen = TTGlyphPen(None)
    for step, point in enumerate(((0, 0), (0, 500), (500, 500), (500, 0))):
        (pen.lineTo if step else pen.moveTo)(point)
    pen.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", *letters.values()])
    font.setupCharacterMap(letters)
    font.setupGlyf(dict.fromkeys([".notdef", *letters.values()], pen.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys([".notdef", *letters.values()], (600, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "East", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    (tmp_path / "deep").mkdir()
    font.save(tmp_path / "deep" / "east.ttf")
    (tmp_path / "broken.otf").write_bytes(b"no font")
    find = sheet_fonts.find_fonts.__wrapped__
    monkeypatch.setattr(sheet_fonts, "find_fonts", lambda missing: find(missing, (str(tmp_path),)))


@pytest.mark.usefixtures("fonts")
@pytest.mark.parametrize(("prompt", "boxes"), [("east", False), ("arabic", False), ("none", True)])
def test_letters_that_the_packaged_fonts_lack_are_drawn_by_an_installed_one_or_told_of(prompt, boxes):
    caption = Caption(None, "no picture", "ab12cd · Model", ["", PROMPTS[prompt]])
    pdf = contact_sheet.draw_sheet([caption], title="Dailies")
    said = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range()
    assert (PROMPTS[prompt] in said, "no font of this server" in said) == (not boxes, boxes)
    assert ("□" in said) == boxes
