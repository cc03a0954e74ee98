"""What becomes of prompt and style: the words a style starts with, and the template, which may not do all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import InvalidRequest
from backend.domain.prompt import AXES, DEFAULT_TEMPLATE, DEFAULT_VOCABULARY, StylePart
from backend.domain.text import fault_in
from backend.services.prompting import template
from backend.services.prompting.word_diff import word_diff


def rendered(prompt: str, *parts: StylePart) -> str:
    return template.render_prompt(DEFAULT_TEMPLATE, prompt, parts)


def test_every_axis_offers_words_that_may_be_sent():
    assert tuple(DEFAULT_VOCABULARY) == AXES
    assert min(len(choices) for choices in DEFAULT_VOCABULARY.values()) >= 6
    for label, words in (word for choices in DEFAULT_VOCABULARY.values() for word in choices.items()):
        assert fault_in(label) is fault_in(words) is None
        assert words.rstrip(".") == words != ""


def test_what_a_person_writes_is_sent_as_it_was_and_never_a_template():
    hostile, axis = "{{ 7 * 7 }} {% for x in style %}\n{{ ''.__class__ }}", "{{ prompt }}"
    assert rendered(hostile, StylePart("camera", axis, None)) == f"{hostile}. Camera: {axis}."


@given(
    st.text(max_size=60).map(str.strip) | st.sampled_from([f"Walk{end}" for end in ".!?…:;,"]),
    st.lists(st.text(max_size=30), max_size=4),
)
def test_the_prompt_sent_begins_with_what_the_person_wrote_and_each_part_adds_one_sentence(prompt, words):
    parts = [StylePart(axis, said, None) for axis, said in zip(AXES, words, strict=False)]
    own = prompt + "." if prompt and parts and prompt[-1] not in ".!?…:;," else prompt
    sentences = [f"{part.axis.capitalize()}: {part.words}." for part in parts]
    assert rendered(prompt, *parts) == " ".join(said for said in (own, *sentences) if said)


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        ("empty", [""]), ("can't be used", ["{{ style[0].words }}{{ prompt }}"]),
        ("own words", ["{% if style %}{{ prompt }}{% endif %}", "(" * 3_000]),
        ("no template", ["{{ prompt", "{% for part in style %}{{ prompt }}",
                         "{{ " + "(" * 900 + "prompt" + ")" * 900 + " }}"]),
        *((said, ["{{ prompt }}" + text for text in texts]) for said, texts in (
            ("names 'mood'", ["{{ mood }}"]), ("names 'cycler'", ["{{ cycler }}"]),
            ("loops over", ["{% for i in range(9) %}{% endfor %}",
                            "{% for p in style recursive %}{% endfor %}",
                            "{% for c in prompt %}{% for d in prompt %}{% endfor %}{% endfor %}"]),
            ("loops within loops", ["{% for a in style %}" * 3 + "{% endfor %}" * 3]),
            ("attribute '__class__'", ["{{ prompt.__class__ }}"]),
            ("attribute by its name", ["{{ prompt['__class__'] }}"]),
            ("filter 'attr'", ["{{ prompt|attr('__class__') }}"]),
            ("filter 'replace'", ["{{ prompt|replace('', prompt) }}"]),
            ("calls something", ["{{ prompt.format(1) }}"]),
            ("sets a name", ["{% set x = prompt ~ prompt %}"]),
            ("computes", ["{{ 'x' * 1000000000 }}", "{{ 10 ** 10 ** 10 }}"]),
            ("defines a macro", ["{% macro m() %}{{ m() }}{% endmacro %}"]),
            ("reads another file", ["{% include '/etc/passwd' %}"]),
            ("characters", ["x" * 4_000]), ("direction", ["\u202e"]),
        )),
    ],
)  # fmt: skip
def test_a_template_that_runs_away_or_looks_around_is_refused_with_the_reason(said, texts):
    for text in texts:
        with pytest.raises(InvalidRequest) as refused:
            template.check_template(text)
        assert said in refused.value.fields["template"], text


def test_what_ends_for_sure_can_be_kept_and_what_it_makes_is_bounded():
    twice = "{% for a in style %}{% for b in style %}{{ prompt }}{% endfor %}{% endfor %}{{ prompt }}"
    for text in (
        DEFAULT_TEMPLATE, "{{ prompt }}{% if camera %}, {{ camera|lower }}{% endif %}", twice,
        "Style: {{ style[0].words if style else 'none' }}. {{ prompt }}",
        "{{ prompt ~ '!' }}{{ 'x' if style|length > 2 and not fabric else '' }}",
    ):  # fmt: skip
        template.check_template(text)
    with pytest.raises(InvalidRequest, match="makes more than"):
        template.render_prompt(twice, "x" * 20_000, [StylePart(axis, "w", None) for axis in AXES])


@pytest.mark.parametrize(
    ("old", "new", "pieces"),
    [
        ("a red dress", "a red dress", [("same", "a red dress")]),
        ("a red dress", "a very blue dress",
         [("same", "a "), ("gone", "red"), ("new", "very blue"), ("same", " dress")]),
        ("", "new", [("new", "new")]),
        ("{{ prompt }}", "{{ prompt }}, {{ mood }}", [("same", "{{ prompt }}"), ("new", ", {{ mood }}")]),
        ("one two ", "three four ", [("gone", "one two"), ("new", "three four"), ("same", " ")]),
    ],
)  # fmt: skip
def test_what_changed_between_two_versions_is_told_by_words(old, new, pieces):
    found = word_diff(old, new)
    assert [tuple(piece) for piece in found] == pieces
    assert "".join(piece.text for piece in found if piece.kind != "new") == old
    assert "".join(piece.text for piece in found if piece.kind != "gone") == new
