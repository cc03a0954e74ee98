"""What to get next, why, and the one button that gets it."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.experiments.view import ExperimentView
from pages.ui import context, text
from pages.ui.experiments import cell_panel, judge_step, listing, steps, words


def draw_next(
    found: ExperimentView, finding: Mapping[str, Any], labels: Mapping[str, str], *, may_run: bool
) -> None:
    """In words, with its price where it costs something; nothing where the question is answered."""
    wanted, row = finding["next"], found.experiment
    if not finding["votes"]:  # before the first vote nothing else tells anything
        if row.state != "closed" and found.counts["completed"] < judge_step.TAKES_LEAST:
            _draw_until_takes(found)
            return
        wanted = {"what": "votes", "why": "Judge the takes that are here: votes tell which is better."}
    if wanted["what"] == "none":
        if finding["verdict"]["code"] not in steps.ANSWERED:  # what would help can't be had
            st.markdown(text.plain(wanted["why"]))
        return
    coming = found.counts["processing"] + found.counts["planned"]
    if wanted["what"] == "takes" and row.state == "running" and coming >= sum(_takes(wanted).values()):
        on_way = "is on the way: judge it" if coming == 1 else "are on the way: judge these"
        wanted = {"what": "votes", "why": f"{words.takes(coming)} {on_way}, too."}
    if row.state == "closed":  # nothing more is made or judged here: what would help is another one
        st.markdown("**Next:** another experiment; this one is closed, and begins it.")
        st.button("Plan another one like it", key="plan-another", icon=":material/content_copy:",
                  on_click=steps.go, args=(steps.Step.PLAN,))  # fmt: skip
        return
    st.markdown(f"**Next:** {text.plain(wanted['why'])}")
    match wanted["what"]:
        case "takes" if may_run:
            takes = _takes(wanted)
            of = "; ".join(f"{number} of {labels[one]}" for one, number in takes.items())
            st.button(
                text.plain(f"Buy {words.takes(sum(takes.values()))}{price_words(found, takes)}"),
                key="buy-takes", type="primary", icon=":material/add:", on_click=cell_panel.grow,
                args=(row.id, takes, words.price_micros(found.cells, takes) / 1e6), help=text.plain(of),
            )  # fmt: skip
        case "votes" | "rater" | "takes" if context.viewer().may(Do.VOTE):
            more = "Judge more pairs" if finding["votes"] else "Judge pairs"
            label = "Invite somebody to judge" if wanted["what"] == "rater" else more
            st.button(
                label, key="next-judge", type="primary", icon=":material/compare:", on_click=steps.go,
                args=(steps.Step.JUDGE,),
            )  # fmt: skip


def _draw_until_takes(found: ExperimentView) -> None:
    """There is nothing to judge yet: why, and where it goes on."""
    row, coming = found.experiment, listing.coming(found.counts)
    step, here = steps.Step.RUN, words.takes_of(found.counts, not_made=found.not_made)
    if row.state == "draft":
        step, why = steps.Step.PRICE, "start it on the step Price; nothing is made yet."
    elif coming:
        paused = " It is paused." if row.state == "paused" else ""
        why = f"its takes. {here} are here; once two are, there is something to judge.{paused}"
    else:
        why = f"takes. {here}: nothing is in progress any more, and two are needed to judge."
    st.markdown(f"**Next:** {text.plain(why)}")
    st.page_link(
        steps.ONE, label=f"The step {step.capitalize()}", icon=":material/arrow_forward:",
        query_params={steps.ID: row.id, steps.STEP: str(step)},
    )  # fmt: skip


def _takes(wanted: Mapping[str, Any]) -> dict[str, int]:
    return {one["cell"]: one["n"] for one in wanted["takes"]}


def price_words(found: ExperimentView, takes: Mapping[str, int]) -> str:
    """What so many more takes of these cells cost: " for $2.10"; how many of them have no known price."""
    known = {cell.id: cell.estimate_micros for cell in found.cells}
    unknown = sum(number for cell, number in takes.items() if known.get(cell) is None)
    if unknown == sum(takes.values()):
        return " without a known price"
    said = f" for {text.dollars(words.price_micros(found.cells, takes) / 1e6)}"
    return said + (f", {unknown:,} of them without a known price" if unknown else "")
