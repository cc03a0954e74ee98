"""What the form of a plan holds, as plain data that can be kept, and the body of the plan that it makes."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from backend.catalogue.fields import Field
from backend.domain.prompt import AXES
from backend.domain.shape import load_json

#: Takes of each cell: so many as tell two prompts at 65 : 35 apart mostly.
REPEATS = 4
#: The first takes, and how many are on their way at once, unless somebody says otherwise.
CANARY, AT_ONCE = 2, 8
#: More failures than this share pause it.
FAILED_SHARE = 0.5
#: A variable of a prompt, `{{ garment }}`.
_VARIABLE = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)")
_PARAMS, _STYLE = "params.", "style."
#: axis of the plan -> what people call it
_TITLES = {"prompt": "Prompt", "model": "Model", "image": "Photo"}


@dataclass(frozen=True)
class PlanForm:
    """A plan as somebody fills it in. base: what stays the same, as a take is asked for. levels: (axis, value
    as it was typed), in their order. rows: those of a file, in place of levels. n: of a fraction
    or of random combinations. cap_usd: None is the most that it may cost by now."""

    name: str = ""
    question: str = ""
    base: dict[str, Any] = field(default_factory=dict)
    levels: tuple[tuple[str, str], ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    rows_from: str = ""
    design: str = "full"
    n: int = 16
    repeats: int = REPEATS
    seeds: str = "paired"
    seed: int | None = None
    reuse: bool = True
    cap_usd: float | None = None
    canary: int = CANARY
    at_once: int = AT_ONCE
    failed_share: float = FAILED_SHARE
    baseline: dict[str, str] = field(default_factory=dict)
    drop_refused: bool = False
    open_to_team: bool = True

    def as_json(self) -> dict[str, Any]:
        """As plain data, which `read_form` reads."""
        return asdict(self)

    @property
    def axes(self) -> dict[str, list[str]]:
        """Axis -> its values as they were typed, each once; rows without an axis or a value are left out."""
        found: dict[str, list[str]] = {}
        for axis, value in self.levels:
            if axis and value.strip() and value not in found.setdefault(axis, []):
                found[axis].append(value)
        return {axis: values for axis, values in found.items() if values}

    def body(self, params: Mapping[str, Field], models: Mapping[str, str]) -> dict[str, Any]:
        """The body of the plan. params: the parameters of the model that is varied; models: id -> title."""
        asked: dict[str, Any] = {
            "name": self.name,
            "question": self.question,
            "base": {name: value for name, value in self.base.items() if value not in (None, "", {}, [])},
            "repeats": self.repeats,
            "seeds": self.seeds,
            "reuse": self.reuse,
            "canary": self.canary,
            "at_once": self.at_once,
            "stop": {"failed_share": self.failed_share},
            "open_to_team": self.open_to_team,
        }
        if self.rows:
            asked["rows"] = [dict(row) for row in self.rows]
        else:
            asked["axes"] = {
                axis: [typed(axis, value, params, models) for value in values]
                for axis, values in self.axes.items()
            }
            asked["design"] = self.design
            asked |= {} if self.design == "full" else {"n": self.n}
        asked |= {} if self.cap_usd is None else {"cap_usd": self.cap_usd}
        asked |= {"seed": self.seed} if self.seeds == "fixed" and self.seed is not None else {}
        asked |= {"baseline": self.baseline} if self.baseline else {}
        asked |= {"drop_refused": True} if self.drop_refused else {}
        return {name: value for name, value in asked.items() if value != "" or name == "name"}


def read_form(kept: Mapping[str, Any]) -> PlanForm:
    """A form that was kept; what is not known of it, or of another kind than it was, is left out."""
    empty = PlanForm()
    values: dict[str, Any] = {}
    for one in fields(PlanForm):
        value, usual = kept.get(one.name), getattr(empty, one.name)
        if one.name == "levels" and isinstance(value, list | tuple):
            values["levels"] = tuple((str(axis), str(said)) for axis, said in value)
        elif one.name == "rows" and isinstance(value, list | tuple):
            values["rows"] = tuple(dict(row) for row in value)
        elif value is not None and (usual is None or isinstance(value, type(usual) | int)):
            values[one.name] = value
    return PlanForm(**values)


def form_of_body(body: Mapping[str, Any]) -> PlanForm:
    """The form that makes this plan again."""
    asked = dict(body)
    axes: Mapping[str, Sequence[Any]] = asked.get("axes") or {}
    levels = [(axis, as_typed(_value(level))) for axis, values in axes.items() for level in values]
    stop, baseline = asked.get("stop") or {}, asked.get("baseline")
    if not isinstance(baseline, Mapping):
        baseline = dict.fromkeys(axes, baseline) if baseline and len(axes) == 1 else {}
    kept = {**asked, "levels": levels, "rows": asked.get("rows") or (), "baseline": dict(baseline)}
    return read_form({**kept, "failed_share": stop.get("failed_share", FAILED_SHARE)})


def _value(level: Any) -> Any:
    """A level may have a label beside its value."""
    return level["value"] if isinstance(level, Mapping) and "value" in level else level


def typed(axis: str, value: str, params: Mapping[str, Field], models: Mapping[str, str]) -> Any:
    """A value that was typed as the plan has it: 5 for "5" of a number, a model's id for its title.

    >>> typed("model", "Veo 3", {}, {"fal-ai/veo3": "Veo 3"})
    'fal-ai/veo3'
    >>> typed("params.duration", "5", {}, {})
    5
    >>> typed("prompt", "5", {}, {})
    '5'
    """
    if axis == "model":
        return next((model for model, title in models.items() if value.strip() in (model, title)), value)
    if not axis.startswith(_PARAMS):
        return value
    found = params.get(axis.removeprefix(_PARAMS))
    said = _read(value)
    for one in (value, said):
        if found is not None and (fitting := found.convert_value(one)) is not None:
            return fitting
    return said


def as_typed(value: Any) -> str:
    """A value of a plan as it is typed."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def axis_words(axis: str) -> str:
    """What people call an axis.

    >>> axis_words("style.camera"), axis_words("params.aspect_ratio"), axis_words("garment")
    ('Style: camera', 'Aspect ratio', '{{ garment }}')
    """
    if axis in _TITLES:
        return _TITLES[axis]
    if axis.startswith(_STYLE):
        return f"Style: {axis.removeprefix(_STYLE)}"
    if axis.startswith(_PARAMS):
        return axis.removeprefix(_PARAMS).replace("_", " ").capitalize()
    return f"{{{{ {axis} }}}}"


def axes_on_offer(form: PlanForm, params: Mapping[str, Field]) -> list[str]:
    """What can be varied, and what is varied already."""
    prompts = [str(form.base.get("prompt") or ""), *form.axes.get("prompt", ())]
    variables = dict.fromkeys(name for prompt in prompts for name in _VARIABLE.findall(prompt))
    offered = [
        "prompt", *variables, "model", "image", *(f"{_STYLE}{axis}" for axis in AXES),
        *(f"{_PARAMS}{name}" for name in params if name != "seed"),
    ]  # fmt: skip
    return list(dict.fromkeys([*offered, *(axis for axis, _ in form.levels if axis)]))


def _read(value: str) -> Any:
    """5 for "5", True for "true" or "on", else the text itself."""
    words = {"on": True, "off": False, "yes": True, "no": False}
    if value.strip().lower() in words:
        return words[value.strip().lower()]
    try:
        return load_json(value.strip())
    except ValueError:
        return value
