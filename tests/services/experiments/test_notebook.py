"""Experiments in notebooks: frames of what is in the database, which stays as it was."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from backend import notebook
from backend.domain.errors import NotFound, SettingsError
from tests.services.client import SidecarClient
from tests.world import run_sql

pytestmark = pytest.mark.databases("sqlite")  # what it asks, the exports ask of both
EXAMPLE = Path(__file__).parents[3] / "docs/notebooks/which_prompt_is_better.ipynb"


@pytest.fixture
def settings(sidecar: SidecarClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(sidecar.deps.settings.data_dir))


def test_frames_have_what_exports_have_with_moments_in_utc(sidecar, voted, settings):
    places, given, ours = notebook.trials("x"), notebook.votes("x"), notebook.takes("x")
    assert places["take"].dropna().tolist() == list(voted.values())
    assert places.loc[0, "levels"] == {"prompt": "A red dress", "style.camera": "Pan"}
    assert places.estimate_usd.dropna().unique().tolist() == [0.7]
    assert given.groupby("choice").size().to_dict() == {"left": 1, "right": 5, "tie": 2}
    assert given.counted.sum() == 5
    assert given.took_s.max() == 1.5
    assert ours.loc[0, "params"] == {}
    assert str(ours.created_at.dt.tz) == str(given["at"].dt.tz) == "UTC"
    assert len(notebook.scores("x")) == len(notebook.checks("x")) == len(notebook.preferences("x")) == 1
    sidecar.started()
    assert (len(notebook.takes()), len(notebook.takes("x"))) == (5, 4)
    (listed,) = notebook.experiments().to_dict("records")
    assert (listed["id"], listed["name"], listed["completed"], listed["votes"]) == ("x", "Which red?", 3, 8)


def test_a_finding_is_a_frame_of_cells_and_nothing_is_written(sidecar, voted, settings):
    tables = ("finding", "audit", "experiment_rater")

    def rows() -> list[int]:
        return [run_sql(sidecar.deps, f"SELECT count(*) FROM {one}")[0][0] for one in tables]  # noqa: S608

    was = rows()
    found = notebook.finding("x")
    assert found.label.tolist() == ["A red dress · Pan", "=cmd|'/c calc'!A1 · Pan"]
    assert ((found.win_rate_low < found.win_rate) & (found.win_rate < found.win_rate_high)).all()
    assert not found.isna().all().any(), "no column is empty altogether"
    assert found.attrs["verdict"]["code"] == "too_early"
    assert found.attrs["votes"] == 5
    notebook.takes(), notebook.experiments()
    assert rows() == was


def test_where_there_is_no_database_none_is_made(tmp_path, monkeypatch, voted, settings):
    with pytest.raises(NotFound):
        notebook.votes("nowhere")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "elsewhere"))
    with pytest.raises(SettingsError, match="There is no database of Dailies in"):
        notebook.experiments()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.timeout(300)
def test_the_example_notebook_runs_as_it_stands_in_the_docs(voted, settings, tmp_path):
    example = nbformat.read(EXAMPLE, as_version=4)
    nbformat.validate(example)
    assert all(not cell.outputs for cell in example.cells if cell.cell_type == "code"), "outputs are cleared"
    client = NotebookClient(
        example, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(EXAMPLE.parent)}}
    )
    client.execute(env={**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path), "IPYTHONDIR": str(tmp_path)})
    told = {
        cell.id: "".join(part.get("text", "") for part in cell.outputs)
        for cell in example.cells
        if cell.cell_type == "code"
    }
    assert "oo early" in told["verdict"]
    (table,) = [part for cell in example.cells if cell.id == "cells" for part in cell.outputs]
    assert "A red dress · Pan" in table["data"]["text/plain"]
