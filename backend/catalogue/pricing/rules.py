"""The rules that price a take, as data: one entry an endpoint, in `prices.json` or written by a team.

{endpoint_id, unit, count: {kind, …}, rules: [{when?: {field: [values] | "*"}, unit_usd, ceiling_usd?,
until?}], add?: [{per, free?, usd}], defaults?, bill: {unit, unit_usd, as_of} | null,
source: [{name, url?, date?}], as_of, confidence, note?, until?}. Money is USD.

The price is the units of `count` times `unit_usd` of the first case that fits, and what is added. A case
fits when each field that it names has one of the values listed, or with "*" is given and not empty. No case
that fits, or one whose price is null: unknown, never a guess. A new kind of `count` is a class here and a
function in `count`.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo

from backend.catalogue.pricing.bill import Price, read_price
from backend.domain.shape import load_json

#: A unit that costs more than this (USD) is more likely a slip of the pen than a price.
DEAR_UNIT_USD = 100.0
#: What no rule's figures may pass: nothing that can be counted here comes near it.
MAX_USD = 1e6

#: A value that a field can have in `when` and `defaults`.
Value = str | bool | int | float


class PriceRuleError(ValueError):
    """A rule that can't be used. faults: field ("rules.0.unit_usd") -> what is wrong with it."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field} {why}" for field, why in faults.items()))
        self.faults = dict(faults)


def _not_dear(usd: float, info: ValidationInfo) -> float:
    if usd > DEAR_UNIT_USD and not (info.context or {}).get("dear_is_meant"):
        raise ValueError(f"is over ${DEAR_UNIT_USD:g} a unit; say that it is meant")
    return usd


def _iso_date(text: str) -> str:
    """As days are compared: "20261231" and "2026-W53-4" name days, too, and sort behind every other."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError("must be a day such as 2026-12-31") from error


Usd = Annotated[float, Field(ge=0, le=MAX_USD), AfterValidator(_not_dear)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Words = Annotated[str, Field(min_length=1, max_length=2000)]
Day = Annotated[str, AfterValidator(_iso_date)]
#: What is divided by: one that is all but nothing would make a price without bounds.
Amount = Annotated[float, Field(ge=0.001, le=MAX_USD)]


class _Data(BaseModel):
    """Read strictly: "5" is no number, and a name that isn't known is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class OneUnit(_Data):
    """A take is one unit, whatever is asked for."""

    kind: Literal["one"]

    @property
    def fields(self) -> tuple[str, ...]:
        """The parameters that the number of units depends on."""
        return ()


class Seconds(_Data):
    """The seconds of a field; of a list of shots in their place, the sum.

    auto_at_most: what "auto" may become.
    """

    kind: Literal["seconds"]
    field: Name
    shots: Name | None = None
    shot_default: str | float | None = None
    auto_at_most: Amount | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The parameters that the number of units depends on."""
        return (self.field, self.shots) if self.shots else (self.field,)


class ValueMap(_Data):
    """So many units for each value of a field."""

    kind: Literal["map"]
    field: Name
    values: Annotated[dict[Name, Amount], Field(min_length=1)]

    @property
    def fields(self) -> tuple[str, ...]:
        """The parameters that the number of units depends on."""
        return (self.field,)


class Frames(_Data):
    """Seconds, out of a number of frames at this rate."""

    kind: Literal["frames"]
    field: Name
    fps: Amount

    @property
    def fields(self) -> tuple[str, ...]:
        """The parameters that the number of units depends on."""
        return (self.field,)


#: Width and height in pixels.
Size = Annotated[list[Annotated[int, Field(gt=0, le=100_000)]], Field(min_length=2, max_length=2)]


class Megapixels(_Data):
    """Width × height × frames, in millions of pixels.

    size: a field that holds a name of `sizes` or {width, height}.
    """

    kind: Literal["megapixels"]
    frames: Name
    size: Name
    sizes: dict[Name, Size]
    round: Literal["up"] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The parameters that the number of units depends on."""
        return (self.frames, self.size)


