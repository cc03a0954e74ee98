"""Experiments by the command line: a file becomes a plan with its price, is started, stopped, taken along."""

import json
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from backend.cli import app
from backend.domain.errors import InvalidRequest
from tests.services.client import SidecarClient
from tests.services.experiments.building import ticks
from tests.world import MODEL

pytestmark = pytest.mark.databases("sqlite")  # the commands do no more with another
ROWS = f"garment,model,param.duration\ndress,{MODEL},5\ncoat,{MODEL},10\n"
PROMPT = "A {{ garment }} in the wind"


@pytest.fixture
def file(sidecar: SidecarClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("backend.commands.experiment.open_deps", lambda: sidecar.deps)
    file = tmp_path / "coats.csv"
    file.write_text(ROWS)
    return file


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["experiment", *map(str, words)])
    assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
    return done.stdout


def told(*words: object, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json", code=code))
    return found


def test_rows_of_a_file_are_planned_started_stopped_and_taken_along(sidecar, file, tmp_path):
    made = told("plan", file, "--prompt", PROMPT, "--canary", 1, "--repeats", 2)
    assert (made["state"], made["cells"], made["takes"], made["reused"]) == ("draft", 2, 4, 0)
    assert made["estimate"] == {"usd": pytest.approx(4.2), "at_most_usd": pytest.approx(4.2), "unknown": 0}
    experiment = made["id"]
    assert told("status", experiment)["name"] == "coats"
    assert told("start", experiment)["state"] == "canary"
    assert told("start", experiment)["state"] == "canary", "twice by mistake is no go-on"
    assert ticks(sidecar) == 1
    assert told("go-on", experiment)["state"] == "running"
    assert told("stop", experiment)["state"] == "paused"
    assert ticks(sidecar) == 0
    assert told("start", experiment)["state"] == "running"
    assert ticks(sidecar) == 3
    takes = [take for cell in told("status", experiment)["cells"] for take in cell["takes"]]
    for take in takes[:2]:
        sidecar.stored(take)
    said = run("status", experiment)
    assert "coats: running" in said
    assert "2 completed, 2 processing" in said
    folder = tmp_path / "taken"
    written = told("export", experiment, "--to", folder, "--files")
    names = {f"{name}.parquet" for name in ("takes", "trials", "votes", "scores", "checks")}
    assert {path.name for path in folder.iterdir()} == {*names, "preferences.jsonl", "files"}
    assert len(written["files"]) == 8
    rows = parquet.read_table(folder / "takes.parquet").to_pylist()
    assert [row["level_garment"] for row in rows] == ["dress", "dress", "coat", "coat"]
    assert (folder / rows[0]["file"]).stat().st_size == 1000
    assert told("stop", experiment, "--close")["state"] == "closed"
    assert told("start", experiment, code=1)["error"]["code"] == "not_now"


def test_a_person_reads_prompts_and_price_before_anything_is_kept(sidecar, file):
    said = run("plan", file, "--prompt", PROMPT, "--dry-run")
    assert "coats: 2 cells, 2 takes." in said
    assert "Price: $2.10." in said
    assert "  A dress in the wind\n  A coat in the wind\n" in said
    assert "Nothing was kept, and nothing is paid." in said
    said = run("plan", file, "--prompt", PROMPT, "--name", "Which coat?")
    assert "Which coat?: 2 cells" in said
    assert "python -m backend experiment start " in said


def test_a_plan_in_json_is_taken_as_it_is(sidecar, file, tmp_path):
    plan = {"name": "JSON", "base": {"model": MODEL}, "axes": {"prompt": ["a", "b", "c"]}, "repeats": 2}
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan), "utf-8-sig")
    made = told("plan", path, "--repeats", 3)
    assert (made["cells"], made["takes"]) == (3, 9)
    path.write_text("{")
    (fault,) = told("plan", path, code=1)["error"]["fields"]
    assert (fault["field"], "is no JSON" in fault["message"]) == ("file", True)


def test_what_is_at_fault_with_a_file_or_a_plan_is_named_and_nothing_is_kept(sidecar, file, tmp_path):
    (fault,) = told("plan", file, "--prompt", "A {{ garmet }}", code=1)["error"]["fields"]
    assert (fault["field"], fault["message"]) == ("garment", "is not known here; did you mean garmet?")
    (fault,) = told("plan", tmp_path / "none.csv", code=1)["error"]["fields"]
    assert "can't be read" in fault["message"]
    assert told("status", "nowhere", code=1)["error"]["code"] == "not_found"
    done = CliRunner().invoke(app, ["experiment", "plan", str(file), "--prompt", "A {{ garmet }}"])
    assert isinstance(done.exception, InvalidRequest), (
        "which the command line tells in words, with exit code 1"
    )
    assert told("export", "nowhere", "--to", tmp_path / "x", code=1)["error"]["code"] == "not_found"
    assert not (tmp_path / "x").exists()


def test_votes_given_elsewhere_come_in_whole_or_not_at_all(sidecar, file, tmp_path):
    made = told("plan", file, "--prompt", PROMPT, "--canary", 0)
    told("start", made["id"])
    ticks(sidecar)
    first, second = (cell["takes"][0] for cell in told("status", made["id"])["cells"])
    for take in (first, second):
        sidecar.stored(take)
    votes = tmp_path / "votes.csv"
    votes.write_text(
        f"left;right;choice;rater;at\n{first};{second};left;ann;2199-01-01\n{second};gone;tie;bob;\n"
    )
    fault = told("import-votes", made["id"], votes, code=1)["error"]
    why = "right names the take gone, which is none of this experiment's"
    late = "at is 2199-01-01 00:00 UTC, which is yet to come"
    assert fault["fields"] == [{"field": "line 2", "message": late}, {"field": "line 3", "message": why}]
    assert told("status", made["id"])["votes"] == 0
    votes.write_text(f"left;right;choice;rater\n{first};{second};left;ann\n{second};{first};tie;bob\n")
    assert run("import-votes", made["id"], votes) == "2 votes were imported.\n"
    assert run("import-votes", made["id"], votes) == "0 votes were imported; 2 were here already.\n"
    assert told("status", made["id"])["votes"] == 2
