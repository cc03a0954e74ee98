"""What an output names, by shapes that made it slow, or hid a file of it."""

import base64

import pytest

from backend.catalogue.output_schema import file_fields, main_field
from backend.domain.links import find_identities
from backend.domain.output_files import (
    FILES_MAX,
    find_files,
    has_unreachable,
    main_first,
    read_inline,
    without_echoes,
)

GIF = b"GIF89a" + bytes(300)
TEXT = base64.b64encode(GIF).decode()


@pytest.mark.parametrize(
    "uri",
    [
        f"data:image/gif;base64,{TEXT}", f" data:image/gif; base64,{TEXT}", f"DATA:;BASE64,{TEXT}",
        f"data:image/gif;charset=x;base64,{TEXT}", f"data:image/gif;base64;charset=x,{TEXT}",
    ],
)  # fmt: skip
def test_data_are_read_however_their_uri_is_written(uri):
    (file,) = find_files({"image": uri})
    assert read_inline({"image": uri}, file.role) == GIF


def test_two_files_under_one_name_are_two_files():
    output = {"a.b": "https://x.y/1.mp4", "a": {"b": "https://x.y/2.mp4"}}
    assert [file.role for file in find_files(output)] == ["a.b", "a.b~2"]


def test_many_other_files_do_not_hide_the_video():
    frames = [f"https://x.y/{number}.png" for number in range(FILES_MAX + 50)]
    found = find_files({"frames": frames, "video": "https://x.y/v.mp4"})
    assert (len(found), main_first(found)[0].role) == (FILES_MAX, "video")


def test_sound_in_base64_is_no_link_although_it_begins_like_one():
    sound = base64.b64encode(b"\xff\xfb\x90" + bytes(300)).decode()
    assert sound.startswith("//")
    assert [file.url for file in find_files({"audio": sound})] == [None]


def test_a_long_text_is_judged_in_the_time_that_it_takes_to_read_it():
    """Time that grows with the square of the length would be an hour here, not a second."""
    assert find_files({"text": "A" + " " * 1_000_000 + "!"}) == []


# -- what the request had given, and what is no file -----------------------------------------------------


def test_a_link_that_the_request_had_given_is_no_result_however_it_is_signed_now():
    sent = find_identities(
        {"prompt": "a link: https://x.y/no.mp4", "video_url": "https://u.v/in.mp4", "frames": ["https://u.v/a?X-Amz-Date=1&k=2"]}
    )  # fmt: skip
    output = {
        "video_url": "https://U.V/in.mp4?Expires=9&Signature=b",
        "frames": ["https://u.v/a?X-Amz-Date=3&k=2"],
        "video": {"url": "https://x.y/no.mp4"},
    }
    assert [file.role for file in without_echoes(find_files(output), sent)] == ["video"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("https://u.v/get?id=1", "https://u.v/get?id=2"),
        ("https://u.v/get.php?id=1", "https://u.v/get.php?id=2"),
        ("https://u.v/in.mp4", "https://x.y/in.mp4"),
        ("https://u.v/in.mp4", "https://u.v/In.mp4"),
    ],
)
def test_a_link_of_which_any_part_that_tells_files_apart_differs_is_a_result(given, named):
    files = find_files({"given": given, "named": named})
    assert [file.role for file in without_echoes(files, find_identities([given]))] == ["named"]


def test_where_an_output_repeats_the_only_link_it_is_the_result():
    files = find_files({"video": {"url": "https://u.v/in.mp4"}})
    assert without_echoes(files, find_identities(["https://u.v/in.mp4"])) == files


@pytest.mark.parametrize(
    "data", ["data:audio/mpeg;base64,", "data:video/mp4;base64,@@@@", "data:video/mp4;base64,A"]
)
def test_data_that_are_empty_or_cannot_be_read_are_no_file_and_may_have_been_one(data):
    assert find_files({"video": "https://x.y/v.mp4", "audio": {"url": data}})[1:] == []
    assert find_files({"video": {"url": data}}) == []
    assert has_unreachable({"video": {"url": data}})


def test_a_sentence_that_begins_with_data_is_a_sentence():
    said = {"message": "Data: none, sorry"}
    assert (find_files(said), has_unreachable(said)) == ([], False)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ({"get": "https://api.x.y/v1/requests/abc-1.5"}, False),
        ({"model": "https://x.y/about.html"}, False),
        ({"web": {"url": "https://x.y/models/ltx-2"}}, False),
        ({"out": "https://x.y/a.mp4"}, True),
        ({"out": "https://x.y/a.glb"}, True),
        ({"mask_video": "https://x.y/a"}, True),
        ({"out": {"url": "https://x.y/a", "content_type": "application/octet-stream"}}, True),
        ({"out": {"url": "https://x.y/a", "file_size": 3}}, True),
        ({"out": {"url": "https://x.y/a", "file_name": "a.mp4"}}, True),
        ({"out": f"data:image/gif;base64,{TEXT}"}, True),
    ],
)
def test_what_an_output_calls_a_file_is_told_from_any_other_link(output, says):
    (file,) = find_files(output)
    assert file.says_file == says


# -- the main one ----------------------------------------------------------------------------------------

FILE = {"type": "object", "properties": {"url": {"type": "string"}}}


@pytest.mark.parametrize(
    ("fields", "main"),
    [
        (["video_cover", "output"], "output"),
        (["video_cover", "video"], "video"),
        (["input_video", "generated_video"], "generated_video"),
        (["thumbnail", "clip"], "clip"),
        (["audio", "videos"], "videos"),
        (["video_cover", "first_frame"], "video_cover"),
        (["images"], "images"),
        ([], None),
    ],
)
def test_the_main_field_of_a_schema_is_the_one_that_was_asked_for(fields, main):
    output = {"properties": dict.fromkeys(fields, FILE) | {"seed": {"type": "integer"}}}
    assert main_field(output) == main
    assert list(file_fields(output)) == fields


@pytest.mark.parametrize(
    ("output", "declared", "main"),
    [
        ({"video_cover": "https://x.y/c.png", "clip": "https://x.y/c.mp4"}, "video_cover", "clip"),
        ({"video_cover": "https://x.y/1", "video": "https://x.y/2"}, None, "video"),
        ({"images": ["https://x.y/c.png"], "mask": "https://x.y/m.png"}, "images", "images.0"),
        ({"video": "https://x.y/1.mp4", "output": "https://x.y/2"}, "output", "output"),
    ],
)
def test_a_picture_is_the_main_file_only_where_no_video_is(output, declared, main):
    assert main_first(find_files(output), declared)[0].role == main
