"""Prompt and style become the prompt that is sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.prompt import AXES, VOCABULARY, compose, words_of
from backend.domain.text import fault_in


def test_a_prompt_without_style_is_sent_as_it_was_written():
    assert compose("A red dress\nin the wind", {}) == "A red dress\nin the wind"


def test_each_axis_adds_one_sentence_in_a_fixed_order():
    style = {"aesthetic": "Film noir", "movement": "Turn", "camera": "Pan", "fabric": "Silk"}

    assert compose("A red dress", style) == (
        "A red dress. Movement: a slow full turn, the garment following half a beat later. "
        "Fabric: liquid silk with soft, travelling highlights. Camera: smooth pan from left to right. "
        "Aesthetic: film noir, hard light and deep shadows."
    )


@pytest.mark.parametrize("written", ["silk", " SILK ", "Silk"])
def test_a_word_of_the_vocabulary_is_known_however_it_is_written(written):
    assert words_of("fabric", written) == VOCABULARY["fabric"]["Silk"]


def test_free_text_stands_as_it_is():
    assert compose("A coat", {"fabric": "recycled sailcloth, frayed."}) == (
        "A coat. Fabric: recycled sailcloth, frayed."
    )


@pytest.mark.parametrize("ending", list(".!?…:;,"))
def test_a_prompt_that_ends_a_sentence_gets_no_second_full_stop(ending):
    assert compose(f"Walk{ending}", {"camera": "Pan"}) == (
        f"Walk{ending} Camera: smooth pan from left to right."
    )


@pytest.mark.parametrize("empty", [{}, {"camera": ""}, {"camera": "   "}, {"mood": "grim"}])
def test_an_axis_that_says_nothing_adds_nothing(empty):
    assert compose(" A coat ", empty) == "A coat"


def test_a_style_alone_is_a_prompt():
    assert compose("  ", {"camera": "Pan"}) == "Camera: smooth pan from left to right."


def test_every_axis_offers_words_that_may_be_sent():
    assert tuple(VOCABULARY) == AXES
    for axis, choices in VOCABULARY.items():
        assert len(choices) >= 6, axis
        for label, words in choices.items():
            assert fault_in(label) is None
            assert fault_in(words) is None
            assert words
            assert not words.endswith(".")


@given(st.text(max_size=60), st.dictionaries(st.sampled_from(AXES), st.text(max_size=30)))
def test_the_prompt_sent_begins_with_what_the_person_wrote(prompt, style):
    assert compose(prompt, style).startswith(prompt.strip())
