"""What an experiment holds is taken along as tables: the same rows in every format, names and units alike."""

import csv
import io
import json
from typing import Any

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from backend.cli import app
from backend.domain.access.origin import Origin, Via
from backend.services.access import Kind, Role, Viewer
from backend.services.experiments.doors.export import TABLES, export_table
from tests import databases
from tests.services.client import SidecarClient, at_fault, said
from tests.world import run_sql


def exported(sidecar: SidecarClient, query: str = "", **more: Any) -> bytes:
    answer = sidecar.get(f"/api/experiments/x/export?{query}", **more)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data()


def lines(sidecar: SidecarClient, table: str, **more: Any) -> list[dict[str, Any]]:
    content = exported(sidecar, f"table={table}&format=jsonl", **more)
    return [json.loads(line) for line in content.decode().splitlines()]


@databases.BOTH
def test_a_table_has_the_same_rows_in_every_format(sidecar, voted):
    for table in TABLES:
        told = lines(sidecar, table)
        text = exported(sidecar, f"table={table}&format=csv").decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        packed = parquet.read_table(io.BytesIO(exported(sidecar, f"table={table}&format=parquet")))
        assert told
        assert len(told) == len(rows) == packed.num_rows
        assert list(told[0]) == list(rows[0]) == packed.schema.names
        assert all(name == name.lower() and name.isidentifier() for name in told[0])
        assert not [name for name in told[0] if name.endswith(("_ms", "_micros"))]
        moments = {str(field.type) for field in packed.schema if str(field.type).startswith("timestamp")}
        assert moments <= {"timestamp[us, tz=UTC]"}


def test_trials_and_takes_tell_their_cells_and_levels(sidecar, voted):
    trials, takes = lines(sidecar, "trials"), lines(sidecar, "takes")
    assert [(one["cell"], one["number"], one["status"]) for one in trials] == [
        ("cell-a", 1, "completed"), ("cell-a", 2, "completed"),
        ("cell-b", 1, "completed"), ("cell-b", 2, "processing"), ("cell-b", 3, "planned"),
    ]  # fmt: skip
    assert [one["take"] for one in trials] == [*voted.values(), None]
    first = trials[0]
    assert (first["level_prompt"], first["level_style_camera"]) == ("A red dress", "Pan")
    assert first["prompt"] == "A red dress"
    assert first["levels"] == {"prompt": "A red dress", "style.camera": "Pan"}
    assert (first["cell_label"], first["estimate_usd"], first["seed"]) == ("A red dress · Pan", 0.7, 1)
    assert [(one["id"], one["cell"], one["trial_number"]) for one in takes] == [
        (voted["a1"], "cell-a", 1), (voted["a2"], "cell-a", 2), (voted["b1"], "cell-b", 1),
        (voted["b2"], "cell-b", 2),
    ]  # fmt: skip
    assert takes[0]["file"] == f"files/{voted['a1']}.mp4"
    assert takes[3]["file"] is None
    assert takes[0]["level_prompt"] == takes[0]["prompt"] == "A red dress"


def test_votes_say_whether_they_count_and_those_taken_back_are_none(sidecar, voted):
    votes = lines(sidecar, "votes")
    assert [(one["rater"], one["counted"]) for one in votes] == [
        ("ana", True), ("ben", True), ("eve", True), ("ana", True), ("model", False), ("ben", False),
        ("bot", False), ("eve", True),
    ]  # fmt: skip
    first = votes[0]
    assert (first["left"], first["right"], first["choice"]) == (voted["a1"], voted["b1"], "left")
    assert (first["left_cell"], first["right_cell"]) == ("cell-a", "cell-b")
    assert (first["took_s"], first["seen_left_s"], first["seen_right_s"]) == (1.5, 0.8, None)
    assert (first["question"], votes[2]["both_bad"], votes[5]["sighted"]) == (
        "Which one is better?",
        True,
        True,
    )


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_exported_votes_come_in_again_as_they_were_and_once(sidecar, voted, format):
    run_sql(sidecar.deps, "UPDATE vote SET rater = '=ana' WHERE rater = 'ana'")
    before = lines(sidecar, "votes")
    file = exported(sidecar, f"table=votes&format={format}")
    path, kind = "/api/experiments/x/votes/import", {"content_type": "text/csv"}
    again = sidecar.call("ana", "POST", path, data=file, **kind)
    assert again.get_json() == {"imported": 0, "already": len(before)}
    run_sql(sidecar.deps, "DELETE FROM vote")  # as in another experiment of these takes
    assert sidecar.call("ana", "POST", path, data=file, **kind).get_json()["imported"] == len(before)
    assert sidecar.call("ana", "POST", path, data=file, **kind).get_json()["imported"] == 0
    said = (
        "left",
        "right",
        "choice",
        "rater",
        "both_bad",
        "counted",
        "sighted",
        "excluded",
        "criterion",
        "at",
    )
    after = lines(sidecar, "votes")
    assert [[one[name] for name in said] for one in after] == [[one[name] for name in said] for one in before]
    assert {one["kind"] for one in after} == {"imported", "machine"}


