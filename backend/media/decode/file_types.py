"""What a file is, by its first bytes: its kind, its ending, the type that it is served with. Pure.

Source: the registries of each format; IANA media types.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from backend.domain.output_files import FileKind

#: How much of a file tells what it is.
HEAD_BYTES = 64
#: Endings that a link may give to a file that only its bytes could name, and nobody here reads.
_PLAIN_ENDING = re.compile(r"[a-z0-9]{1,8}")
#: What is served as text or as a page somewhere else, is saved as bytes here.
OTHER_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class FileType:
    """kind: what people can do with it. what: its name for a person. page: servers send it for a file."""

    kind: FileKind
    extension: str
    content_type: str
    what: str
    page: bool = False


V, I, A, O = FileKind.VIDEO, FileKind.IMAGE, FileKind.AUDIO, FileKind.OTHER  # noqa: E741
#: (at which byte, what stands there) -> type; the first that fits.
_TYPES: tuple[tuple[int, bytes, FileType], ...] = (
    (0, b"GIF8", FileType(I, "gif", "image/gif", "a GIF")),
    (0, b"\x89PNG", FileType(I, "png", "image/png", "a PNG picture")),
    (0, b"\xff\xd8\xff", FileType(I, "jpg", "image/jpeg", "a JPEG picture")),
    (8, b"WEBP", FileType(I, "webp", "image/webp", "a WebP picture")),
    (4, b"ftypavi", FileType(I, "avif", "image/avif", "an AVIF picture")),
    (4, b"ftyphei", FileType(I, "heic", "image/heic", "a HEIC picture")),
    (4, b"ftypmif1", FileType(I, "heic", "image/heic", "a HEIF picture")),
    (0, b"\x76\x2f\x31\x01", FileType(I, "exr", OTHER_TYPE, "an OpenEXR picture")),
    (8, b"AVI ", FileType(V, "avi", "video/x-msvideo", "an AVI")),
    (8, b"WAVE", FileType(A, "wav", "audio/wav", "a WAV sound")),
    (4, b"ftypM4A", FileType(A, "m4a", "audio/mp4", "an MPEG-4 sound")),
    (0, b"OggS", FileType(A, "ogg", "audio/ogg", "an Ogg file")),
    (0, b"ID3", FileType(A, "mp3", "audio/mpeg", "an MP3 sound")),
    (0, b"\xff\xfb", FileType(A, "mp3", "audio/mpeg", "an MP3 sound")),
    (0, b"fLaC", FileType(A, "flac", "audio/flac", "a FLAC sound")),
    (0, b"\x1a\x45\xdf\xa3", FileType(V, "mkv", "video/x-matroska", "a Matroska or WebM file")),
    (0, b"FLV", FileType(V, "flv", "video/x-flv", "an FLV")),
    (0, b"\x30\x26\xb2\x75", FileType(V, "wmv", "video/x-ms-wmv", "a Windows Media file")),
    (0, b"\x00\x00\x01\xba", FileType(V, "mpg", "video/mpeg", "an MPEG file")),
    (0, b"#EXTM3U", FileType(O, "m3u8", OTHER_TYPE, "a playlist")),
    (0, b"%PDF", FileType(O, "pdf", OTHER_TYPE, "a PDF document")),
    (0, b"PK\x03\x04", FileType(O, "zip", OTHER_TYPE, "an archive")),
    (0, b"\x1f\x8b", FileType(O, "gz", OTHER_TYPE, "an archive")),
    (0, b"glTF", FileType(O, "glb", OTHER_TYPE, "a 3D model")),
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_MP4 = FileType(V, "mp4", "video/mp4", "an MP4")
_SOUND = FileType(A, "m4a", "audio/mp4", "an MPEG-4 sound")
_PAGE = FileType(O, "html", OTHER_TYPE, "a web page or XML", page=True)
_JSON = FileType(O, "json", OTHER_TYPE, "JSON", page=True)

#: Links that end so lead to text, which may begin as pages and answers of servers do.
TEXT_ENDINGS = frozenset(
    {"json", "jsonl", "geojson", "gltf", "xml", "svg", "txt", "csv", "srt", "vtt", "ass"}
)
_TEXT_TYPE = re.compile(r"text/|.*(json|xml)", re.IGNORECASE)

#: What files are served as, by the ending that their content gave them; any other is saved, not shown.
SERVED_TYPES: dict[str, str] = {
    found.extension: found.content_type for found in (*(found for _, _, found in _TYPES), _MP4, _SOUND)
}


def is_text_type(content_type: str | None) -> bool:
    """Is a file of this type text: is what looks like a page or JSON the file itself?"""
    return content_type is not None and _TEXT_TYPE.match(content_type) is not None


def read_type(head: bytes, *, link: str | None = None, without_pictures: bool = False) -> FileType:
    """What begins like this. link: where it came from. without_pictures: a reader found no video in it."""
    for at, start, found in _TYPES:
        if head[at : at + len(start)] == start:
            return found
    if head[4:8] in _BOXES:
        return _SOUND if without_pictures else _MP4
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    ending = urlsplit(link).path.rpartition(".")[2].lower() if link else ""
    if text.startswith(b"#EXTM3U"):
        return FileType(O, "m3u8", OTHER_TYPE, "a playlist")
    if text.startswith((b"<", b"{", b"[")):
        page = _PAGE if text.startswith(b"<") else _JSON
        return replace(page, extension=ending, page=False) if ending in TEXT_ENDINGS else page
    extension = ending if _PLAIN_ENDING.fullmatch(ending) else "bin"
    return FileType(O, extension, OTHER_TYPE, "a file of a kind that is not known here")
