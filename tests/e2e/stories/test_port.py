"""Where the dashboard listens: at DASHBOARD_PORT, or nowhere."""

import contextlib
import socket

import pytest

from tests.e2e.installation import ROOT, answers
from tests.waiting import eventually

USUAL = 8501
COMMAND = ("-m", "streamlit", "run", "app.py")


@pytest.mark.xdist_group("usual port")  # two that take it would meet
def test_the_dashboard_listens_where_it_is_told_or_nowhere_while_the_usual_port_is_taken(make_installation):
    installation = make_installation()
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else's is as good
            stack.enter_context(socket.create_server(("127.0.0.1", USUAL)))
        told = installation.run("told", *COMMAND, cwd=ROOT)
        eventually(lambda: answers(f"http://127.0.0.1:{installation.dashboard_port}/"), process=told)
        installation.settings["DASHBOARD_PORT"] = None
        never_moves = installation.run("untold", *COMMAND, cwd=ROOT)
        assert never_moves.wait() != 0
    assert f"Port {USUAL} is not available" in never_moves.said()
