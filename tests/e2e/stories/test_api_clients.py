"""Programs that know the HTTP API from its document alone: one tries everything, one is generated from it."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.e2e.installation import Installation
from tests.world import MODEL, picture


def tool(*words: str, folder: Path) -> str:
    """What a program of Python's says; it must succeed."""
    run = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    return run.stdout


def test_nothing_that_the_document_allows_or_forbids_is_answered_otherwise(make_installation):
    installation: Installation = make_installation()
    installation.sidecar()
    address = f"http://127.0.0.1:{installation.port}/api/openapi.json"
    says = tool(
        *("schemathesis.cli", "run", address, "-H", f"Authorization: Bearer {installation.token()}"),
        *("--max-examples", "4", "--seed", "1", "--no-color", "--warnings", "off"),
        # Whether a start fits also depends on the models that are on offer.
        *("--exclude-checks", "positive_data_acceptance"),
        folder=installation.folder,
    )
    (passed,) = re.findall(r"(\d+) passed, \d+ skipped$", says, re.MULTILINE)
    assert int(passed) > 200, says
    assert installation.rows("SELECT state FROM job") != [], "some of it started takes"


def test_a_client_that_is_generated_from_the_document_starts_a_take_and_finds_it(
    make_installation, tmp_path, monkeypatch
):
    installation: Installation = make_installation()
    installation.sidecar()
    base = f"http://127.0.0.1:{installation.port}"
    files = dict.fromkeys(("text/csv", "application/x-ndjson"), "application/octet-stream")
    (tmp_path / "config.json").write_text(json.dumps({"post_hooks": [], "content_type_overrides": files}))
    tool(
        *("openapi_python_client", "generate", "--url", f"{base}/api/openapi.json", "--meta", "none"),
        *("--output-path", "dailies_client", "--config", "config.json", "--fail-on-warning"),
        folder=tmp_path,
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def call(name: str, *given: Any, **more: Any) -> Any:
        return import_module(f"dailies_client.api.{name}").sync(*given, client=client, **more)

    made, types = import_module("dailies_client.models"), import_module("dailies_client.types")
    client = import_module("dailies_client").AuthenticatedClient(base, token=installation.token())
    with client:
        assert MODEL in [model.id for model in call("models.list_models", q="kling").items]
        asked = made.TakeRequest(MODEL, prompt="A red dress", style=made.Style(camera="Dolly in"))
        first, again = (call("takes.start_take", body=asked, idempotency_key="monday-1") for _ in range(2))
        assert first.id == again.id
        (item,) = call("takes.list_takes", limit=5).items
        assert (item.id, item.state, item.prompt) == (first.id, "created", "A red dress")
        assert call("takes.get_take", item.id).created_at == item.created_at
        photo = types.File(picture(), "look.jpg", "image/jpeg")
        upload = call("uploads.upload_photo", body=made.UploadPhotoBody(photo))
        assert (upload.width, upload.file_name) == (640, "look.jpg")
        assert call("takes.cancel_take", first.id).status == "cancelled"
        refused = call("takes.start_take", body=made.TakeRequest(MODEL))
        assert [fault.field for fault in refused.error.fields] == ["prompt"]
        assert call("spend.get_spend", by=made.GetSpendBy.MODEL).total.takes == 1
