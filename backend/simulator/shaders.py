"""The scenes themselves: each draws one moment, as light of three colours, on a grid of places.

Heights and lengths are in half picture heights: y runs from -1 (top) to 1 (bottom).
"""

import math
from dataclasses import dataclass

import numpy as np

from backend.simulator.camera import Pose
from backend.simulator.look import Look
from backend.simulator.noise import F, Noise, smoothstep


@dataclass(frozen=True)
class Stage:
    """What all scenes draw with. `x`, `y`: the grid; `rng`: its own stream, for what is laid out once."""

    x: F
    y: F
    look: Look
    noise: Noise
    fine: Noise
    drawn: "Layout"

    def seen(self, pose: Pose, depth: float = 1.0) -> tuple[F, F]:
        """The grid as the camera sees it, at a depth from 0 (far off, hardly moves) to 1 (near)."""
        cos, sin = math.cos(pose.roll * depth), math.sin(pose.roll * depth)
        scale = pose.zoom**-depth
        x = (self.x * cos - self.y * sin) * scale + pose.dx * depth
        y = (self.x * sin + self.y * cos) * scale + pose.dy * depth
        return x.astype(np.float32), y.astype(np.float32)


class Layout:
    """What is placed once and then stays: sun, hills, lamps."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.angle = float(rng.uniform(0.35, 0.95)) * (1 if rng.random() < 0.5 else -1)
        self.offset = rng.uniform(0, 8, 16).astype(np.float32)
        self.sun_x = float(rng.uniform(-0.75, 0.75))
        self.sun_y = float(rng.uniform(-0.28, -0.02))
        self.lamps = rng.uniform(0, 1, (72, 6)).astype(np.float32)


def paint(stage: Stage, pose: Pose, t: float) -> F:
    """One moment `t` (seconds) of the scene that the look asks for, (rows, columns, 3), 0..1 and above."""
    scene = stage.look.scene
    if scene == "water":
        image = water(stage, pose, t)
    elif scene == "ridges":
        image = ridges(stage, pose, t)
    elif scene == "lights":
        image = lights(stage, pose, t)
    else:
        return folds(stage, pose, t)
    return band(stage, image, pose, t) if stage.look.cloth is not None else image


def ramped(ramp: F, share: F) -> F:
    """Colours of a ramp, at 0..1."""
    return ramp.take((np.clip(share, 0, 1) * 255).astype(np.int32), axis=0)


def folds(stage: Stage, pose: Pose, t: float) -> F:
    """Cloth that fills the picture, its folds wandering."""
    x, y = stage.seen(pose)
    o = stage.drawn.offset
    cos, sin = math.cos(stage.drawn.angle), math.sin(stage.drawn.angle)
    along, across = x * cos + y * sin, y * cos - x * sin
    a = stage.noise.at(along * 0.10 + o[0] + t * 0.012, across * 0.16 + o[1] - t * 0.02)
    b = stage.noise.at(along * 0.13 + o[2] - t * 0.016, across * 0.2 + o[3] + t * 0.01)
    wave = across * 3.1 + a * 3.4 + t * 0.28
    height = np.sin(wave + 1.3 * b) * 0.5 + np.sin(wave * 2.3 + b * 4.2 + along * 0.9 - t * 0.4) * 0.2
    height += np.sin(wave * 4.9 - a * 5 + along * 2.2 + t * 0.5) * 0.06
    ramp = stage.look.cloth if stage.look.cloth is not None else stage.look.ramp
    image = _lit_cloth(height, ramp, t, tint=0.22 * a, step=_step(stage))
    return np.asarray(image + stage.look.accent * (0.10 * smoothstep(0.1, 0.9, b))[..., None], np.float32)


def _lit_cloth(height: F, ramp: F, t: float, *, tint: F | float, step: float) -> F:
    """Light on a surface: soft where it faces the lamp, a sheen along the folds, a rim at their edges."""
    slope_y, slope_x = np.gradient(height, step)
    length = np.sqrt(slope_x * slope_x + slope_y * slope_y + 1.6)
    lamp = (0.55 * math.cos(0.5 + t * 0.13), -0.62, 0.56)
    facing = (-slope_x * lamp[0] - slope_y * lamp[1] + 1.26 * lamp[2]) / length
    sheen = np.maximum(0, (-slope_x * 0.30 - slope_y * 0.42 + 1.26 * 0.86) / length)
    sheen = sheen**2
    sheen = sheen**4
    sheen = sheen * sheen
    rim = 1 - 1.26 / length
    share = 0.10 + 0.62 * smoothstep(-0.45, 1.0, facing) + 0.10 * height + tint * 0.5
    image = ramped(ramp, share) * (0.42 + 0.68 * np.maximum(0, facing))[..., None]
    return np.asarray(image + ramp[232] * (0.34 * sheen + 0.10 * rim * np.maximum(0, facing))[..., None], np.float32)


def sky(stage: Stage, x: F, y: F, t: float, horizon: float) -> F:
    """A gradient down to the horizon, a sun in its glow, drifting clouds, shafts of light."""
    look, o = stage.look, stage.drawn.offset
    height = np.clip((horizon - y) / 1.35, 0, 1)
    sun_x, sun_y = stage.drawn.sun_x, stage.drawn.sun_y + horizon - 0.1
    dx, dy = x - sun_x, y - sun_y
    far2 = dx * dx + dy * dy
    glow = np.exp(-far2 * 1.9)
    share = 0.84 - 0.70 * np.sqrt(height) + 0.16 * glow
    cloud = stage.noise.at(x * 0.09 + o[4] + t * 0.006, y * 0.42 + o[5]) + 0.5 * stage.fine.at(
        x * 0.16 + o[6] + t * 0.011, y * 0.75 + o[7]
    )
    cover = smoothstep(-0.05, 0.85, cloud) * smoothstep(0.02, 0.5, height)
    image = ramped(look.ramp, share + 0.16 * cover * (glow + 0.35))
    light = 0.55 * np.exp(-far2 * 7) + 0.9 * smoothstep(0.118, 0.104, np.sqrt(far2))
    shaft = stage.noise.along(np.arctan2(dy, dx) * 0.35 + o[8] + t * 0.004)
    light = light + look.shafts * 0.5 * glow * smoothstep(-0.1, 0.9, shaft)
    warm = look.accent * 0.5 + look.ramp[250] * 0.5
    return np.asarray(image + warm * light[..., None], np.float32)


def ridges(stage: Stage, pose: Pose, t: float) -> F:
    """Hills behind hills, or dunes, or woods: the nearer, the darker and the quicker past the camera."""
    look, o = stage.look, stage.drawn.offset
    x, y = stage.seen(pose, 0.18)
    image = sky(stage, x, y, t, horizon=0.32)
    step = _step(stage)
    layers = 6
    for i in range(layers):
        near = i / (layers - 1)
        lx, ly = stage.seen(pose, 0.25 + 0.75 * near)
        row = lx[lx.shape[0] // 2] if pose.roll == 0 else lx
        line = stage.noise.along(row * (0.05 + 0.035 * near) + o[9] + i * 1.37) * (0.26 + 0.12 * near)
        line = line + stage.fine.along(row * 0.22 + o[10] + i * 0.71) * 0.035
        if look.trees:
            line = line + _trees(stage, row, i) * (0.05 + 0.13 * near)
        inside = np.clip((ly - (0.12 + 0.72 * near**1.15 - line)) / step + 0.5, 0, 1)
        depth = np.clip((ly - (0.12 + 0.72 * near**1.15 - line)) * 1.2, 0, 1)
        share = 0.66 * (1 - near) ** 1.3 + 0.05 + 0.16 * depth * (1 - near)
        hill = ramped(look.ramp, share)
        hill = hill + look.accent * (0.20 * np.exp(-depth * 9) * (1 - 0.7 * near))[..., None]
        image += (hill - image) * inside[..., None]
        if i < layers - 1:  # mist lies between this hill and the next
            mist = smoothstep(0.0, 0.55, depth) * inside * (0.34 * (1 - near))
            image += (look.ramp[205] - image) * mist[..., None]
    return image


def _trees(stage: Stage, row: F, layer: int) -> F:
    """A row of firs as an outline, 0..1."""
    grid = row * (9.0 - layer * 0.9) + layer * 3.3
    cell = np.floor(grid)
    size = 0.45 + 0.55 * np.abs(np.sin(cell * 12.9898 + layer * 78.233 + stage.drawn.offset[11]))
    edge = 1 - np.abs(grid - cell - 0.5) * 2
    return np.asarray(size * np.clip(edge + 0.07 * np.sin(edge * 40), 0, 1), np.float32)


def water(stage: Stage, pose: Pose, t: float) -> F:
    """A sea below a sky, with the sun's road on it."""
    look, o = stage.look, stage.drawn.offset
    x, y = stage.seen(pose, 0.35)
    horizon = 0.05
    image = sky(stage, x, y, t, horizon)
    below = np.clip(y - horizon, 0.004, None)
    far = 0.55 / below
    u, v = x * np.minimum(far, 40) * 0.5 + pose.dx * 0.4, np.minimum(far, 60) + math.log(pose.zoom) * 2.0
    swell = stage.noise.at(u * 0.11 + o[12] + t * 0.010, v * 0.21 + o[13] - t * 0.055)
    chop = stage.fine.at(u * 0.30 + o[14] - t * 0.02, v * 0.55 + o[15] - t * 0.11)
    wave = 0.62 * swell + 0.5 * chop
    calm = np.clip(below * 5, 0.10, 1)
    deep = np.clip(below / 1.1, 0, 1)
    share = 0.60 - 0.50 * np.sqrt(deep) + wave * 0.20 * calm
    sea = ramped(look.ramp, share)
    road = np.abs(x - stage.drawn.sun_x + wave * 0.16 * calm) / (0.10 + 0.42 * deep)
    sparkle = smoothstep(0.10, 0.62, wave + 0.25 * np.exp(-road * road))
    light = np.exp(-road * road * 1.6) * (0.16 + 0.95 * sparkle) * (1 - 0.45 * deep)
    sea = sea + (look.accent * 0.55 + look.ramp[252] * 0.45) * light[..., None]
    sea = sea + look.ramp[245] * (0.16 * smoothstep(0.62, 0.95, wave) * calm)[..., None]
    inside = np.clip((y - horizon) / _step(stage) + 0.5, 0, 1)
    return np.asarray(image + (sea - image) * inside[..., None], np.float32)


