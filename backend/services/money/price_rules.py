"""Rules that price takes as a team writes them: they stand before the program's own and survive a refresh.

Every change is kept, with who and when. An estimate asks which is the newest: none is stale in any process.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.rules import PriceRule, PriceRuleError, parse_rule
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.domain.shape import load_json
from backend.models import TeamPriceRule
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.store.records import price_rules
from backend.store.records.start_facts import StartFacts

#: The longest rule, in characters; those that come with the program have up to 7,000.
RULE_MAX_CHARS = 50_000
NOTE_MAX_CHARS = 500
#: So many changes of a model's rule are shown.
HISTORY_SHOWN = 50
#: A unit that costs this many times as much as before is told about.
STEEP_RISE = 3.0
#: So long it is told.
NEWS_FOR = timedelta(days=7)


@dataclass(frozen=True)
class PriceNews:
    """What people should look at: list and rule no longer agree; a unit is far dearer than before."""

    drifted: Sequence[VideoModel]
    risen: Sequence[VideoModel]


def rule_of(deps: Deps, model: VideoModel, *, facts: StartFacts | None = None) -> PriceRule | None:
    """How a model's takes are priced now: the team's rule, else the program's; None: nobody wrote one.

    facts: what was just looked up of this model.
    """
    newest = facts.rule if facts else price_rules.query_newest(deps.store, model.id)
    if newest is None or newest[1] is None:
        return model.rule
    return _parsed(newest[0], json.dumps(newest[1])) or model.rule


def with_team_rules(deps: Deps, models: Iterable[VideoModel]) -> list[VideoModel]:
    """These models, as the team has them priced now: for lists, which tell from where to where prices go."""
    with deps.store.read() as session:
        newest = price_rules.list_newest(session)
    written = {
        row.endpoint: rule
        for row in newest
        if row.rule is not None and (rule := _parsed(row.id, json.dumps(row.rule)))
    }
    return [replace(model, team_rule=written[model.id]) if model.id in written else model for model in models]


def price_news(deps: Deps) -> PriceNews:
    """Which models' prices want a look: drifted ones, and those that rose steeply within the last week."""
    models = [model for model in deps.catalogue.search() if model.usable]
    since = deps.clock.now() - NEWS_FOR
    return PriceNews(
        drifted=[model for model in with_team_rules(deps, models) if model.price_drift],
        risen=[model for model in models if _rose(model, since)],
    )


def set_rule(
    deps: Deps, viewer: Viewer, model_id: str, text: str, *, note: str = "", dear_is_meant: bool = False
) -> PriceRule:
    """From now on this model's takes are priced by this rule (JSON, see `pricing.rules`), in every process.

    What a rule says of itself may be left out: endpoint_id, source, as_of and confidence.
    dear_is_meant: somebody said that a unit over $100 is no slip.

    Raises:
        NotAllowed: the viewer is no admin.
        InvalidRequest: names every field at fault.
    """
    viewer.must(Do.EDIT_PRICES)
    model = _model(deps, model_id)
    faults = {"note": f"has more than {NOTE_MAX_CHARS} characters"} if len(note) > NOTE_MAX_CHARS else {}
    try:
        entry = {**_of_itself(deps, viewer, model_id), **_read(text)}
        rule = parse_rule(entry, dear_is_meant=dear_is_meant)
    except PriceRuleError as error:
        raise InvalidRequest({**error.faults, **faults}) from error
    faults |= _unfitting(rule, model)
    if faults:
        raise InvalidRequest(faults)
    _insert(deps, viewer, model_id, entry, note)
    return rule


def withdraw_rule(deps: Deps, viewer: Viewer, model_id: str, *, note: str = "") -> None:
    """From now on the program's own rule prices this model's takes again. Raises as `set_rule`."""
    viewer.must(Do.EDIT_PRICES)
    _insert(deps, viewer, _model(deps, model_id).id, None, note[:NOTE_MAX_CHARS])


