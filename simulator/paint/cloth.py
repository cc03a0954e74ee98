"""Cloth: folds that fill the picture, or a long band of it in the wind."""

import math

import numpy as np

from simulator.paint.camera import Pose
from simulator.paint.noise import F, f32, smoothstep
from simulator.paint.stage import Stage, colours_at


def draw_folds(stage: Stage, pose: Pose, t: float) -> F:
    """Cloth that fills the picture, its folds wandering."""
    x, y = stage.grid_seen(pose)
    o = stage.drawn.offset
    cos, sin = math.cos(stage.drawn.angle), math.sin(stage.drawn.angle)
    along, across = x * cos + y * sin, y * cos - x * sin
    a = stage.noise.sample_at(along * 0.10 + o[0] + t * 0.012, across * 0.16 + o[1] - t * 0.02)
    b = stage.noise.sample_at(along * 0.13 + o[2] - t * 0.016, across * 0.2 + o[3] + t * 0.01)
    wave = across * 3.1 + a * 3.4 + t * 0.28
    height = np.sin(wave + 1.3 * b) * 0.5 + np.sin(wave * 2.3 + b * 4.2 + along * 0.9 - t * 0.4) * 0.2
    height += np.sin(wave * 4.9 - a * 5 + along * 2.2 + t * 0.5) * 0.06
    ramp = stage.look.cloth if stage.look.cloth is not None else stage.look.ramp
    image = _lit_cloth(f32(height), ramp, t, tint=0.22 * a, step=stage.step)
    return f32(image + stage.look.accent * (0.10 * smoothstep(0.1, 0.9, b))[..., None])


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
    share = 0.08 + 0.60 * smoothstep(-0.75, 1.0, facing) + 0.16 * height + tint * 0.5
    image = colours_at(ramp, f32(share)) * (0.50 + 0.62 * smoothstep(-0.9, 1.0, facing))[..., None]
    return f32(image + ramp[236] * (0.42 * sheen + 0.12 * rim * np.maximum(0, facing))[..., None])


def draw_band(stage: Stage, image: F, pose: Pose, t: float) -> F:
    """A long cloth in the wind, before the scene."""
    ramp = stage.look.cloth
    assert ramp is not None
    x, y = stage.grid_seen(pose, 0.8)
    o = stage.drawn.offset
    lean = 0.16 * math.copysign(1, stage.drawn.angle)
    sway = np.sin(x * 1.25 - t * 0.9 + o[0]) * 0.17 + np.sin(x * 2.7 - t * 1.5 + o[1]) * 0.06
    middle = -0.10 + x * lean + sway
    half = 0.20 + 0.09 * np.sin(x * 1.7 - t * 0.7 + o[2]) + 0.05 * np.sin(x * 4.1 - t * 1.2 + o[3])
    inner = (y - middle) / half
    drift = stage.noise.sample_at(x * 0.13 + o[4] - t * 0.03, inner * 0.09 + o[5])
    height = np.sin(inner * 3.4 + x * 1.9 - t * 1.1 + drift * 3.0) * 0.17
    height += np.sin(inner * 6.3 - x * 2.6 + t * 0.8 + drift * 4.0) * 0.05 + np.sin(x * 2.2 - t * 1.3) * 0.10
    cloth = _lit_cloth(f32(height), ramp, t, tint=0.2 * drift, step=stage.step)
    edge = np.clip((1 - np.abs(inner)) * half / (stage.step * 1.5), 0, 1)
    shade = smoothstep(1.5, 0.9, np.abs((y - 0.06 - middle) / half)) * 0.22 * (1 - edge)
    image = image * (1 - shade)[..., None]
    return f32(image + (cloth - image) * (edge * 0.97)[..., None])
