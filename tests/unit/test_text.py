"""What may be in a text that people give, and the words by which it is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.text import fault_in
from backend.domain.words import WORD_MAX_CHARS, index_terms, query_terms


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


@pytest.mark.parametrize(
    ("typed", "prompt"),
    [
        ("RED dress", "A red dress"), ("dress red", "A red dress"), ("dre", "A red dress"),
        ("cafe", "naïve café"), ("CAFÉ", "a cafe"), ("lodz", "Łódź"), ("strasse", "Straße"),
        ("full", "Ｆｕｌｌ"), ("裙", "红裙在风中"), ("红裙", "红裙在风中"), ("画質", "4K画質"), ("ดี", "ก็ดี"),
        ("हिन्दी", "हिन्दी"), ("🔥", "fire 🔥!"), ("don't", "I don't"), ('"red" AND (dress)*', "red and dress"),
        ("red-dress", "red dress"), ("x" * 500, "x" * 400),
    ],
)  # fmt: skip
def test_what_people_type_is_found(typed, prompt):
    assert query_terms(typed).matches(index_terms(prompt))


@pytest.mark.parametrize(
    ("typed", "prompt"),
    [("blue", "red dress"), ("re dress", "red dress"), ("ress", "dress"), ("裙红", "红裙"), ("?", "?")],
)
def test_what_does_not_stand_there_is_not_found(typed, prompt):
    assert not query_terms(typed).matches(index_terms(prompt))


@given(st.text(st.characters()))
def test_any_text_has_words_and_is_found_by_its_own_first_ones(text):
    words = index_terms(text)
    assert all(0 < len(word) <= WORD_MAX_CHARS and not word.startswith("_") for word in words)
    assert all(mark not in word for word in words for mark in "'\"\\ ")
    assert query_terms(text).is_empty or query_terms(text).matches(words)
