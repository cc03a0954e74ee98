"""Processes that tests start are what they are told to be, whatever ran before in this one."""

import os
import sys
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from tests.e2e.launcher import calling


def test_a_process_runs_nothing_of_the_page_that_a_test_ran_before_it(tmp_path, monkeypatch):
    script, trace = tmp_path / "page.py", tmp_path / "ran"
    script.write_text(f"open({str(trace)!r}, 'w').close()")
    page = ModuleType("__main__")
    page.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", page)  # as Streamlit's runner leaves it
    process = calling(Path(tmp_path / "called").touch)
    process.start()
    process.join()
    assert (tmp_path / "called").exists()
    assert not trace.exists()
    assert sys.modules["__main__"] is page


def test_workers_of_one_run_do_not_import_the_program_once_each(
    tmp_path: Path, request: pytest.FixtureRequest
):
    """What their processes are copies of is a child of whoever runs all of them; of a run alone, its own."""
    shared = getattr(request.config, "workerinput", {}).get("forks_of")
    process = calling(write_parent, tmp_path / "parent")
    process.start()
    process.join()
    owner = psutil.Process(int((tmp_path / "parent").read_text())).ppid()
    assert owner == (os.getppid() if shared else os.getpid())


def write_parent(path: Path) -> None:
    path.write_text(str(os.getppid()))
