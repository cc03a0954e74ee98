"""A request's way as fal has it, from submit to bill, and how its end is told."""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from types import SimpleNamespace

import av
import fal_client
import fal_client.client as fal_globals
import pytest

from simulator.engine import loop, queue
from simulator.http import submit
from tests.simulator.client import APP, running
from tests.waiting import PATIENCE_S, eventually


@pytest.fixture
def fal(sim, monkeypatch):
    """fal's own client."""
    monkeypatch.setattr(fal_globals, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(fal_globals, "QUEUE_URL_FORMAT", f"{sim.url}/")
    monkeypatch.setattr(fal_globals, "REST_URL", sim.url)
    monkeypatch.setattr(fal_globals, "CDN_URL", sim.url)
    return fal_client.SyncClient(key="demo:simulator")


def test_fals_client_gets_a_video_from_submit_to_result(sim, fal):
    handle = fal.submit(APP, {"prompt": "A calm sea", "seed": 7})
    seen = [type(status) for status in handle.iter_events(interval=0.01)]
    output = handle.get()
    video = output["video"]
    content = sim.get(video["url"], headers={}).content

    assert seen[0] in (fal_client.Queued, fal_client.InProgress)
    assert seen[-1] is fal_client.Completed
    assert output["seed"] == 7
    assert len(content) == video["file_size"]
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (video["width"], video["height"]) == (320, 180)
        assert float(stream.duration * stream.time_base) == pytest.approx(video["duration"], abs=0.01)
        assert sum(1 for _ in container.decode(video=0)) == video["num_frames"] == 6


@pytest.mark.parametrize("repository", ["fal_v3", "fal"])
def test_what_fals_client_uploads_can_be_had_as_it_was(sim, fal, repository):
    link = fal.upload(b"as it is", "text/plain", file_name="a photo.txt", repository=repository)
    answer = sim.get(link, headers={})
    assert (answer.content, answer.headers["Content-Type"].split(";")[0]) == (b"as it is", "text/plain")


def test_positions_fall_then_it_runs_goes_back_into_the_line_once_and_is_over(tmp_path, monkeypatch):
    """Its clock is the test's: 25 s pass between two looks."""
    passed, told = 0.0, list[tuple[str, int | None]]()
    clock = SimpleNamespace(time=lambda: time.time() + passed)
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(queue, "time", clock)
    with running(tmp_path, pace=100.0) as sim:
        receipt = sim.submit("[sim:requeue]")
        while not told or told[-1][0] != "COMPLETED":
            body = sim.status(receipt)
            told.append((body["status"], body.get("queue_position")))
            passed += 25
            sim.simulator.installation.queue.run_due(clock.time())

    assert [word for word, _ in groupby(told, lambda one: one[0])] == [
        *("IN_QUEUE", "IN_PROGRESS") * 2,
        "COMPLETED",
    ]
    assert [position for position, _ in groupby(one[1] for one in told)][:5] == [4, 3, 2, 1, None]


@pytest.mark.parametrize(("unit", "units"), [(None, "8"), ("second", "8"), ("video", "1")])
def test_a_result_says_what_it_is_billed(sim, unit, units):
    price = {"price": {"unit": unit, "unit_usd": 0.49}} if unit else {}
    sim.simulator.offer.entries["a/b"] = {"endpoint_id": "a/b", "input": {}, **price}
    receipt = sim.submit(app="a/b", duration="8s")
    answer = sim.result(receipt)
    assert answer.headers["x-fal-billable-units"] == units
    assert answer.headers["x-fal-request-id"] == receipt["request_id"]
    assert sim.ledger()["billed"] == 1


@pytest.mark.parametrize(
    "given", [{"prompt": ""}, {"prompt": "  "}, {}, {"prompt": 5}, {"prompt": "x", "seed": "y"}]
)
def test_a_bad_input_is_accepted_and_fails_as_the_models_own_422(sim, given):
    answer = sim.call("POST", "/some/model", json=given)
    result, status = sim.result(answer.json()), sim.status(answer.json())

    assert (answer.status_code, result.status_code) == (200, 422)
    assert result.json()["detail"][0]["loc"][0] == "body"
    assert (status["status"], status["error"]) == ("COMPLETED", "Invalid status code: 422")
    assert (sim.ledger()["accepted"], sim.ledger()["billed"]) == (1, 0)


def test_who_has_no_key_is_let_in_nowhere(sim):
    receipt = sim.submit()
    calls = [
        ("POST", f"/{APP}"),
        ("GET", receipt["status_url"]),
        ("GET", receipt["response_url"]),
        ("PUT", receipt["cancel_url"]),
        ("GET", f"/v1/models/pricing?endpoint_id={APP}"),
        ("POST", "/storage/auth/token"),
        ("POST", "/blackbox/chat/completions"),
    ]
    assert {sim.call(*call, headers={}).status_code for call in calls} == {401}
    assert [post["accepted"] for post in sim.ledger()["posts"]] == [True, False, False]


def test_results_too_early_and_cancels_are_answered_as_fal_does(sim):
    done, running_ = sim.submit(), sim.submit("silk [sim:stuck]")
    sim.result(done)
    eventually(lambda: sim.status(running_)["status"] == "IN_PROGRESS")

    early = sim.get(running_["response_url"])
    assert (early.status_code, early.json()) == (400, {"detail": "Request is still in progress"})
    assert sim.cancel(done) == (400, "ALREADY_COMPLETED")
    assert sim.cancel(running_) == (202, "CANCELLATION_REQUESTED")
    assert sim.cancel({"cancel_url": "/a/b/requests/nobody/cancel"}) == (404, "NOT_FOUND")
    assert sim.status(running_)["error_type"] == "client_cancelled"


def test_a_cancel_in_the_queue_takes_it_out_and_time_takes_the_result(tmp_path):
    with running(tmp_path / "slow", pace=5.0) as sim:
        receipt = sim.submit()
        assert sim.cancel(receipt) == (200, "OK")
        assert sim.get(receipt["response_url"]).status_code == 499
        assert sim.ledger()["billed"] == 0
    with running(tmp_path / "forgetful", result_ttl_s=0.0) as sim:
        receipt = sim.submit()
        assert sim.result(receipt).status_code == 404
        assert sim.status(receipt) == {"status": "NOT_FOUND"}


# -- webhooks


@pytest.mark.parametrize("answers", [[503, 500, 204], [302]], ids=["acknowledged", "redirected"])
def test_a_webhook_is_tried_until_it_is_acknowledged_or_redirected(sim, receiver, answers):
    receiver.answers = list(answers)
    receipt = sim.submit(webhook=receiver.url)
    (owed,) = eventually(lambda: [d for d in sim.ledger()["deliveries"] if d["done"]])
    assert [attempt["status"] for attempt in owed["attempts"]] == answers
    assert owed["request_id"] == receipt["request_id"]


def test_an_early_webhook_is_acknowledged_before_the_submit_is_answered(sim, receiver, monkeypatch):
    monkeypatch.setattr(submit, "EARLY_ACK_S", PATIENCE_S)
    receiver.go.clear()
    with ThreadPoolExecutor(1) as pool:
        submitting = pool.submit(sim.submit, "silk [sim:early]", webhook=receiver.url)
        (told,) = receiver.bodies(1)
        sim.made()  # the control: meanwhile another one is answered, and over
        assert not submitting.done()
        receiver.go.set()
        assert told["request_id"] == submitting.result()["request_id"]
    assert [delivery["done"] for delivery in sim.ledger()["deliveries"]] == [True]
