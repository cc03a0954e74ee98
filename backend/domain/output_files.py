"""The files that a model's output names: every media link in it, wherever it stands, and data within it.

Models agree on no shape: `{"video": {"url": …}}`, a list of such, a bare link, a data URI. So the whole
output is walked, in its own order, and what looks like a file is one: it was paid for. Pure.

Source: fal documentation, "File", `sync_mode`; RFC 2397 (data URIs).
"""

import base64
import binascii
import mimetypes
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_to_bytes

from backend.domain.links import file_identity, link_ending, normalize_link

#: More files than these in one output are no takes; what comes behind stays in the output to be read.
FILES_MAX = 100
#: The largest whole number that databases keep.
MAX_INT64 = 2**63 - 1
#: Text in base64 that is shorter is no file, unless its name says that it is one.
INLINE_MIN_CHARS = 200
DATA_NAMES = frozenset({"file_data", "b64_json", "base64", "data"})
ROLE_MAX_CHARS = 200
#: What stands in an output in place of data that became a file.
INLINE_NOTE = "(kept as a file)"

#: What a request was given, repeated: nothing of it was made.
_ECHOES = frozenset({"input", "inputs", "request", "arguments", "prompt"})
#: Links of an API, of papers and pages: no files.
_NO_FILES = re.compile(
    r"(status|response|cancel|queue|request|webhook|callback|docs?|documentation|help|license|terms|home_?page|"
    r"logs?|dashboard)(_ur[il]|_link)?",
    re.IGNORECASE,
)
_DATA_URI = re.compile(r"\s*data:([^,]{0,300}),", re.IGNORECASE)
#: What stands before the comma of one: a type, or that it is base64; else it is a text that begins so.
_DATA_HEAD = re.compile(r"\s*([\w.+-]+/[\w.+-]+\s*(;[^;]*)*|(;[^;]*)*;\s*base64\s*(;[^;]*)*)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\s-]+={0,2}")
#: A reference to a file that nobody here can ask for: another scheme, or a path without its server.
_UNREACHABLE = re.compile(
    r"(gs|s3|r2|ipfs|ftp|azure|blob)://\S+|/?[\w./-]+\.(mp4|webm|mov|gif|m4v|mkv)", re.I
)


class FileKind(StrEnum):
    """What a file is for those who look at it."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"
    OTHER = "other"


#: How links end, by what they lead to.
ENDINGS: dict[FileKind, frozenset[str]] = {
    FileKind.VIDEO: frozenset(
        {"mp4", "m4v", "webm", "mov", "mkv", "avi", "mpg", "mpeg", "ogv", "wmv", "flv"}
    ),
    FileKind.IMAGE: frozenset(
        {"png", "jpg", "jpeg", "gif", "webp", "avif", "heic", "bmp", "tif", "tiff", "exr"}
    ),
    FileKind.AUDIO: frozenset({"mp3", "wav", "m4a", "aac", "ogg", "oga", "opus", "flac"}),
}
#: Links that end so lead to files that are none of these kinds.
DATA_ENDINGS = frozenset(
    {"zip", "tar", "gz", "7z", "glb", "gltf", "obj", "fbx", "usdz", "ply", "stl", "safetensors", "npy", "npz"}
    | {"json", "jsonl", "txt", "csv", "srt", "vtt", "xml", "svg", "pdf", "psd", "m3u8"}
)
#: Words of a field that holds a picture of a video.
_PICTURE_WORDS = frozenset({"cover", "thumbnail", "thumb", "poster", "frame", "keyframe"})
#: How data in base64 begins, if it is a file: (offset, bytes).
_BEGINNINGS = (
    (4, b"ftyp"), (0, b"\x1a\x45\xdf\xa3"), (0, b"\x89PNG"), (0, b"\xff\xd8\xff"), (0, b"GIF8"), (0, b"RIFF"),
    (0, b"OggS"), (0, b"ID3"), (0, b"fLaC"), (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf1"),
    (0, b"glTF"),
)  # fmt: skip


@dataclass(frozen=True)
class OutputFile:
    """One file that an output names.

    role: where it stands in the output ("video", "videos.0"). url: an http or https link; None: its bytes
    stand in the output itself. size_bytes, content_type: as the output says, if it does.
    """

    role: str
    url: str | None
    size_bytes: int | None = None
    content_type: str | None = None

    @property
    def kind_hint(self) -> FileKind:
        """What it should be, as far as link, type and role tell; what it is, its bytes say."""
        ending = link_ending(self.url) if self.url else ""
        for kind, endings in ENDINGS.items():
            if ending in endings:
                return kind
        said = (self.content_type or "").partition("/")[0].lower()
        if said in ("video", "image", "audio"):
            return FileKind(said)
        named = {word.rstrip("s") for word in re.split(r"[._]", self.role.lower())}
        if named & _PICTURE_WORDS:
            return FileKind.IMAGE
        return next((kind for kind in FileKind if kind in named), FileKind.OTHER)

    @property
    def says_file(self) -> bool:
        """Does the output say in some way that it is a file? Else it may lead anywhere: a page, an API."""
        told = self.size_bytes is not None or self.content_type is not None or self.url is None
        return told or self.kind_hint != FileKind.OTHER or link_ending(self.url or "") in DATA_ENDINGS

    def as_json(self) -> dict[str, Any]:
        """As it is kept on a job's row."""
        return {
            "role": self.role,
            "url": self.url,
            "size_bytes": self.size_bytes,
            "content_type": self.content_type,
        }

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "OutputFile":
        """What `as_json` wrote."""
        return cls(str(kept["role"]), kept.get("url"), kept.get("size_bytes"), kept.get("content_type"))


