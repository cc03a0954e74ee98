"""A photo as people upload it, made safe to keep and to send."""

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from backend.domain.errors import InvalidRequest, PayloadTooLarge
from backend.media.decode.clean_photo import CleanPhoto, clean_photo

#: Orientation 6 and a place on earth, as a phone writes them.
ORIENTATION, GPS = 0x0112, 0x8825
RED, BLUE = (220, 20, 20), (20, 20, 220)
#: Every kind of file that phones, cameras and programs make, by Pillow's names.
KINDS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF")

pillow_heif.register_heif_opener()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "parts" / "upload.part"


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    if kind == "HEIF" and "exif" in options:
        options["exif"] = options["exif"].tobytes()
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


def shows(
    found: CleanPhoto, at: tuple[int, int], wanted: tuple[int, int, int], *, within: float = 12
) -> bool:
    return opened(found).getpixel(at) == pytest.approx(wanted, abs=within)


def refused(source: bytes, part: Path, why: str, **options: Any) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        clean_photo(source, part, **options)
    assert list(caught.value.fields) == ["file"]
    assert list(part.parent.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
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


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("WEBP", "RGBA"), ("PNG", "LA"), ("HEIF", "RGBA"), ("AVIF", "RGBA")]
)
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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_a_turned_photo_is_kept_upright(kind, part):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    found = clean_photo(photo(kind, exif=exif), part)
    assert (found.width, found.height) == (32, 64)
    assert shows(found, (5, 5), RED)
    assert shows(found, (5, 60), BLUE)


@pytest.mark.parametrize("kind", KINDS)
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


def display_p3() -> bytes:
    """The colour profile of phones' photos: three primaries, adapted to D50, and one curve.

    Source: ICC.1:2010 for profiles, SMPTE EG 432-1 for the primaries, IEC 61966-2-1 for the curve.
    """

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"para\0\0\0\0\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 11) + b"Display P3\0" + bytes(78),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249),
        b"rXYZ": b"XYZ \0\0\0\0" + fixed(0.51512, 0.2412, -0.00105),
        b"gXYZ": b"XYZ \0\0\0\0" + fixed(0.29198, 0.69225, 0.04189),
        b"bXYZ": b"XYZ \0\0\0\0" + fixed(0.1571, 0.06657, 0.78407),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
    }  # fmt: skip
    head = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", head + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = struct.pack(">I", head + len(body))
    return (
        size
        + bytes(4)
        + b"\x02\x10\0\0mntrRGB XYZ "
        + bytes(12)
        + b"acsp"
        + bytes(28)
        + (fixed(0.9642, 1.0, 0.8249) + bytes(48) + table + body)
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_a_phones_wide_colours_are_those_that_its_screen_shows(kind, part):
    """Display P3 (180, 90, 60) is sRGB (193, 83, 51): reckoned from the primaries of both."""
    image = Image.new("RGB", (64, 32), (180, 90, 60))
    plain, wide = saved(image, kind), saved(image, kind, icc_profile=display_p3())
    assert shows(clean_photo(plain, part), (5, 5), (180, 90, 60), within=4)
    assert shows(clean_photo(wide, part), (5, 5), (193, 83, 51), within=4)


def named_by_numbers(kind: str, colour: tuple[int, int, int], primaries: int, transfer: int) -> bytes:
    """A picture of one colour in a space that it names by its code points (ITU-T H.273)."""
    image = Image.new("RGB", (64, 32), colour)
    if kind == "HEIF":
        return saved(image, kind, color_primaries=primaries, transfer_characteristics=transfer)
    content = saved(image, kind)
    if kind == "AVIF":
        at = content.index(b"colrnclx") + 8
        return content[:at] + struct.pack(">HH", primaries, transfer) + content[at + 4 :]
    chunk = b"cICP" + bytes((primaries, transfer, 0, 1))
    return content[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:]


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "PNG"])
@pytest.mark.parametrize(
    ("primaries", "transfer", "given", "wanted"),
    [
        (1, 13, (180, 90, 60), (180, 90, 60)),
        (12, 13, (180, 90, 60), (193, 83, 51)),  # Display P3
        (9, 16, (148, 148, 148), (191, 191, 191)),  # PQ: a white of 203 nits, toned down as browsers do it
        (9, 18, (191, 191, 191), (191, 191, 191)),  # HLG: the same white
        (2, 13, (180, 90, 60), (180, 90, 60)),  # not said
    ],
)
def test_colours_that_are_named_by_numbers_are_seen_as_they_are_meant(
    kind, primaries, transfer, given, wanted, part
):
    found = clean_photo(named_by_numbers(kind, given, primaries, transfer), part)
    assert shows(found, (5, 5), wanted, within=5)


