"""What a person asks for, parsed. What can't be read of it is told by the API, and tested there."""

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
