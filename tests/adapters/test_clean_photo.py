"""A photo as people upload it, made safe to keep and to send."""

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from backend.domain.errors import InvalidRequest, PayloadTooLarge
from backend.media.decode.clean_photo import CleanPhoto, clean_photo

#: Orientation 6 and a place on earth, as a phone writes them.
ORIENTATION, GPS = 0x0112, 0x8825
RED, BLUE = (220, 20, 20), (20, 20, 220)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "parts" / "upload.part"


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(kind: str = "JPEG", mode: str = "RGB", *, alpha: int = 128, **options: Any) -> bytes:
    """Left half red, right half blue; 64 x 32."""
    image = Image.new("RGB", (64, 32), RED)
    image.paste(BLUE, (32, 0, 64, 32))
    if mode in {"RGBA", "LA"}:
        image.putalpha(alpha)
    return saved(image.convert(mode), kind, **options)


def opened(found: CleanPhoto) -> Image.Image:
    with Image.open(found.path) as image:
        image.load()
    return image


def shows(found: CleanPhoto, at: tuple[int, int], wanted: tuple[int, int, int]) -> bool:
    return opened(found).getpixel(at) == pytest.approx(wanted, abs=12)


def refused(source: bytes, part: Path, why: str, **options: Any) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        clean_photo(source, part, **options)
    assert list(caught.value.fields) == ["file"]
    assert list(part.parent.iterdir()) == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_opaque_photo_becomes_a_jpeg(kind, part):
    found = clean_photo(io.BytesIO(photo(kind)), part)
    assert (found.path, found.extension, found.content_type) == (part, "jpg", "image/jpeg")
    assert (found.width, found.height) == (64, 32)
    assert found.size_bytes == part.stat().st_size
    assert found.sha256 == hashlib.sha256(part.read_bytes()).hexdigest()
    assert opened(found).format == "JPEG"
    assert shows(found, (5, 5), RED)
    assert shows(found, (60, 5), BLUE)
    assert [path.name for path in part.parent.iterdir()] == [part.name]
    assert part.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("WEBP", "RGBA"), ("PNG", "LA")])
def test_a_see_through_photo_stays_see_through(kind, mode, part):
    found = clean_photo(photo(kind, mode), part)
    assert (found.extension, found.content_type) == ("png", "image/png")
    assert opened(found).getpixel((5, 5))[3] == 128


def test_a_palette_with_a_see_through_colour_stays_see_through(part):
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.paste(1, (4, 0, 8, 8))
    found = clean_photo(saved(image, transparency=0), part)
    assert opened(found).convert("RGBA").getpixel((0, 0))[3] == 0
    assert opened(found).convert("RGBA").getpixel((7, 0)) == (0, 255, 0, 255)


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "1"), ("PNG", "P"), ("PNG", "RGBA")]
)
def test_other_colour_models_are_taken_and_alpha_that_hides_nothing_is_left_out(kind, mode, part):
    found = clean_photo(photo(kind, mode, alpha=255), part)
    assert (found.extension, opened(found).mode) == ("jpg", "RGB")


def test_sixteen_bits_a_pixel_keep_their_greys(part):
    grey = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    assert shows(clean_photo(saved(grey), part), (4, 4), (128, 128, 128))


def test_a_turned_photo_is_kept_upright(part):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    found = clean_photo(photo(exif=exif), part)
    assert (found.width, found.height) == (32, 64)
    assert shows(found, (5, 5), RED)
    assert shows(found, (5, 60), BLUE)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_where_and_with_what_it_was_taken_is_not_kept(kind, part):
    exif = Image.Exif()
    exif[0x010F] = "SecretPhone"
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(GPS)[2] = (52.0, 31.0, 12.0)
    text = PngInfo()
    text.add_text("Comment", "SecretComment")
    said: dict[str, Any] = {"comment": b"SecretComment", "xmp": b"<x>SecretXmp</x>", "pnginfo": text}
    source = photo(kind, "RGBA" if kind == "PNG" else "RGB", exif=exif, **said)
    assert b"Secret" in source

    found = clean_photo(source + b"<script>alert('Secret')</script>PK\x03\x04", part)

    assert b"Secret" not in part.read_bytes()
    image = opened(found)
    assert not image.getexif()
    assert not {"exif", "comment", "xmp", "icc_profile", "Comment"} & set(image.info)


