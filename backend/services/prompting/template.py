"""The prompt template: Jinja2 in its sandbox, and of that only what can neither run away nor look around.

A template is checked before it is kept: known names, a few filters, loops over the style alone, no
calls and no arithmetic. So what it makes is bounded by what goes in, and rendering it takes microseconds.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from backend.domain.errors import InvalidRequest
from backend.domain.prompt import AXES, StylePart
from backend.domain.text import fault_in
from backend.services.prompting.template_variables import Value, Variable, sample_values

#: A template is a few sentences; more is a mistake.
TEXT_MAX_CHARS = 4_000
#: Twice what the longest prompt holds: whatever makes more has run away.
OUTPUT_MAX_CHARS = 40_000
#: The style has four parts; a loop within a loop over it makes sixteen rounds, one more makes none better.
LOOPS_MAX = 2
#: What a template may be handed through: none makes a text longer.
ALLOWED_FILTERS = frozenset(
    {"capitalize", "lower", "upper", "title", "trim", "first", "last", "length", "default"}
)
#: What a template may ask of a part of the style, or of a loop.
ALLOWED_ATTRIBUTES = frozenset({"axis", "words", "label", "first", "last", "index"})
#: What a template may name.
ALLOWED_NAMES = frozenset({"prompt", "style", *AXES})
#: A style and a prompt to try a template with before it is kept.
SAMPLE_PROMPT = "A red dress in the wind"
SAMPLE_PARTS = tuple(StylePart(axis, f"words for the {axis}", axis.capitalize()) for axis in AXES)

_HARMLESS = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Name, nodes.Const,
    nodes.Filter, nodes.Getattr, nodes.Getitem, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.CondExpr, nodes.Concat, nodes.Test, nodes.Neg, nodes.Tuple, nodes.List,
)  # fmt: skip
#: What people try most, in words.
_SAID = {
    nodes.Call: "it calls something",
    nodes.Assign: "it sets a name",
    nodes.AssignBlock: "it sets a name",
    nodes.Macro: "it defines a macro",
    nodes.Include: "it reads another file",
    nodes.Import: "it reads another file",
    nodes.Extends: "it reads another file",
    nodes.BinExpr: "it computes",
}


def check_template(text: str, variables: Sequence[Variable] = ()) -> None:
    """Can a template be kept? variables: what it may name besides prompt and style.

    Raises InvalidRequest: names `template`, and says what is wrong and where.
    """
    if not text.strip():
        raise _fault("is empty; {{ prompt }} alone sends the prompt as it is")
    if len(text) > TEXT_MAX_CHARS:
        raise _fault(f"has {len(text):,} characters; at most {TEXT_MAX_CHARS:,} fit")
    if fault := fault_in(text):
        raise _fault(fault)
    walk_template(parse_template(text), ALLOWED_NAMES | {one.name for one in variables})
    samples = (SAMPLE_PROMPT, SAMPLE_PARTS), (SAMPLE_PROMPT, ()), ("", SAMPLE_PARTS)
    for (prompt, parts), values in product(samples, sample_values(variables)):
        made = render_prompt(text, prompt, parts, values)
        if prompt and prompt not in made:
            why = "loses the person's own words: {{ prompt }} must stand in it unchanged, whatever the style"
            raise _fault(why)


def undeclared_names(text: str) -> tuple[str, ...]:
    """The names that a template asks values for besides prompt and style, in the order in which they come.

    None where it can't be read, or may not be kept in any case.
    """
    try:
        tree = parse_template(text)
    except InvalidRequest:
        return ()
    own = {node.target.name for node in tree.find_all(nodes.For) if isinstance(node.target, nodes.Name)}
    named = dict.fromkeys(node.name for node in tree.find_all(nodes.Name))
    return tuple(name for name in named if name not in ALLOWED_NAMES | own | {"loop"})


def parse_template(text: str) -> nodes.Template:
    """What a template is made of. Raises InvalidRequest: names `template`, and the line where it breaks."""
    try:
        return _environment().parse(text)
    except (TemplateError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise _fault(f"is no template: {error}" + (f" (line {line})" if line else "")) from error


def render_prompt(
    text: str, prompt: str, parts: Sequence[StylePart], values: Mapping[str, Value] | None = None
) -> str:
    """The prompt that is sent. values: of its variables, each of them.

    Raises:
        InvalidRequest: names `template`: it fails on this prompt and style, or makes too much of them.
    """
    by_axis = dict.fromkeys(AXES, "") | {part.axis: part.words for part in parts}
    return render_bounded(text, {**(values or {}), "prompt": prompt, "style": parts, **by_axis})


def render_bounded(text: str, names: Mapping[str, object]) -> str:
    """What a checked template makes of these names. Raises as `render_prompt` does."""
    pieces, chars = [], 0
    try:
        for piece in _compiled(text).generate(names):
            chars += len(piece)
            if chars > OUTPUT_MAX_CHARS:
                raise _fault(f"makes more than {OUTPUT_MAX_CHARS:,} characters")
            pieces.append(piece)
    except (TemplateError, TypeError, ValueError, RecursionError) as error:
        raise _fault(f"can't be used: {error}") from error
    return "".join(pieces).strip()


def walk_template(node: nodes.Node, names: frozenset[str], *, loops: int = 0) -> None:
    """Refuse whatever isn't on the lists. names: what may be named here; loops: how many stand around it.

    Raises InvalidRequest: names `template`, and says what it may not do, and where.
    """
    at = f"in line {node.lineno}" if node.lineno else "in it"
    if not isinstance(node, _HARMLESS):
        reason = next((words for kind, words in _SAID.items() if isinstance(node, kind)), None)
        raise _fault(f"may not do that: {reason or f'there is a {type(node).__name__.lower()}'} {at}")
    if isinstance(node, nodes.For):
        names = _loop(node, names, at, loops)
        loops += 1
    elif isinstance(node, nodes.Name) and node.name not in names:
        raise _fault(f"names {node.name!r} {at}; there are {', '.join(sorted(names))}")
    elif isinstance(node, nodes.Getattr) and node.attr not in ALLOWED_ATTRIBUTES:
        allowed = ", ".join(sorted(ALLOWED_ATTRIBUTES))
        raise _fault(f"reaches for the attribute {node.attr!r} {at}; there are {allowed}")
    elif isinstance(node, nodes.Getitem) and not _is_number(node.arg):
        raise _fault(f"reaches for an attribute by its name {at}; only a place, as in [0], can be asked for")
    elif isinstance(node, nodes.Filter) and node.name not in ALLOWED_FILTERS:
        raise _fault(f"uses the filter {node.name!r} {at}; there are {', '.join(sorted(ALLOWED_FILTERS))}")
    for child in node.iter_child_nodes():
        walk_template(child, names, loops=loops)


def _loop(node: nodes.For, names: frozenset[str], at: str, loops: int) -> frozenset[str]:
    """What may be named within a loop that goes over the style, once, and not too deep."""
    if not (isinstance(node.iter, nodes.Name) and node.iter.name == "style") or node.recursive:
        raise _fault(f"loops over something else than the style {at}; only `for part in style` ends for sure")
    if loops >= LOOPS_MAX:
        raise _fault(f"loops within loops {at}; at most {LOOPS_MAX} may stand in each other")
    if not isinstance(node.target, nodes.Name) or node.target.name in ALLOWED_NAMES | {"loop"}:
        raise _fault(f"needs one new name for each part of the style {at}, as in `for part in style`")
    return names | {node.target.name, "loop"}


def _is_number(node: nodes.Node) -> bool:
    node = node.node if isinstance(node, nodes.Neg) else node
    return isinstance(node, nodes.Const) and isinstance(node.value, int)


@lru_cache(maxsize=32)
def _compiled(text: str) -> Template:
    """Compiling takes milliseconds, and every start needs the same one."""
    return _environment().from_string(text)


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    # What is made is sent to a model as text, never shown as HTML: nothing is to be escaped.
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def _fault(why: str) -> InvalidRequest:
    return InvalidRequest({"template": why})