def test_colours_of_another_space_are_converted(part):
    spaces = [ImageCms.ImageCmsProfile(ImageCms.createProfile(name)) for name in ("LAB", "sRGB")]
    for profile in (*(space.tobytes() for space in spaces), b"no profile at all"):
        assert shows(clean_photo(photo(icc_profile=profile), part), (5, 5), RED)


def test_a_phones_jpeg_of_two_pictures_is_taken(part):
    with Image.open(io.BytesIO(photo())) as first:
        both = saved(first, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 32), "green")])
    assert shows(clean_photo(both, part), (5, 5), RED)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ((50_000, 50_000), "50000 × 50000 pixels, 2500.0 megapixels, and at most 150 megapixels"),
        ((16_320, 12_240), "16320 × 12240 pixels, 199.8 megapixels, and at most 150 .*half its width"),
        ((40_000, 1), "40000 × 1 pixels, and at most 30,000 on a side .*crop it"),
        ((1, 30_001), "30001 pixels, and at most 30,000 on a side .*crop it"),
    ],
)
def test_too_many_pixels_are_refused_with_their_number_the_limit_and_the_way_out(size, why, part):
    """By what the file says of itself: there are no more pixels in it than a few."""
    refused(png_header(*size), part, why)


@pytest.mark.parametrize(
    "content",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<html><img src=x></html>",
        b"%PDF-1.7\n%%EOF", bytes(1000), b"\xff",
        photo("BMP"), photo("TIFF"), photo("ICO"), b"P6 2 2 255 " + bytes(12),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", b"MZ" + bytes(100),
    ],
)  # fmt: skip
def test_what_is_no_photo_is_refused_by_its_content(content, part):
    refused(content, part, "is no JPEG, PNG, WebP, HEIC, AVIF or GIF picture; save it as one of these")


def noise(kind: str) -> bytes:
    """A photo with so much in it that every part of the file counts."""
    pixels = np.random.default_rng(3).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    return saved(Image.fromarray(pixels), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_photo_is_refused(kind, part):
    content = noise(kind)
    refused(b"", part, "empty")
    for share in (0.1, 0.5, 0.9, 0.99):
        refused(content[: int(len(content) * share)], part, "damaged or cut; save it again")


def test_a_png_with_a_flipped_bit_is_refused(part):
    content = bytearray(noise("PNG"))
    content[len(content) // 2] ^= 1
    refused(bytes(content), part, "damaged")


class Endless(io.RawIOBase):
    given = 0

    def read(self, size: int = -1) -> bytes:
        self.given += size
        return bytes(size)


def test_an_upload_over_the_limit_is_refused_without_reading_on(part):
    source, content = Endless(), photo()
    with pytest.raises(PayloadTooLarge, match=r"larger than 4 MiB.* Save it smaller"):
        clean_photo(source, part, max_bytes=4 * 1024**2)
    assert source.given <= 6 * 1024**2
    with pytest.raises(PayloadTooLarge, match=r"has 40\.1 MiB; at most 32 MiB are taken\. Save it smaller"):
        clean_photo(io.BytesIO(bytes(40 * 1024**2 + 1)), part)
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
