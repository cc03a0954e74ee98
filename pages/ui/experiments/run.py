"""Steps three and four: the first takes, and the matrix of all, with what can be done while it runs."""

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.errors import StoreUnavailable
from backend.domain.experiments.words import TrialState
from backend.models import Experiment
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import view
from backend.services.experiments.judging import raters
from backend.services.experiments.view import ExperimentView
from backend.services.live.greeting import newest_move
from pages.ui import components, context, live, shell, text
from pages.ui.experiments import cell_panel, listing, matrix, run_actions, steps, words
from pages.ui.experiments.plan.form import axis_words
from pages.ui.experiments.steps import Step
from pages.ui.library import wall

#: While it moves, its figures are looked at so often at least, in seconds.
LOOK_S = 5.0
#: A first take in one of these states is neither here nor given up.
_ON_THE_WAY = frozenset({"planned", "processing"})
_NAMES = "experiment:names:"
#: So many reasons why takes could not be made are told.
REASONS_MAX = 3
SIGHTED = (
    "The matrix shows which take is of which cell. Whoever has seen that no longer judges blind: your votes "
    "from then on are kept apart, and don't count in the verdict."
)


def draw_canary(deps: Deps, viewer: Viewer, found: ExperimentView, *, may_run: bool) -> None:
    """The first takes without names, and what comes after them."""
    row = found.experiment
    if row.state == "draft":
        st.info("The first takes are made once it is started, on the step Price.", icon=":material/science:")
        return
    if not matrix.first_takes(found):
        st.info("This experiment has no first takes: all of them are made at once.")
        return
    _draw_part(deps, viewer, found, lambda fresh: _canary_part(deps, viewer, fresh, may_run=may_run))
    if row.state == "canary" and may_run:
        st.caption("They are shown without names, so that you can still judge blind.")


def _canary_part(deps: Deps, viewer: Viewer, fresh: ExperimentView, *, may_run: bool) -> None:
    first = matrix.first_takes(fresh)
    states = [take["state"] for one in first for take in one["takes"]]
    st.caption(words.first_takes(states, waits=fresh.experiment.state == "canary"))
    _draw_not_made(fresh)
    data: dict[str, Any] = {"columns": [], "rows": [{"label": "", "cells": first}]}
    _draw_matrix(deps, viewer, fresh, data, key="canary-matrix", blind=True)
    if fresh.experiment.state == "canary" and may_run:
        _draw_go_on(fresh, on_the_way=sum(state in _ON_THE_WAY for state in states))


def _draw_go_on(found: ExperimentView, *, on_the_way: int) -> None:
    """With the amount; before the first takes are here it says that they are not seen."""
    every = ((cell, trial) for cell in found.cells for trial in found.trials.get(cell.id, ()))
    rest = [cell for cell, trial in every if trial.state == TrialState.PLANNED]
    micros = sum(cell.estimate_micros or 0 for cell in rest)
    label = f"Go on {'unseen ' if on_the_way else ''}with {words.takes(len(rest))}"
    st.button(
        text.plain(f"{label} · {text.dollars(micros / 1e6)}" if micros else label), key="experiment-go-on",
        type="secondary" if on_the_way else "primary", icon=":material/play_arrow:", on_click=run_actions.do,
        args=("go on", found.experiment.id),
        help=f"{words.takes(on_the_way)} of the first ones are not here yet." if on_the_way else None,
    )  # fmt: skip


def draw_run(deps: Deps, viewer: Viewer, found: ExperimentView, *, may_run: bool) -> None:
    """State, spent of cap, what can be done, and the matrix."""
    row = found.experiment
    if row.state == "draft":
        st.info("Nothing is made yet; it is started on the step Price.", icon=":material/timelapse:")
        return
    if row.why and row.state in ("paused", "closed"):
        st.warning(text.plain(row.why), icon=f":material/{listing.STATES[row.state][1]}:")
    offers = run_actions.find_offers(deps, found) if may_run else None
    if offers:
        run_actions.draw_actions(deps, viewer, found, offers)
    named = _names_are_shown(deps, viewer, found)
    across = _pick_columns(found) if named else None

    def part(fresh: ExperimentView) -> None:
        if named and not _names_are_shown(deps, viewer, fresh):  # so few takes were here that none was told
            st.rerun()
        _draw_progress(fresh)
        if named:
            data = matrix.matrix_data(fresh, across=across)
            _draw_matrix(deps, viewer, fresh, data, key="matrix")

    def buttons(seen: ExperimentView) -> Hashable:
        return offers if seen is found or offers is None else run_actions.find_offers(deps, seen)

    _draw_part(deps, viewer, found, part, watch=buttons)
    if named:
        cell_panel.draw_cell(deps, viewer, found, may_run=may_run)
    else:
        _ask_for_names(row)


