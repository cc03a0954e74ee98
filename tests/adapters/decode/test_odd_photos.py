"""Photos that are larger, stranger or a little more broken than the ordinary: read as viewers read them."""

import base64
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.domain.errors import InvalidRequest
from backend.media.decode import clean_photo as module
from backend.media.decode.clean_photo import clean_photo
from tests.adapters.decode.test_clean_photo import BLUE, RED, noise, opened, photo, saved, shows
from tests.world import throw

JPEG_END = b"\xff\xd9"
#: 15,000 × 10,000 pixels of lossless WebP, red and blue as below: a second and a half to make.
LARGEST = zlib.decompress(
    base64.b64decode(
        "eNoL8nRz85NiYAh3dQoIC7DwcQKy9af/OszJbyCy3MGO7/sfd25/hdlvfi5mFxD0jHR1aXHcNvHcg7+Z6h89lX/JM3R9+W/v+sV+"
        "1YgBu3Jvb8OLGOgGDtT/+7z//9/39v9/nv//7/v8/3+e1///fR8oOh8huh8oao8QrQeK1hMS/Q8S/YMQ/QsU/UlI9Pd5iHOgojDn"
        "4BUlyelEeQjdkYQ9BGKerx9ljjJHmaPMUeYoc5Q5yhxljjJHmaPMUeYoc5Q5yhxljjJHmaPMUeYoc5SJh/n//dH/jABTFOcr"
    )
)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "parts" / "upload.part"


def halves(size: tuple[int, int]) -> bytes:
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return saved(image, "JPEG")


@pytest.mark.parametrize(
    ("size", "content"),
    [((11_648, 8736), None), ((15_000, 10_000), LARGEST)],
    ids=["100 megapixels", "150, as what takes the most memory to read"],
)
def test_photos_of_100_and_150_megapixels_are_scaled_to_40_and_it_is_said(size, content, part):
    shares: list[float] = []
    found = clean_photo(content or halves(size), part, on_progress=shares.append)
    assert 39_900_000 < found.width * found.height <= 40_000_000
    assert found.width / found.height == pytest.approx(size[0] / size[1], rel=1e-3)
    assert shows(found, (10, 10), RED)
    assert shows(found, (found.width - 10, found.height - 10), BLUE)
    assert found.scaled_from == size
    (note,) = found.notes
    megapixels = round(size[0] * size[1] / 1e6)
    assert note == (
        f"Scaled from {size[0]} × {size[1]} px ({megapixels} megapixels) "
        f"to {found.width} × {found.height} px: at most 40 megapixels are kept."
    )
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares), "one sees that it goes on"


def test_a_photo_of_40_megapixels_is_kept_in_its_size_and_nothing_is_said(part):
    found = clean_photo(saved(Image.new("RGB", (8000, 5000), "teal"), "JPEG"), part)
    assert ((found.width, found.height), found.scaled_from, found.notes) == ((8000, 5000), None, ())


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "L", "I;16", "P"])
def test_what_is_scaled_keeps_its_colours_whatever_they_are_stored_as(mode, part):
    if mode == "I;16":
        image = Image.fromarray(np.full((32, 64), 0x8000, np.uint16))
        wanted: tuple[int, ...] = (128, 128, 128)
    else:
        image = Image.open(io.BytesIO(photo("PNG"))).convert(mode)
        wanted = (76, 76, 76) if mode == "L" else RED
    if mode == "RGBA":
        image.putalpha(128)
        image.paste((0, 255, 0, 0), (0, 16, 64, 32))
        wanted = (*RED, 128)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    found = clean_photo(saved(image, kind), part, kept_pixels=32 * 16)
    assert (found.width, found.height, found.scaled_from) == (32, 16, (64, 32))
    assert opened(found).getpixel((4, 3)) == pytest.approx(wanted, abs=12)
    if mode == "RGBA":
        seen = opened(found).getpixel((4, 7))
        assert seen[:3] == pytest.approx(RED, abs=40), "what nobody sees tints no edge"


