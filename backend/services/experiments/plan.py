"""A plan, read from its body: what is varied, how many takes are made of it, what they may cost.

Every fault is named at once, by the field as it was given. Nothing is looked up: whether models take what is
asked for is told by `cells`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from backend.domain.errors import InvalidRequest
from backend.domain.experiments.axes import Axis
from backend.domain.experiments.fields import FieldReader
from backend.domain.experiments.inputs import canonical_json
from backend.domain.experiments.words import DesignKind, SeedPolicy
from backend.domain.text import PastedText, describe_kind, unknown_names
from backend.services.experiments.planning.varied import Rows, read_base, read_varied
from backend.services.experiments.running.stop_rules import FAILED_SHARE

PLAN_FIELDS = frozenset(
    {
        "name", "question", "base", "axes", "rows", "design", "n", "repeats", "seeds", "seed", "reuse",
        "cap_usd", "canary", "at_once", "stop", "baseline", "drop_refused", "planned_votes", "open_to_team",
    }
)  # fmt: skip
NAME_MAX_CHARS, QUESTION_MAX_CHARS = 200, 500
#: More combinations, or takes, than these are planned by mistake; a fraction of them tells nearly as much.
COMBINATIONS_MAX, CELLS_MAX, TAKES_MAX, REPEATS_MAX = 10**15, 5_000, 10_000, 200
#: More in flight no provider starts for one account.
AT_ONCE_MAX = 100
CANARY = 2
#: At most so much worse, in logits, is as good: about 55 : 45.
DELTA = 0.2
QUESTION = "Which one is better?"
CAP_MAX_USD, VOTES_MAX, SEED_MAX = 1_000_000, 1_000_000, 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """What is asked for, made by `parse_plan` alone."""

    body: Mapping[str, Any]  #: as it came, without invisible characters
    name: str
    question: str
    base: Mapping[str, Any]  #: a request for a take; what axes vary is put over it
    axes: tuple[Axis, ...]  #: that have two levels or more
    constants: Mapping[str, Any]  #: axis -> value, of what all rows say alike
    rows: tuple[Mapping[str, str], ...] | None  #: {axis: label}; None: combinations of the axes
    design: DesignKind
    n: int | None  #: how many combinations, of a fraction or at random
    repeats: int
    seeds: SeedPolicy
    seed: int | None
    reuse: bool
    cap_usd: float | None
    canary: int
    at_once: int | None  #: None: a fair share
    failed_share: float
    baseline: Mapping[str, str] | None  #: {axis: label}
    drop_refused: bool  #: leave out combinations that a model refuses
    planned_votes: int | None
    open_to_team: bool

    @property
    def combinations(self) -> int:
        """How many cells there are, before a model refuses any."""
        if self.rows is not None:
            return len(self.rows)
        whole = prod(len(axis.levels) for axis in self.axes)
        return whole if self.n is None else min(self.n, whole)

    def kept_body(self) -> dict[str, Any]:
        """As an experiment keeps it: with what was left to the program filled in."""
        design = {"design": self.design.value} if self.rows is None else {}
        return {**self.body, **design, "stop": {"failed_share": self.failed_share}}


def parse_plan(body: Mapping[str, Any]) -> Plan:
    """Read a plan. Raises InvalidRequest: names every field at fault."""
    given: dict[str, Any] = PastedText().clean(body)
    faults = unknown_names(given, PLAN_FIELDS)
    given = keepable(given, faults)
    read = FieldReader(given, faults)
    base = read_base(given, faults)
    axes, rows = read_varied(given, base, faults)
    varied = tuple(axis for axis in axes if len(axis.levels) != 1)
    design, n = _read_design(read, varied, rows)
    seeds, seed = _read_seeds(read, base)
    if rows is not None:
        rows = tuple({axis.name: row[axis.name] for axis in varied} for row in rows)
    canary = read.whole("canary", 0, TAKES_MAX)
    plan = Plan(
        body=given,
        name=read.text("name", NAME_MAX_CHARS),
        question=read.text("question", QUESTION_MAX_CHARS, QUESTION),
        base=base,
        axes=varied,
        constants={axis.name: axis.levels[0].value for axis in axes if len(axis.levels) == 1},
        rows=rows,
        design=design,
        n=n,
        repeats=read.whole("repeats", 1, REPEATS_MAX) or 1,
        seeds=seeds,
        seed=seed,
        reuse=read.flag("reuse"),
        cap_usd=read.number("cap_usd", CAP_MAX_USD, "an amount in dollars above 0, or null for no cap"),
        canary=CANARY if canary is None else canary,
        at_once=read.whole("at_once", 1, AT_ONCE_MAX),
        failed_share=_read_failed_share(given, faults),
        baseline=_read_baseline(given, varied, rows, faults),
        drop_refused=read.flag("drop_refused"),
        planned_votes=read.whole("planned_votes", 1, VOTES_MAX),
        open_to_team=read.flag("open_to_team", otherwise=True),
    )
    _check_size(plan, faults)
    if faults:
        raise InvalidRequest(faults)
    return plan


def keepable(given: Mapping[str, Any], faults: dict[str, str]) -> dict[str, Any]:
    """The fields that a database can hold; the others are named."""
    kept = {}
    for name, value in given.items():
        try:
            canonical_json({name: value}).encode()
            kept[name] = value
        except UnicodeEncodeError:
            faults[name[:NAME_MAX_CHARS]] = "holds half a character (a lone surrogate); remove it"
    return kept


# -- the design -------------------------------------------------------------------------------


def _read_design(
    read: FieldReader, axes: tuple[Axis, ...], rows: Rows | None
) -> tuple[DesignKind, int | None]:
    faults = read.faults
    if rows is not None:
        if read.given.get("design") is not None or read.given.get("n") is not None:
            faults["design"] = "goes with axes; each row is a combination already"
        return DesignKind.ROWS, None
    chosen = [one for one in DesignKind if one is not DesignKind.ROWS]
    design = read.word("design", chosen, DesignKind.FULL)
    n = read.whole("n", 2, CELLS_MAX)
    if read.given.get("design") == DesignKind.ROWS:
        faults["design"] += "; give rows for combinations of your own"
    elif design is DesignKind.FULL and n is not None:
        faults["n"] = "goes with the designs fraction and random; a full one has every combination"
    elif design is not DesignKind.FULL and n is None:
        faults.setdefault("n", f"is missing; say how many combinations a {design} design has")
    elif design is DesignKind.FRACTION and n is not None:
        effects = 1 + sum(len(axis.levels) - 1 for axis in axes)
        if n < effects:
            faults["n"] = f"is {n}; to tell the effects of these axes, at least {effects} are needed"
    return design, None if design is DesignKind.FULL else n


def _read_seeds(read: FieldReader, base: Mapping[str, Any]) -> tuple[SeedPolicy, int | None]:
    policy: SeedPolicy = read.word("seeds", SeedPolicy, SeedPolicy.PAIRED)
    seed, params = read.whole("seed", 0, SEED_MAX), base.get("params")
    in_base = isinstance(params, Mapping) and "seed" in params
    if policy is SeedPolicy.FIXED and seed is None and not in_base:
        read.faults.setdefault("seed", "is missing; say which seed all takes get")
    return policy, seed


def _read_failed_share(given: Mapping[str, Any], faults: dict[str, str]) -> float:
    stop = given.get("stop")
    if stop is not None and not isinstance(stop, Mapping):
        faults["stop"] = f"must be an object, not {describe_kind(stop)}"
        return FAILED_SHARE
    faults |= unknown_names(stop or {}, ("failed_share",), within="stop.")
    read = FieldReader(stop or {}, faults, within="stop.")
    return read.number("failed_share", 1, "a number above 0, up to 1") or FAILED_SHARE


def _read_baseline(
    given: Mapping[str, Any],
    axes: tuple[Axis, ...],
    rows: Rows | None,
    faults: dict[str, str],
) -> Mapping[str, str] | None:
    """What others are compared with, by a value or label of each axis; of one axis, the value alone."""
    asked = given.get("baseline")
    if asked is None:
        return None
    if not isinstance(asked, Mapping):
        if len(axes) != 1:
            faults["baseline"] = "must be an object with a value for each axis"
            return None
        asked = {axes[0].name: asked}
    found: dict[str, str] = {}
    for axis in axes:
        level = axis.find_level(asked[axis.name]) if axis.name in asked else None
        if level is None:
            what = "none of its values" if axis.name in asked else "missing"
            faults[f"baseline.{axis.name}"] = f"is {what}; the baseline must be one of the cells"
        else:
            found[axis.name] = level.label
    faults |= unknown_names(asked, [axis.name for axis in axes], within="baseline.")
    if len(found) == len(axes) and rows is not None and found not in rows:
        faults["baseline"] = "is none of the rows"
    return found


def _check_size(plan: Plan, faults: dict[str, str]) -> None:
    where = "axes" if plan.rows is None else "rows"
    whole = plan.combinations
    if {field.partition(".")[0] for field in faults} & {"axes", "rows", "n", "design"}:
        return
    if not plan.axes:
        faults.setdefault(where, "vary nothing; name what is to be compared, with two values or more")
    elif plan.rows is None and prod(len(axis.levels) for axis in plan.axes) > COMBINATIONS_MAX:
        faults["axes"] = "stand for more combinations than can be drawn from; vary less at once"
    elif whole > CELLS_MAX:
        faults[where] = (
            f"make {whole:,} combinations; at most {CELLS_MAX:,} fit. Choose the design fraction or random"
        )
    elif whole * plan.repeats > TAKES_MAX:
        faults["repeats"] = f"makes {whole * plan.repeats:,} takes; at most {TAKES_MAX:,} fit"
