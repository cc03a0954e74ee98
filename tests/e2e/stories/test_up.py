"""`make run` as a newcomer has it: everything at once, at its usual settings but for the ports."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import requests
from PIL import Image

from tests.e2e.installation import PHOTO_MODEL, ROOT, answers
from tests.ports import reserve_port
from tests.waiting import eventually

MODEL = "fal-ai/kling-video/v3/turbo/pro/text-to-video"


def a_photo() -> io.BytesIO:
    photo = io.BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(photo, "JPEG")
    photo.seek(0)
    return photo


def test_a_take_is_finished_by_its_webhook_when_everything_was_started_together(tmp_path: Path) -> None:
    """Process managers hand each process a PORT of its own; webhooks must find the sidecar all the same."""
    ports = {name: str(reserve_port()) for name in ("PORT", "DASHBOARD_PORT", "SIMULATOR_PORT")}
    folder = os.path.relpath(tmp_path / "data", ROOT)  # as ./data is, which nobody sets
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATA_DIR": folder, **ports}
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
        eventually(lambda: answers(f"{url}/readyz"))
        made = subprocess.run(
            [sys.executable, "-m", "backend", "token", "create", "ana"],
            cwd=ROOT, env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        with requests.Session() as client:
            client.trust_env = False
            client.headers["Authorization"] = f"Bearer {made.stdout.split()[-1]}"
            photo = client.post(f"{url}/api/video/upload", files={"file": ("a.jpg", a_photo())}, timeout=20)
            bodies = [
                {"model": MODEL, "prompt": "A sunset"},
                {"model": PHOTO_MODEL, "prompt": "The camera comes closer", "image": photo.json()["id"]},
            ]
            asked = [client.post(f"{url}/api/video/start", json=body, timeout=20).json() for body in bodies]
            for one in asked:
                status = f"{url}/api/video/status/{one['id']}"
                take = eventually(
                    lambda status=status: (
                        (got := client.get(status, timeout=20).json())["status"] != "processing" and got
                    ),
                )
                assert (take["status"], take["status_url"]) == ("completed", status), take["error"]
        assert '"what": "delivery"' in (tmp_path / "log").read_text()
    finally:
        os.killpg(up.pid, signal.SIGINT)
        up.wait(30)
