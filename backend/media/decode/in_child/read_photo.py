"""A photo's file, read as viewers read it: whatever phones and cameras write, and what is a little broken.

Nothing here runs outside `child`.
"""

import io
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import pillow_heif
from PIL import ExifTags, Image

from backend.media.decode.in_child.colour_profile import make_profile
from backend.media.decode.sandbox import RejectedFile, report_progress

#: Pictures larger than this on a side are refused before anything else: no camera makes them.
SIDE_MAX_PX = 30_000
#: The readers that may be tried, by Pillow's names; a JPEG of several pictures calls itself MPO. What calls
#: itself just "mif1" may hold either of AVIF and HEIF: AVIF's reader tells them apart, HEIF's doesn't.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF")
#: What is said of a file that is none of them.
NO_PHOTO = "it is no JPEG, PNG, WebP, HEIC, AVIF or GIF picture; save it as one of these"
DAMAGED = "it is damaged or cut; save it again and upload that"
#: What libraries raise at what they can't read.
FAULTS = (
    OSError, SyntaxError, ValueError, EOFError, RuntimeError, struct.error, zlib.error,
    LookupError, TypeError, ArithmeticError, AttributeError, AssertionError,
)  # fmt: skip
#: How much of the work reading is, for the progress that is shown.
READING_SHARE = 0.5
#: Bytes that decode to something else than what a decoder makes up when there are none.
_OTHER_BITS = b"\x5a\xa5\x33\xcc" * 64
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_STRIP_ROWS = 512
#: Where a file says of which colours it is.
_BEGINNING_BYTES = 64 * 1024
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset(turn for value, turn in _TURNS.items() if value >= 5)

Image.MAX_IMAGE_PIXELS = None  # judged here, before decoding
Image.init()  # the readers are there before a child is forked
# One thread: what its others would take in address space is missing then. Nothing but the picture is read.
pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


@dataclass
class ReadPhoto:
    """A decoded photo, not yet upright: `turn` makes it so.

    size: upright, in pixels. pictures: how many there are in the file. moving: they follow each other.
    """

    size: tuple[int, int]
    turn: Image.Transpose | None
    icc_profile: bytes | None
    pictures: int
    moving: bool
    decoded: list[Image.Image]

    def take(self) -> Image.Image:
        """The picture, once: its memory is then free as soon as the caller has another."""
        return self.decoded.pop()


def read_photo(path: str, max_pixels: int) -> ReadPhoto:
    """Decode the main picture of a file. RejectedFile: it can't be used; the text says what to do."""
    with _Watched(path) as file:
        image = _opened(file, max_pixels)
        pictures = _count(image)
        moving = pictures > 1 and image.format in {"PNG", "WEBP", "GIF", "AVIF"}
        try:
            image.load()
        except FAULTS as error:
            if image.format not in {"JPEG", "MPO"}:
                raise RejectedFile(DAMAGED) from error
            image = _without_end(Path(path).read_bytes())
    turn = _turn(image)
    size = image.size[::-1] if turn in _SIDEWAYS else image.size
    return ReadPhoto(size, turn, _profile(image, path), pictures, moving, [image])


class _Watched(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "rb")
        self._total = max(1, os.fstat(self.fileno()).st_size)

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(-1 if size is None else size)
        report_progress(READING_SHARE * min(1.0, self.tell() / self._total))
        return content or b""


def _opened(file: io.FileIO, max_pixels: int) -> Image.Image:
    """The picture with its header read and its pixels not yet decoded."""
    try:
        image: Image.Image = Image.open(file, formats=FORMATS)
    except FAULTS as error:
        file.seek(0)
        content = file.read()
        if not any(_accepts(name, content[:64]) for name in FORMATS):
            raise RejectedFile(NO_PHOTO) from error
        if not _accepts("AVIF", content[:64]):
            raise RejectedFile(DAMAGED) from error
        image = _without_exif(content)
    width, height = image.size
    if width * height > max_pixels:
        raise RejectedFile(
            f"it has {width} × {height} pixels, {width * height / 1e6:.1f} megapixels, and at most "
            f"{max_pixels / 1e6:.0f} megapixels are taken; save it smaller, at half its width and height, say"
        )
    if max(width, height) > SIDE_MAX_PX:
        raise RejectedFile(
            f"it has {width} × {height} pixels, and at most {SIDE_MAX_PX:,} on a side are taken, "
            f"whatever the megapixels; crop it or save it smaller"
        )
    return image


def _accepts(name: str, beginning: bytes) -> bool:
    """Does a file that begins so call itself this format?"""
    accepts = Image.OPEN[name][1]
    return accepts is None or bool(accepts(beginning))


def _count(image: Image.Image) -> int:
    """How many pictures there are in the file; what comes behind the first may be broken."""
    try:
        return int(getattr(image, "n_frames", 1))
    except FAULTS:
        return 1


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes it upright; an EXIF that can't be read is passed over, as viewers do."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except FAULTS:
        return None


def _profile(image: Image.Image, path: str) -> bytes | None:
    """The profile of its colours: its own, or that of the space that it names by numbers; None: sRGB."""
    own = image.info.get("icc_profile")
    if isinstance(own, bytes) and own:
        return own
    numbers = image.info.get("nclx_profile")  # of HEIF
    if isinstance(numbers, dict):
        return make_profile(int(numbers["color_primaries"]), int(numbers["transfer_characteristics"]))
    with open(path, "rb") as file:
        beginning = file.read(_BEGINNING_BYTES)
    for kind, mark, form in (("AVIF", b"colrnclx", ">HH"), ("PNG", b"cICP", ">BB")):
        at = beginning.find(mark) + len(mark)
        if image.format == kind and len(mark) <= at <= len(beginning) - struct.calcsize(form):
            return make_profile(*struct.unpack_from(form, beginning, at))
    return None


def _without_end(content: bytes) -> Image.Image:
    """A JPEG whose end marker is missing. RejectedFile: some of the picture is, too.

    Decoders make up what is missing and don't say so. But then, other bits in its place give another picture.
    """
    content = content.rstrip(b"\xff")  # half of the marker
    first = _checksum(_jpeg(content + _JPEG_END))
    image = _jpeg(content + _OTHER_BITS + _JPEG_END)
    if _checksum(image) != first:
        raise RejectedFile(DAMAGED)
    return image


def _without_exif(content: bytes) -> Image.Image:
    """An AVIF whose EXIF its reader takes offence at: the item is called what it passes over.

    Which way up it is does not stand in there, but in the file's `irot` and `imir`. Source: ISO/IEC 23008-12.
    """
    try:
        return Image.open(io.BytesIO(content.replace(b"Exif", b"free", 1)), formats=("AVIF",))
    except FAULTS as error:
        raise RejectedFile(DAMAGED) from error


def _jpeg(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=("JPEG",))
        image.load()
    except FAULTS as error:
        raise RejectedFile(DAMAGED) from error
    return image


def _checksum(image: Image.Image) -> int:
    """Of all pixels, a strip at a time: a copy of the whole would not fit beside it."""
    found = 0
    for top in range(0, image.height, _STRIP_ROWS):
        strip = image.crop((0, top, image.width, min(image.height, top + _STRIP_ROWS)))
        found = zlib.crc32(strip.tobytes(), found)
    return found
