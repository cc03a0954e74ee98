"""`make run` as a newcomer has it: everything at once, at its usual settings but for the ports."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import requests

from tests.e2e.studio import ROOT, answers, eventually, free_port

MODEL = "fal-ai/kling-video/v3/turbo/pro/text-to-video"


def test_a_take_is_finished_by_its_webhook_when_everything_was_started_together(tmp_path: Path) -> None:
    """Process managers hand each process a PORT of its own; webhooks must find the sidecar all the same."""
    ports = {name: str(free_port()) for name in ("PORT", "DASHBOARD_PORT", "SIMULATOR_PORT")}
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATA_DIR": str(tmp_path / "data"), **ports}
    with (tmp_path / "log").open("w") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "backend", "up"],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{ports['PORT']}"
        eventually(lambda: answers(f"{url}/readyz"), within_s=60)
        made = subprocess.run(
            [sys.executable, "-m", "backend", "token", "create", "ana"],
            cwd=ROOT, env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        with requests.Session() as client:
            client.trust_env = False
            client.headers["Authorization"] = f"Bearer {made.stdout.split()[-1]}"
            asked = client.post(
                f"{url}/api/video/start", json={"model": MODEL, "prompt": "A sunset"}, timeout=20
            )
            status = f"{url}/api/video/status/{asked.json()['id']}"
            take = eventually(
                lambda: (got := client.get(status, timeout=20).json())["status"] == "completed" and got,
                within_s=55,
            )
        assert take["status_url"] == status
        assert '"what": "delivery"' in (tmp_path / "log").read_text()
    finally:
        os.killpg(up.pid, signal.SIGINT)
        up.wait(30)
