"""Webhooks: signed as fal signs them, tried until they are acknowledged, and what can become of them."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature

from simulator.http import submit
from tests.waiting import PATIENCE_S, eventually


def test_a_webhook_is_signed_as_fal_signs_it(sim, receiver):
    receipt = sim.submit(webhook=receiver.url)
    (call,) = receiver.wait(1)
    told = json.loads(call.body)

    sim.verify(call)
    with pytest.raises(InvalidSignature):
        sim.verify(replace(call, body=call.body + b" "))
    assert call.headers["x-fal-webhook-user-id"]
    assert abs(int(call.headers["x-fal-webhook-timestamp"]) - time.time()) < 30
    assert call.headers["x-fal-webhook-request-id"] == told["request_id"] == receipt["request_id"]
    assert (told["status"], told["payload"]) == ("OK", sim.result(receipt).json())


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


def test_a_webhook_can_come_late_or_several_times_or_never(sim, receiver):
    faults = ("never", "late=1", "duplicated=3")
    receipts = [sim.submit(f"silk [sim:{fault}]", webhook=receiver.url) for fault in faults]
    never, late, often = (receipt["request_id"] for receipt in receipts)
    assert sim.result(receipts[0]).status_code == 200
    eventually(lambda: sum(delivery["done"] for delivery in sim.ledger()["deliveries"]) == 4)
    ledger = sim.ledger()
    ended_at = {request["request_id"]: request["ended_at"] for request in ledger["requests"]}
    first_try_at = {told["request_id"]: told["attempts"][0]["at"] for told in ledger["deliveries"]}

    of_often = [body for body in receiver.bodies(4) if body["request_id"] == often]
    assert of_often == of_often[:1] * 3
    assert first_try_at[late] >= ended_at[late] + 1
    assert never not in first_try_at
