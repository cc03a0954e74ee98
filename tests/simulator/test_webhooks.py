"""Webhooks: signed as fal signs them, tried until they are acknowledged, and what can become of them."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.waiting import eventually


def test_a_webhook_is_signed_as_fal_signs_it(sim, receiver):
    receipt = sim.submit(webhook=receiver.url)
    (call,) = receiver.wait(1)
    told = json.loads(call.body)

    assert sim.is_genuine(call)
    assert not sim.is_genuine(replace(call, body=call.body + b" "))
    assert call.headers["x-fal-webhook-user-id"]
    assert abs(int(call.headers["x-fal-webhook-timestamp"]) - time.time()) < 30
    assert call.headers["x-fal-webhook-request-id"] == told["request_id"] == receipt["request_id"]
    assert (told["status"], told["payload"]) == ("OK", sim.result(receipt).json())


def test_a_failure_is_told_by_webhook_with_its_detail(sim, receiver):
    sim.submit("silk [sim:error=422]", webhook=receiver.url)
    (told,) = receiver.bodies(1)
    assert (told["status"], told["error"]) == ("ERROR", "Invalid status code: 422")
    assert told["payload"]["detail"][0]["type"] == "content_policy_violation"


@pytest.mark.parametrize("answers", [[503, 500, 204], [302]], ids=["acknowledged", "redirected"])
def test_a_webhook_is_tried_until_it_is_acknowledged_or_redirected(sim, receiver, answers):
    receiver.answers = list(answers)
    receipt = sim.submit(webhook=receiver.url)
    (owed,) = eventually(lambda: [d for d in sim.ledger()["deliveries"] if d["done"]])
    assert [attempt["status"] for attempt in owed["attempts"]] == answers
    assert owed["request_id"] == receipt["request_id"]


def test_an_early_webhook_is_acknowledged_before_the_submit_is_answered(sim, receiver):
    receiver.go.clear()
    with ThreadPoolExecutor(1) as pool:
        submitting = pool.submit(sim.submit, "silk [sim:early]", webhook=receiver.url)
        (told,) = receiver.bodies(1)
        sim.made()  # meanwhile another one is answered, and has its whole video
        assert not submitting.done()
        receiver.go.set()
        assert told["request_id"] == submitting.result()["request_id"]
    (delivery,) = sim.ledger()["deliveries"]
    assert delivery["done"]


def test_a_webhook_can_come_late_or_several_times_or_never(sim, receiver):
    faults = ("never", "late=1", "duplicated=3")
    never, late, often = (sim.submit(f"silk [sim:{fault}]", webhook=receiver.url) for fault in faults)
    sim.result(never)
    told = [body for body in receiver.bodies(4) if body["request_id"] == often["request_id"]]
    eventually(lambda: sum(delivery["done"] for delivery in sim.ledger()["deliveries"]) == 4)
    ledger = sim.ledger()
    (at,) = (d["attempts"][0]["at"] for d in ledger["deliveries"] if d["request_id"] == late["request_id"])

    assert told[0] == told[1] == told[2]
    assert at >= ledger["requests"][1]["ended_at"] + 1
    assert never["request_id"] not in {delivery["request_id"] for delivery in ledger["deliveries"]}
