"""Variables of the team's template: what may be declared, and which values fit."""

import pytest

from backend.domain.errors import InvalidRequest
from backend.services.prompting import template
from backend.services.prompting.template_variables import (
    Variable,
    VariableKind,
    check_variables,
    fill_values,
    list_variables,
    value_faults,
)

GARMENT = Variable("garment", VariableKind.CHOICE, options=("coat", "dress"))
COUNT = Variable("count", VariableKind.NUMBER, 2, low=1, high=5)
MOOD = Variable("mood")


def test_a_variable_has_its_first_option_to_start_with_and_is_kept_as_it_is():
    declared = check_variables(
        [Variable("garment", VariableKind.CHOICE, options=(" coat\u200b", "coat", "")), COUNT]
    )
    assert [(one.start, one.options) for one in declared] == [("coat", ("coat",)), (2, ())]
    assert list_variables([one.as_json() for one in declared]) == declared
    assert list_variables(None) == ()


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        (Variable("Mood"), "is no name"),
        (Variable("camera"), "means something else"),
        (Variable("self"), "means something else"),
        (Variable("mood", start="x" * 501), "501 characters"),
        (Variable("mood", VariableKind.CHOICE), "needs 1 to 50 options"),
        (Variable("mood", VariableKind.CHOICE, "c", ("a", "b")), "must be one of a, b"),
        (Variable("mood", VariableKind.CHOICE, options=("a\x07",)), "control character"),
        (Variable("n", VariableKind.NUMBER, "2"), "must be a number, not"),
        (Variable("n", VariableKind.NUMBER, 9, high=5), "must be at most 5"),
        (Variable("n", VariableKind.NUMBER, float("nan")), "must be a number of usual size"),
        (Variable("n", VariableKind.NUMBER, 10**400), "must be a number of usual size"),
        (Variable("n", VariableKind.NUMBER, 3, low=4, high=2), "which nothing is"),
    ],
)  # fmt: skip
def test_a_variable_that_no_take_could_fill_in_is_refused(variable, said):
    with pytest.raises(InvalidRequest) as refused:
        check_variables([variable])
    assert said in refused.value.fields[f"variables.{variable.name}"]
    with pytest.raises(InvalidRequest, match="twice"):
        check_variables([MOOD, MOOD])


def test_values_are_named_where_they_do_not_fit_and_what_lacks_is_what_it_starts_with():
    declared = check_variables([GARMENT, COUNT, MOOD])
    given = {"garment": "hat", "count": 6, "mood": 5, "moood": "x"}
    named = value_faults(declared, given)
    assert set(named) == {f"variables.{name}" for name in given}
    assert "coat, dress" in named["variables.garment"]
    assert fill_values(declared, given) == {"garment": "coat", "count": 2, "mood": ""}
    assert fill_values(declared, {"count": 3.0, "garment": "dress"}) == {
        "garment": "dress",
        "count": 3,
        "mood": "",
    }
    assert value_faults(declared, {"garment": "dress", "count": 3.5, "mood": "{{ prompt }}"}) == {}


def test_a_template_names_what_it_declares_and_nothing_else_and_a_value_is_never_a_template():
    text = (
        "{{ prompt }}{% if mood %}. Mood: {{ mood }}{% endif %}{% for a in style %}{{ a.axis }}{% endfor %}"
    )
    template.check_template(text, [MOOD])
    with pytest.raises(InvalidRequest, match="names 'mood'"):
        template.check_template(text)
    assert template.undeclared_names(text) == ("mood",)
    assert template.undeclared_names("{{ prompt") == ()
    assert template.render_prompt(text, "A coat", (), {"mood": "{{ 7 * 7 }}"}) == "A coat. Mood: {{ 7 * 7 }}"
    loses = "{% if mood %}{{ prompt }}{% endif %}"
    with pytest.raises(InvalidRequest, match="own words"):
        template.check_template(loses, [Variable("mood", start="calm")])