def test_of_scores_the_newest_counts_and_checks_name_their_takes(sidecar, voted):
    (score,) = lines(sidecar, "scores")
    assert (score["take"], score["cell"], score["rater"], score["value"]) == (
        voted["a1"],
        "cell-a",
        "ana",
        4,
    )
    (check,) = lines(sidecar, "checks")
    assert (check["take"], check["name"], check["value"], check["flagged"]) == (
        voted["a1"],
        "frozen_s",
        1.25,
        True,
    )


@databases.BOTH
def test_preferences_are_of_pairs_that_people_voted_on_and_one_of_which_they_liked_better(sidecar, voted):
    answer = sidecar.get("/api/experiments/x/export?table=preferences")
    assert answer.content_type == "application/x-ndjson"
    (pair,) = map(json.loads, answer.get_data(as_text=True).splitlines())
    assert pair == {
        "prompt": "A red dress. Camera: smooth pan from left to right.",
        "chosen": f"files/{voted['a1']}.mp4", "rejected": f"files/{voted['b1']}.mp4",
        "votes": 3, "win_rate": pytest.approx(2.5 / 3),
        "rejected_prompt": "=cmd|'/c calc'!A1. Camera: smooth pan from left to right.",
        "chosen_take": voted["a1"], "rejected_take": voted["b1"],
        "chosen_cell": "cell-a", "rejected_cell": "cell-b", "criterion": "c",
    }  # fmt: skip
    run_sql(sidecar.deps, "UPDATE job SET trashed_at = created_at WHERE id = :id", id=voted["b1"])
    assert lines(sidecar, "preferences") == []


def test_a_spreadsheet_runs_nothing_that_stands_in_a_prompt(sidecar, voted):
    rows = list(csv.DictReader(io.StringIO(exported(sidecar, "table=takes&format=csv").decode(), newline="")))
    assert rows[2]["prompt"] == rows[2]["level_prompt"] == "'=cmd|'/c calc'!A1"


def test_an_export_without_words_is_takes_in_parquet_and_its_name_says_so(sidecar, voted):
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
def test_what_is_no_table_or_format_is_named(sidecar, voted, query, field, words):
    assert words in at_fault(sidecar.get(f"/api/experiments/x/export?{query}"))[field]


def test_who_may_not_look_at_an_experiment_takes_nothing_along(sidecar, voted):
    for who, path in (("ben", "x"), ("ana", "nowhere")):
        assert said(sidecar.get(f"/api/experiments/{path}/export", who=who), 404)["code"] == "not_found"
    assert exported(sidecar, who="root")


def test_who_exports_at_the_dashboard_has_seen_the_names_and_a_program_has_not(sidecar, voted):
    def sighted(viewer: Viewer) -> bool:
        export_table(sidecar.deps, viewer, "x", table="trials").chunks.close()
        query = "SELECT sighted_at FROM experiment_rater WHERE experiment_id = 'x' AND rater = :rater"
        return any(row[0] for row in run_sql(sidecar.deps, query, rater=viewer.name))

    assert not sighted(Viewer("ria", Role.REVIEWER, kind=Kind.TOKEN, origin=Origin(Via.API)))
    assert not sighted(Viewer("ria", Role.REVIEWER, origin=Origin(Via.CLI)))
    assert sighted(Viewer("ria", Role.REVIEWER))


@pytest.mark.parametrize(
    ("gone", "votes"), [("", 5), ("UPDATE cell SET dropped_at = :at WHERE id = 'cell-b'", 1)]
)
def test_exported_votes_and_trials_are_what_the_command_of_findings_reads(
    sidecar, voted, tmp_path, gone, votes
):
    if gone:
        run_sql(sidecar.deps, gone, at=sidecar.clock.now().isoformat(" "))
    for table in ("votes", "trials"):
        (tmp_path / f"{table}.jsonl").write_bytes(exported(sidecar, f"table={table}&format=jsonl"))
    asked = ["--votes", str(tmp_path / "votes.jsonl"), "--takes", str(tmp_path / "trials.jsonl"), "--json"]
    there = json.loads(CliRunner().invoke(app, ["experiment", "finding", *asked]).stdout)
    here = sidecar.get("/api/experiments/x/finding").get_json()
    assert there["votes"] == here["votes"] == votes
    for name in ("pairs", "side", "ties", "effects"):
        assert there[name] == here[name]
    scores = [[(cell["id"], cell["takes"], cell["score"]) for cell in one["cells"]] for one in (there, here)]
    assert scores[0] == scores[1]
