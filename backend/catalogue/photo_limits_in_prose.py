"""What a field's own description says about photos, read where its wording leaves no doubt.

fal states such limits in prose: "Max file size: 10.0MB, Min width: 300px, Min height: 300px, Min aspect
ratio: 0.40, Max aspect ratio: 2.50, Timeout: 20.0s", or "Supported formats: JPEG, PNG, WebP. Max 30 MB."
A sentence that advises, counts several files together, speaks of other media or sets conditions says
nothing; neither do two sentences that contradict each other.

Standard library only. Source: fal's model pages, "Input schema".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

#: What marks a sentence that is no plain limit of one photo.
_DOUBTFUL = re.compile(
    r"\b(?:recommend\w*|advis\w*|ideal\w*|optimal\w*|best|prefer\w*|should|suggest\w*|better|total|combined|"
    r"together|overall|sum|videos?|audios?|clips?|if|when|unless|except|otherwise|"
    r"resiz\w*|crop\w*|scal\w*|output|results?)\b",
    re.IGNORECASE,
)
#: A sentence ends at a full stop before a blank, at a semicolon, or at the end of the line.
_SENTENCE = re.compile(r"(?<=[.!?])\s+|[;\n]+")
_SIDE = re.compile(
    r"\b(min|max)(?:imum|\.)?\s+(width|height)\s*(?::|of|is)?\s*(\d{1,6})\s*(?:px|pixels)\b", re.I
)
_RATIO = re.compile(
    r"\b(min|max)(?:imum|\.)?\s+aspect\s+ratio\s*(?::|of|is)?\s*(\d{1,3}(?:\.\d{1,4})?)(?!\d|\.\d|\s*[:/])",
    re.I,
)
_EACH_SIDE = re.compile(
    r"\bat least (\d{1,6})\s*(?:px|pixels) (?:a|per|on each|on every) side\b"
    r"|\b(?:at least|min(?:imum)?(?: (?:size|resolution|dimensions?))?(?: (?:of|is)|:)?)"
    r" (\d{1,6})\s*(?:px)?\s*[x×]\s*(\d{1,6})\s*(?:px|pixels)\b",
    re.I,
)
_BYTES = re.compile(
    r"\b(?:max(?:imum|\.)?(?: file)?(?: size)?(?: of| is|:)?|up to|at most)\s+"
    r"(\d{1,4}(?:\.\d{1,3})?)\s*(MB|MiB)\b(?!\s*/)",
    re.I,
)
_TYPES = re.compile(
    r"\b(?:supported|accepted|allowed)\s+(?:image\s+|file\s+)?(?:formats|types)\s*(?:are|:)\s*([\w ,/&.]+)",
    re.I,
)
_NAMES = {
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "avif": "image/avif",
    "heic": "image/heic",
    "tiff": "image/tiff",
}
_BETWEEN = re.compile(r"\s*(?:,|/|&|\band\b|\bor\b)\s*", re.I)


def read_description(prop: Mapping[str, Any]) -> dict[str, Any]:
    """What the description of a field, or of its items, limits: {"min_width": 300, …, "source"}, or {}."""
    found: dict[str, Any] = {}
    contradicted: set[str] = set()
    for sentence in _sentences(prop):
        for name, value in _read(sentence):
            if found.setdefault(name, value) != value:
                contradicted.add(name)
    kept = {name: value for name, value in found.items() if name not in contradicted}
    if kept.get("min_ratio", 0) > kept.get("max_ratio", kept.get("min_ratio", 0)):
        kept = {name: value for name, value in kept.items() if not name.endswith("ratio")}
    return {**kept, "source": "the model's own description"} if kept else {}


def _sentences(prop: Mapping[str, Any]) -> Iterator[str]:
    items = prop.get("items")
    for part in (prop, items if isinstance(items, Mapping) else {}):
        about = part.get("description")
        if isinstance(about, str):
            yield from (said for said in _SENTENCE.split(about) if not _DOUBTFUL.search(said))


def _read(sentence: str) -> Iterator[tuple[str, Any]]:
    for end, side, pixels in _SIDE.findall(sentence):
        yield f"{end.lower()}_{side.lower()}", int(pixels)
    for end, ratio in _RATIO.findall(sentence):
        yield f"{end.lower()}_ratio", float(ratio)
    for each, width, height in _EACH_SIDE.findall(sentence):
        yield "min_width", int(each or width)
        yield "min_height", int(each or height)
    for number, _ in _BYTES.findall(sentence):
        # Whether a megabyte is 1000² or 1024² bytes is never said: the larger one refuses nothing wrongly.
        yield "max_bytes", round(float(number) * 1024 * 1024)
    for names in _TYPES.findall(sentence):
        if types := _types(names):
            yield "types", types


def _types(names: str) -> list[str]:
    """The kinds in a list of names; [] when one of them is unknown, as the list may then be none."""
    said = [name for name in _BETWEEN.split(names.strip(" .").lower()) if name]
    known = [_NAMES[name] for name in said if name in _NAMES]
    return list(dict.fromkeys(known)) if len(known) == len(said) else []
