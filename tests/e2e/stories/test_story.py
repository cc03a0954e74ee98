"""The whole path over real HTTP between real processes: asked for by API, brought home, played."""

import hashlib
import io
import signal
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import av
import pytest
import requests
from PIL import Image

from simulator.app import Simulator
from tests import databases
from tests.e2e.checker import broken_promises, ledger_of, never_lost
from tests.e2e.installation import PHOTO_MODEL, Installation, Process
from tests.ports import reserve_port
from tests.waiting import eventually

#: In one place: most share an installation.
pytestmark = [databases.BOTH, pytest.mark.xdist_group("story")]


@pytest.fixture(scope="module")
def installation(
    database_kind: str, fal: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """One installation at work, for all stories that need nothing special of it."""
    made = Installation(tmp_path_factory.mktemp("story"), fal.url, FIRST_POLL_S=2)
    made.sidecar()
    made.worker()
    yield made
    made.close()


@pytest.fixture
def ledger(fal: Simulator) -> Callable[[str], dict[str, Any]]:
    return lambda job_id: ledger_of(fal.url, job_id)


def by(installation: Installation, job_id: str, state: str) -> str:
    """Who moved the take into this state."""
    sql = "SELECT by FROM history WHERE job_id = ? AND state = ? ORDER BY id DESC"
    return str(installation.rows(sql, job_id, state)[0]["by"])


def verdicts(installation: Installation, job_id: str) -> list[tuple[str, int]]:
    found = installation.rows("SELECT verdict, copies FROM delivery WHERE job_id = ? ORDER BY id", job_id)
    return [(row["verdict"], row["copies"]) for row in found]


def test_a_take_asked_for_by_api_comes_home_by_webhook_and_plays_over_its_link(installation, ledger):
    job = installation.ask("A red silk dress in slow wind")
    told = installation.until(job, "stored")
    assert told["status"] == "completed"
    assert by(installation, job, "rendered") == "webhook"
    assert verdicts(installation, job) == [("applied", 1)]
    link = told["video"]["url"]
    whole = requests.get(link, timeout=10)
    assert whole.status_code == 200
    assert whole.headers["Content-Type"] == "video/mp4"
    assert hashlib.sha256(whole.content).hexdigest() == told["video"]["sha256"]
    part = requests.get(link, headers={"Range": "bytes=100-299"}, timeout=10)
    assert (part.status_code, part.content) == (206, whole.content[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(whole.content)}"
    with av.open(io.BytesIO(whole.content)) as reader:
        promised = reader.streams.video[0].frames
        assert sum(1 for _ in reader.decode(video=0)) == promised > 5
    assert requests.get(link.replace("s=", "s=x"), timeout=10).status_code in (403, 404)
    assert ledger(job)["billed"] == 1


def test_without_any_webhook_the_sweep_brings_the_take_home(installation, ledger):
    job = installation.ask("Waves at night [sim:never]")
    installation.until(job, "stored")
    assert by(installation, job, "rendered") == "worker"
    assert ledger(job)["deliveries"] == []
    assert ledger(job)["billed"] == 1


def test_a_lost_answer_is_one_post_and_the_token_of_its_webhook_finishes_the_take(installation, ledger):
    job = installation.ask("A city of paper [sim:lost-answer]")
    installation.until(job, "stored")
    assert installation.history(job) == ["created", "submitting", "held", "rendered", "stored"]
    assert (len(ledger(job)["posts"]), ledger(job)["billed"]) == (1, 1)
    assert installation.take(job)["request_id"] == ledger(job)["requests"][0]["request_id"]


def test_a_lost_answer_without_a_webhook_is_found_in_the_providers_records(installation, ledger):
    job = installation.ask("A city of glass [sim:lost-answer] [sim:never]")
    installation.until(job, "stored")
    assert "held" in installation.history(job)
    assert (len(ledger(job)["posts"]), ledger(job)["billed"]) == (1, 1)


def test_a_webhook_that_comes_before_the_submits_answer_is_the_takes_own(installation, ledger):
    job = installation.ask("Early birds [sim:early]")
    installation.until(job, "stored")
    assert installation.history(job) == ["created", "submitting", "rendered", "stored"]
    assert len(ledger(job)["posts"]) == 1


def test_a_webhook_in_five_copies_has_one_effect(installation):
    job = installation.ask("Five swans [sim:duplicated=5]")
    installation.until(job, "stored")
    eventually(lambda: verdicts(installation, job) == [("applied", 5)])
    assert installation.history(job).count("rendered") == 1


def test_a_failure_of_the_model_is_told_with_its_reason_and_not_sent_again(installation, ledger):
    job = installation.ask("Something forbidden [sim:error=422]")
    told = installation.until(job, "failed")
    assert told["status"] == "failed"
    assert "safety filter" in told["error"]["message"]
    assert len(ledger(job)["posts"]) == 1
    assert ledger(job)["billed"] == 0


def test_a_cancelled_take_is_stopped_at_the_provider(installation, ledger):
    job = installation.ask("A very long take [sim:slow=60]")
    installation.until(job, "queued", "running")
    assert installation.call("POST", f"/api/video/cancel/{job}").status_code == 202
    told = installation.until(job, "cancelled")
    assert told["status"] == "cancelled"
    assert ledger(job)["requests"][0]["error_type"] == "client_cancelled"
    assert ledger(job)["billed"] == 0


def test_an_uploaded_photo_starts_a_take(installation, ledger):
    photo = io.BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(photo, "JPEG")
    sent = installation.call("POST", "/api/video/upload", files={"file": ("gradient.jpg", photo.getvalue())})
    assert sent.status_code == 201, sent.text
    job = installation.ask("The camera comes closer", model=PHOTO_MODEL, image=sent.json()["id"])
    told = installation.until(job, "stored")
    assert told["video"]["size_bytes"] > 1000
    assert ledger(job)["billed"] == 1


def test_the_history_lists_every_take_once_and_newest_first(installation):
    for number in range(3):
        installation.ask(f"Page {number}")
    listed: list[str] = []
    cursor = ""
    while True:
        page = installation.call("GET", f"/api/video/history?limit=2&cursor={cursor}").json()
        listed += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert listed == [row["id"] for row in installation.rows("SELECT id FROM job ORDER BY id DESC")]


def test_a_key_used_again_after_a_restart_gives_the_same_take(make_installation, fal):
    installation = make_installation()
    sidecar: Process = installation.sidecar()
    key = uuid.uuid4().hex
    first = installation.ask("Once only", key=key)
    sidecar.send(signal.SIGKILL)
    sidecar.wait()
    installation.sidecar()
    installation.worker()
    assert installation.ask("Once only", key=key) == first
    other = {"model": PHOTO_MODEL, "prompt": "Something else"}
    again = installation.call("POST", "/api/video/start", json=other, headers={"Idempotency-Key": key})
    assert again.status_code == 409
    installation.until(first, "stored")
    assert len(ledger_of(fal.url, first)["posts"]) == 1


def test_with_an_unreachable_public_url_polling_does_it_all(make_installation, fal):
    installation = make_installation(PUBLIC_URL=f"http://127.0.0.1:{reserve_port()}", FIRST_POLL_S=0.3)
    installation.sidecar()
    installation.worker()
    jobs = [installation.ask(f"Nobody calls back, {number}") for number in range(3)]
    for job in jobs:
        installation.until(job, "stored")
        assert by(installation, job, "rendered") == "worker"
    assert installation.rows("SELECT * FROM delivery") == []
    assert broken_promises(installation) == []


def test_after_all_these_stories_no_promise_is_broken(installation):
    eventually(
        lambda: not installation.rows("SELECT 1 FROM job WHERE state IN ('created', 'queued', 'rendered')")
    )
    eventually(lambda: not installation.rows("SELECT 1 FROM job WHERE state IN ('submitting', 'running')"))
    assert broken_promises(installation) == []
    assert never_lost(installation) == []
