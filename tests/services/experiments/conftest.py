"""An experiment that was voted on, for what is taken along of it."""

from datetime import timedelta
from typing import Any

import pytest

from backend.models import (
    Cell,
    Criterion,
    Experiment,
    ExperimentAxis,
    ExperimentRater,
    FileCheck,
    Score,
    Trial,
    Vote,
)
from tests.services.client import SidecarClient
from tests.world import MODEL, run_sql

PROMPTS = {"a": "A red dress", "b": "=cmd|'/c calc'!A1"}
MS = timedelta(milliseconds=1)


@pytest.fixture
def voted(sidecar: SidecarClient) -> dict[str, Any]:
    """Two prompts with two takes each, one of which is under way; votes of people, one of them left out."""
    deps, now = sidecar.deps, sidecar.clock.now()
    takes = {}
    for name, prompt in PROMPTS.items():
        for number in (1, 2):
            body = {"model": MODEL, "prompt": prompt, "style": {"camera": "Pan"}}
            takes[f"{name}{number}"] = job = sidecar.started(body=body)
            if (name, number) != ("b", 2):
                sidecar.stored(job, f"{name}{number}".encode() * 500)
    cells = [
        Cell(id=f"cell-{name}", experiment_id="x", key=name, position=place,
             levels={"prompt": prompt, "style.camera": "Pan"}, request={"prompt": prompt})
        for place, (name, prompt) in enumerate(PROMPTS.items())
    ]  # fmt: skip
    trials = [
        Trial(id=f"trial-{name}{number}", experiment_id="x", cell_id=f"cell-{name}", number=number, wave=1,
              state="made", seed=number, job_id=takes[f"{name}{number}"], origin="made",
              estimate_micros=700_000)
        for name in PROMPTS
        for number in (1, 2)
    ]  # fmt: skip
    planned = Trial(id="trial-b3", experiment_id="x", cell_id="cell-b", number=3, state="planned")
    told = [  # left, right, choice, rater, what is special of it
        ("a1", "b1", "left", "ana", {"took_ms": 1500, "seen_left_ms": 800}),
        ("b1", "a1", "right", "ben", {}),
        ("a1", "b1", "tie", "eve", {"both_bad": True}),
        ("a2", "b1", "right", "ana", {"kind": "imported"}),
        ("a2", "b1", "right", "model", {"kind": "machine"}),
        ("a2", "b1", "right", "ben", {"sighted": True}),
        ("a2", "b1", "right", "bot", {}),
        ("a2", "b1", "right", "eve", {"undone_at": now}),
        ("a1", "a2", "tie", "eve", {}),
    ]
    votes = [
        Vote(id=f"vote-{number}", experiment_id="x", criterion_id="c", left_job=takes[left],
             right_job=takes[right], choice=choice, rater=rater, at=now, **{"kind": "person", **more})
        for number, (left, right, choice, rater, more) in enumerate(told)
    ]  # fmt: skip
    scores = [
        Score(id=f"score-{number}", experiment_id="x", job_id=takes["a1"], criterion_id="c", rater="ana",
              value=value, at=now + number * MS)
        for number, value in enumerate((2, 4))
    ]  # fmt: skip
    row = Experiment(
        id="x", owner="ana", name="Which red?", state="running", seeds="paired", repeats=2, canary=0,
        at_once=8, delta=0.2, created_at=now,
    )  # fmt: skip
    axes = [
        ExperimentAxis(experiment_id="x", name=name, position=place, kind="prompt")
        for place, name in enumerate(("prompt", "style.camera"))
    ]
    left_out = ExperimentRater(experiment_id="x", rater="bot", excluded_at=now, excluded_by="ana")
    asked = Criterion(id="c", experiment_id="x", question="Which one is better?", kind="pair")
    video = run_sql(deps, "SELECT video_id FROM job WHERE id = :id", id=takes["a1"])[0][0]
    frozen = FileCheck(video_id=video, name="frozen_s", value=1.25, flagged=True, version=1, at=now)
    with deps.store.begin() as session:
        session.add_all([row, *axes, *cells, *trials, planned, asked, *votes, *scores, left_out, frozen])
    return takes
