"""The six steps of an experiment: which there are, which one waits, and the ways between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from backend.domain.experiments.words import ExperimentState
from pages.ui import components

#: Where the pages lie, as the kit finds them: beside the frame.
LIST, ONE, JUDGE = "library/experiments.py", "library/experiment.py", "library/judge.py"
#: What the address of an experiment's page names.
ID, STEP, CELL, FROM = "id", "step", "cell", "from"
#: Verdicts that answer the question.
ANSWERED = frozenset({"better", "as_good", "alike"})


class Step(StrEnum):
    """The steps in their order, by the words of the address."""

    PLAN = "plan"
    PRICE = "price"
    CANARY = "canary"
    RUN = "run"
    JUDGE = "judge"
    LEARN = "learn"


@dataclass(frozen=True)
class Waits:
    """The step that waits for somebody, and for what. words: "" where it waits for nobody."""

    step: Step
    words: str = ""


def waiting_step(about: Mapping[str, Any] | None) -> Waits:
    """Where an experiment goes on. about: it, as the API answers; None: a new one."""
    if about is None:
        return Waits(Step.PLAN, "fill in")
    takes = about["takes"]
    here = takes.get("completed", 0)
    match ExperimentState(about["state"]):
        case ExperimentState.DRAFT:
            return Waits(Step.PRICE, "to be paid")
        case ExperimentState.CANARY:
            ended = not takes.get("processing") and (here or takes.get("failed"))
            return Waits(Step.CANARY, "look, go on") if ended else Waits(Step.CANARY)
        case ExperimentState.PAUSED:
            return Waits(Step.RUN, "paused")
        case ExperimentState.CLOSED:
            return Waits(Step.LEARN)
        case ExperimentState.RUNNING:
            if takes.get("held"):
                return Waits(Step.RUN, "needs a decision")
            if verdict_code(about) in ANSWERED:
                return Waits(Step.LEARN, "an answer")
            on_way = takes.get("processing") or takes.get("planned")
            if verdict_code(about) == "takes_missing" and not on_way:
                return Waits(Step.LEARN, "takes wanted")
            return Waits(Step.JUDGE, "votes wanted") if here > 1 else Waits(Step.RUN)


def verdict_code(about: Mapping[str, Any]) -> str | None:
    """The code of its verdict; None: there is none yet."""
    verdict = about.get("verdict")
    return verdict.get("code") if isinstance(verdict, Mapping) else None


def verdict_words(about: Mapping[str, Any]) -> str:
    """Its verdict in words."""
    verdict = about.get("verdict")
    words = verdict.get("words") if isinstance(verdict, Mapping) else verdict
    said = str(words or "Too early")
    return said[:1].upper() + said[1:]


def done_steps(waits: Waits, *, was_started: bool, has_canary: bool) -> frozenset[Step]:
    """The steps that were really done: before the one where it waits, and none that never was."""
    order = list(Step)
    before = order[: order.index(waits.step)] if was_started else [Step.PLAN]
    return frozenset(step for step in before if has_canary or step is not Step.CANARY)


def asked_step(waits: Waits) -> Step:
    """The step that the address names; without a name, or with one that is none, where it goes on."""
    named = st.query_params.get(STEP, "")
    return Step(named) if named in list(Step) else waits.step


def draw_steps(
    experiment_id: str | None, current: Step, waits: Waits, *, was_started: bool = False,
    has_canary: bool = True,
) -> None:  # fmt: skip
    """The six as links. has_canary: are there first takes, or will there be?"""
    done = done_steps(waits, was_started=was_started, has_canary=has_canary) if experiment_id else ()
    shown = [
        {
            "id": str(step),
            "name": step.capitalize(),
            "href": "experiment?" + urlencode({**({ID: experiment_id} if experiment_id else {}), STEP: step}),
            "waits": waits.words if step is waits.step else "",
            "note": "" if has_canary or step is not Step.CANARY else "none here",
            "done": step in done and step is not current,
            "current": step is current,
        }
        for step in Step
    ]
    components.draw_steps(shown, key="steps", on_go=_go, args=())


def go(step: Step, **more: str) -> None:
    """From now on the address names this step."""
    st.query_params.from_dict(
        {
            **{name: st.query_params[name] for name in (ID, FROM) if name in st.query_params},
            STEP: step,
            **more,
        }
    )


def _go() -> None:
    named = str(st.session_state["steps"]["go"] or "")
    if named in list(Step):
        go(Step(named))
