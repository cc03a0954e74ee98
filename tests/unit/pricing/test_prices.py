"""The price of a take, before it is paid: the pages' own examples, and whatever can be chosen."""

import itertools
import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backend.catalogue import models as catalogue
from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.bill import Price
from backend.catalogue.pricing.by_list import quote_by_list
from backend.catalogue.pricing.quote import Quote, QuoteSource, price_range, quote_by_rule
from backend.catalogue.pricing.rules import load_seed_rules, parse_rule

SEED = {model.id: model for model in catalogue.load_seed()}
RULES = load_seed_rules()
EXAMPLES = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
PER_SECOND = Price("second", 0.1)
TEXT = {"type": "string"}


def price(model_id: str, params: dict[str, Any], **options: Any) -> Quote:
    """What a take costs by the rule of its model, with the schema of the seed where it is there."""
    schema = SEED[model_id].schema if model_id in SEED else {"properties": {}}
    return quote_by_rule(RULES[model_id], schema, params, **options)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one['endpoint_id']} {one['why']}")
def test_every_example_of_the_pages_costs_what_they_say(example):
    quote = price(example["endpoint_id"], example["params"])
    if example["expected_usd"] is None:
        assert (quote.usd, quote.at_most_usd, quote.source) == (None, None, QuoteSource.UNKNOWN)
        assert quote.basis
    else:
        assert quote.usd == pytest.approx(example["expected_usd"], abs=1e-5)
        assert quote.at_most_usd >= quote.usd
        assert quote.source == QuoteSource.RULE
        assert quote.is_bound == example.get("at_most", False)


def test_every_model_that_comes_with_the_program_has_a_rule_with_source_date_and_confidence():
    assert [name for name in SEED if name not in RULES] == []
    assert len(RULES) == 80
    for rule in RULES.values():
        assert rule.source[0].name
        assert rule.as_of
        assert rule.confidence in ("high", "medium")


@pytest.mark.parametrize("model_id", SEED)
def test_the_defaults_of_a_rule_are_those_of_the_schema(model_id):
    said = {
        name: prop["default"]
        for name, prop in SEED[model_id].schema["properties"].items()
        if "default" in prop
    }
    for name, value in RULES[model_id].defaults.items():
        assert (said[name], type(said[name])) == (value, type(value)), name


#: Combinations that have no price on purpose: a clip whose length isn't in the request.
INTENDED = {
    "fal-ai/wan/v2.7/image-to-video": "video_url",
    "bytedance/seedance-2.0/fast/reference-to-video": "video_urls",
}


@pytest.mark.parametrize("model_id", SEED)
def test_whatever_can_be_chosen_of_the_price_fields_has_a_price(model_id):
    model = SEED[model_id]
    chosen = {}
    for name in RULES[model_id].fields:
        prop = model.schema["properties"].get(name, {})
        values = prop.get("enum") or ([True, False] if prop.get("type") == "boolean" else [])
        if values:
            chosen[name] = values
    for values in itertools.product(*chosen.values()):
        params = dict(zip(chosen, values, strict=True))
        quote = price(model_id, params)
        assert quote.usd is not None, params
        assert 0 < quote.usd <= quote.at_most_usd < 10, params
        if model_id in INTENDED:
            clip = {INTENDED[model_id]: "https://x/y.mp4"}
            assert price(model_id, params | clip).usd is None


@pytest.mark.parametrize(
    ("model_id", "low", "high", "moved_by"),
    [
        ("fal-ai/kling-video/v3/pro/text-to-video", 0.336, 2.52, {"generate_audio", "duration"}),
        ("fal-ai/minimax/hailuo-2.3/pro/text-to-video", 0.49, 0.49, set()),
        ("fal-ai/veo3.1", 0.80, 4.80, {"resolution", "generate_audio", "duration"}),
        ("bytedance/seedance-2.0/fast/text-to-video", 0.43456, 3.661813,
         {"duration", "resolution", "aspect_ratio"}),
        ("fal-ai/pixverse/v6/text-to-video", 0.025, 1.725,
         {"resolution", "generate_audio_switch", "duration"}),
        ("fal-ai/vidu/q3/image-to-video", 0.07, 2.464, {"resolution", "duration"}),
        ("fal-ai/pika/v2.2/image-to-video", 0.20, 1.00, {"resolution", "duration"}),
    ],
)  # fmt: skip
def test_a_model_shows_from_where_to_where_its_takes_go_and_what_moves_them(model_id, low, high, moved_by):
    found = SEED[model_id].price_range
    assert (found.from_usd, found.to_usd) == (pytest.approx(low), pytest.approx(high))
    assert set(found.moved_by) == moved_by


