"""The words that a style starts with."""

from backend.domain.prompt import AXES, DEFAULT_VOCABULARY
from backend.domain.text import fault_in


def test_every_axis_offers_words_that_may_be_sent():
    assert tuple(DEFAULT_VOCABULARY) == AXES
    for axis, choices in DEFAULT_VOCABULARY.items():
        assert len(choices) >= 6, axis
        for label, words in choices.items():
            assert fault_in(label) is None
            assert fault_in(words) is None
            assert words
            assert not words.endswith(".")
