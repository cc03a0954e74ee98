"""What the players of today's browsers play of whole videos. Pure, but for FFmpeg's names of things.

What only some play (HEVC, ten bits of H.264) counts as what none plays: a team's browsers differ.

Source: MDN's "Web video codec guide" and "Web audio codec guide"; measured in Chromium 156.
"""

import re

#: Extension -> what may be in it, by FFmpeg's names; nothing of Matroska's, which only WebM is a part of.
_PLAYED = {
    "mp4": {"h264", "vp9", "av1"},
    "mov": {"h264", "vp9", "av1"},
    "webm": {"vp8", "vp9", "av1"},
    "mkv": set[str](),
}
#: How many bits a colour may have; where it isn't told here: eight.
_BITS = {"vp9": 10, "av1": 10}
_SOUNDS = frozenset({"aac", "mp3", "opus", "vorbis", "flac"})
#: FFmpeg's names -> people's, where they differ by more than case.
_NAMES = {
    "h264": "H.264", "prores": "ProRes", "mpeg4": "MPEG-4 Part 2", "mpeg2video": "MPEG-2",
    "mpeg1video": "MPEG-1", "mjpeg": "Motion JPEG", "dnxhd": "DNxHD", "qtrle": "QuickTime Animation",
    "cinepak": "Cinepak", "rawvideo": "uncompressed", "png": "PNG pictures",
}  # fmt: skip
_SAMPLING = re.compile(r"(?:yuv[aj]?|nv)(4\d\d)?")


def why_unplayable(extension: str, codec: str, kind: str, bits: int, sounds: list[str]) -> str | None:
    """Why browsers can't play such a video, as a sentence; None: they can.

    extension: of its container. kind: FFmpeg's name of its pixel format. sounds: the codecs of its sound.
    """
    sampling = _sampling(kind)
    what = f"{bits}-bit {_name(codec)}" if bits > 8 else _name(codec)
    what += "" if sampling == "4:2:0" else f" with {sampling} colours"
    what += " in a Matroska file" if extension == "mkv" else ""
    played = codec in _PLAYED.get(extension, set()) and bits <= _BITS.get(codec, 8) and sampling == "4:2:0"
    if not played:
        return f"Browsers can't play it: it is {what}."
    silent = [name for name in sounds if name not in _SOUNDS]
    return f"Browsers play it without its sound, which is {_name(silent[0])}." if silent else None


def _name(codec: str) -> str:
    return "PCM" if codec.startswith("pcm_") else _NAMES.get(codec, codec.upper())


def _sampling(kind: str) -> str:
    """How its colours are sampled, as people write it."""
    found = _SAMPLING.match(kind)
    if kind.startswith(("gbr", "rgb", "bgr", "argb", "abgr", "pal")):
        return "RGB"
    return ":".join(found[1]) if found and found[1] else "grey" if kind.startswith("gray") else "4:2:0"
