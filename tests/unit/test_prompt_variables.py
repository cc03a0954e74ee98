"""Variables in the prompt of a plan: which it asks for, what it becomes, and what it may not do."""

import pytest

from backend.domain.errors import InvalidRequest
from backend.services.prompting.prompt_variables import fill_prompt, variables_in


@pytest.mark.parametrize(
    ("written", "values", "sent"),
    [
        ("A {{ garment }}, {{ colour|upper }}: {{garment}}", {"colour": "red", "garment": "coat"},
         "A coat, RED: coat"),
        ("{{ n }} of them{% if n > 3 %}, many{% endif %}", {"n": 5.0}, "5 of them, many"),
        ("{{ garment }}", {"garment": "{{ n }} {% if"}, "{{ n }} {% if"),  # a value is never a template
        ('{"scene": {}} }} {#', {}, '{"scene": {}} }} {#'),
    ],
)  # fmt: skip
def test_a_prompts_variables_are_found_in_their_order_and_filled_in(written, values, sent):
    assert set(variables_in(written)) == set(values)
    assert fill_prompt(written, values) == sent
    assert variables_in("{{ b }}{{ a }}{{ b }}") == ("b", "a")


@pytest.mark.parametrize(
    ("written", "values", "field", "said"),
    [
        ("{{ garment }}", {}, "variables.garment", "is missing"),
        ("{{ garment }}", {"garment": "x", "n": 1}, "variables.n", "is not in the prompt; there is garment"),
        ("{{ g.__class__ }}", {"g": "x"}, "base.prompt", "attribute '__class__'"),
        ("{{ g() }}", {"g": "x"}, "base.prompt", "calls something"),
        ("{% for a in g %}{{ a }}{% endfor %}", {"g": "x"}, "base.prompt", "loops"),
        ("{{ self }}", {"self": "x"}, "base.prompt", "names 'self'"),
        ("{{ g", {}, "base.prompt", "is no template"),
        ("{{ g }}" * 100, {"g": "x" * 500}, "base.prompt", "makes more than 40,000"),
    ],
)
def test_a_variable_without_a_value_and_a_prompt_that_looks_around_are_named(written, values, field, said):
    with pytest.raises(InvalidRequest) as refused:
        fill_prompt(written, values, name="base.prompt")
    assert said in refused.value.fields[field]
