"""Who judged: how much they agree with each other, who is flagged and why, and whose votes are left out."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.judging import raters
from pages.ui import context, text
from pages.ui.experiments import words


def draw_raters(
    deps: Deps, viewer: Viewer, experiment_id: str, finding: Mapping[str, Any], *, may_run: bool
) -> None:
    """In words first; then a line for each rater."""
    agreement = finding["agreement"]
    with st.container(border=True, key="raters"):
        st.markdown("##### Who judged")
        for line in agreement_words(finding):
            st.markdown(text.plain(line))
        known = {one.rater: one for one in raters.list_raters(deps, viewer, experiment_id)} if may_run else {}
        told = {one["rater"]: one for one in agreement["raters"]}
        others = (one for one, row in known.items() if one not in told and (row.votes or row.excluded_at))
        for name in [*told, *others]:
            _draw_rater(experiment_id, name, told.get(name), known.get(name), may_run=may_run)


def agreement_words(finding: Mapping[str, Any]) -> list[str]:
    """How much people agree, with others and with themselves, and what the left side is worth."""
    agreement, side = finding["agreement"], finding["side"]
    said = []
    if agreement["alpha"] is not None:
        said.append(_alpha_words(agreement))
    if agreement["self"] is not None:
        surely = words.between(agreement["self_low"], agreement["self_high"])
        said.append(
            f"A pair that came back mirrored got the same answer in {words.percent(agreement['self'])} "
            f"({surely}; {agreement['again']:,} came back)."
        )
    if side["low"] > 0 or side["high"] < 0:
        which, sign = ("left", 1) if side["left_points"] > 0 else ("right", -1)
        low, high = sorted((sign * side["low"], sign * side["high"]))
        said.append(
            f"Being on the {which} was worth {sign * side['left_points']:.0f} points (95 %: {low:.0f} – "
            f"{high:.0f}; {finding['votes']:,} votes); that is taken out of the figures."
        )
    return said


def _alpha_words(agreement: Mapping[str, Any]) -> str:
    alpha, low, high = (agreement[name] for name in ("alpha", "alpha_low", "alpha_high"))
    how = _how_well(alpha)
    number = f"{agreement['pairs']:,} {'pair' if agreement['pairs'] == 1 else 'pairs'}"
    if low is None:
        return f"Only {number} was judged by several: too few to say how far people agree."
    unsure = "" if _how_well(low) == how else ", as far as so few tell"
    return (
        f"They agree {how} on the {number} that several judged{unsure} "
        f"(Krippendorff's alpha {alpha:.2f}, 95 %: {low:.2f} – {high:.2f})."
    )


def _how_well(alpha: float) -> str:
    return "well" if alpha >= 0.67 else "somewhat" if alpha >= 0.33 else "little"


def _draw_rater(
    experiment_id: str, name: str, told: Mapping[str, Any] | None, known: Any, *, may_run: bool
) -> None:
    is_out = known is not None and known.excluded_at is not None
    votes = told["votes"] if told else known.votes if known else 0
    parts = [f"**{text.plain(name)}**", f"{votes:,} {'vote' if votes == 1 else 'votes'}"]
    if told and told["agrees"] is not None:
        of = f"{told['decided']:,} decided, {words.between(told['agrees_low'], told['agrees_high'])}"
        parts.append(f"agrees with the others in {words.percent(told['agrees'])} ({of})")
    if known is not None and known.sighted_at is not None:
        parts.append("has seen the names")
    if known is not None and known.unseen:
        parts.append(f"answered {known.unseen:,} before both takes had played")
    with st.container(horizontal=True, vertical_alignment="center", key=f"rater-{name}"):
        st.markdown(" · ".join(parts), width="content")
        if is_out:
            st.badge("left out", icon=":material/person_off:", color="gray")
        if told and told["flagged"]:
            st.badge(text.plain(told["why"]), icon=":material/flag:", color="orange")
        if may_run:
            st.button(
                "Count them again" if is_out else "Leave out", key=f"exclude-{name}", type="tertiary",
                icon=":material/person_add:" if is_out else ":material/person_remove:", on_click=_exclude,
                args=(experiment_id, name, not is_out),
                help="The votes stay, and can count again." if not is_out else None,
            )  # fmt: skip


def _exclude(experiment_id: str, name: str, wanted: bool) -> None:
    with context.errors_as_notices():
        raters.exclude_rater(context.deps(), context.viewer(), experiment_id, name, excluded=wanted)
        says = "is left out of what is said" if wanted else "counts again"
        context.notify(f"{text.plain(name)} {says}.", ":material/person:")