def find_files(output: Any) -> list[OutputFile]:
    """Every file that an output names, in its order; the same link twice is one file, and no role is twice.

    output: JSON, as deep as `domain.shape` lets pass. Of more than `FILES_MAX` the main one and the first.
    """
    files = [file for file, _ in _named(output)]
    if len(files) <= FILES_MAX:
        return files
    main = main_first(files)[0]
    kept = {id(main), *(id(file) for file in files[: FILES_MAX - 1])}
    return [file for file in files if id(file) in kept]


def _named(output: Any) -> Iterator[tuple[OutputFile, str]]:
    """Each file once, with the text that it was found in."""
    links: set[str] = set()
    roles: Counter[str] = Counter()
    for file, text in _walk_with_text(output, ()):
        if file.url in links:
            continue
        if file.url is not None:
            links.add(file.url)
        roles[file.role] += 1
        number = roles[file.role]
        yield (file if number == 1 else replace(file, role=f"{file.role}~{number}")), text


def main_first(files: Sequence[OutputFile], main_role: str | None = None) -> list[OutputFile]:
    """The files with the main one first, the others in the output's order.

    main_role: the field that the model's output schema declares for it; where none fits, or it holds a
    picture beside a video, the main one is the first video, else the first image, else the first.
    """
    a_video = any(file.kind_hint == FileKind.VIDEO for file in files)

    def rank(file: OutputFile) -> int:
        declared = main_role is not None and re.fullmatch(rf"{re.escape(main_role)}(\..*)?", file.role)
        order = (FileKind.VIDEO, FileKind.IMAGE)
        hint = file.kind_hint
        if declared and not (a_video and hint == FileKind.IMAGE):
            return 0
        return 1 + (order.index(hint) if hint in order else len(order))

    if not files:
        return []
    main = min(files, key=rank)
    return [main, *(file for file in files if file is not main)]


def without_echoes(files: Sequence[OutputFile], sent: Set[str]) -> list[OutputFile]:
    """The files without those that the request had given; all of them where nothing else would be left.

    sent: `file_identity` of each link of the request.
    """
    made = [file for file in files if file.url is None or file_identity(file.url) not in sent]
    return made or list(files)


def read_inline(output: Any, role: str) -> bytes:
    """The bytes of a file that stands in the output itself; b"" when there is none under this role."""
    for file, text in _named(output):
        if file.role == role and file.url is None:
            return _decode(text) or b""
    return b""