def lights(stage: Stage, pose: Pose, t: float) -> F:
    """A night out of focus: lamps as soft discs, glowing lines, and all of it again on the wet ground."""
    look, o = stage.look, stage.drawn.offset
    x, y = stage.seen(pose, 0.4)
    ground = 0.38
    wet = stage.fine.at(x * 0.5 + o[0], y * 0.10 + o[1] + t * 0.01)
    mirrored = np.where(y > ground, 2 * ground - y + wet * 0.05, y).astype(np.float32)
    haze = stage.noise.at(x * 0.10 + o[2] + t * 0.01, mirrored * 0.2 + o[3])
    image = ramped(look.ramp, 0.10 + 0.15 * np.exp(-np.abs(mirrored - ground) * 2.2) + 0.13 * haze)
    for i, height in enumerate((-0.42, -0.08, 0.16)):
        bend = stage.noise.along(x[0] * 0.07 + o[4 + i] + t * 0.012) * 0.20 if pose.roll == 0 else 0.0
        line = np.abs(mirrored - height - bend)
        glow = 0.0042 / (line * line * 4 + 0.0032) * 0.30 + 0.020 / (line + 0.10)
        flicker = 0.82 + 0.18 * math.sin(t * (1.3 + i) + float(o[7 + i]))
        colour = look.ramp[(190, 235, 160)[i]] * 0.6 + look.accent * (0.15 + 0.25 * (i % 2))
        image = image + colour * (glow * flicker * (0.85 - 0.15 * i))[..., None]
    image = np.where((y > ground)[..., None], image * 0.5, image).astype(np.float32)
    _lamps(stage, image, pose, t, ground)
    return image