def find_models(deps: Deps, viewer: Viewer, q: str = "", provider: str | None = None) -> list[VideoModel]:
    """The models whose id, title, category or description hold every word of `q`, as a team prices them.

    Raises NotAllowed: the viewer has no scope for it.
    """
    viewer.must(Do.SEE_MODELS)
    return with_team_rules(deps, deps.catalogue.search(q, provider))


def list_history(deps: Deps, model_id: str) -> Sequence[TeamPriceRule]:
    """What a team wrote for a model, the newest first."""
    with deps.store.read() as session:
        return price_rules.list_of(session, model_id, limit=HISTORY_SHOWN)


def rule_text(rule: PriceRule) -> str:
    """A rule as people edit it."""
    said = rule.model_dump(mode="json", exclude_defaults=True)
    return json.dumps({**said, "count": rule.count.model_dump(mode="json", exclude_defaults=True)
                       | {"kind": rule.count.kind}}, indent=2, ensure_ascii=False)  # fmt: skip


@lru_cache(maxsize=512)
def _parsed(row_id: str, entry: str) -> PriceRule | None:
    """A kept rule, read once a process; None where a newer program wrote what this one can't read."""
    try:
        return parse_rule(load_json(entry), dear_is_meant=True)
    except PriceRuleError:
        return None


def _model(deps: Deps, model_id: str) -> VideoModel:
    try:
        return deps.catalogue.get(model_id)
    except KeyError:
        raise InvalidRequest({"model": f"{model_id[:80]!r} is no model that is known here"}) from None


def _read(text: str) -> dict[str, Any]:
    if len(text) > RULE_MAX_CHARS:
        raise PriceRuleError({"rule": f"has more than {RULE_MAX_CHARS:,} characters"})
    try:
        entry = load_json(text)
    except ValueError as error:
        raise PriceRuleError({"rule": f"is no JSON ({str(error)[:120]})"}) from error
    if not isinstance(entry, dict):
        raise PriceRuleError({"rule": "must be a JSON object"})
    return entry


def _of_itself(deps: Deps, viewer: Viewer, model_id: str) -> dict[str, Any]:
    """What a rule says of itself, where a team leaves it out."""
    return {
        "endpoint_id": model_id,
        "source": [{"name": f"written by {viewer.name}"}],
        "as_of": f"{deps.clock.now():%Y-%m-%d}",
        "confidence": "high",
    }


def _unfitting(rule: PriceRule, model: VideoModel) -> dict[str, str]:
    """What doesn't fit this model. A field of which is only asked whether it is given may be missing."""
    known = model.schema.get("properties", {})
    said = [name for case in rule.rules for name, values in case.when.items() if values != "*"]
    faults = {
        name: "is no parameter of this model" for name in (*said, *rule.count.fields) if name not in known
    }
    if rule.endpoint_id != model.id:
        faults["endpoint_id"] = f"must be {model.id}"
    return faults


def _insert(deps: Deps, viewer: Viewer, model_id: str, entry: dict[str, Any] | None, note: str) -> None:
    row = TeamPriceRule(
        id=deps.clock.new_id(), endpoint=model_id, rule=entry, note=note.strip(), set_at=deps.clock.now(),
        set_by=viewer.name,
    )  # fmt: skip
    with deps.store.begin() as session:
        before = price_rules.list_of(session, model_id, limit=1)
        was = before[0].id if before and before[0].rule is not None else None
        price_rules.insert_rule(session, row)
        changed = {"rule": (was, None if entry is None else row.id)}
        record(
            session, deps, viewer, Action.PRICE_RULE_CHANGED, object_type="model", object_id=model_id,
            changed=changed,
        )  # fmt: skip


def _rose(model: VideoModel, since: datetime) -> bool:
    old, new = model.price_before, model.price
    if old is None or new is None or model.price_since is None or old.unit != new.unit:
        return False
    rise = round(new.unit_usd / old.unit_usd, 6) if old.unit_usd else 0.0
    return rise >= STEEP_RISE and datetime.fromisoformat(model.price_since) >= since