def without_inline(output: Any, name: str = "") -> Any:
    """The output without the data of files that stood in it. name: the field that it is the value of."""
    if isinstance(output, dict):
        return {name: without_inline(value, name) for name, value in output.items()}
    if isinstance(output, list):
        return [without_inline(value) for value in output]
    return INLINE_NOTE if isinstance(output, str) and _is_inline(output, name) else output


def has_unreachable(output: Any) -> bool:
    """Does an output refer to a file by what is no link: `gs://…`, a path, data that can't be read?"""
    if isinstance(output, dict):
        return any(
            has_unreachable(value) for name, value in output.items() if str(name).lower() not in _ECHOES
        )
    if isinstance(output, list):
        return any(has_unreachable(value) for value in output)
    return isinstance(output, str) and (
        _UNREACHABLE.fullmatch(output.strip()) is not None or _data_uri(output) is not None
    )


def _walk_with_text(value: Any, path: tuple[str, ...]) -> Iterator[tuple[OutputFile, str]]:
    """Each file with the text that it was found in."""
    if isinstance(value, dict):
        own = _file_object(value, path)
        if own is not None:
            yield own
        for name, part in value.items():
            if own is not None and name in ("url", "file_data"):
                continue
            if str(name).lower() not in _ECHOES and not (
                isinstance(part, str) and _NO_FILES.fullmatch(str(name))
            ):
                yield from _walk_with_text(part, (*path, str(name)))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _walk_with_text(part, (*path, str(number)))
    elif isinstance(value, str):
        inline = _is_inline(value, path[-1] if path else "")  # sound in base64 may begin like a link: "//uQ…"
        url = None if inline else normalize_link(value)
        if inline or url is not None:
            yield OutputFile(_role(path), url), value


def _file_object(value: dict[Any, Any], path: tuple[str, ...]) -> tuple[OutputFile, str] | None:
    """An object that is a file: it has a link, or the data themselves under a name for them."""
    size = value.get("file_size")
    exact = isinstance(size, int) and not isinstance(size, bool) and 0 < size <= MAX_INT64
    said, name = value.get("content_type"), value.get("file_name")
    if not isinstance(said, str):
        said = mimetypes.guess_type(name)[0] if isinstance(name, str) else None
    about = (size if exact else None, said[:100] if said else None)
    link = value.get("url")
    if isinstance(link, str):
        url = normalize_link(link)
        if url is not None:
            return OutputFile(_role(path) or "url", url, *about), link
        if _is_inline(link, "url"):
            return OutputFile(_role(path) or "url", None, None, about[1]), link
    data = value.get("file_data")
    if isinstance(data, str) and _is_inline(data, "file_data"):
        return OutputFile(_role(path) or "file_data", None, None, about[1]), data
    return None


def _role(path: tuple[str, ...]) -> str:
    text = ".".join(path)[:ROLE_MAX_CHARS] or "output"
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _is_inline(text: str, name: str) -> bool:
    """Does this text hold the bytes of a file, all of which can be read?"""
    if _data_uri(text):
        return bool(_decode(text))
    at_least = 16 if name in DATA_NAMES else INLINE_MIN_CHARS
    if len(text) < at_least or not _BASE64.fullmatch(text.rstrip()):
        return False
    head = _decode(re.sub(r"\s", "", text[:120])[:64]) or b""
    return any(head[at : at + len(start)] == start for at, start in _BEGINNINGS) and bool(_decode(text))


def _data_uri(text: str) -> re.Match[str] | None:
    uri = _DATA_URI.match(text)
    return uri if uri and _DATA_HEAD.fullmatch(uri[1]) else None


def _decode(text: str) -> bytes | None:
    """The bytes of a data URI, or of base64 in either alphabet; None when they can't be read."""
    uri = _data_uri(text)
    body = text[uri.end() :] if uri else text
    if uri and "base64" not in [part.strip().lower() for part in uri[1].split(";")]:
        return unquote_to_bytes(body)
    plain = re.sub(r"\s", "", unquote_to_bytes(body).decode("ascii", "replace")).translate({45: "+", 95: "/"})
    plain = plain.rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
