"""No deed goes unwritten: every public function of services that writes for a viewer leaves a row."""

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from backend import services
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.services.access import Viewer
from backend.services.audit import entries, record
from backend.services.audit.query import AuditFilter
from backend.services.catalogue import refresh_schedule
from backend.services.lifecycle.fetching import choices
from backend.services.money import limits_admin, price_rules, statements
from backend.services.prompting import vocabulary_admin
from backend.services.takes import cancel, held_choices, presets
from backend.services.takes.request import parse_request
from tests.services.receiving import WAY
from tests.world import ADMIN, ANA, MODEL

#: They write for a viewer, and are no deeds.
NO_DEEDS = {
    "experiments.judging.pairs.skip_pair": "what somebody is shown next is no deed of theirs",
    "experiments.judging.raters.note_sighted": "who has looked is no deed; it stands beside their votes",
    "experiments.judging.scores.give_score": "an opinion; the score itself says who gave it, and when",
    "experiments.judging.votes.cast_vote": "an opinion; the vote itself says who gave it, and when",
    "experiments.judging.votes.undo_vote": "an opinion; the vote itself says when it was taken back",
    "library.openings.note_opened": "to look at a take is no deed; only that somebody did is kept",
    "takes.presets.set_favourite": "which model one likes is nobody else's affair",
    "takes.check_request.check_request": "a new installation gets its first words",
    "takes.check_request.estimate_request": "a new installation gets its first words",
    "experiments.planning.cells.cells_of": "a new installation gets its first words",
    "experiments.planning.cells.check_cells": "a new installation gets its first words",
    "experiments.extend.plan_extension": "a new installation gets its first words",
    "experiments.quote.dry_run": "a new installation gets its first words",
    "experiments.quote.price_plan": "a new installation gets its first words",
    "experiments.reuse.count_generated": "a new installation gets its first words",
    "experiments.reuse.list_generated": "a new installation gets its first words",
    "experiments.findings.current_finding": "what votes say is kept for whoever looks next",
    "experiments.findings.current_verdict": "what votes say is kept for whoever looks next",
    "experiments.findings.with_verdict": "what votes say is kept for whoever looks next",
    "experiments.plan_drafts.save_plan_draft": "what one has not kept yet is nobody else's affair",
    "experiments.plan_drafts.clear_plan_draft": "what one has not kept yet is nobody else's affair",
    "takes.form.drafts.save_draft": "what one has not sent yet is nobody else's affair",
    "takes.form.drafts.clear_draft": "what one has not sent yet is nobody else's affair",
    "takes.create.check_room": "a new installation gets its first words",
    "takes.remake.promotion.list_promotions": "a new installation gets its first words",
}


def every_function() -> Iterator[FunctionType]:
    """Every public function of services that is given a viewer."""
    for found in pkgutil.walk_packages(services.__path__, "backend.services."):
        module = importlib.import_module(found.name)
        own = [one for one in vars(module).values() if getattr(one, "__module__", "") == found.name]
        for function in filter(inspect.isfunction, own):
            given = [one.annotation for one in inspect.signature(function).parameters.values()]
            if Viewer in given and not function.__name__.startswith("_"):
                yield function


