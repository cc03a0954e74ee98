"""What may be in a text that people give, and the words by which it is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.text import PastedText, clean_text, cleaning_notes, fault_in
from backend.domain.words import WORD_MAX_CHARS, index_terms, query_terms


@pytest.mark.parametrize(
    "text",
    [
        "", "A red dress\n\tin the wind\r\n", "فستان أحمر في الريح", "שמלה אדומה", "赤いドレス",
        "👗👨‍👩‍👧 with joiners, and \u200e\u200f marks that are part of writing",
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


#: What is pasted -> (what is kept, characters that were taken out, breaks that became line breaks).
PASTED = {
    "from a web page": ("\ufeffA\u200b red\u00ad\u2060 dress\u2063", "A red dress", 5, 0),
    "from a phone's list of contacts": ("call \u202a+49 30 1\u202c now", "call +49 30 1 now", 2, 0),
    "turned round": ("exe.\u202egnp\u2069\u2066", "exe.gnp", 3, 0),
    "NUL": ("a\0b\0", "ab", 2, 0),
    "breaks of a word processor": ("a\x0bb\u2028c\u2029d\x85e", "a\nb\nc\nd\ne", 0, 4),
    "a form feed alone": ("one\x0ctwo", "one\ntwo", 0, 1),
    "form feeds of a PDF file": ("one\n\x0ctwo\x0c\r\nthree", "one\ntwo\r\nthree", 2, 0),
    "a break between what is taken out": ("one\x0c\u200b\ntwo", "one\ntwo", 2, 0),
    "nothing that is seen": ("\u200b\ufeff", "", 2, 0),
    # Right to left: order and words stay as they were written, and so do its marks.
    "Hebrew in an embedding": ("\u202bשמלה \u200fאדומה\u200f!\u202c", "שמלה \u200fאדומה\u200f!", 2, 0),
    "Arabic with an isolate": ("فستان \u2066Nike\u2069 أحمر\u061c", "فستان Nike أحمر\u061c", 2, 0),
    "Persian": ("\ufeffمی\u200cخواهم", "می\u200cخواهم", 1, 0),
    # Joiners, selectors and what parts words where no spaces are written.
    "Hindi": ("\u200bक्\u200dष", "क्\u200dष", 1, 0),
    "emoji": ("👨\u200d👩\u200d👧 ❤\ufe0f\ufeff", "👨\u200d👩\u200d👧 ❤\ufe0f", 1, 0),
    "Khmer": ("រ៉ូប\u200b\u200bក្រហម\u200b red\u200b", "រ៉ូប\u200bក្រហម red", 3, 0),
    "a region's flag": ("🏴" + "".join(chr(0xE0000 + ord(c)) for c in "gbeng") + "\U000e007f hi\U000e0068",
                        "🏴" + "".join(chr(0xE0000 + ord(c)) for c in "gbeng") + "\U000e007f hi", 1, 0),
    "nothing to do": ("A red dress\n\tin the wind\r\n", "A red dress\n\tin the wind\r\n", 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", PASTED)
def test_what_nobody_sees_is_taken_out_of_a_pasted_text_and_counted(case):
    given_text, kept, removed, broken = PASTED[case]
    pasted = PastedText()
    assert (pasted.clean(given_text), pasted.removed, pasted.broken) == (kept, removed, broken)
    assert clean_text(kept) == kept, "what was kept can be typed again"


@given(st.text(st.one_of(st.sampled_from("\u200b\ufeff\x0c\x85\n\rក្រ\u202e\u2066🏴\U000e0067\U000e007f\0 a"),
                         st.characters()), max_size=40))  # fmt: skip
def test_cleaning_twice_changes_nothing_and_what_is_seen_stays_in_its_order(text):
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    seen = [char for char in text if char.isprintable() and not char.isspace()]
    assert [char for char in cleaned if char.isprintable() and not char.isspace()] == seen
    assert not set(cleaned) & set("\0\ufeff\x0b\x0c\x85\u2028\u2029\u202e\u2066")


def test_the_note_counts_in_words_and_every_text_of_a_body_counts():
    assert cleaning_notes("a", None, "") == []
    assert cleaning_notes("a\u200b") == ["1 invisible character was removed"]
    assert cleaning_notes("a\u200b\0", "\ufeffb\x0cc") == [
        "3 invisible characters were removed", "1 page or line separator became a line break",
    ]  # fmt: skip
    pasted = PastedText()
    body = {"prompt": "a\0", "params": {"texts": ["b\u200b", 5, None, True]}, "x\0": 1.5}
    assert pasted.clean(body) == {"prompt": "a", "params": {"texts": ["b", 5, None, True]}, "x\0": 1.5}
    assert pasted.removed == 2


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