@pytest.mark.parametrize(
    "ends",
    [JPEG_END + b"\0" * 5000, JPEG_END + b"\r\n", JPEG_END + b"ID3 and what else a phone appends" * 50, b"",
     b"\xff", b"\0" * 64],
    ids=["zeros behind", "a line break", "a trailer", "no end", "half an end", "zeros for an end"],
)  # fmt: skip
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_or_with_bytes_behind_it_is_read_whole(ends, progressive, part):
    with Image.open(io.BytesIO(noise("PNG"))) as image:
        whole = saved(image, "JPEG", progressive=progressive)
    assert whole.endswith(JPEG_END)
    expected = opened(clean_photo(whole, part)).tobytes()
    found = clean_photo(whole.removesuffix(JPEG_END) + ends, part)
    assert opened(found).tobytes() == expected
    assert part.read_bytes().endswith(JPEG_END)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_some_of_its_picture_is_refused_though_its_end_is_put_behind_it(progressive, part):
    with Image.open(io.BytesIO(noise("PNG"))) as image:
        whole = saved(image, "JPEG", progressive=progressive)
    for missing in (40, 400, len(whole) // 3):
        with pytest.raises(InvalidRequest, match="damaged or cut"):
            clean_photo(whole[:-missing], part)


def broken_exifs(good: bytes) -> list[bytes]:
    """The EXIF of a phone, broken in the ways that are seen: empty, no TIFF, cut, leading nowhere."""
    head, ifd = good[:6], good[6:]
    wild = bytes(byte if number < 10 else 255 for number, byte in enumerate(ifd))
    return [head, head + b"garbage that is no TIFF", good[:14], good[:24], head + wild, b"Exif\0\1" + ifd]


def test_a_photo_with_a_broken_exif_is_read_as_it_lies(part):
    exif = Image.Exif()
    exif[0x010F] = "A phone"
    for broken in broken_exifs(exif.tobytes()):
        segment = b"\xff\xe1" + struct.pack(">H", len(broken) + 2) + broken
        plain = photo()
        found = clean_photo(plain[:2] + segment + plain[2:], part)
        assert (found.width, found.height) == (64, 32), broken
        assert shows(found, (5, 5), RED), broken


def test_an_avif_with_a_broken_exif_is_read_as_it_lies(part):
    exif = Image.Exif()
    exif[0x010F] = "A phone"
    content = saved(Image.open(io.BytesIO(photo("PNG"))), "AVIF", exif=exif)
    assert content.count(b"MM\0*") == 1
    found = clean_photo(content.replace(b"MM\0*", b"no!!"), part)
    assert shows(found, (5, 5), RED)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "AVIF"])
def test_of_a_moving_picture_the_first_frame_is_taken_and_it_is_said(kind, part):
    first, second = (Image.new("RGB", (64, 64), colour) for colour in (RED, BLUE))
    found = clean_photo(saved(first, kind, save_all=True, append_images=[second], duration=100), part)
    assert shows(found, (5, 5), RED)
    assert found.notes == ("It is a moving picture; its first frame was taken.",)


def test_a_heic_of_several_pictures_is_its_main_one(part):
    others = [Image.new("RGB", (64, 64), colour) for colour in ("green", RED)]
    content = saved(
        Image.new("RGB", (64, 64), BLUE), "HEIF", save_all=True, append_images=others, primary_index=2
    )
    found = clean_photo(content, part)
    assert shows(found, (5, 5), RED)
    assert found.notes == ()


def test_a_photo_that_takes_too_much_of_the_machine_is_refused_with_the_way_out(part, monkeypatch):
    monkeypatch.setattr(module, "MEMORY_MAX_BYTES", 400 * 1024**2)
    with pytest.raises(
        InvalidRequest, match=r"more memory than a file is given\. Save it smaller, for example"
    ):
        clean_photo(saved(Image.new("RGB", (8000, 5000)), "JPEG"), part)
    late = module.sandbox.RejectedFile(module.sandbox.TOO_LONG)
    monkeypatch.setattr(module.sandbox, "run_task", lambda *_, **__: throw(late))
    with pytest.raises(InvalidRequest, match=r"took too long\. Save it smaller, for example"):
        clean_photo(photo(), part)


def test_a_photo_waits_while_as_many_are_drawn_as_the_memory_is_for(part, monkeypatch):
    monkeypatch.setattr(module.sandbox, "run_task", lambda *_, **__: free.append(module._turnstile._value))
    free: list[int] = []
    with pytest.raises(TypeError):
        clean_photo(photo(), part)
    assert free == [module.PHOTOS_AT_ONCE - 1]
    assert module._turnstile._value == module.PHOTOS_AT_ONCE
