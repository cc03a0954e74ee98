"""What a person asks for, parsed: a typed value, or every fault by its name."""

import pytest

from backend.services.takes.request import parse_request

BODY = {
    "model": "fal-ai/veo3.1",
    "prompt": " A red dress ",
    "params": {"duration": "8s"},
    "style": {"camera": "Pan", "fabric": ""},
    "images": {"end_image_url": "https://a.example/b.jpg", "image_urls": []},
}


def test_a_body_becomes_a_request_without_what_is_empty():
    request = parse_request(BODY)
    assert (request.prompt, request.style, request.image) == ("A red dress", {"camera": "Pan"}, None)
    assert request.images == {"end_image_url": "https://a.example/b.jpg"}
    assert request.faults == {}


def test_the_hash_of_a_body_is_the_one_that_rows_hold_whatever_the_order_of_its_fields():
    held = "3d13f848b490089e7d265947c28cae467daf7f5c823beb4c8a253b15b92a7e87"
    assert parse_request(BODY).body_hash() == parse_request(dict(reversed(BODY.items()))).body_hash() == held
    assert parse_request({**BODY, "image": None}).body_hash() != held


@pytest.mark.parametrize(
    ("body", "named"),
    [({"prompt": 5, "style": [], "params": "x", "images": 1, "colour": 2},
      {"prompt", "style", "params", "images", "colour"}),
     ({"style": {"smell": "rose", "camera": "x" * 501, "fabric": 5}},
      {"style.smell", "style.camera", "style.fabric"}),
     ({"images": {"a": [None], "b": [""], "c": 5, "d": "\0", "e": ["\ud800"]}, "image": "\u202e"},
      {"images.a", "images.b", "images.c", "images.d", "images.e", "image"})],
)  # fmt: skip
def test_whatever_cant_be_read_is_left_out_and_named(body, named):
    request = parse_request(body)
    assert set(request.faults) == named
    assert (request.prompt, request.style, request.params, request.images, request.image) == (
        "", {}, {}, {}, None
    )  # fmt: skip
