"""One experiment in six steps: plan, price, canary, run, judge, learn; the one that waits is marked."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.errors import NotFound
from backend.services.experiments import view
from pages.ui import context, rights, text
from pages.ui.experiments import gallery_way, judge_step, listing, matrix, price, run, steps
from pages.ui.experiments.learning import learn
from pages.ui.experiments.plan import editor, kept_plan
from pages.ui.experiments.steps import Step
from pages.ui.experiments.told import told

gallery_way.leave_if_wanted()
deps, viewer = context.deps(), context.viewer()
experiment_id = st.query_params.get(steps.ID)
st.page_link(steps.LIST, label="Experiments", icon=":material/arrow_back:")

if not experiment_id:
    rights.draw_page_for(Do.EXPERIMENT)
    st.markdown("### A new experiment")
    waits = steps.waiting_step(None)
    asked = steps.asked_step(waits)
    steps.draw_steps(None, asked, waits)
    if asked is not Step.PLAN:
        st.info("The plan comes first: keep it, and the other steps open.", icon=":material/looks_one:")
    else:
        editor.draw_editor(deps, viewer)
    st.stop()
try:
    found = view.get_experiment(deps, viewer, experiment_id)
except NotFound as error:
    st.info(text.plain(error), icon=":material/search_off:")
    st.stop()
row = found.experiment
may_run = viewer.may(Do.EXPERIMENT) and viewer.may_change(row.owner)
waits = steps.waiting_step(told(deps, viewer, found))
step = steps.asked_step(waits)
with st.container(horizontal=True, vertical_alignment="center", key="experiment-head"):
    st.markdown(f"### {text.plain(row.name)}", width="content")
    listing.draw_state(row.state, found.counts)
if row.question:
    st.caption(text.plain(row.question))
steps.draw_steps(
    row.id, step, waits, was_started=row.started_at is not None,
    has_canary=row.canary > 0 or bool(matrix.first_takes(found)),
)  # fmt: skip
match step:
    case Step.PLAN:
        kept_plan.draw_kept_plan(found, may_run=may_run)
    case Step.PRICE:
        price.draw_price(deps, viewer, found, may_run=may_run)
    case Step.CANARY:
        run.draw_canary(deps, viewer, found, may_run=may_run)
    case Step.RUN:
        run.draw_run(deps, viewer, found, may_run=may_run)
    case Step.JUDGE:
        judge_step.draw_judge(deps, viewer, found, may_run=may_run)
    case Step.LEARN:
        learn.draw_learn(deps, viewer, found, may_run=may_run)
