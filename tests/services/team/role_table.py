"""What each use case asks of whoever wants it: every public function of services that is given a viewer.

A new one fails `test_roles` until it stands here.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import backend.services
from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.domain.take_filter import TakeFilter
from backend.models import Job, Preset
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.export.naming import parse_template
from backend.services.export.take_export import ExportQuery
from backend.services.gallery.takes import take_of
from backend.services.library.changes import BulkChanges, TakeChanges
from backend.services.library.groups import GroupKind
from backend.services.money.spend_query import Dimension, SpendQuery
from backend.services.prompting.vocabulary_admin import WordDraft
from backend.services.takes.request import parse_request
from backend.services.team.token_request import parse_token_request
from backend.store.library import edits
from backend.store.team.audit import AuditFilter
from tests.services.client import BODY
from tests.services.experiments.building import make_plan
from tests.world import MODEL

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Given:
    """What a call may be made of: the installation, who asks, and for which take."""

    deps: Deps
    viewer: Viewer
    job: Job


@dataclass(frozen=True)
class Asks:
    """What a use case asks for. do: all of it; empty: it looks itself at what it is about, see `why`.

    of_take: is it about a take, whose owner counts besides: "see" or "change"? call: with what it is asked.
    """

    call: Callable[[Any, Given], Any]
    do: tuple[Do, ...] = ()
    of_take: str = ""
    why: str = ""


def needs(*do: Do, **more: Any) -> Callable[..., Asks]:
    """A use case that asks for this; then what follows the viewer."""

    def given(*args: Any, **named: Any) -> Asks:
        return Asks(lambda f, g: f(g.deps, g.viewer, *args, **named), do, **more)

    return given


def about(of_take: str, *do: Do) -> Callable[..., Asks]:
    """A use case about a take; then what follows the take's id."""

    def given(*args: Any, **named: Any) -> Asks:
        return Asks(lambda f, g: f(g.deps, g.viewer, g.job.id, *args, **named), do, of_take)

    return given


def told(why: str, call: Callable[[Any, Given], Any]) -> Asks:
    """A use case that asks for nothing of its own, and why."""
    return Asks(call, why=why)


def _get_to_change(f: Any, g: Given) -> Any:
    with g.deps.store.read() as session:
        return f(session, g.viewer, g.job.id)


def _in_session(f: Any, g: Given) -> Any:
    with g.deps.store.read() as session:
        return f(session, g.viewer, "none")


def _refusal_of(f: Any, g: Given) -> Any:
    with g.deps.store.read() as session:
        (take,) = edits.lock_takes(session, [g.job.id], g.viewer.name)
    if refused := f(g.viewer, take, BulkChanges(add_tags=("x",))):
        raise refused


def _preset(owner: str) -> Preset:
    return Preset(id="none", owner=owner, name="x", folded="x", shared=True, form={}, changed_at=NOW)


SEE, CHANGE = Do.SEE, Do.CHANGE_OWN
RATES, PROJECT = BulkChanges(set=TakeChanges(favourite=True)), GroupKind.PROJECT
REQUEST = parse_request(BODY)
RECORDS = "writes down a deed that was allowed"
OWN = "is about the viewer alone"
SHOWN = "makes a card of takes that the viewer was given by whoever looked for them"
PARTS = "a part of `create_job` and of the form; what may not be seen counts as missing"
PLANS = "a part of `price_plan`, which asks; what the viewer may not see is left out"
PLAN = make_plan()
TOKEN = parse_token_request({"name": "x", "role": "viewer", "scopes": ["admin"]}, now=NOW)