def _draw_part(
    deps: Deps,
    viewer: Viewer,
    found: ExperimentView,
    draw: Callable[[ExperimentView], None],
    *,
    watch: Callable[[ExperimentView], Hashable] = lambda _: None,
) -> None:
    """Drawn now, whenever its takes move on, and every few seconds while it goes on.

    The page is drawn anew when its state changes, when another cell was chosen, and when what the rest of
    the page depends on does. watch: what that is besides.
    """
    row, chosen = found.experiment, st.query_params.get(steps.CELL)

    def on_page(seen: ExperimentView) -> Hashable:
        state = seen.experiment.state
        head = listing.state_badge(state, seen.counts), _waiting_step(seen)
        return state, seen.experiment.why, head, seen.not_made, watch(seen)

    before = on_page(found)

    def redraw() -> None:
        try:
            fresh = view.get_experiment(deps, viewer, row.id) if context.is_refreshing() else found
            if st.query_params.get(steps.CELL) != chosen or (fresh is not found and on_page(fresh) != before):
                st.rerun()
            draw(fresh)
        except StoreUnavailable:  # the next look may find it again
            shell.draw_database_away()

    moves = row.state in run_actions.MOVING or found.counts["processing"]  # what was sent comes home
    st.fragment(redraw, run_every=(live.TICK_S if live.is_down() else LOOK_S) if moves else None)()


def _draw_progress(found: ExperimentView) -> None:
    counts = found.counts
    total = max(1, sum(counts.values()))
    waves = {trial.wave for of in found.trials.values() for trial in of if trial.job_id}
    says = [words.takes_of(counts, not_made=found.not_made), f"spent {words.spent_of(found)}"]
    says += [f"{counts['processing']:,} in progress"] if counts["processing"] else []
    says += [f"wave {len(waves)}"] if len(waves) > 1 else []
    st.markdown(text.plain(" · ".join(says)))
    st.progress(counts["completed"] / total)
    _draw_not_made(found)
    if found.experiment.state == "running" and not listing.coming(counts):
        _draw_way_on(found)


def _draw_not_made(found: ExperimentView) -> None:
    """Why places have no take."""
    why = Counter(one.why or "" for of in found.trials.values() for one in of if one.state == "blocked")
    for reason, number in why.most_common(REASONS_MAX):
        st.caption(f":material/error: {text.plain(words.not_made(reason, number))}")


def _waiting_step(found: ExperimentView) -> steps.Waits:
    about = {"state": found.experiment.state, "takes": found.counts, "verdict": found.verdict}
    return steps.waiting_step(about)


def _draw_way_on(found: ExperimentView) -> None:
    """Nothing is on its way any more: what comes next, and the way there."""
    waits = _waiting_step(found)
    label = {Step.JUDGE: "Judge pairs of them", Step.LEARN: "See what the votes say"}.get(waits.step)
    with st.container(horizontal=True, vertical_alignment="center", key="way-on"):
        is_whole = found.counts["completed"] == sum(found.counts.values())
        st.markdown(
            "All takes are here." if is_whole else "Nothing is in progress any more.", width="content"
        )
        if label is None:
            return
        st.page_link(
            steps.ONE, label=f"Next: {label[0].lower()}{label[1:]}", icon=":material/arrow_forward:",
            query_params={steps.ID: found.experiment.id, steps.STEP: str(waits.step)},
        )  # fmt: skip


def _names_are_shown(deps: Deps, viewer: Viewer, found: ExperimentView) -> bool:
    """May the cells be named to this viewer without a word of warning?"""
    row = found.experiment
    if row.state == "closed" or not viewer.may(Do.VOTE) or not found.counts["completed"]:
        return True
    return bool(st.session_state.get(_NAMES + row.id)) or raters.is_sighted(deps, viewer, row.id)


def _ask_for_names(row: Experiment) -> None:
    with st.container(border=True, key="names", gap="small"):
        st.markdown(f":material/visibility_off: {SIGHTED}")
        with st.container(horizontal=True):
            st.button("Judge first", key="judge-first", type="primary", icon=":material/compare:",
                      on_click=steps.go, args=(steps.Step.JUDGE,))  # fmt: skip
            st.button("Show the names", key="show-names", icon=":material/visibility:", on_click=_show_names,
                      args=(row.id,))  # fmt: skip


def _show_names(experiment_id: str) -> None:
    with context.errors_as_notices():
        raters.note_sighted(context.deps(), context.viewer(), experiment_id)
        st.session_state[_NAMES + experiment_id] = True


def _pick_columns(found: ExperimentView) -> str | None:
    offered = matrix.columns_on_offer(found)
    if len(offered) < 2:
        return next(iter(offered), None)
    return st.selectbox(
        "Columns", offered, key=f"columns:{found.experiment.id}", format_func=axis_words, width=200,
        persist_state="session",
    )  # fmt: skip


def _draw_matrix(
    deps: Deps, viewer: Viewer, found: ExperimentView, data: dict[str, Any], *, key: str,
    blind: bool = False,
) -> None:  # fmt: skip
    row = found.experiment
    about = {
        **data, "id": row.id, "blind": blind, "chosen": st.query_params.get(steps.CELL, ""),
        "me": wall.who_looks(viewer), "moves": row.state in run_actions.MOVING,
        "newest_move": newest_move(deps),
    }  # fmt: skip
    components.draw_matrix(about, key=key, on_cell=_choose, args=(key,))


def _choose(key: str) -> None:
    chosen = str(st.session_state[key]["cell"] or "")
    if chosen and key == "matrix":
        steps.go(
            steps.Step.RUN, **({} if st.query_params.get(steps.CELL) == chosen else {steps.CELL: chosen})
        )
