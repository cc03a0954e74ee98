"""The HTTP API: what is told of takes and models, and stopping one."""

from datetime import datetime, timedelta

import pytest

from backend.domain.states import JobEvent
from tests import databases
from tests.services.client import ACCEPTED, BODY, CONTRACT, PUBLIC, at_fault, ids, said, status
from tests.services.receiving import WAY
from tests.world import MODEL

pytestmark = databases.BOTH

# -- status -----------------------------------------------------------------------------------


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
    assert set(told["cost"]) == {"estimate_usd", "billed_usd", "source"}
    assert told["cost"]["source"] == ("unknown" if told["cost"]["estimate_usd"] is None else "estimate")
    assert told["cost"]["billed_usd"] is None


@pytest.mark.databases(None)
@pytest.mark.parametrize("state", [state for state in WAY if state not in ("created", "stored")])
def test_each_state_has_its_word(sidecar, state):
    job_id = sidecar.started()
    sidecar.advance(job_id, *WAY[state])

    told = status(sidecar, job_id)

    word = state if state in ("held", "failed", "cancelled") else "processing"
    assert (told["state"], told["status"], told["video"]) == (state, word, None)


@pytest.mark.databases(None)
def test_a_trouble_that_is_being_tried_again_is_no_error(sidecar):
    job_id = sidecar.started()
    message = "fal could not be reached."
    trouble = {"code": "unreachable", "message": message, "charged": "no", "next": "again"}
    sidecar.advance(job_id, JobEvent.SUBMIT_BEGUN, error=trouble)

    told = status(sidecar, job_id)
    assert (told["error"], told["trouble"]["message"]) == (None, "fal could not be reached.")

    sidecar.advance(job_id, JobEvent.REFUSED, error=trouble)
    told = status(sidecar, job_id)
    assert (told["trouble"], told["error"]["message"]) == (None, "fal could not be reached.")


def test_a_stored_take_gives_links_that_open_without_a_token(sidecar):
    job_id = sidecar.started()
    sidecar.clock.pass_s(60)
    video = sidecar.stored(job_id)
    sidecar.clock.pass_s(60)

    told = status(sidecar, job_id)

    assert (told["status"], told["state"], told["elapsed_s"]) == ("completed", "stored", 60)
    measures = {"duration_s", "width", "height"}
    assert set(told["video"]) >= {"url", "poster_url", "sha256", "size_bytes", *measures}
    assert (told["video"]["sha256"], told["video"]["size_bytes"]) == (video.sha256, 1000)
    for link, kind in ((told["video"]["url"], "video/mp4"), (told["video"]["poster_url"], "image/webp")):
        assert link.startswith(f"{PUBLIC}/media/")
        answer = sidecar.get(link, who=None)
        assert (answer.status_code, answer.content_type) == (200, kind)
        assert answer.get_data() == b"0123456789" * 100


@pytest.mark.databases(None)
@pytest.mark.parametrize(
    "job_id", ["x", "01a00000-0000-7000-8000-00000000dead", "%00", "..", "a" * 3000, "ü"]
)
def test_an_unknown_take_is_not_found(sidecar, job_id):
    said(sidecar.get(f"/api/video/status/{job_id}"), 404)
    said(sidecar.cancel(job_id), 404)


# -- history ----------------------------------------------------------------------------------


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


@pytest.mark.databases(None)
@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]), ("limit=201", ["limit"]), ("limit=-1", ["limit"]), ("limit=x", ["limit"]),
        ("limit=1e3", ["limit"]), ("limit=", ["limit"]), ("limit=" + "9" * 5000, ["limit"]),
        ("limit=½", ["limit"]),
        ("cursor=x", ["cursor"]), ("cursor=' OR 1=1", ["cursor"]), ("cursor=%00", ["cursor"]),
        ("status=done", ["status"]), ("status=x&limit=0&cursor=x", ["status", "limit", "cursor"]),
    ],
    ids=lambda part: ascii(part)[:40],
)  # fmt: skip
def test_a_page_that_can_not_be_given_is_refused_by_every_name_at_fault(sidecar, query, fields):
    assert list(at_fault(sidecar.get(f"/api/video/history?{query}"))) == fields


@pytest.mark.databases(None)
def test_all_models_are_told_at_once_with_their_schema_and_price(sidecar):
    items = sidecar.get("/api/models").get_json()["items"]

    assert len(items) >= 6
    for model in items:
        assert set(model) >= {"id", "provider", "title", "schema", "price", "usable", "reason"}
        assert model["schema"]["type"] == "object"
        assert model["price"] is None or set(model["price"]) == {"unit", "unit_usd"}
        assert model["usable"] is (model["reason"] is None)


@pytest.mark.databases(None)
def test_models_are_found_by_words_and_provider(sidecar):
    def found(query: str) -> list[str]:
        return [model["id"] for model in sidecar.get(f"/api/models?{query}").get_json()["items"]]

    assert MODEL in found("q=kling")
    assert all("kling" in model_id for model_id in found("q=kling"))
    assert found("q=no-such-model-anywhere") == found("provider=nobody") == []
    assert [*found("provider=fal"), *found("provider=blackbox")] == found("")


def test_what_was_not_sent_is_cancelled_at_once_and_twice_is_harmless(sidecar):
    job_id = sidecar.started()

    for _ in range(2):
        answer = sidecar.cancel(job_id)
        assert (answer.status_code, answer.get_json()["status"]) == (202, "cancelled")
        assert set(answer.get_json()) >= CONTRACT


@pytest.mark.parametrize(("state", "asked"), [("queued", True), ("stored", False)])
def test_what_was_accepted_goes_on_until_the_provider_was_asked_and_what_is_stored_stays(
    sidecar, state, asked
):
    job_id = sidecar.started()
    sidecar.advance(job_id, *ACCEPTED)
    if state == "stored":
        sidecar.stored(job_id)

    answer = sidecar.cancel(job_id)

    assert answer.status_code == 202
    assert (answer.get_json()["state"], answer.get_json()["cancel_requested"]) == (state, asked)