@pytest.mark.parametrize(
    ("model_id", "params", "basis"),
    [
        ("fal-ai/veo3.1", {"duration": "6s", "resolution": "1080p"}, "6 s × $0.40 (1080p, with sound)"),
        ("fal-ai/kling-video/v3/pro/text-to-video", {"generate_audio": False},
         "5 s × $0.112 (without sound)"),
        ("fal-ai/minimax/hailuo-2.3/standard/text-to-video", {"duration": "10"},
         "2 × $0.28 per video of 6 s (10 s)"),
        ("bytedance/seedance-2.0/fast/text-to-video", {},
         "at most 326.95 × 1,000 tokens × $0.0112 (15 s, 720p, largest frame)"),
        ("fal-ai/pika/v2.2/image-to-video", {"duration": 10},
         "1 video × $0.40 (720p, 10 s); not confirmed, at most $0.60"),
        ("fal-ai/ltx-2.3-22b/text-to-video", {}, "72 megapixels × $0.001605 (121 frames, 1024 × 576)"),
        ("fal-ai/wan/v2.7/image-to-video", {"video_url": "https://x/y.mp4"},
         "the price with video is not known"),
        ("fal-ai/veo3.1", {"resolution": "8k"}, "no price is known for 8k, with sound"),
        ("fal-ai/veo3.1", {"duration": "soon"}, "no price is known for duration soon"),
    ],
)  # fmt: skip
def test_a_price_says_what_it_is_made_of_and_an_unknown_one_why(model_id, params, basis):
    assert price(model_id, params).basis == basis


SHOTS = {"multi_prompt": [{"prompt": "a", "duration": "3"}, {"prompt": "b"}]}


@pytest.mark.parametrize(
    ("model_id", "params", "usd", "at_most"),
    [
        # each shot has its own length, and five seconds where none is said
        ("fal-ai/kling-video/v3/turbo/pro/text-to-video", SHOTS, 1.12, 1.12),
        ("fal-ai/kling-video/v3/turbo/pro/text-to-video", {"multi_prompt": []}, 0.7, 0.7),
        ("fal-ai/kling-video/v3/turbo/pro/text-to-video", {"multi_prompt": [{"duration": "?"}]}, None, None),
        # what the model chooses is priced at the most that it may become
        ("bytedance/seedance-2.0/fast/text-to-video", {}, 3.661813, 3.661813),
        # a doubtful price: both figures
        ("fal-ai/pika/v2.2/image-to-video", {"duration": 10, "resolution": "1080p"}, 0.9, 1.0),
        # the surcharge begins with the sixth photo
        ("minimax/h3/reference-to-video", {"reference_image_urls": ["u"] * 5}, 0.65, 0.65),
        ("minimax/h3/reference-to-video", {"reference_image_urls": ["u"] * 7}, 0.81, 0.81),
        # true is not 1, and "5" is not 5
        ("fal-ai/pika/v2.2/image-to-video", {"duration": "5"}, None, None),
        ("fal-ai/veo3.1", {"generate_audio": 1}, None, None),
        # several at once
        ("fal-ai/veo3.1", {"num_videos": 2}, None, None),
        ("fal-ai/veo3.1", {"num_videos": 1}, 3.2, 3.2),
        # "auto" where nobody knows what it may become
        ("blackforestlabs/flux-3/text-to-video", {"duration": "auto"}, None, None),
        # a size of one's own, and what is no size
        ("fal-ai/ltx-2.3-22b/text-to-video", {"video_size": {"width": 1000, "height": 1000}, "num_frames": 1},
         0.001605, 0.001605),
        ("fal-ai/ltx-2.3-22b/text-to-video", {"video_size": {"width": True, "height": 9}}, None, None),
        ("fal-ai/ltx-2.3-22b/text-to-video", {"video_size": "auto"}, None, None),
    ],
)  # fmt: skip
def test_what_is_asked_for_decides_the_price_and_what_is_reserved(model_id, params, usd, at_most):
    quote = price(model_id, params)
    assert (quote.usd, quote.at_most_usd) == (usd, at_most)


def test_a_discount_ends_with_its_day_and_a_rule_with_its_own():
    entry = RULES["fal-ai/veo3.1/lite"].model_dump(exclude_none=True)
    low = {"unit_usd": 0.01, "until": "2026-09-30"}
    rule = parse_rule({**entry, "rules": [low, {"unit_usd": 0.05}], "until": "2026-12-31"})
    paid = [quote_by_rule(rule, {}, {}, today=date(2026, month, 30)).usd for month in (9, 10)]
    assert paid == [pytest.approx(0.08), pytest.approx(0.4)]
    late = quote_by_rule(rule, {}, {}, today=date(2027, 1, 1))
    assert (late.usd, late.basis) == (None, "its price held until 2026-12-31")
    for written in ("20260930", "2026-W40-3"):
        same = parse_rule({**entry, "rules": [{**low, "until": written}, {"unit_usd": 0.05}]})
        assert [case.until for case in same.rules] == ["2026-09-30", None], "another way to write that day"


ODD = (
    None, True, -1, 0, 1e308, 10**5000, math.nan, math.inf, "", "auto", "5", "999999s", "\0",
    [], [None], ["5"], [{"duration": 10**400}], {},
    {"width": 1e9, "height": "x"}, {"width": 10**30, "height": 1},
)  # fmt: skip


