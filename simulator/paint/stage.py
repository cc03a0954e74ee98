"""What scenes are drawn with: the grid of places, the noise, what stands where.

Heights and lengths are in half picture heights: y runs from -1 (top) to 1 (bottom).
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from simulator.paint.camera import Pose
from simulator.paint.look import Look
from simulator.paint.noise import F, Noise, f32


@dataclass(frozen=True)
class Stage:
    """What all scenes draw with. `x`, `y`: the grid; `rng`: its own stream, for what is laid out once."""

    x: F
    y: F
    look: Look
    noise: Noise
    fine: Noise
    drawn: "Layout"

    @property
    def step(self) -> float:
        """The distance of two rows."""
        return 2.0 / len(self.x)

    def grid_seen(self, pose: Pose, depth: float = 1.0) -> tuple[F, F]:
        """The grid as the camera sees it, at a depth from 0 (far off, hardly moves) to 1 (near)."""
        cos, sin = math.cos(pose.roll * depth), math.sin(pose.roll * depth)
        scale = pose.zoom**-depth
        x = (self.x * cos - self.y * sin) * scale + pose.dx * depth
        y = (self.x * sin + self.y * cos) * scale + pose.dy * depth
        return x.astype(np.float32), y.astype(np.float32)


class Layout:
    """What is placed once and then stays: sun, hills, lamps. `wide`: half the picture's width."""

    def __init__(self, rng: np.random.Generator, wide: float) -> None:
        self.angle = float(rng.uniform(0.35, 0.95)) * (1 if rng.random() < 0.5 else -1)
        self.offset = rng.uniform(0, 8, 16).astype(np.float32)
        self.sun_x = float(rng.uniform(-0.75, 0.75)) * min(1.0, wide)
        self.sun_y = float(rng.uniform(-0.28, -0.02))
        self.lamps = rng.uniform(0, 1, (72, 6)).astype(np.float32)


def colours_at(ramp: F, share: F) -> F:
    """Colours of a ramp, at 0..1."""
    return ramp.take((np.clip(share, 0, 1) * 255).astype(np.int32), axis=0)


def blown_up(image: F, width: int, height: int) -> F:
    """An image at another size, smooth."""
    small = Image.fromarray((np.clip(image, 0, 1.5) * 170).astype(np.uint8))
    return f32(np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 170)
