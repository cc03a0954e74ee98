"""The HTTP API: what is told of takes and models, and stopping one."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from backend.domain.states import JobEvent
from backend.services.lifecycle.fetching import choices
from tests import databases
from tests.services.client import ACCEPTED, BODY, CONTRACT, PUBLIC, at_fault, ids, said, status
from tests.world import ADMIN, MODEL

pytestmark = databases.BOTH
#: Where no statement decides.
ONE = pytest.mark.databases(None)


def test_a_take_that_was_just_started_tells_what_is_known(sidecar):
    job_id = sidecar.started()
    sidecar.clock.pass_s(2.5)
    told = status(sidecar, job_id)
    assert (told["id"], told["status"], told["state"]) == (job_id, "processing", "created")
    assert (told["provider"], told["model"], told["prompt"]) == ("fal", MODEL, BODY["prompt"])
    assert told["elapsed_s"] == 2.5
    for nothing in ("request_id", "queue_position", "error", "video", "ended_at", "submitted_at"):
        assert told[nothing] is None
    assert datetime.fromisoformat(told["created_at"]) == sidecar.clock.now() - timedelta(seconds=2.5)
    assert set(told["cost"]) >= {"estimate_usd", "at_most_usd", "basis", "billed_usd", "source"}
    assert told["cost"]["source"] == ("unknown" if told["cost"]["estimate_usd"] is None else "estimate")
    assert told["cost"]["billed_usd"] is None


@ONE
def test_a_trouble_that_is_being_tried_again_is_no_error(sidecar):
    job_id = sidecar.started()
    trouble = {"code": "x", "message": "fal could not be reached.", "charged": "no", "next": "again"}
    for event, shown, empty in (
        (JobEvent.SUBMIT_BEGUN, "trouble", "error"), (JobEvent.REFUSED, "error", "trouble"),
    ):  # fmt: skip
        sidecar.advance(job_id, event, error=trouble)
        told = status(sidecar, job_id)
        assert (told[empty], told[shown]["message"]) == (None, "fal could not be reached.")


def test_a_stored_take_gives_links_that_open_without_a_token(sidecar):
    job_id = sidecar.started()
    sidecar.clock.pass_s(60)
    stored = sidecar.stored(job_id)
    sidecar.clock.pass_s(60)
    told = status(sidecar, job_id)
    assert (told["status"], told["state"], told["elapsed_s"]) == ("completed", "stored", 60)
    video = told["video"]
    assert (video["sha256"], video["size_bytes"]) == (stored.sha256, 1000)
    assert set(video) >= {"duration_s", "width", "height"}
    for link, kind in ((video["url"], "video/mp4"), (video["poster_url"], "image/webp")):
        assert link.startswith(f"{PUBLIC}/media/")
        answer = sidecar.get(link, who=None)
        assert (answer.status_code, answer.content_type) == (200, kind)
        assert answer.get_data() == b"0123456789" * 100


@ONE
def test_an_unknown_take_is_not_found(sidecar):
    for job_id in ("x", "01a00000-0000-7000-8000-00000000dead", "%00", "..", "a" * 3000, "ü"):
        said(sidecar.get(f"/api/video/status/{job_id}"), 404)
        said(sidecar.cancel(job_id), 404)


def test_the_history_is_paged_newest_first_and_new_takes_shift_nothing(sidecar):
    made = [sidecar.started(body={**BODY, "prompt": f"take {number}"}) for number in range(7)]
    first = sidecar.page("limit=3")
    sidecar.started(body={**BODY, "prompt": "meanwhile"})
    seen, cursor = ids(first), first["next_cursor"]
    while cursor:
        page = sidecar.page(f"limit=3&cursor={cursor}")
        seen, cursor = seen + ids(page), page["next_cursor"]
    assert seen == made[::-1]
    assert set(first["items"][0]) >= CONTRACT
    assert sidecar.page("limit=8")["next_cursor"] is None, "a page that is exactly full has no next one"


def test_the_history_can_be_filtered_by_word_and_state(sidecar):
    moving, cancelled, stored = (sidecar.started() for _ in range(3))
    sidecar.cancel(cancelled)
    sidecar.stored(stored)
    expected = {
        "processing": [moving], "completed": [stored], "cancelled": [cancelled], "failed": [], "held": [],
        "created": [moving], "stored": [stored], "": [stored, cancelled, moving],
    }  # fmt: skip
    assert {word: ids(sidecar.page(f"status={word}")) for word in expected} == expected


@ONE
def test_a_page_that_can_not_be_given_is_refused_by_every_name_at_fault(sidecar):
    faults = {
        "limit": ("0", "201", "-1", "x", "1e3", "", "9" * 5000, "½"),
        "cursor": ("x", "' OR 1=1", "%00"),
        "status": ("done",),
    }
    for name, wrong in faults.items():
        for value in wrong:
            answer = sidecar.get(f"/api/video/history?{name}={value}")
            assert list(at_fault(answer)) == [name], value[:9]
    assert set(at_fault(sidecar.get("/api/video/history?status=x&limit=0&cursor=x"))) == set(faults)


@ONE
def test_all_models_are_told_at_once_with_their_schema_and_price_or_found_by_words_and_provider(sidecar):
    def found(query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = sidecar.get(f"/api/models?{query}").get_json()["items"]
        return items

    every = found("")
    assert len(every) >= 6
    for model in every:
        assert set(model) >= {"id", "provider", "title", "schema", "price", "usable", "reason"}
        assert model["schema"]["type"] == "object"
        assert model["price"] is None or set(model["price"]) == {"unit", "unit_usd"}
        assert model["usable"] is (model["reason"] is None)
    assert found("q=kling") == [model for model in every if "kling" in model["id"]] != []
    assert found("q=no-such-model-anywhere") == found("provider=nobody") == []
    assert [*found("provider=fal"), *found("provider=blackbox")] == every


def test_what_was_not_sent_is_cancelled_at_once_and_twice_is_harmless(sidecar):
    job_id = sidecar.started()
    for _ in range(2):
        answer = sidecar.cancel(job_id)
        assert (answer.status_code, answer.get_json()["status"]) == (202, "cancelled")
        assert set(answer.get_json()) >= CONTRACT


def test_what_was_accepted_goes_on_until_the_provider_was_asked_and_what_is_stored_stays(sidecar):
    queued, stored = sidecar.started(), sidecar.started()
    for job_id in (queued, stored):
        sidecar.advance(job_id, *ACCEPTED)
    sidecar.stored(stored)
    for job_id, state in ((queued, "queued"), (stored, "stored")):
        answer = sidecar.cancel(job_id)
        told = answer.get_json()
        assert (answer.status_code, told["state"]) == (202, state)
        assert told["cancel_requested"] is (state == "queued")


@ONE
def test_a_rendered_take_gives_up_its_files_says_that_it_is_paid_and_keeps_their_links(sidecar):
    job_id = sidecar.started()
    outputs = [{"role": "video", "url": "https://v3.fal.media/files/a.mp4"}]
    sidecar.advance(job_id, *ACCEPTED)
    sidecar.advance(job_id, JobEvent.FINISHED, outputs=outputs, rendered_at=sidecar.clock.now())
    answer = sidecar.cancel(job_id)
    told = answer.get_json()
    assert (answer.status_code, told["status"], told["error"]["charged"]) == (202, "cancelled", "yes")
    assert "can be fetched later" in told["error"]["message"]
    assert [(file["role"], file["url"]) for file in told["files"]] == [("video", None)]
    assert sidecar.job(job_id).outputs == outputs
    assert choices.fetch_after_all(sidecar.deps, ADMIN, job_id).state == "rendered"
    said(sidecar.cancel(job_id, who="eve"), 403)
    said(sidecar.cancel("none"), 404)
