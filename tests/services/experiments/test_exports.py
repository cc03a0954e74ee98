"""What an experiment holds is taken along as tables: the same rows in every format, names and units alike."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from pyarrow import parquet

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
from tests.services.client import SidecarClient, at_fault, said
from tests.world import MODEL, run_sql

PROMPTS = {"a": "A red dress", "b": "=cmd|'/c calc'!A1"}
MS = timedelta(milliseconds=1)


@pytest.fixture
def judged(sidecar: SidecarClient) -> dict[str, Any]:
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
             levels={"prompt": prompt, "style.camera": "Pan"})
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


def exported(sidecar: SidecarClient, query: str = "", **more: Any) -> bytes:
    answer = sidecar.get(f"/api/experiments/x/export?{query}", **more)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data()


def lines(sidecar: SidecarClient, table: str, **more: Any) -> list[dict[str, Any]]:
    content = exported(sidecar, f"table={table}&format=jsonl", **more)
    return [json.loads(line) for line in content.decode().splitlines()]


@pytest.mark.parametrize("table", ["takes", "trials", "votes", "scores", "checks", "preferences"])
def test_a_table_has_the_same_rows_in_every_format(sidecar, judged, table):
    told = lines(sidecar, table)
    rows = list(
        csv.DictReader(io.StringIO(exported(sidecar, f"table={table}&format=csv").decode(), newline=""))
    )
    packed = parquet.read_table(io.BytesIO(exported(sidecar, f"table={table}&format=parquet")))
    assert told
    assert len(told) == len(rows) == packed.num_rows
    assert list(told[0]) == list(rows[0]) == packed.schema.names
    assert all(name == name.lower() and name.isidentifier() for name in told[0])
    assert not [name for name in told[0] if name.endswith(("_ms", "_micros"))]
    for field in packed.schema:
        if str(field.type).startswith("timestamp"):
            assert str(field.type) == "timestamp[us, tz=UTC]"


def test_trials_and_takes_tell_their_cells_and_levels(sidecar, judged):
    trials, takes = lines(sidecar, "trials"), lines(sidecar, "takes")
    assert [(one["cell"], one["number"], one["status"]) for one in trials] == [
        ("cell-a", 1, "completed"), ("cell-a", 2, "completed"),
        ("cell-b", 1, "completed"), ("cell-b", 2, "processing"), ("cell-b", 3, "planned"),
    ]  # fmt: skip
    assert [one["take"] for one in trials] == [*judged.values(), None]
    first = trials[0]
    assert (first["level_prompt"], first["level_style_camera"]) == ("A red dress", "Pan")
    assert first["levels"] == {"prompt": "A red dress", "style.camera": "Pan"}
    assert (first["cell_label"], first["estimate_usd"], first["seed"]) == ("A red dress · Pan", 0.7, 1)
    assert [(one["id"], one["cell"], one["trial_number"]) for one in takes] == [
        (judged["a1"], "cell-a", 1), (judged["a2"], "cell-a", 2), (judged["b1"], "cell-b", 1),
        (judged["b2"], "cell-b", 2),
    ]  # fmt: skip
    assert takes[0]["file"] == f"files/{judged['a1']}.mp4"
    assert takes[3]["file"] is None
    assert takes[0]["level_prompt"] == takes[0]["prompt"] == "A red dress"


def test_votes_say_whether_they_count_and_those_taken_back_are_none(sidecar, judged):
    votes = lines(sidecar, "votes")
    assert [(one["rater"], one["counted"]) for one in votes] == [
        ("ana", True), ("ben", True), ("eve", True), ("ana", True), ("model", False), ("ben", False),
        ("bot", False), ("eve", True),
    ]  # fmt: skip
    first = votes[0]
    assert (first["left"], first["right"], first["choice"]) == (judged["a1"], judged["b1"], "left")
    assert (first["left_cell"], first["right_cell"]) == ("cell-a", "cell-b")
    assert (first["took_s"], first["seen_left_s"], first["seen_right_s"]) == (1.5, 0.8, None)
    assert (first["question"], votes[2]["both_bad"], votes[5]["sighted"]) == (
        "Which one is better?",
        True,
        True,
    )


def test_of_scores_the_newest_counts_and_checks_name_their_takes(sidecar, judged):
    (score,) = lines(sidecar, "scores")
    assert (score["take"], score["cell"], score["rater"], score["value"]) == (
        judged["a1"],
        "cell-a",
        "ana",
        4,
    )
    (check,) = lines(sidecar, "checks")
    assert (check["take"], check["name"], check["value"], check["flagged"]) == (
        judged["a1"],
        "frozen_s",
        1.25,
        True,
    )


def test_preferences_are_of_pairs_that_people_voted_on_and_one_of_which_they_liked_better(sidecar, judged):
    answer = sidecar.get("/api/experiments/x/export?table=preferences")
    assert answer.content_type == "application/x-ndjson"
    (pair,) = map(json.loads, answer.get_data(as_text=True).splitlines())
    assert pair == {
        "prompt": "A red dress. Camera: smooth pan from left to right.",
        "chosen": f"files/{judged['a1']}.mp4", "rejected": f"files/{judged['b1']}.mp4",
        "votes": 3, "win_rate": pytest.approx(2.5 / 3),
        "rejected_prompt": "=cmd|'/c calc'!A1. Camera: smooth pan from left to right.",
        "chosen_take": judged["a1"], "rejected_take": judged["b1"],
        "chosen_cell": "cell-a", "rejected_cell": "cell-b", "criterion": "c",
    }  # fmt: skip
    run_sql(sidecar.deps, "UPDATE job SET trashed_at = created_at WHERE id = :id", id=judged["b1"])
    assert lines(sidecar, "preferences") == []


def test_a_spreadsheet_runs_nothing_that_stands_in_a_prompt(sidecar, judged):
    rows = list(csv.DictReader(io.StringIO(exported(sidecar, "table=takes&format=csv").decode(), newline="")))
    assert rows[2]["prompt"] == rows[2]["level_prompt"] == "'=cmd|'/c calc'!A1"


def test_an_export_without_words_is_takes_in_parquet_and_its_name_says_so(sidecar, judged):
    answer = sidecar.get("/api/experiments/x/export")
    assert answer.content_type == "application/vnd.apache.parquet"
    assert 'filename="which-red-takes.parquet"' in answer.headers["Content-Disposition"]
    (noted,) = run_sql(
        sidecar.deps, "SELECT actor, object_id FROM audit WHERE action = 'experiment.exported'"
    )
    assert tuple(noted) == ("ana", "x")


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("table=vote", "table", "is none of takes, trials, votes, scores, checks, preferences"),
        ("format=xlsx", "format", "is none of csv, jsonl, parquet"),
        ("tabel=votes", "tabel", "did you mean table?"),
    ],
)
def test_what_is_no_table_or_format_is_named(sidecar, judged, query, field, words):
    assert words in at_fault(sidecar.get(f"/api/experiments/x/export?{query}"))[field]


def test_who_may_not_look_at_an_experiment_takes_nothing_along(sidecar, judged):
    for who, path in (("ben", "x"), ("ana", "nowhere")):
        assert said(sidecar.get(f"/api/experiments/{path}/export", who=who), 404)["code"] == "not_found"
    assert exported(sidecar, who="root")
