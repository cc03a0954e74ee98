"""What a request really costs: units that carry the multipliers, a cashbook, and what no header tells."""

import json
from pathlib import Path

import pytest

from simulator.engine import charging

VEO = "fal-ai/veo3.1"
#: endpoint, input, header units, dollars: fal's own price list, read with the multipliers of its pages
BILLS = [
    (VEO, {"duration": "6s", "resolution": "1080p"}, "6", 2.40),
    (VEO, {"duration": "8s", "resolution": "4k", "generate_audio": True}, "12", 4.80),
    (VEO, {"duration": "8s", "generate_audio": False}, "4", 1.60),
    ("fal-ai/pixverse/v6/text-to-video", {"duration": 5}, "45", 0.225),
    ("fal-ai/vidu/q3/image-to-video", {"duration": 5, "resolution": "720p"}, "11", 0.77),
    ("fal-ai/kling-video/v3/pro/text-to-video", {"duration": "5"}, "6", 0.84),
    ("bytedance/seedance-2.0/fast/text-to-video",
     {"duration": "5", "resolution": "720p", "aspect_ratio": "16:9"}, "108.9", 1.21968),
    ("fal-ai/minimax/hailuo-2.3/standard/text-to-video", {"duration": "10"}, "2", 0.56),
]  # fmt: skip


@pytest.mark.parametrize(("app", "given", "units", "usd"), BILLS)
def test_units_carry_what_resolution_sound_and_length_multiply(sim, app, given, units, usd):
    if "image" in app:
        given = {**given, "image_url": "data:image/png;base64," + PIXEL}
    receipt = sim.submit(app=app, **given)
    assert sim.result(receipt).headers["x-fal-billable-units"] == units
    (entry,) = sim.get("/sim/cashbook").json()["entries"]
    assert (entry["request_id"], entry["charged_usd"]) == (receipt["request_id"], pytest.approx(usd))


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_the_reading_of_the_rules_agrees_with_their_own_examples():
    """Its own reading: the program's may be wrong in another way. `auto` costs less than it may at most."""
    examples = json.loads((Path(__file__).parents[1] / "unit/pricing/examples.json").read_text("utf-8"))
    rules, seen = charging.load_rules(), 0
    for example in examples:
        rule = rules[example["endpoint_id"]]
        chosen = {**rule.get("defaults", {}), **example["params"]}
        if example["expected_usd"] is None or "auto" in chosen.values():
            continue
        units = charging.billed_units(rule, example["params"], default_of=lambda field: None, auto_s=5.0)
        unit_usd = (charging.list_price(rule) or {}).get("unit_usd") or charging.CENT_USD
        assert units is not None, example
        assert units * unit_usd == pytest.approx(example["expected_usd"], rel=0.001), example
        seen += 1
    assert seen > 20


@pytest.mark.parametrize("prompt", ["[sim:error=422 charged]", "[sim:charged no-video]"])
def test_what_is_charged_and_no_header_tells_stands_in_the_cashbook_and_in_the_billing_events(sim, prompt):
    receipt = sim.submit(prompt, app=VEO, duration="6s")
    answer = sim.result(receipt)
    assert "x-fal-billable-units" not in answer.headers
    assert sim.get("/sim/cashbook").json()["total_usd"] == pytest.approx(2.40)
    admin = {"Authorization": "Key admin-id:secret"}
    (event,) = sim.get("/v1/models/billing-events", headers=admin).json()["billing_events"]
    assert (event["request_id"], event["cost_total"]) == (receipt["request_id"], pytest.approx(2.40))
    assert sim.get("/v1/models/billing-events", headers={"Authorization": "Key id:secret"}).status_code == 403


@pytest.mark.parametrize(
    ("fault", "header"), [("units=1000000000", "1000000000"), ("odd-units", "a few"), ("no-units", None)]
)
def test_the_header_can_be_odd(sim, fault, header):
    receipt = sim.submit(f"[sim:{fault}]", app=VEO)
    assert sim.result(receipt).headers.get("x-fal-billable-units") == header


def test_a_price_that_rises_is_charged_for_the_same_units(sim):
    sim.simulator.offer.entries[VEO]["price"]["unit_usd"] = 1.20
    sim.result(sim.submit(app=VEO, duration="6s"))
    (entry,) = sim.get("/sim/cashbook").json()["entries"]
    assert (entry["units"], entry["charged_usd"]) == (6, pytest.approx(7.20))


def test_the_balance_is_what_charges_leave_of_the_credit_and_an_account_without_any_is_locked(sim):
    admin = {"Authorization": "Key admin-id:secret"}
    sim.call("PUT", "/sim/balance", json={"usd": 2.0})
    sim.result(sim.submit(app=VEO, duration="6s", resolution="1080p"))
    billing = sim.get("/v1/account/billing", params={"expand": "credits"}, headers=admin).json()
    assert billing["credits"] == {"current_balance": pytest.approx(-0.40), "currency": "USD"}
    assert "credits" not in sim.get("/v1/account/billing", headers=admin).json()
    assert sim.get("/v1/account/billing", headers={"Authorization": "Key id:secret"}).status_code == 403
    refused = sim.call("POST", f"/{VEO}", json={"prompt": "More"})
    assert (refused.status_code, "Exhausted balance" in refused.text) == (403, True)
