"""Step five: the link for whoever judges, the questions that are asked, and how far each rater has come."""

from urllib.parse import urlencode, urljoin

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.judging import criteria, raters
from backend.services.experiments.view import ExperimentView
from backend.services.gallery import takes as gallery
from pages.ui import context, text
from pages.ui.experiments import steps
from pages.ui.experiments.judging import render_judging
from pages.ui.experiments.steps import Step

#: Two takes are needed to be held beside each other.
TAKES_LEAST = 2
_QUESTION, _KIND = "criterion:question", "criterion:kind"


def draw_judge(deps: Deps, viewer: Viewer, found: ExperimentView, *, may_run: bool) -> None:
    """Judging itself, and beside it what whoever runs the experiment looks after."""
    row = found.experiment
    if row.state == "closed":
        _draw_closed(row.id)
    elif found.counts["completed"] < TAKES_LEAST:
        st.info("There is something to judge once two takes are ready.", icon=":material/hourglass_top:")
    elif viewer.may(Do.VOTE):
        render_judging(row.id)
        _draw_ways(row.id)
    if may_run:
        left, right = st.columns(2, gap="large")
        with left, st.container(border=True, key="raters-progress", gap="small"):
            _draw_raters(deps, viewer, found)
        with right, st.container(border=True, key="criteria", gap="small"):
            _draw_criteria(deps, viewer, found)


def _draw_closed(experiment_id: str) -> None:
    st.info(
        "It is closed: nobody judges it any more; the votes that were given stand.", icon=":material/lock:"
    )
    st.page_link(
        steps.ONE, label="What the votes say", icon=":material/arrow_forward:",
        query_params={steps.ID: experiment_id, steps.STEP: str(Step.LEARN)},
    )  # fmt: skip
    st.page_link(
        steps.ONE, label="Its plan, and another one like it", icon=":material/arrow_forward:",
        query_params={steps.ID: experiment_id, steps.STEP: str(Step.PLAN)},
    )  # fmt: skip


def judge_link(experiment_id: str) -> str:
    """Where somebody judges this experiment and sees nothing else; to be handed on."""
    here = st.context.url or ""
    return urljoin(here, "judge?" + urlencode({"experiment": experiment_id}))


def _draw_ways(experiment_id: str) -> None:
    st.markdown("**For whoever judges:** this link leads to the pairs alone; no names, prompts or prices.")
    st.code(judge_link(experiment_id), language=None)


def _draw_raters(deps: Deps, viewer: Viewer, found: ExperimentView) -> None:
    row = found.experiment
    is_closed = row.state == "closed"
    st.markdown("##### Who judged" if is_closed else "##### Who judges")
    known = raters.list_raters(deps, viewer, row.id)
    if not known:
        st.caption("Nobody has judged it." if is_closed else "Nobody has judged yet.")
    for one in known:
        says = [f"**{text.plain(one.rater)}**", f"{one.votes:,} {'vote' if one.votes == 1 else 'votes'}"]
        says += ["invited"] if one.invited_at and not one.votes else []
        says += ["has seen the names"] if one.sighted_at else []
        says += ["left out"] if one.excluded_at else []
        st.markdown(" · ".join(says))
    if row.planned_votes:
        st.progress(
            min(1.0, found.votes / row.planned_votes), text=f"{found.votes:,} of {row.planned_votes:,}"
        )
    if is_closed:
        return
    st.toggle(
        "Everybody may judge", row.open_to_team, key=f"open:{row.id}:{row.version}", on_change=_set_open,
        args=(row.id, f"open:{row.id}:{row.version}"), help="Else only those who are invited.",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Invite", gallery.list_owners(deps, viewer), key=f"invite:{row.id}", accept_new_options=True,
            placeholder="A name, then Enter",
        )  # fmt: skip
        st.button("Invite", key="invite", icon=":material/person_add:", on_click=_invite, args=(row.id,))


def _draw_criteria(deps: Deps, viewer: Viewer, found: ExperimentView) -> None:
    row = found.experiment
    st.markdown("##### What was asked" if row.state == "closed" else "##### What is asked")
    asked = criteria.list_criteria(deps, viewer, row.id)
    for number, one in enumerate(asked):
        with st.container(horizontal=True, vertical_alignment="center", key=f"criterion-{one.id}"):
            kind = "of two takes" if one.kind == criteria.PAIR else "of each take, 1 to 5"
            st.markdown(f"**{text.plain(one.question)}** · {kind}", width="content")
            if number and row.state != "closed":
                st.button("Ask no more", key=f"retire-{one.id}", type="tertiary", icon=":material/close:",
                          on_click=_retire, args=(row.id, one.id))  # fmt: skip
    if row.state == "closed":
        return
    with st.popover("Ask one more thing", icon=":material/add:", key="more-criteria"):
        kinds = {criteria.PAIR: "Of two takes", criteria.SCORE: "Of each take, 1 to 5"}
        st.text_input("Question", key=_QUESTION, placeholder="Which fabric moves more like fabric?")
        kind = st.segmented_control(
            "Asked",
            list(kinds),
            key=_KIND,
            default=criteria.PAIR,
            required=True,
            format_func=kinds.__getitem__,
        )
        if kind == criteria.SCORE:
            for value in criteria.ANCHORS:
                st.text_input(f"What {value} means", key=f"criterion:anchor:{value}")
        st.button("Ask it", key="ask-more", type="primary", on_click=_add, args=(row.id,))


def _add(experiment_id: str) -> None:
    state = st.session_state
    kind = state.get(_KIND) or criteria.PAIR
    anchors = {one: state.get(f"criterion:anchor:{one}", "") for one in criteria.ANCHORS}
    told = {one: said for one, said in anchors.items() if said.strip()} if kind == criteria.SCORE else {}
    with context.errors_as_notices():
        criteria.add_criterion(
            context.deps(), context.viewer(), experiment_id, state.get(_QUESTION, ""), kind, told
        )
        state[_QUESTION] = ""
        context.notify("It is asked from now on.", ":material/add:")


def _retire(experiment_id: str, criterion_id: str) -> None:
    with context.errors_as_notices():
        criteria.retire_criterion(context.deps(), context.viewer(), experiment_id, criterion_id)
        context.notify("It is not asked any more; its answers stay.", ":material/close:")


def _set_open(experiment_id: str, key: str) -> None:
    with context.errors_as_notices():
        raters.open_to_team(
            context.deps(), context.viewer(), experiment_id, wanted=bool(st.session_state[key])
        )


def _invite(experiment_id: str) -> None:
    names = st.session_state.get(f"invite:{experiment_id}") or []
    with context.errors_as_notices():
        if not names:
            context.notify("Name somebody first.", ":material/help:")
            return
        raters.invite(context.deps(), context.viewer(), experiment_id, names)
        context.notify(f"{len(names)} invited; hand them the link.", ":material/person_add:")
