"""Alternatives in a prompt: what they stand for, and what is said of braces that have no partner."""

import pytest

from backend.domain.errors import InvalidRequest
from backend.services.prompting.wildcards import expand, expand_choices, has_wildcards


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("a {red|blue|green} dress", ["a red dress", "a blue dress", "a green dress"]),
        ("{a|b} {x|y}", ["a x", "a y", "b x", "b y"]),
        ("{a|{b|c} d}", ["a", "b d", "c d"]),
        ("{a|a|b}", ["a", "b"]),
        # an empty option leaves no second blank, and none before a full stop
        ("a {red|} dress {in rain|}.", [
            "a red dress in rain.", "a red dress.", "a dress in rain.", "a dress.",
        ]),
        ("{very |}fast", ["very fast", "fast"]),
        ("", [""]),
        ("nothing  to choose", ["nothing  to choose"]),
        # the characters themselves
        (r"\{red\|blue\} {a\|b|c} \\ C:\dir", [r"{red|blue} a|b \ C:\dir", r"{red|blue} c \ C:\dir"]),
        # braces without a bar of their own stay: a prompt that is JSON
        ('{"scene": "{red|blue}", "n": {}}', ['{"scene": "red", "n": {}}', '{"scene": "blue", "n": {}}']),
        # what belongs to a template is its own
        ("{{ garment|lower }} {a|{{ b }}}", ["{{ garment|lower }} a", "{{ garment|lower }} {{ b }}"]),
        ("{% if a|b %}{x|y}{# {| #}", ["{% if a|b %}x{# {| #}", "{% if a|b %}y{# {| #}"]),
        ("{{a|b}|c}", ["a", "b", "c"]),
    ],
)  # fmt: skip
def test_alternatives_stand_for_every_prompt_once_in_their_order(written, made):
    assert expand(written) == made
    assert has_wildcards(written) == (len(made) > 1 or written == "{a|a|b}")


def test_a_prompt_is_called_by_what_was_chosen_in_it():
    assert expand_choices("a {red|} {dress|{long|short} coat}") == {
        "a red dress": "red, dress", "a red long coat": "red, long coat", "a dress": "none, dress",
        "a red short coat": "red, short coat", "a long coat": "none, long coat",
        "a short coat": "none, short coat",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a {red|blue dress", "has a { that is never closed, at character 3 ({red|blue dress)"),
        ("a\n red} {x|y}", "has a } that closes nothing, at character 5 of line 2 (} {x|y})"),
        ("{" * 11, "more than 10 deep, at character 11"),
        ("{a|b}" * 8, "stands for 256 prompts by its alternatives; at most 200"),
        ("{|||}" * 4_000, "stands for over a million prompts"),
    ],
)
def test_a_fault_in_alternatives_is_named_with_its_place_and_nothing_is_made(written, said):
    with pytest.raises(InvalidRequest) as refused:
        expand(written, name="rows.2.prompt")
    assert said in refused.value.fields["rows.2.prompt"]
