"""The models on offer: what they take, what they refuse, what is sent, and what it will cost."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.catalogue import models as catalogue
from backend.catalogue.check_params import check_params
from backend.catalogue.models import Catalogue, VideoModel
from backend.catalogue.prompts import build_payload, check_prompt

SEED = Catalogue(catalogue.load_seed())
VEO = SEED.get("fal-ai/veo3.1")
VEO_FRAMES = SEED.get("fal-ai/veo3.1/fast/first-last-frame-to-video")
KLING_TURBO = SEED.get("fal-ai/kling-video/v3/turbo/pro/text-to-video")
KLING_PHOTO = SEED.get("fal-ai/kling-video/v3/pro/image-to-video")
KLING_TAIL = SEED.get("fal-ai/kling-video/v2.5-turbo/pro/image-to-video")
HAILUO = SEED.get("fal-ai/minimax/hailuo-2.3/pro/text-to-video")
LTX_OPEN = SEED.get("fal-ai/ltx-2.3-22b/text-to-video")
SEEDANCE = SEED.get("bytedance/seedance-2.0/fast/text-to-video")
PIXVERSE = SEED.get("fal-ai/pixverse/v6/text-to-video")
TEXT = {"type": "string"}


def made(properties: dict[str, Any] | None = None, **entry: Any) -> VideoModel:
    """A model that takes a prompt and these properties."""
    schema = {"properties": {"prompt": TEXT, **(properties or {})}, "required": ["prompt"]}
    return catalogue.parse_model({"endpoint_id": "house/model", "input": schema, **entry})


def test_the_seed_offers_text_photo_and_start_to_end_models_that_all_work_and_none_that_is_retired():
    offered = catalogue.load_seed()
    retired = re.compile(r"fal-ai/veo[23](?!\.1)|sora|fal-ai/ltx-2/|^wan/v2\.6/text|seedance/v1/lite")

    assert all(
        model.usable and model.title and model.description and model.typical_s > 0 for model in offered
    )
    assert len({model.id for model in offered}) == len(offered) >= 18
    assert {model.category for model in offered} == {"text-to-video", "image-to-video"}
    first, last = [model.image_field for model in offered], [model.end_image_field for model in offered]
    assert min(first.count(None), len(first) - first.count(None), len(last) - last.count(None)) >= 6
    assert not [model.id for model in offered if retired.search(model.id)]


def test_the_seed_is_one_list_that_other_programs_can_read_whose_schemas_pass_their_own_check():
    seed = json.loads(Path(catalogue.__file__).with_name("seed.json").read_text("utf-8"))
    assert set(seed) == {"as_of", "models"}
    assert all(entry.keys() >= {"endpoint_id", "title", "category", "input"} for entry in seed["models"])

    for model in catalogue.load_seed():
        properties = model.schema["properties"]
        assert "$ref" not in json.dumps(model.schema)
        assert model.schema["additionalProperties"] is False
        assert not {model.prompt_field, model.image_field} & set(properties)
        assert list(properties) == model.schema["x-fal-order-properties"]
        for name, prop in properties.items():
            for value in [*prop.get("enum", []), *([prop["default"]] if "default" in prop else [])]:
                assert f"params.{name}" not in check_params(model, {name: value}), (model.id, name, value)


@pytest.mark.parametrize(
    ("model", "first", "last", "required"),
    [
        (KLING_PHOTO, "start_image_url", "end_image_url", True),
        (KLING_TAIL, "image_url", "tail_image_url", True),
        (VEO_FRAMES, "first_frame_url", "last_frame_url", True),
        (SEED.get("minimax/h3/image-to-video"), "image_url", "end_image_url", False),
        (VEO, None, None, False),
    ],
)
def test_first_and_last_frames_are_found_under_each_name_and_a_last_one_stays_a_parameter(
    model, first, last, required
):
    assert (model.image_field, model.end_image_field, model.image_required) == (first, last, required)
    missing = {"params.last_frame_url": "is missing; this model needs it"} if model == VEO_FRAMES else {}
    assert check_params(model, {}) == missing
    assert check_params(model, {last: "https://example.com/last.png"} if last else {}) == {}


def test_search_finds_every_word_in_any_case_and_the_named_ones_first():
    assert KLING_PHOTO in SEED.search("KLING photo")
    assert VEO not in SEED.search("KLING photo")
    assert SEED.search() == list(catalogue.load_seed())
    assert SEED.search("nothing is called like this") == SEED.search(provider="another") == []
    named, told = made(title="Silk"), replace(made(), id="house/other", description="flows like silk")
    assert Catalogue([told, named]).search("silk") == [named, told]
    with pytest.raises(KeyError):
        SEED.get("fal-ai/none")


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (None, "no schema"), ("{}", "no schema"), ({}, "lists no inputs"),
        ({"type": "array", "properties": {"prompt": TEXT}}, "lists no inputs"),
        ({"properties": ["prompt"]}, "not valid"),
        ({"properties": {"prompt": TEXT}, "required": ["picture"]}, "requires picture"),
        *(({"properties": {"prompt": prompt}}, why) for prompt, why in (
            ({"type": "text"}, "not valid"), ({"type": "integer"}, "not a text"),
            ({"type": "string", "pattern": "("}, "not valid"),
            ({"$ref": "#/components/schemas/Gone"}, "not there"),
            ({"$ref": "https://example.com/schema.json"}, "not there"),
            ({"$ref": "#/properties/prompt"}, "refers to itself"), ({"$dynamicRef": "#prompt"}, "dynamicRef"),
        )),
        *(({"properties": {"prompt": TEXT, "n": n}}, why) for n, why in (
            (5, "not valid"), (True, "does not describe n"), ({"enum": []}, "no value for n"),
            ({"minimum": 5, "maximum": 1}, "no value for n"),
        )),
    ],
)  # fmt: skip
def test_a_schema_that_makes_no_sense_is_listed_as_unusable_with_the_reason(schema: Any, why: str):
    model = catalogue.parse_model({"endpoint_id": "house/broken", "title": "Broken", "input": schema})
    assert not model.usable
    assert why in str(model.reason)
    assert (model.id, model.title) == ("house/broken", "Broken")
    assert check_params(model, {}) == {}


def test_a_schema_as_deep_or_as_large_as_a_trap_is_unusable():
    deep: dict[str, Any] = TEXT
    for _ in range(5_000):
        deep = {"anyOf": [deep]}
    definitions: dict[str, Any] = {"D9": TEXT}
    definitions |= {f"D{n}": {"anyOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 9} for n in range(9)}
    bomb = {"properties": {"prompt": {"$ref": "#/$defs/D0"}}, "$defs": definitions}

    for schema in ({"properties": {"prompt": deep}}, bomb):
        model = catalogue.parse_model({"endpoint_id": "house/trap", "input": schema})
        assert (model.usable, model.reason) == (False, "the schema is too large")


def test_references_into_the_provider_s_document_are_put_in_place():
    size = {"type": "object", "properties": {"width": {"type": "integer"}}}
    properties = {
        "size": {"anyOf": [{"$ref": "#/components/schemas/Size"}, {"enum": ["hd"]}]},
        "prompt": {"type": "string", "maxLength": 9},
    }
    schemas = {"Input": {"required": ["prompt"], "properties": properties}, "Size": size}
    whole = {"input": {"$ref": "#/components/schemas/Input"}, "components": {"schemas": schemas}}
    model = catalogue.parse_model({"endpoint_id": "house/refs", **whole})

    assert (model.usable, model.prompt_required, model.prompt_max_chars) == (True, True, 9)
    assert model.schema["properties"]["size"]["anyOf"][0]["properties"] == size["properties"]
    assert check_params(model, {"size": {"width": 5}}) == {}
    assert set(check_params(model, {"size": {"width": "5"}})) == {"params.size.width"}
    assert check_params(model, {"size": "4k"}) == {"params.size": 'must be one of "hd"; you gave "4k"'}


@pytest.mark.parametrize(
    "price",
    [None, 5, {}, {"unit": "second"}, {"unit": "", "unit_usd": 1}, {"unit": 5, "unit_usd": 1}]
    + [{"unit": "second", "unit_usd": value} for value in (True, -1, math.nan, math.inf, None, "0.1")],
)
def test_a_price_that_cannot_be_read_is_no_price(price: Any):
    assert (made(price=price).usable, made(price=price).price) == (True, None)


@pytest.mark.parametrize(
    ("prop", "right", "wrong"),
    [
        ({"type": "string", "enum": ["5", "10"]}, ["5"], [5, "7", 5.0, None, ["5"]]),
        ({"type": "integer", "enum": [5, 10]}, [5], ["5", 7, True, None]),
        ({"enum": [0, 1]}, [1, 0], [True, False, "1"]),
        ({"type": "integer"}, [5, 0, -3], ["5", 5.5, True, None, math.nan]),
        ({"type": "number", "minimum": 0, "maximum": 1}, [0.5, 1, 0],
         ["0.5", True, 1.01, math.inf, -math.inf]),
        ({"type": "boolean"}, [True, False], [1, 0, "true"]),
        (TEXT, ["", "x"], [5, False, {}, "\0", "\ud800"]),
        ({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, [5, None], ["5", 0, True]),
        ({"type": "string", "format": "uri"},
         ["https://a.example/b.png", "data:image/png;base64,AA=="], ["b.png"]),
    ],
)  # fmt: skip
def test_types_are_strict(prop: dict[str, Any], right: list[Any], wrong: list[Any]):
    model = made({"value": prop})
    assert [check_params(model, {"value": value}) for value in right] == [{}] * len(right)
    for value in wrong:
        assert set(check_params(model, {"value": value})) == {"params.value"}, value


@pytest.mark.parametrize(
    ("model", "params", "faults"),
    [
        (made({"n": {"enum": [5, 10]}}), {"n": "5"}, {"n": 'must be one of 5, 10; you gave "5"'}),
        (made({"n": {"enum": [5, 10]}}), {"n": 7}, {"n": "must be one of 5, 10; you gave 7"}),
        (VEO, {"duration": 8, "generate_audio": "yes", "seed": 1.5},
         {"duration": 'must be one of "4s", "6s", "8s"; you gave 8',
          "generate_audio": 'must be true or false; you gave "yes"',
          "seed": "must be a whole number; you gave 1.5"}),
        (PIXVERSE, {"duration": 16, "thinking_type": "on"},
         {"duration": "must be at most 15; you gave 16",
          "thinking_type": 'must be one of "enabled", "disabled", "auto"; you gave "on"'}),
        (LTX_OPEN, {"video_size": {"width": 0}}, {"video_size.width": "must be more than 0; you gave 0"}),
        (LTX_OPEN, {"video_size": 5},
         {"video_size": "must be an object or text, as the model describes it; you gave 5"}),
        (KLING_TURBO,
         {"multi_prompt": [{"prompt": "one", "duration": 5}, {"duration": "5"}], "aspect_ratio": "4:3"},
         {"multi_prompt[0].duration": ..., "multi_prompt[1].prompt": ..., "aspect_ratio": ...}),
        (KLING_PHOTO, {"durration": "5", "prompt": "x", "start_image_url": "y"},
         {"durration": "is not known to this model; leave it out; did you mean `duration`?",
          "prompt": "belongs in `prompt`, not in `params`",
          "start_image_url": "belongs in `image`, not in `params`"}),
    ],
)  # fmt: skip
def test_every_fault_is_named_where_it_is_and_its_message_says_what_to_do(model, params, faults):
    wrong = check_params(model, params)
    assert set(wrong) == {f"params.{name}" for name in faults}
    for name, message in faults.items():
        assert message in (wrong[f"params.{name}"], ...)


def test_at_most_80_characters_of_what_was_given_are_repeated():
    model = made({"duration": {"type": "integer"}, "list": {"type": "array", "items": {"type": "integer"}}})
    wrong = check_params(model, {"duration": "x" * 5_000, "n" * 5_000: 1, "list": {"y": "z" * 5_000}})

    assert len(wrong) == 3
    assert all(len(name) < 100 and len(message) < 150 for name, message in wrong.items())
    assert not any(re.search("x{80}|n{81}|z{80}", f"{name} {message}") for name, message in wrong.items())
    hidden = {"a\0\u202eb": 1, "duration": "a\u202eb"}
    assert check_params(model, hidden) == {
        "params.a\ufffd\ufffdb": "has a name that is no text; write another",
        "params.duration": 'must be a whole number; you gave "a\ufffdb"',
    }


def test_what_no_json_can_carry_is_refused_at_any_depth_and_hides_no_other_fault():
    free = made({"free": {}})
    assert check_params(free, {"free": [{"inner": "fine"}]}) == {}
    for value in (math.nan, math.inf, 10**400, -(10**400), b"bytes", ("a",), object(), {5: 1}, {"a\0": 1}):
        for nested in (value, [value], {"inner": [value]}):
            assert list(check_params(free, {"free": nested})) == ["params.free"], nested

    params = {"seed": 10**400, "last_frame_url": "\0", "duration": "5", "sed": 1}
    wrong = check_params(VEO_FRAMES, params)

    assert set(wrong) == {f"params.{name}" for name in params}
    assert "is missing" not in wrong["params.last_frame_url"]


def test_params_nested_or_faulty_beyond_reason_or_no_object_at_all_get_an_answer_of_a_readable_size():
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert list(check_params(made({"free": {}}), {"free": deep}).values()) == ["is nested too deeply"]
    wrong = check_params(made(), {f"name{n}": n for n in range(20_000)})
    assert len(wrong) <= 101
    assert wrong["params"] == "has more faults than are named here"
    assert set(check_params(made(), ["duration"])) == {"params"}


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_the_schema_lists_passes_and_another_name_never_does(data: st.DataObject):
    model = data.draw(st.sampled_from(catalogue.load_seed()))
    listed = {name: prop["enum"] for name, prop in model.schema["properties"].items() if "enum" in prop}
    params = data.draw(st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in listed.items()}))
    link = "https://example.com/a.png"
    kinds = {name: model.schema["properties"][name].get("type") for name in model.schema["required"]}
    params |= {name: [link] if kind == "array" else link for name, kind in kinds.items()}

    assert check_params(model, params) == {}

    extra = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
    if extra not in model.schema["properties"]:
        assert len(check_params(model, params | {extra: 1})) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_any_value_gets_a_verdict_without_an_exception(data: st.DataObject):
    model = data.draw(st.sampled_from(catalogue.load_seed()))
    names = st.sampled_from(list(model.schema["properties"]) or ["any"])
    params = data.draw(st.dictionaries(names | st.text(max_size=8), json_values, max_size=4))

    wrong = check_params(model, params)
    assert all(isinstance(message, str) and message for message in wrong.values())
    if not wrong:
        json.dumps(params, allow_nan=False).encode()


SILENT = catalogue.parse_model({"endpoint_id": "house/silent", "input": {"properties": {"seed": {}}}})
OVER = "is 1 over the {} characters that this model takes; cut it"


@pytest.mark.parametrize(
    ("model", "prompt", "fault"),
    [
        (HAILUO, "x" * 2_000, None), (HAILUO, "x" * 2_001, OVER.format("2,000")),
        (made(), "x" * 20_000, None), (made(), "x" * 20_001, OVER.format("20,000")),
        (made({"prompt": {"type": "string", "minLength": 3}}), "ab",
         "must have at least 3 characters for this model"),
        (VEO, " \n", "must say what to make"), (KLING_TURBO, "", None),
        (SILENT, "", None), (SILENT, "a dune", "this model takes no prompt; leave it empty"),
    ],
)  # fmt: skip
def test_a_prompt_that_does_not_fit_its_model_is_refused_with_the_reason(model, prompt, fault):
    assert check_prompt(model, prompt) == fault


def test_the_payload_is_what_was_given_and_nothing_else():
    params = {"duration": "10", "cfg_scale": 1, "tail_image_url": "https://example.com/b.png"}
    sent = json.dumps(build_payload(KLING_PHOTO, "a dune", MappingProxyType(params)))
    assert sent == json.dumps({**params, "prompt": "a dune"})
    assert build_payload(VEO, "a dune", {}) == {"prompt": "a dune"}
    assert build_payload(KLING_TURBO, "", {"multi_prompt": []}) == {"multi_prompt": []}