def test_colours_of_another_space_are_converted(part):
    spaces = [ImageCms.ImageCmsProfile(ImageCms.createProfile(name)) for name in ("LAB", "sRGB")]
    for profile in (*(space.tobytes() for space in spaces), b"no profile at all"):
        assert shows(clean_photo(photo(icc_profile=profile), part), (5, 5), RED)


def test_a_phones_jpeg_of_two_pictures_is_taken(part):
    with Image.open(io.BytesIO(photo())) as first:
        both = saved(first, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 32), "green")])
    assert shows(clean_photo(both, part), (5, 5), RED)


def test_a_photo_of_forty_megapixels_is_taken(part):
    assert clean_photo(saved(Image.new("RGB", (8000, 5000), "teal"), "JPEG"), part).width == 8000


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(50_000, 50_000), (40_000_001, 1), (6325, 6325), (1, 30_001)])
def test_too_many_pixels_are_refused(size, part):
    """By what the file says of itself: there are no more pixels in it than a few."""
    refused(png_header(*size), part, f"{size[0]} x {size[1]}.*megapixels|megapixels.*{size[0]} x {size[1]}")


@pytest.mark.parametrize(
    "content",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<html><img src=x></html>",
        b"%PDF-1.7\n%%EOF", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500), bytes(1000), b"\xff",
        photo("GIF", "P"), photo("BMP"), photo("TIFF"), photo("ICO"), b"P6 2 2 255 " + bytes(12),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", b"MZ" + bytes(100),
    ],
)  # fmt: skip
def test_what_is_no_jpeg_png_or_webp_is_refused_by_its_content(content, part):
    refused(content, part, "JPEG, PNG or WebP")


def noise(kind: str) -> bytes:
    """A photo with so much in it that every part of the file counts."""
    pixels = np.random.default_rng(3).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    return saved(Image.fromarray(pixels), kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_cut_photo_is_refused(kind, share, part):
    content = noise(kind)
    refused(content[: int(len(content) * share)], part, "damaged|JPEG, PNG or WebP" if share else "empty")


def test_a_png_with_a_flipped_bit_is_refused(part):
    content = bytearray(noise("PNG"))
    content[len(content) // 2] ^= 1
    refused(bytes(content), part, "damaged")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_moving_picture_is_refused(kind, part):
    first, second = (Image.new("RGB", (16, 16), colour) for colour in ("red", "green"))
    refused(saved(first, kind, save_all=True, append_images=[second], duration=100), part, "moving")


class Endless(io.RawIOBase):
    given = 0

    def read(self, size: int = -1) -> bytes:
        self.given += size
        return bytes(size)


def test_an_upload_over_the_limit_is_refused_without_reading_on(part):
    source, content = Endless(), photo()
    with pytest.raises(PayloadTooLarge, match="4 MiB"):
        clean_photo(source, part, max_bytes=4 * 1024**2)
    assert source.given <= 6 * 1024**2
    with pytest.raises(PayloadTooLarge):
        clean_photo(content, part, max_bytes=len(content) - 1)
    assert list(part.parent.iterdir()) == []
    assert clean_photo(content, part, max_bytes=len(content)).width == 64


def test_links_planted_at_the_part_are_not_written_through(part, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    part.parent.mkdir()
    part.symlink_to(victim)
    part.with_name(part.name + ".raw").symlink_to(victim)
    clean_photo(photo(), part)
    assert victim.read_bytes() == b"precious"
    assert not part.is_symlink()
