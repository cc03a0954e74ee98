"""The HTTP API: what a take would cost, before anything is made or paid."""

import pytest

from tests.services.client import BODY, at_fault
from tests.world import PHOTO_MODEL, UNPRICED

VEO = {"model": "fal-ai/veo3.1"}
SOUND = {"duration": "6s", "resolution": "1080p"}


def estimate(sidecar, body, *, who="ana"):
    return sidecar.call(who, "POST", "/api/video/estimate", json=body)


def asked(sidecar, *, who="ana", **body):
    """What an estimate says."""
    answer = estimate(sidecar, body, who=who)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def test_an_estimate_tells_the_price_its_ceiling_its_source_and_what_it_is_made_of(sidecar):
    told = asked(sidecar, who="eve", **VEO, params=SOUND, prompt="A red dress")
    assert told == {
        "estimate_usd": 2.4, "at_most_usd": 2.4, "source": "rule",
        "basis": "6 s × $0.40 (1080p, with sound)", "as_of": "2026-09-24",
    }  # fmt: skip
    assert sidecar.page()["items"] == [], "nothing was made, and a viewer may ask"


def test_a_price_that_nobody_knows_is_null_with_the_reason(sidecar):
    told = asked(sidecar, **UNPRICED)
    assert (told["estimate_usd"], told["at_most_usd"], told["source"]) == (None, None, "unknown")
    assert told["basis"] == "the price with video is not known"


def test_what_the_model_chooses_is_told_at_its_most(sidecar):
    told = asked(sidecar, model="bytedance/seedance-2.0/fast/text-to-video")
    assert told["at_most_usd"] == pytest.approx(3.661813)
    assert told["basis"].startswith("at most 326.95")


@pytest.mark.parametrize("body", [VEO, {"model": PHOTO_MODEL}, {"model": "fal-ai/veo3.1/reference-to-video"}])
def test_what_is_missing_besides_the_model_is_no_fault(sidecar, body):
    assert asked(sidecar, **body)["estimate_usd"] > 0


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["model"]),
        ({"model": "a/none"}, ["model"]),
        ({**VEO, "params": {"duration": 6, "colour": "red"}}, ["params.colour", "params.duration"]),
        ({**VEO, "prompt": "x" * 20_001, "style": {"mood": "x"}, "at": 1}, ["at", "prompt", "style.mood"]),
        ({**VEO, "provider": "none"}, ["provider"]),
        ({"model": PHOTO_MODEL, "image": "no-upload"}, ["image"]),
    ],
)
def test_what_is_wrong_is_named_as_for_a_start(sidecar, body, fields):
    assert sorted(at_fault(estimate(sidecar, body))) == fields


def test_a_take_keeps_the_price_that_it_was_started_at(sidecar):
    body = {**BODY, **VEO, "params": SOUND}
    cost = sidecar.get(f"/api/video/status/{sidecar.started(body=body)}").get_json()["cost"]
    said = asked(sidecar, **body)
    assert {name: cost[name] for name in ("estimate_usd", "at_most_usd", "basis")} == {
        name: said[name] for name in ("estimate_usd", "at_most_usd", "basis")
    }
    assert (cost["source"], cost["billed_usd"]) == ("estimate", None)