def _lamps(stage: Stage, image: F, pose: Pose, t: float, ground: float) -> None:
    """Adds the discs, each only where it lies."""
    rows, columns = image.shape[:2]
    width = float(stage.x[0, -1])
    unit = rows / 2
    for px, py, near, size, hue, pace in stage.drawn.lamps:
        depth = 0.35 + 0.65 * float(near)
        scale = pose.zoom**depth
        span = 2 * width + 2.4
        wx = (float(px) * span + t * 0.02 * (float(pace) - 0.5) - pose.dx * depth) % span - width - 1.2
        wy = -0.85 + float(py) ** 1.4 * 1.15 - pose.dy * depth
        radius = (0.018 + 0.085 * float(size) ** 2 * depth) * scale
        power = (0.30 + 0.30 * math.sin(t * (0.6 + float(pace)) + float(hue) * 9)) * (0.55 + 0.6 * float(hue))
        colour = stage.look.accent if hue < 0.35 else stage.look.ramp[150 + int(float(hue) * 100)]
        for cy, share, tall in ((wy * scale, 1.0, 1.0), (2 * ground - wy * scale, 0.30, 3.0)):
            _disc(image, (wx * scale + width) * unit, (cy + 1) * unit, radius * unit, tall, colour * (power * share))


def _disc(image: F, cx: float, cy: float, radius: float, tall: float, colour: F) -> None:
    rows, columns = image.shape[:2]
    x0, x1 = max(0, int(cx - radius - 2)), min(columns, int(cx + radius + 3))
    y0, y1 = max(0, int(cy - radius * tall - 2)), min(rows, int(cy + radius * tall + 3))
    if x0 >= x1 or y0 >= y1:
        return
    dx = np.arange(x0, x1, dtype=np.float32) - cx
    dy = (np.arange(y0, y1, dtype=np.float32) - cy) / tall
    far = np.sqrt(dx * dx + (dy * dy)[:, None]) / radius
    disc = np.clip((1 - far) * radius / 1.5, 0, 1) * (0.62 + 0.38 * far**3)
    if tall > 1:
        disc = np.clip(1 - far, 0, 1) ** 1.5
    image[y0:y1, x0:x1] += colour * disc[..., None]


