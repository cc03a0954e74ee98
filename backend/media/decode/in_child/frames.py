"""The first or last picture of a video, in full size, as a photo: made in a child process only."""

from collections import deque
from itertools import islice
from pathlib import Path

from backend.media.decode.in_child.picture import save_photo
from backend.media.decode.in_child.video import codec_name, open_video, pictures, video_stream
from backend.media.decode.sandbox import RejectedFile

#: The end of a video is looked for from this far before it, in seconds; keyframes seldom lie further apart.
TAIL_SEEK_S = 12.0


def save_frame_png(path: str, photo: str, last: bool) -> None:
    """Write the first, or the last, picture of a video as a PNG; RejectedFile: none can be decoded."""
    with open_video(path, "no picture of it can be read") as (reader, _):
        stream = video_stream(reader)
        codec = codec_name(stream.codec_context)
        if last and reader.duration:
            reader.seek(max(0, reader.duration - int(TAIL_SEEK_S * 1_000_000)))
        shown = pictures(reader, stream)
        found = deque(shown if last else islice(shown, 1), maxlen=1)
    if not found:
        raise RejectedFile("it holds not one picture")
    save_photo(found[0], codec, Path(photo))
