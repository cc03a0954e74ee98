"""What a model says of its photos: read where the wording leaves no doubt, joined with what is known."""

import pytest

from backend.catalogue import photo_limits, photo_limits_in_prose
from backend.catalogue.models import parse_model
from backend.catalogue.photo_limits import PhotoLimits, parse_limits

MB = 1024 * 1024
KLING = (
    "Image to use as the first frame of the video.\n\nMax file size: 10.0MB, Min width: 300px, Min height: "
    "300px, Min aspect ratio: 0.40, Max aspect ratio: 2.50, Timeout: 20.0s"
)


def fault(limits, **photo):
    whole = {"width": 800, "height": 600, "content_type": "image/jpeg", **photo}
    return limits.find_fault("Kling", **whole)


def stated(description):
    found = photo_limits_in_prose.read_description({"type": "string", "description": description})
    return {name: value for name, value in found.items() if name != "source"}


@pytest.mark.parametrize(
    ("description", "found"),
    [
        (KLING,
         {"max_bytes": 10 * MB, "min_width": 300, "min_height": 300, "min_ratio": 0.4, "max_ratio": 2.5}),
        ("The last frame. Supported formats: JPEG, PNG, WebP. Max 30 MB.",
         {"max_bytes": 30 * MB, "types": ["image/jpeg", "image/png", "image/webp"]}),
        ("JPEG or PNG, at least 300 px a side, up to 50 MB.",
         {"max_bytes": 50 * MB, "min_width": 300, "min_height": 300}),
        ("Minimum resolution of 640x480 pixels", {"min_width": 640, "min_height": 480}),
        ("Maximum width: 4096 pixels; maximum height: 2160 pixels", {"max_width": 4096, "max_height": 2160}),
        ("Accepted image formats are jpg and png", {"types": ["image/jpeg", "image/png"]}),
    ],
)  # fmt: skip
def test_plain_limits_are_read_and_those_of_a_lists_items_too(description, found):
    assert stated(description) == found
    items = {"type": "array", "items": {"type": "string", "description": description}}
    assert photo_limits_in_prose.read_description(items).items() >= found.items()


def test_what_can_be_read_in_two_ways_is_not_read():
    for description in (
        "Recommended at least 720x720 pixels.", "The first frame, 720p or finer, wide or tall.",
        "Total size of all images up to 50 MB.", "Ideally, min width: 1024px.", "If given, max 10 MB.",
        "Reference videos. Max 50 MB for videos.", "Images with min width: 300px are resized.",
        "Max aspect ratio: 16:9", "Max 10", "Supported formats: anything that a browser shows",
        "Min width: 300px. Min width: 400px.", "Min aspect ratio: 3.0, Max aspect ratio: 2.0",
        "URL of the image to be used for the video", "Up to 4 images, 12 MP each",
    ):  # fmt: skip
        assert stated(description) == {}, description


def test_what_the_schema_states_goes_over_what_is_noted_and_the_rest_is_kept():
    properties = {"image_url": {"type": "string", "description": "Max 20 MB."}, "prompt": {"type": "string"}}
    of_image = {"max_bytes": 10 * MB, "min_width": 300, "source": "a page"}
    found = photo_limits.field_limits(properties, {"image_url": of_image, "prompt": {"min_width": 9}})
    both = "the model's own description; a page"
    assert found == {"image_url": {"min_width": 300, "max_bytes": 20 * MB, "source": both}}


def test_where_nothing_is_said_that_makes_sense_there_are_no_limits():
    schema = {"properties": {"image_url": {"type": "string", "description": "One."}}}
    assert parse_model({"endpoint_id": "a/b", "input": schema}).photo_limits == {}
    for nonsense in (None, 5, [], {"min_width": "300"}, {"min_width": -1}, {"max_bytes": True}):
        assert parse_limits(nonsense) == PhotoLimits(), nonsense
    assert fault(PhotoLimits(), width=1, height=9000, content_type="image/bmp") is None
    assert PhotoLimits().as_text() == ""


