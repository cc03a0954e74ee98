"""Which takes should cost the same, and what their bills tell."""

from typing import Any

import pytest

from backend.catalogue.pricing.by_bills import LearntBill, price_key, quote_by_bills

SCHEMA: dict[str, Any] = {
    "properties": {
        "duration": {"enum": ["5", "10"], "default": "5"},
        "resolution": {"anyOf": [{"enum": ["720p", "1080p"]}, {"type": "null"}], "default": "720p"},
        "generate_audio": {"type": "boolean", "default": True},
        "num_frames": {"type": "integer", "default": 121},
        "seed": {"type": "integer"},
        "negative_prompt": {"type": "string"},
        "enhance_prompt": {"type": "boolean", "default": True},
        "lora_url": {"type": "string"},
        "quality": {"type": "string", "default": "standard"},
        "video_url": {"type": "string"},
        "multi_prompt": {"type": "array"},
    }
}


def key(photos: dict[str, Any] | None = None, **params: Any) -> str | None:
    return price_key(SCHEMA, params, photos or {})


@pytest.mark.parametrize(
    "params",
    [
        {"duration": "5"}, {"resolution": "720p", "generate_audio": True}, {"seed": 7}, {"num_frames": 121},
        {"negative_prompt": "blur"}, {"enhance_prompt": False},
    ],
)  # fmt: skip
def test_takes_that_differ_in_nothing_that_costs_are_one(params):
    assert key(**params) == key()


@pytest.mark.parametrize(
    "params",
    [
        {"duration": "10"}, {"resolution": "1080p"}, {"generate_audio": False}, {"num_frames": 241},
        {"lora_url": "https://a.example/x"}, {"quality": "pro"}, {"quality": "4k"},
        {"multi_prompt": [{"duration": 3}]},
        {"photos": {"image_urls": ["a"]}},
    ],
)  # fmt: skip
def test_takes_that_differ_in_anything_that_may_cost_are_told_apart(params):
    assert key(**params) not in (None, key())


def test_photos_count_by_how_many_there_are_and_clips_have_a_length_that_nobody_knows():
    assert key({"image_urls": ["a", "b"]}) == key({"image_urls": ["c", "d"]}) != key({"image_urls": ["a"]})
    assert key(video_url="https://a.example/clip.mp4") is None


def bills(*amounts: float) -> list[LearntBill]:
    return [LearntBill(usd, f"2026-11-{30 - back:02}") for back, usd in enumerate(amounts)]


@pytest.mark.parametrize(
    ("amounts", "usd", "at_most", "basis"),
    [
        ((0.5, 0.5), None, None, ""),
        ((0.5, 0.5, 0.5), 0.5, 0.5, "from 3 bills of takes with these settings: $0.50"),
        ((0.5, 0.4, 0.9, 0.6), 0.55, 0.9, "from 4 bills of takes with these settings: $0.40 to $0.90"),
        ((0.5,) * 20 + (9.0,), 0.5, 0.5, "from 20 bills of takes with these settings: $0.50"),
    ],
)
def test_three_bills_tell_a_price_and_their_spread_its_range(amounts, usd, at_most, basis):
    quote = quote_by_bills(bills(*amounts))
    told = (quote.usd, quote.at_most_usd, quote.basis) if quote else (None, None, "")
    assert told == (usd, at_most, basis)
    assert quote is None or (quote.source, quote.as_of) == ("bills", "2026-11-30")
