"""The editor of a plan: what is varied, and beside it what that makes, costs and can show."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.catalogue.fields import Field
from backend.domain.errors import DailiesError, InvalidRequest, NotFound
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import control, create, plan, plan_drafts, quote, view
from backend.services.gallery import takes as gallery
from backend.services.takes.request import repeat_request
from pages.ui import context, text
from pages.ui.experiments import steps
from pages.ui.experiments.plan import fields, figures, file_rows, levels, sent_prompts, settings
from pages.ui.experiments.plan.form import PlanForm, axis_words, form_of_body, read_form
from pages.ui.form import clicks

_RESTORED, _KEPT, _PRICED, _UNTOUCHED = "plan:restored", "plan:kept", "plan:priced", "plan:untouched"
_REPLACES, _PRESSED = "plan:replaces", "plan:pressed"
NO_NAME = "is missing; say what it is called"
#: What a plan came to is believed so long, in seconds: prices and stored takes change.
PRICED_S = 10.0
#: Where a fault is shown: the first that its field begins with; whatever fits none stands below the button.
PLACES = (
    "name", "question", "base", "axes", "rows", "design", "n", "repeats", "seeds", "seed", "cap_usd",
    "canary", "at_once", "stop", "baseline",
)  # fmt: skip


def fill(deps: Deps, form: PlanForm) -> None:
    """Have the editor hold this plan. Before it is drawn."""
    fields.fill_base(deps, form)
    file_rows.fill_rows(form)
    levels.fill_levels(form)
    settings.fill_settings(form)
    st.session_state[_RESTORED] = st.session_state[_UNTOUCHED] = True


def open_editor(deps: Deps, viewer: Viewer) -> None:
    """Fill the editor at the first run of a session, and whenever the address names a take to vary."""
    take_id = st.query_params.pop(steps.FROM, None)
    if take_id:
        _fill_from_take(deps, viewer, take_id)
    elif not st.session_state.get(_RESTORED):
        kept = plan_drafts.get_plan_draft(deps, viewer)
        fill(deps, read_form(kept or {}))


def _fill_from_take(deps: Deps, viewer: Viewer, take_id: str) -> None:
    try:
        job = gallery.get_take(deps, viewer, take_id).job
    except NotFound as error:
        st.warning(text.plain(error), icon=":material/search_off:")
        return
    body = {name: one for name, one in repeat_request(job).body.items() if name != "made_from"}
    body["params"] = {name: one for name, one in (body.get("params") or {}).items() if name != "seed"}
    fill(deps, PlanForm(base=body, levels=(("prompt", job.prompt),) if job.prompt else ()))


def draw_editor(deps: Deps, viewer: Viewer) -> None:
    """The whole step: fields to the left, what comes of them to the right."""
    open_editor(deps, viewer)
    left, right = st.columns([3, 2], gap="large")
    places: dict[str, DeltaGenerator] = {}
    with left:
        form, params = _draw_fields(deps, viewer, places)
    models = {model.id: model.title for model in gallery.list_usable_models(deps)}
    filled = Filled(form, params, models)
    _keep(deps, viewer, form)
    with right, st.container(border=True, key="plan-figures", gap="small"):
        faults = _draw_outcome(deps, viewer, filled)
    if not form.rows:
        with places["axes"]:  # where it stands, once it is known what is wrong with it
            faults = levels.draw_levels(deps, form, params, faults)
    rest = _show_faults(places, faults)
    with right:
        for field, fault in rest.items():
            st.error(text.plain(f"{field} {fault}"), icon=":material/error:")


def _draw_fields(
    deps: Deps, viewer: Viewer, places: dict[str, DeltaGenerator]
) -> tuple[PlanForm, Mapping[str, Any]]:
    name, question = fields.draw_name()
    _places(places, "name", "question")
    st.markdown("###### What stays the same")
    in_file = file_rows.held_axes()
    varied = {axis for axis, value in levels.held_levels() if value.strip()} if in_file is None else in_file
    model, base = fields.draw_base(deps, viewer, varied)
    _places(places, "base")
    st.markdown("###### What is varied")
    params = fields.params_of(model)
    rows, rows_from = file_rows.draw_file(deps, base)
    form = PlanForm(name=name, question=question, base=base, rows=rows, rows_from=rows_from)
    if not rows:
        form = replace(form, levels=levels.held_levels())
    _places(places, "axes", "rows")
    form = settings.draw_design(form)
    _places(places, "design", "n", "repeats", "seeds", "seed")
    form = settings.draw_limits(form)
    _places(places, "cap_usd", "canary", "at_once", "stop", "baseline")
    return form, params


@dataclass(frozen=True)
class Filled:
    """The form with what its values are read by: the model's parameters, and titles by id."""

    form: PlanForm
    params: Mapping[str, Field]
    models: Mapping[str, str]

    @property
    def body(self) -> dict[str, Any]:
        """The body of the plan."""
        return self.form.body(self.params, self.models)

    def up_to_date(self) -> "Filled":
        """The same with what was written since the page was drawn: a press comes together with it."""
        if self.form.rows:
            return self
        return replace(self, form=replace(self.form, levels=levels.held_levels()))


