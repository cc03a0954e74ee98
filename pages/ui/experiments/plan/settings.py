"""How much of a plan is made: combinations, takes of each, seeds; cap, first takes and stop rules."""

from dataclasses import replace
from functools import partial

import streamlit as st

from backend.services.experiments.planning.naming import level_words
from pages.ui.experiments.plan.form import PlanForm, axis_words

_DESIGNS = {"full": "Every combination", "fraction": "A fraction", "random": "Random ones"}
_DESIGN_HELP = (
    "A fraction tells the effect of each value with the fewest cells; random ones show what there is. "
    "Rows of a file are made as they are."
)
_SEEDS = {"paired": "Paired", "free": "Free", "fixed": "Fixed"}
_SEEDS_HELP = (
    "Paired: the first take of every cell has the same seed, so has the second …: what a seed does to all "
    "prompts cancels out. Models without a seed pass over it."
)
DROP_REFUSED = "plan:drop_refused"
_KEYS = {name: f"plan:{name}" for name in (
    "design", "n", "repeats", "seeds", "seed", "reuse", "cap_usd", "canary", "at_once", "failed",
    "open_to_team", "drop_refused",
)}  # fmt: skip


def fill_settings(form: PlanForm) -> None:
    """Have the fields hold what a plan says. Before they are drawn."""
    for name, key in _KEYS.items():
        st.session_state[key] = round(100 * form.failed_share) if name == "failed" else getattr(form, name)


def draw_design(form: PlanForm) -> PlanForm:
    """Which combinations, how many takes of each. Returns the plan with it."""
    state = st.session_state
    for name, key in _KEYS.items():
        state.setdefault(key, 50 if name == "failed" else getattr(PlanForm(), name))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="plan-design"):
        design: str | None = form.design
        if not form.rows:
            design = st.segmented_control(
                "Combinations", list(_DESIGNS), key=_KEYS["design"], format_func=_DESIGNS.__getitem__,
                required=True, help=_DESIGN_HELP, persist_state="session",
            )  # fmt: skip
        n = form.n
        if design != "full" and not form.rows:
            n = st.number_input("Cells", 2, 5_000, key=_KEYS["n"], width=120, persist_state="session")
        repeats = st.number_input(
            "Takes of each cell", 1, 200, key=_KEYS["repeats"], width=150, persist_state="session"
        )
        seeds = st.segmented_control(
            "Seeds", list(_SEEDS), key=_KEYS["seeds"], format_func=_SEEDS.__getitem__, required=True,
            help=_SEEDS_HELP, persist_state="session",
        )  # fmt: skip
        seed = form.seed
        if seeds == "fixed":
            seed = st.number_input(
                "Seed", 0, 2**31 - 1, value=None, key=_KEYS["seed"], width=150, persist_state="session"
            )
    return replace(
        form, design=str(design), n=int(n), repeats=int(repeats), seeds=str(seeds),
        seed=None if seed is None else int(seed),
    )  # fmt: skip


def draw_limits(form: PlanForm) -> PlanForm:
    """Cap, first takes, stop rules; all of it is filled in already. Returns the plan with it."""
    state = st.session_state
    with st.expander("Cap, first takes and stop rules", icon=":material/shield:", key="plan-limits"):
        left, middle, right = st.columns(3)
        cap = left.number_input(
            "Spends at most (USD)", 0.0, None, value=None, key=_KEYS["cap_usd"], step=1.0, format="%.2f",
            placeholder="its price", persist_state="session",
            help="Left empty, that is its price, as it stands beside. The next take is not made when it "
            "would pass the cap; then it pauses, and you decide.",
        )  # fmt: skip
        canary = middle.number_input(
            "First takes", 0, 100, key=_KEYS["canary"], persist_state="session",
            help="They are made and shown before the rest; 0: all at once.",
        )  # fmt: skip
        at_once = right.number_input(
            "In progress at once", 1, 100, key=_KEYS["at_once"], persist_state="session",
            help="The rest waits, so that others' takes don't.",
        )  # fmt: skip
        failed = left.number_input(
            "Pause at failures above (%)", 1, 100, key=_KEYS["failed"], persist_state="session",
            help="Judged from the tenth take that has ended.",
        )  # fmt: skip
        reuse = right.toggle(
            "Reuse stored takes", key=_KEYS["reuse"], persist_state="session",
            help="Takes that were made of the same inputs before, the oldest first, never by rating.",
        )  # fmt: skip
        everybody = right.toggle(
            "Everybody may judge", key=_KEYS["open_to_team"], persist_state="session",
            help="Whoever is signed in; else only those who are invited.",
        )  # fmt: skip
        baseline = _draw_baseline(form)
    return replace(
        form, cap_usd=cap, canary=int(canary), at_once=int(at_once), failed_share=int(failed) / 100,
        baseline=baseline, reuse=bool(reuse), open_to_team=bool(everybody),
        drop_refused=bool(state.get(DROP_REFUSED)),
    )  # fmt: skip


def _draw_baseline(form: PlanForm) -> dict[str, str]:
    """The cell that all others are held against: a value of each axis, or none at all."""
    if form.rows or not form.axes:
        return {}
    chosen: dict[str, str] = {}
    columns = st.columns(min(4, len(form.axes)))
    for number, (axis, values) in enumerate(form.axes.items()):
        key = f"plan:baseline:{axis}"
        st.session_state.setdefault(key, form.baseline.get(axis))
        if st.session_state[key] not in values:
            st.session_state[key] = None
        value = columns[number % len(columns)].selectbox(
            f"Baseline · {axis_words(axis)}", values, index=None, key=key, placeholder="None",
            persist_state="session", format_func=partial(level_words, axis),
            help="The cell that all others are held against.",
        )  # fmt: skip
        chosen |= {axis: value} if value else {}
    return chosen
