"""Variables in a prompt of a plan: `A {{ garment }} in the wind` and a value for each name make a prompt.

The prompt of a single take is never read so: what a person writes there is sent as it is.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from jinja2 import nodes

from backend.domain.errors import InvalidRequest
from backend.services.prompting import template
from backend.services.prompting.template_variables import NOT_A_NAME, Value, written

T = TypeVar("T")


def variables_in(text: str, *, name: str = "prompt") -> tuple[str, ...]:
    """The names that a prompt asks values for, each once, in the order in which they come.

    Raises InvalidRequest: names this field: it is no template, or may not do what it does, and where.
    """
    return _told_as(name, lambda: _variables_in(text))


def fill_prompt(text: str, values: Mapping[str, Value], *, name: str = "prompt") -> str:
    """The prompt with its variables filled in; one without any, as it was. 5.0 is written 5.

    Raises:
        InvalidRequest: names this field, or `variables.<name>` where a value lacks or belongs nowhere.
    """
    wanted = variables_in(text, name=name)
    faults = {f"variables.{one}": "is missing; the prompt asks for it" for one in wanted if one not in values}
    known = ", ".join(wanted) or "none"
    faults |= {
        f"variables.{one}": f"is not in the prompt; there is {known}" for one in values.keys() - {*wanted}
    }
    if faults:
        raise InvalidRequest(faults)
    if not wanted:
        return text
    return _told_as(
        name, lambda: template.render_bounded(text, {one: written(values[one]) for one in wanted})
    )


@lru_cache(maxsize=512)
def _variables_in(text: str) -> tuple[str, ...]:
    if "{{" not in text and "{%" not in text:
        return ()
    tree = template.parse_template(text)
    if next(tree.find_all(nodes.For), None) is not None:
        raise InvalidRequest({"template": "loops; a prompt may only name variables, and choose by them"})
    found = tuple(dict.fromkeys(node.name for node in tree.find_all(nodes.Name)))
    if NOT_A_NAME in found:
        raise InvalidRequest(
            {"template": f"names {NOT_A_NAME!r}, which means something else; use another name"}
        )
    template.walk_template(tree, frozenset(found))
    return found


def _told_as(name: str, ask: Callable[[], T]) -> T:
    """A fault of the template, told of the field that it came in."""
    try:
        return ask()
    except InvalidRequest as error:
        raise InvalidRequest({name: error.fields["template"]}) from error
