"""`make run` as a newcomer has it: everything at once, at its usual settings but for the ports."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.installation import ROOT, answers, http_call
from tests.ports import reserve_port
from tests.waiting import eventually
from tests.world import MODEL, PHOTO_MODEL, picture

USUAL = 8501
COMMAND = ("-m", "streamlit", "run", "app.py")


def test_everything_starts_with_one_command_finishes_takes_by_webhook_and_stops_with_ctrl_c(tmp_path: Path):
    """Process managers hand each process a PORT of its own; webhooks must find the sidecar all the same."""
    ports = {name: str(reserve_port()) for name in ("PORT", "DASHBOARD_PORT", "SIMULATOR_PORT")}
    folder = os.path.relpath(tmp_path / "data", ROOT)  # as ./data is, which nobody sets
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATA_DIR": folder, **ports}
    log, command = tmp_path / "log", [sys.executable, "-m", "backend"]
    with log.open("w") as out:
        up = subprocess.Popen(
            [*command, "up"], cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True
        )
    try:
        api, dashboard = (f"http://127.0.0.1:{ports[name]}" for name in ("PORT", "DASHBOARD_PORT"))
        eventually(lambda: answers(f"{api}/readyz"))
        eventually(lambda: answers(f"{dashboard}/_stcore/health"))
        assert f"Dailies:  {dashboard}" in log.read_text()
        assert "Demo mode" in log.read_text()
        made = subprocess.check_output([*command, "token", "create", "ana"], cwd=ROOT, env=env, text=True)
        headers = {"Authorization": f"Bearer {made.split()[-1]}"}
        files = {"file": ("a.jpg", picture())}
        photo = http_call("POST", f"{api}/api/video/upload", headers=headers, files=files).json()["id"]
        bodies = [
            {"model": MODEL, "prompt": "A sunset", "params": {"duration": "3"}},
            {
                "model": PHOTO_MODEL,
                "prompt": "The camera comes closer",
                "image": photo,
                "params": {"duration": "3"},
            },
        ]
        asked = [
            http_call("POST", f"{api}/api/video/start", headers=headers, json=body).json() for body in bodies
        ]
        for one in asked:
            status = f"{api}/api/video/status/{one['id']}"

            def ended(status: str = status) -> object:
                take = http_call("GET", status, headers=headers).json()
                return take["status"] != "processing" and take

            take = eventually(ended)
            assert (take["status"], take["status_url"]) == ("completed", status), take["error"]
        assert '"what": "delivery"' in log.read_text()

        children = psutil.Process(up.pid).children(recursive=True)
        assert len(children) >= 4
        up.send_signal(signal.SIGINT)
        up.wait(30)
        assert psutil.wait_procs(children, timeout=30)[1] == [], "still there"
        assert "Traceback" not in log.read_text()
    finally:
        if up.poll() is None:
            left = psutil.Process(up.pid).children(recursive=True)  # each of them in a group of its own
            os.killpg(up.pid, signal.SIGKILL)
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


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
