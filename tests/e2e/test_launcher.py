"""Processes that tests start are what they are told to be, whatever ran before in this one."""

import sys
from pathlib import Path
from types import ModuleType

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