@pytest.mark.parametrize(
    ("limits", "photo", "said"),
    [
        ({"min_width": 300, "min_height": 300}, {"width": 299, "height": 4000},
         "is 299 × 4000 px; Kling needs at least 300 × 300: take a larger one"),
        ({"min_width": 300, "min_height": 300}, {"width": 300, "height": 300}, None),
        ({"max_width": 4000, "max_height": 3000}, {"width": 4001}, None),
        ({"max_width": 4000, "min_height": 300}, {"width": 9000},
         "is 9000 × 600 px; Kling takes at most 4000 wide and needs at least 300 tall: crop it"),
        ({"min_ratio": 0.4, "max_ratio": 2.5}, {"width": 1900},
         "is 1900 × 600 px, 3.17 times as wide as tall; Kling takes 0.4 to 2.5 times: crop it"),
        ({"min_ratio": 0.4, "max_ratio": 2.5}, {"width": 200},
         "is 200 × 600 px, 0.33 times as wide as tall; Kling takes 0.4 to 2.5 times: crop it"),
        ({"types": ["image/jpeg"]}, {"content_type": "image/png"},
         "is a PNG; Kling takes JPEG: save it as that"),
    ],
)  # fmt: skip
def test_every_limit_is_said_with_what_was_given_and_what_to_do(limits, photo, said):
    assert fault(parse_limits(limits), **photo) == said


def test_the_limits_are_a_line_for_people():
    limits = parse_limits({**stated(KLING), "types": ["image/jpeg", "image/png", "image/webp"]})
    assert limits.as_text() == "At least 300 × 300 px · 0.4 to 2.5 times as wide as tall"


@pytest.mark.parametrize(
    ("limits", "photo", "size", "said"),
    [
        ({"max_width": 4096, "max_height": 4096}, (8064, 6048), (4096, 3072),
         "is sent to Kling as 4096 × 3072 px, scaled from 8064 × 6048"),
        ({"max_height": 1080}, (4000, 3000), (1440, 1080),
         "is sent to Kling as 1440 × 1080 px, scaled from 4000 × 3000"),
        ({"max_width": 10}, (4000, 3), (10, 1), "is sent to Kling as 10 × 1 px, scaled from 4000 × 3"),
        ({"max_bytes": 10 * MB}, (800, 600), (800, 600),
         "is sent to Kling scaled to at most 10 MB"),
        ({"max_width": 800, "max_height": 600, "max_bytes": 13 * MB}, (800, 600), (800, 600), None),
        ({}, (40_000, 30_000), (40_000, 30_000), None),
    ],
)  # fmt: skip
def test_what_is_only_too_large_is_no_fault_but_is_sent_smaller_and_that_is_said(limits, photo, size, said):
    known, (width, height) = parse_limits(limits), photo
    assert known.scaled_size(width, height) == size
    assert fault(known, width=width, height=height) is None
    note = known.scaling_note("Kling", width=width, height=height, size_bytes=12 * MB + 1)
    assert note == said


def test_a_photo_of_just_the_shape_that_fits_has_it_still_when_it_is_scaled():
    limits = parse_limits({"max_width": 4097, "min_ratio": 0.4, "max_ratio": 2.5})
    for size in ((5000, 2000), (2000, 5000), (9999, 4000), (2002, 5005)):
        for share in (1.0, 0.37, 0.0501):
            width, height = limits.scaled_size(*size, share)
            assert 0.4 <= width / height <= 2.5, (size, share)
            assert width / height == pytest.approx(size[0] / size[1], rel=0.03)


def test_fields_that_take_several_photos_are_told_from_those_that_take_one_or_none():
    text = {"type": "string"}
    several = {"type": "array", "items": text}
    properties = {
        "image_url": text, "side_image_url": text, "image_urls": several, "video_urls": several,
        "voices": several,
        "reference_image_urls": {"anyOf": [{**several, "maxItems": 7}, {"type": "null"}]},
        "images": {"type": "array", "items": {"type": "object"}},
    }  # fmt: skip
    assert photo_limits.photo_list_fields(properties) == ["image_urls", "reference_image_urls"]
    assert photo_limits.single_photo_fields(properties, None) == ["image_url", "side_image_url"]
