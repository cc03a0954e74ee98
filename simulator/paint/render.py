"""Renders videos. As a program: one JSON line a job on standard input, one line of answer each."""

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import av

from simulator.paint.scene import Frames, scene_for

JSON = dict[str, Any]

#: How politely a child works: HTTP, the database and the people on this machine come first.
NICENESS = 10
#: Macroblock-tree is off: with it this build of x264 gives other bytes in every run, for the same frames.
X264 = "mbtree=0"
#: x264's constant rate factor: fine grain survives, and a 5 s take has a megabyte or two.
CRF = 21


def render_video(spec: JSON) -> JSON:
    """Make the video that `spec` describes; afterwards the whole file lies at `spec["path"]`.

    spec: path, prompt, seed, duration_s, fps, width, height, first and last (paths of pictures or
    None). The same spec, wherever its files lie, gives the same bytes.
    Returns what fal's output says of a video.
    """
    path, fps = Path(spec["path"]), int(spec["fps"])
    count = max(1, round(spec["duration_s"] * fps))
    part = path.with_suffix(f".{os.getpid()}.part")
    for left in path.parent.glob(f"{path.stem}.*.part"):  # by a renderer that was killed, or is dying
        left.unlink(missing_ok=True)
    _encode(part, scene_for(spec, count), fps=fps, width=spec["width"], height=spec["height"])
    size = part.stat().st_size
    part.replace(path)
    return {
        "file_size": size,
        "width": spec["width"],
        "height": spec["height"],
        "fps": float(fps),
        "duration": count / fps,
        "num_frames": count,
    }


def answer_job(spec: JSON) -> JSON:
    """`render_video`, with its troubles as an `error` in the answer."""
    try:
        return render_video(spec)
    except (OSError, ValueError, MemoryError, av.error.FFmpegError) as error:
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Serve jobs until standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    os.nice(NICENESS)
    with contextlib.suppress(BrokenPipeError):  # nobody is left to hear it
        for line in sys.stdin:
            print(json.dumps(answer_job(json.loads(line))), flush=True)


def _encode(path: Path, frames: Frames, *, fps: int, width: int, height: int) -> None:
    """H.264 in an MP4 whose index comes first; one thread, so that its bytes don't depend on the machine."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(
            "libx264", rate=fps, options={"preset": "veryfast", "crf": str(CRF), "x264-params": X264}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_count = 1
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
