"""A text as the words by which it is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.words import WORD_MAX_CHARS, index_terms, query_terms


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