@cache
def _calls(function: FunctionType) -> tuple[frozenset[str], frozenset[FunctionType]]:
    """The methods that it calls, and the functions of services that it names."""
    function = inspect.unwrap(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    methods, named = set[str](), list[Any]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            methods.add(node.attr)
            owner = function.__globals__.get(node.value.id) if isinstance(node.value, ast.Name) else None
            named.append(getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None)
        elif isinstance(node, ast.Name):
            named.append(function.__globals__.get(node.id))
    ours = [
        one for one in named if inspect.isfunction(one) and one.__module__.startswith("backend.services.")
    ]
    return frozenset(methods), frozenset(ours)


def reached(function: FunctionType) -> tuple[set[str], set[FunctionType]]:
    """Every method and every function of services that it may come to call."""
    methods, seen, left = set[str](), set[FunctionType](), [function]
    while left:
        one = left.pop()
        if one in seen or one is record.record:
            seen.add(one)
            continue
        seen.add(one)
        called, ours = _calls(one)
        methods |= called
        left += ours
    return methods, seen


def short(function: Callable[..., Any]) -> str:
    return f"{function.__module__.removeprefix('backend.services.')}.{function.__qualname__}"


def unwritten(functions: Iterator[FunctionType]) -> set[str]:
    """Those that write, and leave no row."""
    found = set()
    for function in functions:
        methods, seen = reached(function)
        if "begin" in methods and not seen & {record.record, record.entry_values}:
            found.add(short(function))
    return found


def test_every_function_that_writes_for_a_viewer_leaves_a_row():
    assert unwritten(every_function()) == set(NO_DEEDS)


def dark_deed(deps: Any, viewer: Viewer) -> None:
    """A deed that nobody writes down, as the control."""
    with deps.store.begin():
        pass


def test_a_deed_that_leaves_no_row_would_be_found():
    assert {short(dark_deed)} == unwritten(iter([dark_deed]))
    assert len(list(every_function())) > 40


def test_each_deed_is_written_down_by_its_own_name(world):
    deps = world.deps
    model = deps.catalogue.get(MODEL)
    word = vocabulary_admin.save_word(
        deps, ADMIN, vocabulary_admin.WordDraft("camera", "Slow", "a slow shot")
    )
    preset = presets.save_preset(deps, ANA, "Red", parse_request({"model": MODEL, "prompt": "x"}))
    limits_admin.set_limit(deps, ADMIN, scope=BudgetScope.ALL, period=BudgetPeriod.DAY, usd=900)
    limit = next(
        one.rule.source for one in limits_admin.list_limits(deps, ADMIN) if one.rule.set_by == "root"
    )
    held = world.ask("one")
    world.advance(held, *WAY["held"])
    deeds: list[tuple[str, Callable[[], Any]]] = [
        ("upload.created", lambda: world.photo()),
        ("take.started", lambda: world.ask("two")),
        ("take.cancelled", lambda: cancel.cancel_job(deps, ANA, world.ask("three").id)),
        ("take.decided", lambda: held_choices.keep_waiting(deps, ANA, held.id)),
        ("take.named_link", lambda: choices.name_link(deps, ANA, held.id, "https://fal.media/a.mp4")),
        ("take.decided", lambda: choices.try_now(deps, ANA, held.id)),
        ("take.cancelled", lambda: choices.give_up_files(deps, ANA, held.id)),
        ("take.fetched_after_all", lambda: choices.fetch_after_all(deps, ANA, held.id)),
        ("preset.deleted", lambda: presets.delete_preset(deps, ANA, preset.id)),
        ("words.changed", lambda: vocabulary_admin.reorder_word(deps, ADMIN, word.id, by=-1)),
        ("words.changed", lambda: vocabulary_admin.retire_word(deps, ADMIN, word.id)),
        ("template.changed", lambda: vocabulary_admin.promote_template(deps, ADMIN, 1)),
        (
            "price_rule.changed",
            lambda: price_rules.set_rule(deps, ADMIN, MODEL, price_rules.rule_text(model.rule)),
        ),
        ("price_rule.changed", lambda: price_rules.withdraw_rule(deps, ADMIN, MODEL)),
        ("budget.changed", lambda: limits_admin.end_limit(deps, ADMIN, limit)),
        ("statement.closed", lambda: statements.close_month(deps, ADMIN, "2020-01")),
        ("models.refreshed", lambda: refresh_schedule.request_refresh(deps, ADMIN)),
    ]
    for action, do in deeds:
        do()
        newest = entries.list_entries(deps, ADMIN, AuditFilter(), limit=1).items[0]
        assert newest.action == action
        assert newest.actor in ("ana", "root")
        assert "red dress" not in str(newest).lower()