TABLE: Mapping[str, Asks] = {
    "audit.entries.export_entries": needs(Do.READ_AUDIT)(AuditFilter(), "csv"),
    "audit.entries.list_entries": needs(Do.READ_AUDIT)(AuditFilter()),
    "audit.record.entry_values": told(RECORDS, lambda f, g: f(g.deps, g.viewer, Action.TAKE_STARTED)),
    "audit.record.record": told(RECORDS, lambda f, g: None),
    "audit.refusals.record_refusal": told(RECORDS, lambda f, g: None),
    "catalogue.refresh_schedule.refresh_now": told("a command on this machine", lambda f, g: None),
    "catalogue.refresh_schedule.request_refresh": needs(Do.REFRESH_MODELS)(),
    "experiments.doors.export.export_table": needs(SEE)("none", table="takes"),
    "experiments.doors.folder.export_folder": needs(SEE)("none", Path("none")),
    "experiments.doors.preferences.preference_table": needs(SEE)("none"),
    "experiments.plan_drafts.clear_plan_draft": needs(Do.EXPERIMENT)(),
    "experiments.create.create_experiment": needs(Do.EXPERIMENT)(PLAN),
    "experiments.planning.cells.cells_of": told(PLANS, lambda f, g: f(g.deps, g.viewer, PLAN)),
    "experiments.quote.dry_run": needs(Do.EXPERIMENT)(PLAN),
    "experiments.quote.price_plan": needs(Do.EXPERIMENT)(PLAN),
    "experiments.reuse.count_generated": needs(SEE)(REQUEST),
    "experiments.reuse.list_generated": needs(SEE)(REQUEST),
    "experiments.change.change_cells": needs(Do.EXPERIMENT)("none"),
    "experiments.change.raise_cap": needs(Do.EXPERIMENT)("none", cap_usd=1.0),
    "experiments.change.get_open": Asks(_in_session, (Do.EXPERIMENT,)),
    "experiments.extend.extend_experiment": needs(Do.EXPERIMENT)("none", {}),
    "experiments.extend.plan_extension": needs(Do.EXPERIMENT)("none", {}),
    "experiments.planning.cells.check_cells": told(PLANS, lambda f, g: f(g.deps, g.viewer, [])),
    "experiments.reuse.fill_trials": told(PLANS, lambda f, g: None),
    "experiments.reuse.plan_trials": told(PLANS, lambda f, g: f(g.deps, g.viewer, PLAN, [])),
    "experiments.reuse.stored_takes": told(PLANS, lambda f, g: f(None, set(), (), g.viewer)),
    "experiments.view.get_experiment": needs(SEE)("none"),
    "experiments.view.list_experiments": needs(SEE)(),
    "experiments.view.name_places": needs(SEE)([]),
    "experiments.view.read_matrix": needs(SEE)("none"),
    "experiments.view.seen_experiment": told(
        "looks whether one may be seen at all; whoever calls it asks for the right", lambda f, g: None
    ),
    "experiments.findings.current_finding": needs(SEE)("none"),
    "experiments.findings.current_mark": needs(SEE)("none"),
    "experiments.findings.current_verdict": needs(SEE)("none"),
    "experiments.findings.with_verdict": told(
        "of an experiment that the viewer was given; `current_finding` asks", lambda f, g: None
    ),
    "experiments.measuring.file_checks.list_checks": needs(SEE)("none"),
    "experiments.reports.report.write_report": needs(SEE)("none"),
    "experiments.plan_drafts.get_plan_draft": needs(Do.EXPERIMENT)(),
    "experiments.plan_drafts.save_plan_draft": needs(Do.EXPERIMENT)({}),
    "experiments.view.get_own_experiment": needs(Do.EXPERIMENT)("none"),
    "experiments.control.close": needs(Do.EXPERIMENT)("none"),
    "experiments.control.go_on": needs(Do.EXPERIMENT)("none"),
    "experiments.control.pause": needs(Do.EXPERIMENT)("none"),
    "experiments.control.resume": needs(Do.EXPERIMENT)("none"),
    "experiments.control.resume_within": told(
        "a part of `resume` and of `retry_failed`, which ask", lambda f, g: None
    ),
    "experiments.control.start": needs(Do.EXPERIMENT)("none"),
    "experiments.retry.retry": needs(Do.EXPERIMENT)("none"),
    "experiments.retry.retry_failed": needs(Do.EXPERIMENT)("none"),
    "experiments.rights.get_to_run": Asks(_in_session, (Do.EXPERIMENT,)),
    "takes.cancel.cancel_if_unsent": told(
        "a part of closing an experiment, which asks; what was sent stays as it is", lambda f, g: None
    ),
    "experiments.judging.criteria.add_criterion": needs(Do.EXPERIMENT)("none", "Which?"),
    "experiments.judging.criteria.list_criteria": needs(SEE)("none"),
    "experiments.judging.criteria.retire_criterion": needs(Do.EXPERIMENT)("none", "none"),
    "experiments.judging.pairs.next_pairs": needs(Do.VOTE)("none"),
    "experiments.judging.pairs.skip_pair": needs(Do.VOTE)("none", "none"),
    "experiments.judging.pairs.to_judge": needs(Do.VOTE)("none"),
    "experiments.judging.raters.exclude_rater": needs(Do.EXPERIMENT)("none", "eve"),
    "experiments.judging.raters.invite": needs(Do.EXPERIMENT)("none", ["eve"]),
    "experiments.judging.raters.is_sighted": needs(SEE)("none"),
    "experiments.judging.raters.list_raters": needs(Do.EXPERIMENT)("none"),
    "experiments.judging.raters.note_sighted": needs(SEE)("none"),
    "experiments.judging.raters.open_to_team": needs(Do.EXPERIMENT)("none", wanted=True),
    "experiments.judging.scores.give_score": needs(Do.VOTE)("none", pair="none", value=1),
    "experiments.judging.vote_import.import_votes": needs(Do.EXPERIMENT)("none", b""),
    "experiments.judging.votes.cast_vote": needs(Do.VOTE)("none", pair="none", choice="left"),
    "experiments.judging.votes.undo_vote": needs(Do.VOTE)("none", "none"),
    "experiments.judging.who.admit_rater": Asks(_in_session, (Do.VOTE,)),
    "export.rows.tell_rows": told(
        "takes that the viewer was given to see", lambda f, g: f(g.deps, g.viewer, [])
    ),
    "export.take_export.list_rows": needs(SEE)(TakeFilter()),
    "export.take_export.export_takes": needs(SEE)(
        ExportQuery(TakeFilter(), "csv", rich=False, template=parse_template(None))
    ),
    "export.take_export.parse_export": told(
        "reads a query; nothing is looked up for the viewer", lambda f, g: f(g.deps, g.viewer, [])
    ),
    "gallery.lineage.get_lineage": needs(SEE)("none"),
    "gallery.lineage.list_origins": needs(SEE)([]),
    "gallery.filter_query.parse_filter": told(
        "reads a query; nothing is looked up for the viewer", lambda f, g: f(g.deps, g.viewer, [])
    ),
    "gallery.filter_query.parse_page": told(
        "the same, for a page", lambda f, g: f(g.deps, g.viewer, [], limit=1, limit_max=1)
    ),
    "gallery.choices.list_tags": needs(SEE)(),
    "gallery.takes.count_open": needs(SEE)(),
    "gallery.takes.count_takes": needs(SEE)(TakeFilter()),
    "gallery.takes.get_history": about("see", SEE)(),
    "gallery.takes.get_take": about("see", SEE)(),
    "gallery.takes.last_change": needs(SEE)(),
    "gallery.takes.ledger_entries": about("see", SEE)(),
    "gallery.takes.list_owners": needs(SEE)(),
    "gallery.takes.list_takes": needs(SEE)(),
    "gallery.takes.list_used_models": needs(SEE)(),
    "gallery.takes.visible": Asks(lambda f, g: f(g.viewer, TakeFilter()), (SEE,)),
    "library.about.describe_takes": told(
        "takes that the viewer was given to see", lambda f, g: f(g.deps, g.viewer, [])
    ),
    "library.bulk.edit_many": needs(Do.RATE)(["none"], RATES),
    "library.bulk.undo": needs(Do.RATE)("none"),
    "library.changes.must_change": Asks(lambda f, g: f(g.viewer, RATES), (Do.RATE,)),
    "library.changes.refusal_of": Asks(_refusal_of, (CHANGE,), "change"),
    "library.edit.edit_take": about("see", Do.RATE)(RATES.set),
    "library.openings.note_opened": needs(SEE)(["none"]),
    "library.edit.restore_take": about("change", CHANGE)(),
    "library.edit.tag_take": about("change", CHANGE)(add=["hero"]),
    "library.edit.trash_take": about("change", CHANGE)(),
    "library.groups.change_takes": needs(CHANGE)(PROJECT, "none"),
    "library.groups.create_group": needs(Do.ORGANISE)(PROJECT, ""),
    "library.groups.delete_group": needs(Do.ORGANISE)(PROJECT, "none"),
    "library.groups.get_group": needs(SEE)(PROJECT, "none"),
    "library.groups.list_groups": needs(SEE)(PROJECT),
    "library.groups.list_names": needs(SEE)(PROJECT),
    "library.groups.rename_group": needs(Do.ORGANISE)(PROJECT, "none", "x"),
    "library.which.parse_which": told(
        "reads which takes are meant; whoever changes them asks",
        lambda f, g: f(g.deps, g.viewer, ["x"], None),
    ),
    "library.marking.record_bulk": told(RECORDS, lambda f, g: None),
    "library.marking.record_edit": told(RECORDS, lambda f, g: None),
    "library.marking.write_marks": told(RECORDS, lambda f, g: None),
    "library.views.delete_view": needs(Do.RATE)("none"),
    "library.views.list_views": needs(SEE)(),
    "library.views.rename_view": needs(Do.RATE)("none", "x"),
    "library.views.save_view": needs(Do.RATE)("mine", []),
    "lifecycle.fetching.choices.fetch_after_all": about("change", CHANGE)(),
    "lifecycle.fetching.choices.give_up_files": about("change", CHANGE)(),
    "lifecycle.fetching.choices.keep_what_there_is": about("change", CHANGE)(),
    "lifecycle.fetching.choices.name_link": about("change", CHANGE)("https://example.com/a.mp4"),
    "lifecycle.fetching.choices.try_now": about("change", CHANGE)(),
    "lifecycle.provider_pause.resume_by_person": needs(Do.RESUME_SENDING)("fal"),
    "lifecycle.provider_pause.resume_provider": told(
        "what the program does by itself, and `resume_by_person` once it has asked", lambda f, g: None
    ),
    "lifecycle.receive_webhook.replay_delivery": needs(Do.REPLAY_DELIVERIES)("none"),
    "live.cards.card_json": told(SHOWN, lambda f, g: f(g.deps, g.viewer, take_of(g.deps, g.job), NOW)),
    "live.cards.cards_json": told(SHOWN, lambda f, g: f(g.deps, g.viewer, [], NOW)),
    "live.changes.list_changes": needs(SEE)(None),
    "live.greeting.greet": needs(SEE)(since=0, ids=[]),
    "live.own_part.own_part": told(SHOWN, lambda f, g: f(g.viewer, g.job, None)),
    "money.limits_admin.end_limit": needs(Do.EDIT_BUDGETS)("none"),
    "money.limits_admin.list_ended": needs(Do.SEE_BUDGETS_OF_OTHERS)(),
    "money.limits_admin.list_limits": needs(Do.SEE_BUDGETS_OF_OTHERS)(),
    "money.limits_admin.set_limit": needs(Do.EDIT_BUDGETS)(
        scope=BudgetScope.ALL, period=BudgetPeriod.DAY, usd=1e6
    ),
    "money.price_rules.find_models": needs(Do.SEE_MODELS)(),
    "money.price_rules.set_rule": needs(Do.EDIT_PRICES)(MODEL, "no rule"),
    "money.price_rules.withdraw_rule": needs(Do.EDIT_PRICES)("none"),
    "money.settling.confirm_bill": needs(Do.SETTLE_BILLS)("none", as_told=True),
    "money.settling.write_off": needs(Do.SETTLE_BILLS)("none"),
    "money.spending.count_picks": needs(SEE)(SpendQuery(Dimension.DAY)),
    "money.spending.group_names": needs(SEE)(),
    "money.spending.spend_report": needs(SEE)(SpendQuery(Dimension.DAY)),
    "money.statements.close_month": needs(Do.CLOSE_MONTHS)("2020-01"),
    "money.statements.get_statement": needs(SEE)("2020-01"),
    "money.statements.list_statements": needs(SEE)(),
    "money.statements.next_month": needs(Do.CLOSE_MONTHS, SEE)(),
    "money.statements.open_statement": needs(Do.CLOSE_MONTHS, SEE)("2020-01"),
    "operations.account.odd_bills.list_odd_bills": needs(Do.SEE_BUDGETS_OF_OTHERS)(),
    "operations.inbox.replay_all.request_replay": needs(Do.REPLAY_DELIVERIES)(NOW),
    "operations.inbox.replay_all.resume_replay": needs(Do.REPLAY_DELIVERIES)(),
    "operations.inbox.replay_all.stop_replay": needs(Do.REPLAY_DELIVERIES)(),
    "operations.reconcile_bills.list_open": needs(Do.SEE_BUDGETS_OF_OTHERS)(),
    "operations.status.get_delivery": needs(Do.SEE_OPERATIONS)("none"),
    "operations.status.list_deliveries": needs(Do.SEE_OPERATIONS)(),
    "operations.waiting.check_now.check_now": about("change", CHANGE, SEE)(),
    "prompting.vocabulary_admin.reorder_word": needs(Do.EDIT_WORDS)("none", by=1),
    "prompting.vocabulary_admin.retire_word": needs(Do.EDIT_WORDS)("none"),
    "prompting.vocabulary_admin.promote_template": needs(Do.EDIT_WORDS)(99),
    "prompting.vocabulary_admin.save_template": needs(Do.DRAFT_TEMPLATE)("{{ broken"),
    "prompting.vocabulary_admin.save_word": needs(Do.EDIT_WORDS)(WordDraft("camera", "", "", None)),
    "takes.cancel.cancel_job": about("change", CHANGE)(),
    "takes.check_request.check_request": told(PARTS, lambda f, g: f(g.deps, g.viewer, REQUEST)),
    "takes.check_request.estimate_request": needs(Do.ESTIMATE)(REQUEST),
    "takes.create.create_job": needs(Do.START)(REQUEST),
    "takes.form.drafts.clear_draft": needs(Do.START)(),
    "takes.form.drafts.get_draft": needs(Do.START)(),
    "takes.form.drafts.save_draft": needs(Do.START)({}),
    "takes.form.prompt_history.recent_prompts": needs(SEE)(),
    "takes.held_choices.give_up": about("change", CHANGE)(),
    "takes.held_choices.keep_waiting": about("change", CHANGE)(),
    "takes.held_choices.record_decision": told(RECORDS, lambda f, g: None),
    "takes.held_choices.send_again": about("change", CHANGE, Do.START)(),
    "takes.photos.create_upload": needs(Do.UPLOAD)(b"none", file_name="x.jpg", max_bytes=1),
    "takes.photos.get_upload": needs(SEE)("none"),
    "takes.photos.list_uploads": needs(SEE)(),
    "takes.photos.receive_upload": needs(Do.UPLOAD)(nullcontext((b"none", "x.jpg"))),
    "takes.photos.upload_from_take": about("see", Do.UPLOAD, SEE)(last=True),
    "takes.presets.apply_preset": needs(SEE)("none"),
    "takes.presets.delete_preset": needs(Do.SAVE_PRESETS)("none"),
    "takes.presets.list_favourites": needs(SEE)(),
    "takes.presets.list_presets": needs(SEE)(),
    "takes.presets.recent_models": needs(SEE)(),
    "takes.presets.restore_preset": Asks(
        lambda f, g: f(g.deps, g.viewer, _preset(g.viewer.name)), (Do.SAVE_PRESETS,)
    ),
    "takes.presets.save_preset": needs(Do.SAVE_PRESETS)("mine", REQUEST),
    "takes.presets.set_favourite": needs(Do.SAVE_FAVOURITES)(MODEL, wanted=True),
    "takes.create.check_room": told(PARTS, lambda f, g: f(g.deps, g.viewer, REQUEST, takes=2, key="k")),
    "takes.remake.named_faults.named_faults": told(PARTS, lambda f, g: f(g.deps, g.viewer, REQUEST)),
    "takes.remake.continuing.continue_take": about("see", SEE, Do.UPLOAD)(),
    "takes.remake.promotion.list_promotions": about("see", SEE)(),
    "takes.remake.promotion.promote_take": about("see", Do.START, SEE)("none", key="k"),
    "takes.remake.variations.start_prompts": needs(Do.START)(REQUEST, ["A", "B"], number=1, key="prompts"),
    "takes.remake.variations.start_variations": needs(Do.START)(REQUEST, number=2, key="two"),
    "takes.request_photos.check_photos": told(
        PARTS, lambda f, g: f(g.deps, g.viewer, g.deps.catalogue.get(MODEL), REQUEST)
    ),
    "takes.request_photos.photo_faults": told(
        PARTS, lambda f, g: f(g.deps, g.viewer, g.deps.catalogue.get(MODEL), {})
    ),
    "takes.request_photos.photo_notes": told(
        PARTS, lambda f, g: f(g.deps, g.viewer, g.deps.catalogue.get(MODEL), {})
    ),
    "takes.request_photos.photo_notes_of": told(PARTS, lambda f, g: f(g.deps, g.viewer, g.job)),
    "takes.remake.place.find_place": needs(SEE)("none"),
    "takes.retry.retry_job": about("change", CHANGE, Do.START)(),
    "takes.to_change.get_to_change": Asks(_get_to_change, (CHANGE,), "change"),
    "team.people_admin.describe_self": told(OWN, lambda f, g: f(g.deps, g.viewer)),
    "team.people_admin.disable_person": needs(Do.MANAGE_PEOPLE)("none"),
    "team.people_admin.enable_person": needs(Do.MANAGE_PEOPLE)("none"),
    "team.people_admin.end_sessions": needs(Do.MANAGE_PEOPLE)("none"),
    "team.people_admin.list_people": needs(Do.MANAGE_PEOPLE)(),
    "team.people_admin.set_role": needs(Do.MANAGE_PEOPLE)("none", Role.VIEWER),
    "team.sessions.end_session": told(OWN, lambda f, g: f(g.deps, g.viewer, "none")),
    "team.sessions.end_sessions_of": needs(Do.MANAGE_PEOPLE)("none"),
    "team.tokens.create_token": needs(Do.MANAGE_OWN_TOKENS)(TOKEN),
    "team.tokens.is_mine": told(OWN, lambda f, g: None),
    "team.tokens.list_tokens": needs(Do.MANAGE_OWN_TOKENS)(),
    "team.tokens.revoke_token": needs(Do.MANAGE_OWN_TOKENS)("none"),
    "team.tokens.revoke_token_by_name": needs(Do.MANAGE_TOKENS)("none"),
}


def every_use_case() -> dict[str, Callable[..., Any]]:
    """Every public function of services that is given a viewer, by its place."""
    prefix = f"{backend.services.__name__}."
    found = pkgutil.walk_packages(backend.services.__path__, prefix)
    return {
        f"{one.name.removeprefix(prefix)}.{name}": function
        for one in found
        for name, function in _own_functions(importlib.import_module(one.name))
        if any("Viewer" in str(part.annotation) for part in inspect.signature(function).parameters.values())
    }


def _own_functions(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, function in vars(module).items():
        if inspect.isfunction(function) and function.__module__ == module.__name__ and name[0] != "_":
            yield name, function
