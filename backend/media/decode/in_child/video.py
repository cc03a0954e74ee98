"""Is a file a whole video: what a child process does. Nothing here runs outside `child`.

Every packet that the index promises is read, but only a few are decoded: decoding all of a long take
would be slower than fetching it. The first frame and the last ones must decode.
"""

import math
import os
import stat
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import av.logging
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from backend.media.decode.in_child.container import Container, detect_container
from backend.media.decode.in_child.picture import mean_brightness, save_poster
from backend.media.decode.in_child.players import why_unplayable
from backend.media.decode.sandbox import NO_VIDEO, RejectedFile

if TYPE_CHECKING:  # generic for the type checker only
    AnyPacket = Packet[Any]
else:
    AnyPacket = Packet

#: How much is read at a time: FFmpeg's own 32 KiB costs a call into Python each.
READ_BYTES = 1024 * 1024
#: Larger frames are no take: 8K is 7680 wide.
SIDE_MAX_PX = 8192
#: How many packets at the end must decode.
TAIL_PACKETS = 3
#: The beginning is searched this far for the picture that shows most (two seconds), in steps of a few.
FADE_IN_FRAMES = 48
FADE_IN_STEP = 8
#: The container's own length and that of its packets may differ by this, or by a twentieth.
SLACK_S = 1.0
#: Where a packet that begins with this many zeros is a hole in the file, not a picture.
ZERO_RUN = bytes(64)
#: Formats of WebM, and the decoders that see their alpha.
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_NEVER_ZEROS = frozenset({"h264", "hevc", "vp8", "vp9", "av1"})

# PyAV is silent by itself. Any log level would give FFmpeg's threads a callback into Python, which
# deadlocks when a decoder with threads is closed.
av.logging.set_level(None)


@dataclass
class _Seen:
    """What reading every packet showed."""

    counts: Counter[int] = field(default_factory=Counter)  #: packets by stream
    first: VideoFrame | None = None
    keyframe: AnyPacket | None = None  #: the last one
    tail: deque[AnyPacket] = field(default_factory=lambda: deque(maxlen=TAIL_PACKETS))  #: what follows it
    start_s: float = math.inf
    end_s: float = 0.0


def examine_video(path: str, poster: str | None) -> dict[str, Any]:
    """The fields of `inspect.VideoInfo`; writes a poster when asked. RejectedFile: it is no whole video."""
    with open_video(path, "it can't be read") as (reader, container):
        return _examine(reader, container, Path(poster) if poster else None)


@contextmanager
def open_video(path: str, trouble: str) -> Iterator[tuple[InputContainer, Container]]:
    """A video, opened as what its content says it is. RejectedFile: it is none, or `trouble` comes of it."""
    with _open_regular(path) as file:
        container = detect_container(file)
        try:
            with _open_container(file, container) as reader:
                yield reader, container
        except FFmpegError as error:
            raise RejectedFile(f"{trouble} ({error.strerror})") from error


def _open_regular(path: str) -> BinaryIO:
    """Open a file for reading, unless it is a link, a pipe or a device."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(handle, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise RejectedFile("it is no regular file")
    return file


def _open_container(file: BinaryIO, container: Container) -> InputContainer:
    """Open with the one reader that its content asked for, which can open nothing else."""
    file.seek(0)
    return av.open(
        file,
        "r",
        format=container.demuxer,
        buffer_size=READ_BYTES,
        # Edit lists hide packets; all of them are counted here. No protocol: no second file, no network.
        container_options={"protocol_whitelist": "none", "ignore_editlist": "1"},
        metadata_errors="replace",
    )


def video_stream(reader: InputContainer) -> VideoStream:
    """The stream that is the video; a cover picture is none. RejectedFile: none that can be decoded."""
    for stream in reader.streams.video:
        if stream.frames != 1 or not stream.disposition & av.stream.Disposition.attached_pic:
            if not has_decoder(stream):
                raise RejectedFile("its pictures are coded in a way that is not known here")
            return stream
    raise RejectedFile(NO_VIDEO)


def has_decoder(stream: Any) -> bool:
    """Is what a stream is coded with known here? PyAV gives one without a context where it isn't."""
    return stream.codec_context is not None


def codec_name(context: CodecContext) -> str:
    """What a stream is coded with, by FFmpeg's name of the format; decoders of it have other names."""
    return context.codec.canonical_name


