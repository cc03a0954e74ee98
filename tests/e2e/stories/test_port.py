"""Where the dashboard listens: at DASHBOARD_PORT, or nowhere."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import answers
from tests.ports import reserve_port
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
#: Two that take the usual port would meet.
pytestmark = pytest.mark.xdist_group("usual port")

USUAL = 8501


@pytest.fixture
def usual_port_taken() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else's is as good
            stack.enter_context(socket.create_server(("127.0.0.1", USUAL)))
        yield


def dashboard(folder: Path, **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "DATA_DIR": str(folder), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.usefixtures("usual_port_taken")
def test_the_dashboard_listens_where_it_is_told_while_the_usual_port_is_taken(tmp_path):
    port = reserve_port()
    with dashboard(tmp_path, DASHBOARD_PORT=str(port)) as started:
        try:
            assert eventually(lambda: answers(f"http://127.0.0.1:{port}/"))
        finally:
            started.send_signal(signal.SIGKILL)


@pytest.mark.usefixtures("usual_port_taken")
def test_the_dashboard_never_moves_to_another_port_by_itself(tmp_path):
    with dashboard(tmp_path) as started:
        said, _ = started.communicate(timeout=60)
    assert started.returncode != 0
    assert f"Port {USUAL} is not available" in said.decode()
