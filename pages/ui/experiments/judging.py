"""Judging, as the step of an experiment's page and as a page of its own: nothing here tells what is shown."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.errors import NotFound
from backend.services.experiments.judging import criteria
from pages.ui import components, context, text


def render_judging(experiment_id: str) -> None:
    """Pairs to be judged by whoever looks. Who may, and whether there are any, is said in its place."""
    deps, viewer = context.deps(), context.viewer()
    if not viewer.may(Do.VOTE):
        st.info("Your role does not judge videos. Ask whoever runs Dailies for one that does.")
        return
    try:
        asked = criteria.list_criteria(deps, viewer, experiment_id)
    except NotFound:
        st.info(
            "There is nothing to judge here: the link is wrong, or it is not yours to see. "
            "Ask whoever sent it.",
            icon=":material/link_off:",
        )
        return
    chosen = asked[0].id
    if len(asked) > 1:
        questions = {one.id: text.plain(one.question) for one in asked}
        chosen = st.segmented_control(
            "Question", list(questions), format_func=questions.__getitem__, default=chosen, required=True,
            key=f"judge-question-{experiment_id}",
        )  # fmt: skip
    with st.container(key="judging"):
        components.draw_judge(experiment_id, chosen, viewer.name, key=f"judge-{experiment_id}")
