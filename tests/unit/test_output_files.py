"""What an output names, by shapes that made it slow, or hid a file of it."""

import base64

import pytest

from backend.domain.output_files import FILES_MAX, find_files, main_first, read_inline

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
