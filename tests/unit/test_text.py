"""What may be in a text that people give, and what is said of what may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.text import fault_in


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A red dress\n\tin the wind\r\n",
        "فستان أحمر في الريح",
        "שמלה אדומה",
        "赤いドレス",
        "👗👨‍👩‍👧 with joiners, and \u200b\u200e\u200f marks that are part of writing",
        "<script>alert(1)</script> '; DROP TABLE job; --",
        "e\u0301 and \U0001f9f5",
    ],
)
def test_writing_of_any_kind_is_fine(text):
    assert fault_in(text) is None


@pytest.mark.parametrize("code", [0x00, 0x01, 0x07, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F, 0x80, 0x85, 0x9F])
def test_control_characters_are_named_with_their_place(code):
    said = fault_in(f"ab{chr(code)}c")

    assert said is not None
    assert f"U+{code:04X}" in said
    assert "character 3" in said
    assert "remove" in said


@pytest.mark.parametrize("code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_marks_that_turn_the_direction_of_reading_are_named_with_their_place(code):
    said = fault_in(f"pay{chr(code)}me")

    assert said is not None
    assert f"U+{code:04X}" in said
    assert "character 4" in said
    assert "direction" in said


@pytest.mark.parametrize("code", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_half_a_character_is_refused_in_words_that_can_be_encoded(code):
    said = fault_in(f"x{chr(code)}")

    assert said is not None
    assert "character 2" in said
    assert said.encode()


@given(st.text(st.characters(codec="utf-8"), max_size=50))
def test_whatever_passes_can_be_kept_and_sent_as_utf8_without_nul(text):
    if fault_in(text) is None:
        assert "\0" not in text
        assert text.encode().decode() == text