class Tokens(_Data):
    """Pixels × frames / 1024, `per` at a time; pixels: resolution -> shape -> pixels of a frame."""

    kind: Literal["tokens"]
    field: Name
    fps: Amount
    extra_frames: Annotated[int, Field(ge=0)] = 0
    per: Annotated[int, Field(gt=0)]
    pixels: dict[Name, dict[Name, Annotated[int, Field(gt=0)]]]
    auto_at_most: Amount | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The parameters that the number of units depends on."""
        return (self.field, "resolution", "aspect_ratio")


Count = Annotated[OneUnit | Seconds | ValueMap | Frames | Megapixels | Tokens, Field(discriminator="kind")]


class PriceCase(_Data):
    """One line of a rule. ceiling_usd: what a unit may cost at most where the price is doubtful."""

    when: dict[Name, Literal["*"] | Annotated[list[Value], Field(min_length=1)]] = Field(default_factory=dict)
    unit_usd: Usd | None
    ceiling_usd: Usd | None = None
    until: Day | None = None  #: the last day (UTC) that it holds, for a discount


class Surcharge(_Data):
    """What each item of a field costs besides; the first `free` cost nothing.

    A field that is no list is one item.
    """

    per: Name
    free: Annotated[int, Field(ge=0)] = 0
    usd: Usd


class BillPrice(_Data):
    """The provider's list row when the rule was written."""

    unit: Name
    unit_usd: Usd
    as_of: str | None = None


class PriceSource(_Data):
    """Where a figure was read."""

    name: Words
    url: Words | None = None
    date: Name | None = None


class PriceRule(_Data):
    """How the takes of one endpoint are priced; the module says how it is read."""

    endpoint_id: Name
    unit: Name
    count: Count
    rules: Annotated[list[PriceCase], Field(min_length=1, max_length=500)]
    add: list[Surcharge] = Field(default_factory=list)
    defaults: dict[Name, Value] = Field(default_factory=dict)
    bill: BillPrice | None = None
    source: Annotated[list[PriceSource], Field(min_length=1)]
    as_of: Name
    confidence: Literal["high", "medium", "low"]
    note: Words | None = None
    until: Day | None = None  #: the last day (UTC) that anything of it holds

    @property
    def bill_price(self) -> Price | None:
        """What one billable unit cost when the rule was written; None: nobody saw the list row.

        What stands in brackets after the provider's word is a remark: "units (1000 tokens)".
        """
        if self.bill is None:
            return None
        return read_price({"unit": self.bill.unit.partition(" (")[0], "unit_usd": self.bill.unit_usd})

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The parameters that the price depends on, each once."""
        named = [name for case in self.rules for name in case.when]
        return tuple(dict.fromkeys([*named, *self.count.fields, *(one.per for one in self.add)]))


def parse_rule(entry: Any, *, dear_is_meant: bool = False) -> PriceRule:
    """The rule that an entry describes.

    dear_is_meant: somebody said that a unit over $100 is no slip.

    Raises:
        PriceRuleError: names every field at fault.
    """
    try:
        return PriceRule.model_validate(entry, context={"dear_is_meant": dear_is_meant})
    except ValidationError as error:
        raise PriceRuleError(_faults(error)) from error


@cache
def load_seed_rules() -> Mapping[str, PriceRule]:
    """The rules that come with the program, by endpoint id. Read once."""
    text = Path(__file__).parents[1].joinpath("prices.json").read_text("utf-8")
    rules = [parse_rule(entry) for entry in load_json(text)["prices"]]
    return {rule.endpoint_id: rule for rule in rules}


#: What pydantic says -> what a person reads after the field's name.
_SENTENCES = {
    "extra_forbidden": "is not known to price rules; leave it out",
    "missing": "is missing",
    "finite_number": "must be a finite number",
    "union_tag_invalid": "must have a kind out of one, seconds, map, frames, megapixels, tokens",
    "union_tag_not_found": "must have a kind out of one, seconds, map, frames, megapixels, tokens",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}
_PREFIX = re.compile(r"^(?:Input|String|List|Value|Dictionary) should ")
_KINDS = frozenset({"one", "seconds", "map", "frames", "megapixels", "tokens"})


def _faults(error: ValidationError) -> dict[str, str]:
    faults: dict[str, str] = {}
    for one in error.errors(include_url=False):
        path = [str(part) for part in one["loc"]]
        if path[:1] == ["count"] and path[1:2] and path[1] in _KINDS:
            del path[1]  # the kind that was chosen is no part of the field's name
        if path[:1] == ["rules"] and "when" in path:
            path = path[: path.index("when") + 2]  # which form of a value was tried is no part of it either
            if one["type"] != "finite_number":
                one["msg"] = 'must be "*" or a list of texts, numbers, true or false, at least one'
        said = _SENTENCES.get(one["type"]) or _PREFIX.sub("must ", one["msg"].removeprefix("Value error, "))
        faults.setdefault(".".join(path) or "rule", said)
    return faults
