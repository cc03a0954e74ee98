"""Judging alone, for whoever was sent its link: two videos, no names, keys."""

import streamlit as st

from pages.ui.experiments.judging import render_judging

experiment_id = st.query_params.get("experiment", "").strip()
if not experiment_id:
    st.info(
        "This page judges the videos of an experiment, and its address names none. Ask whoever sent it for "
        "the whole link.",
        icon=":material/link_off:",
    )
    st.stop()
render_judging(experiment_id)
