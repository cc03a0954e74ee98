"""What a machine sees in a video, without an opinion: one pass, looked at small; in a child process only."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from backend.media.decode.in_child.picture import fit_width
from backend.media.decode.in_child.video import open_video, pictures, video_stream
from backend.media.decode.sandbox import RejectedFile

Luma = NDArray[np.int16]

#: Each picture is looked at in this width: what a thumbnail shows is seen, and grain is not.
WIDTH_PX = 160
#: Two pictures whose luma differs by less in the mean, of 255, are the same picture.
FROZEN_CHANGE = 0.35
#: A picture is black if so much of it is darker than this, of 255.
BLACK_SHARE, BLACK_LUMA = 0.98, 24
#: More pictures than an hour of video has, are not looked at.
PICTURES_MAX = 216_000


def measure_video(path: str) -> dict[str, float]:
    """frozen_s and black_s: for how long; flicker: mean second difference of mean luma; sharpness: mean
    absolute Laplacian of luma; both of 255. RejectedFile: nothing can be decoded."""
    with open_video(path, "it can't be measured") as (reader, _):
        stream = video_stream(reader)
        stream.codec_context.thread_count = 1
        usual_s = float(1 / (stream.average_rate or Fraction(24)))
        frozen_s = black_s = 0.0
        before, at_before = None, 0.0
        means: list[float] = []
        sharp: list[float] = []
        for number, frame in enumerate(pictures(reader, stream)):
            if number >= PICTURES_MAX:
                break
            width, height = fit_width(frame.width, frame.height, WIDTH_PX)
            small = frame.reformat(width=width, height=height, format="gray").to_ndarray().astype(np.int16)
            at = float(frame.time if frame.time is not None else at_before + usual_s)
            if before is not None and _is_same(before, small):
                frozen_s += max(0.0, at - at_before)
            if (small < BLACK_LUMA).mean() >= BLACK_SHARE:
                black_s += usual_s
            means.append(float(small.mean()))
            sharp.append(_laplacian(small))
            before, at_before = small, at
    if not means:
        raise RejectedFile("not one of its pictures can be decoded")
    return {
        "frozen_s": frozen_s,
        "black_s": black_s,
        "flicker": _flicker(means),
        "sharpness": float(np.mean(sharp)),
    }


def _flicker(means: list[float]) -> float:
    """The mean second difference without the largest tenth: a cut is one jump, and no flicker."""
    jumps = np.sort(np.abs(np.diff(means, n=2)))
    kept = jumps[: len(jumps) - max(2, len(jumps) // 10)]
    return float(kept.mean()) if len(kept) else 0.0


def _is_same(before: Luma, luma: Luma) -> bool:
    return before.shape == luma.shape and float(np.abs(luma - before).mean()) < FROZEN_CHANGE


def _laplacian(luma: Luma) -> float:
    """How much a pixel differs from its neighbours' mean, four times."""
    middle = luma[1:-1, 1:-1]
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return float(np.abs(4 * middle - around).mean()) if middle.size else 0.0