def pictures(reader: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Decode from where the reader is; see-through where the video is.

    FFmpeg's own decoders of VP8 and VP9 leave the alpha of WebM out, which is a second picture.
    """
    coder: Any = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and codec_name(coder) in _WITH_ALPHA:
        coder = CodecContext.create(_WITH_ALPHA[codec_name(coder)], "r")
    for packet in reader.demux(stream):
        yield from coder.decode(packet)


def _examine(reader: InputContainer, container: Container, poster: Path | None) -> dict[str, Any]:
    stream = video_stream(reader)
    context = stream.codec_context
    context.thread_count = 1  # a few frames: threads would only add delay
    if not 0 < context.width <= SIDE_MAX_PX or not 0 < context.height <= SIDE_MAX_PX:
        raise RejectedFile(f"its size of {context.width} x {context.height} pixels is not possible")
    seen = _read_all(reader, stream)
    if seen.first is None:
        why = "its pictures are damaged" if seen.counts[stream.index] else "it holds not one picture"
        raise RejectedFile(why)
    _check_counts(reader, stream, seen)
    _check_tail(reader, stream, seen)
    see_through = poster is not None and save_poster(
        _shown(reader, stream, seen.first), codec_name(context), poster
    )
    turned = seen.first.rotation % 180 == 90
    width, height = seen.first.width, seen.first.height
    return {
        "extension": container.extension,
        "content_type": container.content_type,
        "duration_s": round(_declared_s(reader) or seen.end_s - seen.start_s, 3),
        "width": height if turned else width,
        "height": width if turned else height,
        "fps": float(stream.average_rate) if stream.average_rate else None,
        "codec": codec_name(context),
        "has_audio": bool(reader.streams.audio),
        "see_through": see_through,
        "unplayable": why_unplayable(
            container.extension,
            codec_name(context),
            seen.first.format.name,
            max(part.bits for part in seen.first.format.components),
            [codec_name(sound.codec_context) for sound in reader.streams.audio if has_decoder(sound)],
        ),
    }


def _read_all(reader: InputContainer, stream: VideoStream) -> _Seen:
    """Read every packet of every stream; decode up to the first picture."""
    seen = _Seen()
    for packet in reader.demux():
        if not packet.size:  # the end of a stream
            continue
        if packet.is_corrupt:
            raise RejectedFile("it is cut or damaged: a part of it can't be read")
        _note_time(seen, packet)
        seen.counts[packet.stream.index] += 1
        if packet.stream.index != stream.index:
            continue
        begins = bytes(memoryview(packet)[: len(ZERO_RUN)])
        if begins == ZERO_RUN and codec_name(stream.codec_context) in _NEVER_ZEROS:
            raise RejectedFile("it has a hole: a part of it was never written")
        if packet.is_keyframe or seen.keyframe is None:
            seen.keyframe = packet
            seen.tail.clear()
        else:
            seen.tail.append(packet)
        if seen.first is None:
            seen.first = next(iter(stream.codec_context.decode(packet)), None)
    if seen.first is None and seen.counts[stream.index]:
        seen.first = next(iter(stream.codec_context.decode(None)), None)
    return seen


def _note_time(seen: _Seen, packet: AnyPacket) -> None:
    at = packet.pts if packet.pts is not None else packet.dts
    if at is not None and packet.time_base:
        seen.start_s = min(seen.start_s, float(at * packet.time_base))
        seen.end_s = max(seen.end_s, float((at + (packet.duration or 0)) * packet.time_base))


def _check_counts(reader: InputContainer, stream: VideoStream, seen: _Seen) -> None:
    """As many packets as the index says; where it doesn't say, as many seconds as the header says."""
    if stream.frames:
        missing = stream.frames - seen.counts[stream.index]
        if missing > 0:
            raise RejectedFile(f"it is cut: {missing} of its {stream.frames} pictures are missing")
        return
    declared, found = _declared_s(reader), seen.end_s
    if declared - found > max(SLACK_S, declared / 20):
        raise RejectedFile(f"it is cut: it tells {declared:.1f} s and holds {found:.1f} s")


def _declared_s(reader: InputContainer) -> float:
    return max(0, reader.duration or 0) / av.time_base


def _shown(reader: InputContainer, stream: VideoStream, first: VideoFrame) -> VideoFrame:
    """The picture that shows most: the brightest of the beginning, as many videos fade in."""
    reader.seek(0)
    stream.codec_context.flush_buffers()
    codec = codec_name(stream.codec_context)
    beginning = islice(pictures(reader, stream), 0, FADE_IN_FRAMES, FADE_IN_STEP)
    return max(beginning, key=lambda frame: mean_brightness(frame, codec), default=first)


def _check_tail(reader: InputContainer, stream: VideoStream, seen: _Seen) -> None:
    """The last keyframe and the last packets must decode.

    What lies between the two is left out, which most decoders make good. One that can't gets all of it.
    """
    if seen.keyframe is None:
        raise RejectedFile("it holds not one picture")
    try:
        pictures = _decode(stream, [seen.keyframe, *seen.tail])
    except FFmpegError:
        pictures = 0
    if pictures < 1 + bool(seen.tail):
        pictures = _decode(stream, _from_last_keyframe(reader, stream, seen.keyframe))
    if not pictures:
        raise RejectedFile("it is cut or damaged: its last pictures can't be decoded")


def _decode(stream: VideoStream, packets: Iterable[AnyPacket]) -> int:
    """How many pictures these packets give, decoded from scratch."""
    stream.codec_context.flush_buffers()
    return sum(1 for packet in chain(packets, [None]) for _ in stream.codec_context.decode(packet))


def _from_last_keyframe(
    reader: InputContainer, stream: VideoStream, keyframe: AnyPacket
) -> Iterator[AnyPacket]:
    if keyframe.pts is None:
        raise RejectedFile("its last pictures can't be found")
    reader.seek(keyframe.pts, stream=stream)
    return (packet for packet in reader.demux(stream) if packet.size)
