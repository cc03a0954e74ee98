"""What may be in a text that people give, and what is said of what may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.text import fault_in


@pytest.mark.parametrize(
    "text",
    [
        "", "A red dress\n\tin the wind\r\n", "فستان أحمر في الريح", "שמלה אדומה", "赤いドレス",
        "👗👨‍👩‍👧 with joiners, and \u200b\u200e\u200f marks that are part of writing",
        "<script>alert(1)</script> '; DROP TABLE job; --", "e\u0301 and \U0001f9f5",
    ],
)  # fmt: skip
def test_writing_of_any_kind_is_fine(text):
    assert fault_in(text) is None


@pytest.mark.parametrize(
    ("code", "what"),
    [(code, f"a control character (U+{code:04X})")
     for code in (0x00, 0x01, 0x07, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F, 0x80, 0x85, 0x9F)]
    + [(code, f"an invisible direction mark (U+{code:04X})")
       for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
    + [(code, "half a character (a lone surrogate)") for code in (0xD800, 0xDBFF, 0xDC00, 0xDFFF)],
)  # fmt: skip
def test_what_may_not_be_in_a_text_is_named_with_its_place(code, what):
    assert fault_in(f"ab{chr(code)}c") == f"holds {what} at character 3; remove it"


@given(st.text(st.characters(codec="utf-8"), max_size=50))
def test_whatever_passes_can_be_kept_and_sent_as_utf8_without_nul(text):
    if fault_in(text) is None:
        assert "\0" not in text
        assert text.encode().decode() == text