def band(stage: Stage, image: F, pose: Pose, t: float) -> F:
    """A long cloth in the wind, before the scene."""
    ramp = stage.look.cloth
    assert ramp is not None
    x, y = stage.seen(pose, 0.8)
    o = stage.drawn.offset
    lean = 0.16 * math.copysign(1, stage.drawn.angle)
    sway = np.sin(x * 1.25 - t * 0.9 + o[0]) * 0.17 + np.sin(x * 2.7 - t * 1.5 + o[1]) * 0.06
    middle = -0.10 + x * lean + sway
    half = 0.20 + 0.09 * np.sin(x * 1.7 - t * 0.7 + o[2]) + 0.05 * np.sin(x * 4.1 - t * 1.2 + o[3])
    inner = (y - middle) / half
    drift = stage.noise.at(x * 0.13 + o[4] - t * 0.03, inner * 0.09 + o[5])
    height = np.sin(inner * 3.4 + x * 1.9 - t * 1.1 + drift * 3.0) * 0.17
    height += np.sin(inner * 6.3 - x * 2.6 + t * 0.8 + drift * 4.0) * 0.05 + np.sin(x * 2.2 - t * 1.3) * 0.10
    cloth = _lit_cloth(height.astype(np.float32), ramp, t, tint=0.2 * drift, step=_step(stage))
    edge = np.clip((1 - np.abs(inner)) * half / (_step(stage) * 1.5), 0, 1)
    shade = smoothstep(1.5, 0.9, np.abs((y - 0.06 - middle) / half)) * 0.22 * (1 - edge)
    image = image * (1 - shade)[..., None]
    return np.asarray(image + (cloth - image) * (edge * 0.97)[..., None], np.float32)


def _step(stage: Stage) -> float:
    """The distance of two rows."""
    return 2.0 / stage.x.shape[0]