@pytest.mark.parametrize("model_id", RULES)
def test_whatever_is_asked_for_has_a_finite_price_or_a_reason(model_id):
    for field, value in itertools.product((*RULES[model_id].fields, "num_videos"), ODD):
        quote = price(model_id, {field: value})
        assert quote.basis
        if quote.usd is not None:
            assert 0 <= quote.usd <= quote.at_most_usd < math.inf, (field, value)


# -- where nobody wrote a rule ----------------------------------------------------------------


def made(properties: dict[str, Any] | None = None, **entry: Any) -> VideoModel:
    """A model that takes a prompt and these properties."""
    schema = {"properties": {"prompt": TEXT, **(properties or {})}, "required": ["prompt"]}
    return catalogue.parse_model({"endpoint_id": "house/model", "input": schema, **entry})


CHOSEN = {"duration": {"enum": ["5", "10"], "default": "5"}}
AUTO = {"duration": {"enum": ["auto", "5"], "default": "auto"}}
FRAMES, FIVE = {"num_frames": {"default": 121}}, {"duration": {"default": "5"}}
SHOT_LIST, NUMBER = {**FIVE, "multi_prompt": {}}, {**FIVE, "num_videos": {"default": 1}}


@pytest.mark.parametrize(
    ("properties", "params", "seconds"),
    [
        (CHOSEN, {}, 5), (CHOSEN, {"duration": "10"}, 10),
        ({"duration": {"enum": ["4s", "8s"], "default": "8s"}}, {}, 8),
        ({"duration": {"type": "number", "default": 6}}, {"duration": 7.5}, 7.5),
        ({"duration": {"type": "integer"}}, {}, None), (AUTO, {}, None), (AUTO, {"duration": "5"}, 5),
        ({"duration": {"default": None}, "num_frames": {"default": 48}, "fps": {"default": 24}}, {}, None),
        ({**FRAMES, "fps": {"default": 24}}, {"num_frames": 48}, 2),
        ({"num_frames": {"default": 81}, "frames_per_second": {"default": 16}}, {}, 5.0625),
        (FRAMES, {}, None), ({**FRAMES, "fps": {"default": 0}}, {}, None), ({}, {}, None),
        *((FIVE, {"duration": value}, None) for value in (True, "-5", "\u0665", math.nan)),
        (SHOT_LIST, {"multi_prompt": [{"prompt": "a"}]}, None), (SHOT_LIST, {"multi_prompt": None}, 5),
        (NUMBER, {}, 5), (NUMBER, {"num_videos": 2}, None),
        ({**FIVE, "resolution": {"enum": ["720p", "1080p"], "default": "720p"}}, {}, None),
        ({**FIVE, "resolution": {"enum": ["720p"], "default": "720p"}}, {}, 5),
        ({**FIVE, "resolution": {"type": "string"}}, {}, None),
        ({**FIVE, "generate_audio": {"type": "boolean", "default": True}}, {}, None),
    ],
)  # fmt: skip
def test_seconds_are_read_in_every_form_and_never_guessed(properties, params, seconds):
    model = replace(made(properties), price=PER_SECOND)
    quote = quote_by_list(model.price, model.schema, params)
    assert quote.usd == (None if seconds is None else round(seconds * 0.1, 6))
    assert quote.source == (QuoteSource.UNKNOWN if seconds is None else QuoteSource.LIST)


@pytest.mark.parametrize(
    ("listed", "usd"),
    [({"unit": "Generations", "unit_usd": 0.2}, 0.2), ({"unit": "video", "unit_usd": 0}, 0), (None, None),
     ({"unit": "1k tokens", "unit_usd": 0.2}, None), ({"unit": "5 seconds", "unit_usd": 0.2}, None),
     ({"unit": "compute seconds", "unit_usd": 0.00003}, None)],
)  # fmt: skip
def test_a_list_row_prices_a_take_only_where_its_unit_is_plain(listed, usd):
    model = made(FIVE, price=listed)
    assert quote_by_list(model.price, model.schema, {}).usd == usd
    assert model.price_range is None


def test_a_range_is_told_of_a_model_whose_schema_nobody_gave():
    found = price_range(RULES["blackforestlabs/flux-3/text-to-video"], {}, {"duration": 5})
    assert (found.from_usd, found.to_usd, found.moved_by) == (0.85, 1.45, ("resolution",))


@pytest.mark.parametrize(("most", "high", "moved"), [(9, 2.72, True), (5, 2.4, False), (None, 2.4, False)])
def test_a_range_ends_with_all_that_is_paid_for_beside_the_length(most, high, moved):
    rule = RULES["minimax/h3/reference-to-video"]  # five photos are free
    photos = {"type": "array", **({"maxItems": most} if most else {})}
    schema = {"properties": {"reference_image_urls": {"anyOf": [photos, {"type": "null"}]}}}
    found = price_range(rule, schema, {"duration": 15})
    assert found.to_usd == pytest.approx(high)
    assert ("reference_image_urls" in found.moved_by) is moved
