"""From a spec to frames: a scene that its words describe, or a camera move over its pictures."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simulator.paint.camera import Camera, Pose
from simulator.paint.city import draw_night
from simulator.paint.cloth import draw_band, draw_folds
from simulator.paint.land import draw_ridges, draw_water
from simulator.paint.lettering import Lettering
from simulator.paint.look import Look, look_of
from simulator.paint.noise import F, Noise
from simulator.paint.photo import Photos
from simulator.paint.stage import Layout, Stage, blown_up

Frames = Iterator[NDArray[np.uint8]]

#: Scenes whose shapes are soft are drawn at half the size and blown up: four times as quick.
_SOFT = {"folds", "lights"}
#: Grain is drawn this often and then goes round in an order of its own.
GRAINS = 7
#: The tone curve's shoulder: x (1.04 - 0.165 x²) rises until x = 1.45, where it is about 1.
SHOULDER_GAIN, SHOULDER = 1.04, 0.165
#: Seconds until the letters stand.
LETTERS_S = 0.9


def scene_for(spec: dict[str, Any], count: int) -> Frames:
    """`count` frames of (height, width, 3) for a spec (see `render.render_video`).

    Raises:
        OSError, ValueError: a picture can't be read.
    """
    prompt, width, height = spec["prompt"], spec["width"], spec["height"]
    rng = _rng(spec)
    look = look_of(prompt, rng)
    camera = Camera(prompt, rng)
    if spec["first"] or spec["last"]:
        photos = Photos(spec["first"], spec["last"], width, height)
        picture: Callable[[Pose, float, float], F] = photos.picture_at
        look = photos.plain_look(look)
    else:
        picture = _painted(look, rng, width, height)
    finish = _Finish(spec, look, rng, photo=bool(spec["first"] or spec["last"]))
    for number in range(count):
        share, seconds = number / max(1, count - 1), number / spec["fps"]
        image = picture(camera.pose_at(share, seconds), share, seconds * look.speed + 3.0)
        yield finish.finished_frame(image, number, seconds)


def _paint(stage: Stage, pose: Pose, t: float) -> F:
    """One moment `t` (seconds) of the scene that the look asks for, (rows, columns, 3), 0..1 and above."""
    scene = stage.look.scene
    if scene == "water":
        image = draw_water(stage, pose, t)
    elif scene == "ridges":
        image = draw_ridges(stage, pose, t)
    elif scene == "lights":
        image = draw_night(stage, pose, t)
    else:
        return draw_folds(stage, pose, t)
    return draw_band(stage, image, pose, t) if stage.look.cloth is not None else image


def _painted(
    look: Look, rng: np.random.Generator, width: int, height: int
) -> Callable[[Pose, float, float], F]:
    scale = 2 if look.scene in _SOFT else 1
    rows, columns = height // scale, width // scale
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    stage = Stage(
        x=(x - (columns - 1) / 2) / (rows / 2),
        y=(y - (rows - 1) / 2) / (rows / 2),
        look=look,
        noise=Noise(rng, octaves=3, first=4),
        fine=Noise(rng, octaves=4, first=16),
        drawn=Layout(rng, wide=columns / rows),
    )

    def picture(pose: Pose, _: float, t: float) -> F:
        image = _paint(stage, pose, t)
        return image if scale == 1 else blown_up(image, width, height)

    return picture


class _Finish:
    """What every frame gets last: bloom, contrast, vignette, grain, letters, bars."""

    def __init__(self, spec: dict[str, Any], look: Look, rng: np.random.Generator, *, photo: bool) -> None:
        self._width, self._height = spec["width"], spec["height"]
        self._look = look
        wide = self._width / self._height > 1.3
        self._bars = round(self._height * 0.055) if look.bars and wide else 0
        self._letters = Lettering(self._width, self._height, bars=self._bars)
        self._vignette = _vignette(self._width, self._height, 0.20 if photo else 0.42)
        shape = (GRAINS, self._height, self._width, 1)
        self._grain: F = rng.standard_normal(shape, np.float32) * (look.grain * (0.5 if photo else 1.0))

    def finished_frame(self, image: F, number: int, seconds: float) -> NDArray[np.uint8]:
        """The finished frame, 8 bits a colour."""
        image = image + self._bloom(image)
        if self._look.contrast != 1.0:
            image = (image - 0.42) * self._look.contrast + 0.42
        image *= self._vignette
        np.clip(image, 0, 1.5, out=image)
        image *= SHOULDER_GAIN - SHOULDER * image * image  # bright light bends off instead of breaking off
        image += self._grain[(number * 3) % GRAINS]
        np.clip(image, 0, 1, out=image)
        self._letters.put_over(image, min(1.0, seconds / LETTERS_S))
        if self._bars:
            image[: self._bars] = 0
            image[-self._bars :] = 0
        return (image * 255 + 0.5).astype(np.uint8)

    def _bloom(self, image: F) -> F:
        """Bright places shine beyond themselves."""
        small = np.clip(image[::4, ::4] - 0.62, 0, 1.2)
        glow = Image.fromarray((small * 200).astype(np.uint8))
        size = (max(2, self._width // 24), max(2, self._height // 24))
        glow = glow.resize(size, Image.Resampling.BOX).resize(
            (self._width, self._height), Image.Resampling.BICUBIC
        )
        return np.asarray(glow, np.float32) * (self._look.bloom / 160)


def _vignette(width: int, height: int, strength: float) -> F:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    far = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2
    return np.asarray(1 - strength * far**1.2, np.float32)[..., None]


def _rng(spec: dict[str, Any]) -> np.random.Generator:
    """One stream of numbers for one prompt and seed."""
    text = f"{spec['seed']}\n{spec['prompt']}".encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest()[:8]))