def _draw_outcome(deps: Deps, viewer: Viewer, filled: Filled) -> dict[str, str]:
    """Figures, what is refused, the prompts as sent, and the button. Returns the faults, by field."""
    form = filled.form
    unnamed = {} if form.name else {"name": NO_NAME}
    try:
        priced = _priced(deps, viewer, filled.body)
    except InvalidRequest as error:
        untouched = bool(st.session_state.get(_UNTOUCHED))
        figures.draw_nothing_yet(is_empty=untouched or not (form.axes or form.rows))
        _draw_button(filled)
        return {} if untouched else {**unnamed, **error.fields}
    figures.draw_figures(deps, priced.figures)
    figures.draw_refused(priced.figures, key=settings.DROP_REFUSED)
    _draw_button(filled)
    sent_prompts.draw_prompts(priced.cells)
    return {**(unnamed if st.session_state.get(_PRESSED) else {}), **priced.figures.wrong}


def _priced(deps: Deps, viewer: Viewer, body: Mapping[str, Any]) -> quote.PricedPlan:
    """What the plan comes to, also without a name; worked out once for what the editor holds.

    Raises InvalidRequest.
    """
    body = {**body, "name": body["name"] or "A plan"}
    mark, now_s = json.dumps(body, sort_keys=True, default=repr), deps.clock.monotonic()
    known: tuple[str, float, quote.PricedPlan] | None = st.session_state.get(_PRICED)
    if known and known[0] == mark and now_s - known[1] < PRICED_S:
        return known[2]
    priced = quote.price_plan(deps, viewer, plan.parse_plan(body))
    st.session_state[_PRICED] = (mark, now_s, priced)
    return priced


def _draw_button(filled: Filled) -> None:
    st.button(
        "Keep the plan and see the price", key="plan-keep", type="primary", icon=":material/arrow_forward:",
        width="stretch", on_click=_create, args=(filled,),
    )  # fmt: skip
    st.caption("Nothing is paid before you press the button with the amount, on the next step.")


def _create(filled: Filled) -> None:
    """Keep the plan as a draft, and go on to its price; the form stays filled where it is refused."""
    deps, viewer = context.deps(), context.viewer()
    st.session_state.pop(_UNTOUCHED, None)
    st.session_state[_PRESSED] = True
    body = filled.up_to_date().body
    with suppress(InvalidRequest):  # named once it is kept
        figures = _priced(deps, viewer, body).figures
        if "cap_usd" not in body and figures.at_most_usd and not figures.unpriced:
            body["cap_usd"] = figures.at_most_usd
    click = clicks.begin(deps, "plan", repr(body))
    if click is None:
        return
    with context.errors_as_notices():
        try:
            made = create.create_experiment(deps, viewer, plan.parse_plan(body), idempotency_key=click.key)
        except InvalidRequest as error:
            count = len(error.fields)
            says = (
                f"{count} {'thing is' if count == 1 else 'things are'} to be mended; see beside the fields."
            )
            context.notify(says, ":material/error:")
            return
        clicks.done(deps, "plan")
        if (replaced := st.session_state.pop(_REPLACES, None)) and replaced != made.experiment.id:
            control.close(deps, viewer, replaced)
        plan_drafts.clear_plan_draft(deps, viewer)
        for key in (_RESTORED, _KEPT, _PRESSED):
            st.session_state.pop(key, None)
        st.query_params.from_dict({steps.ID: made.experiment.id, steps.STEP: steps.Step.PRICE})
        context.notify("The plan is kept. Nothing is paid yet.", ":material/bookmark_added:")


def _keep(deps: Deps, viewer: Viewer, form: PlanForm) -> None:
    """Keep what the editor holds, if that is something else than what is kept."""
    kept, state = form.as_json(), st.session_state
    if state.get(_KEPT) is None:
        state[_KEPT] = kept  # as it was opened
    elif state[_KEPT] != kept:
        state[_KEPT] = kept
        state.pop(_UNTOUCHED, None)
        try:
            plan_drafts.save_plan_draft(deps, viewer, kept)
        except DailiesError as error:
            context.notify(text.plain(error), ":material/error:")


def _places(places: dict[str, DeltaGenerator], *names: str) -> None:
    """Here the faults of these fields are shown."""
    places |= dict.fromkeys(names, st.container(gap=None))


def _show_faults(places: Mapping[str, DeltaGenerator], faults: Mapping[str, str]) -> dict[str, str]:
    """Every fault beside its field; returns those that have no field."""
    rest = {}
    for field, fault in faults.items():
        place = places.get(field.partition(".")[0])
        if place is None:
            rest[field] = fault
            continue
        inner = field.partition(".")[2]
        name = axis_words(inner) if field.startswith(("axes.", "rows.")) else inner.replace("_", " ")
        says = f"{name or field.replace('_', ' ')} {fault}".strip()
        place.error(text.plain(says[:1].upper() + says[1:]), icon=":material/error:")
    return rest


def open_from(deps: Deps, viewer: Viewer, experiment_id: str, *, replaces: bool) -> None:
    """From now on the page is the editor with the plan of this experiment, for another one like it.

    replaces: the draft that it is closes when the next one is kept.
    """
    row = view.get_experiment(deps, viewer, experiment_id).experiment
    fill(deps, form_of_body(row.plan))
    st.session_state[_REPLACES] = row.id if replaces else None
    st.query_params.clear()
