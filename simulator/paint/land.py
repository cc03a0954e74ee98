"""Land and water below a sky."""

import math

import numpy as np

from simulator.paint.camera import Pose
from simulator.paint.noise import F, f32, smoothstep
from simulator.paint.stage import Stage, blown_up, colours_at


def draw_ridges(stage: Stage, pose: Pose, t: float) -> F:
    """Hills behind hills, or dunes, or woods: the nearer, the darker and the quicker past the camera."""
    look, o = stage.look, stage.drawn.offset
    image = _soft_sky(stage, pose, 0.18, t, horizon=0.30)
    step, layers = stage.step, 6
    for i in range(layers):
        near = i / (layers - 1)
        lx, ly = stage.grid_seen(pose, 0.25 + 0.75 * near)
        row = lx[lx.shape[0] // 2]  # outlines are read along the middle: a roll tilts the hills through y
        line = stage.noise.sample_line(row * (0.07 + 0.03 * near) + o[9] + i * 1.37) * (0.20 + 0.16 * near)
        line = line + stage.fine.sample_line(row * 0.22 + o[10] + i * 0.71) * (0.045 - 0.02 * near)
        if look.trees:
            line = line + _trees(stage, row, i) * (0.07 + 0.15 * near)
        below = ly - (0.10 + 0.70 * near**1.15 - line)
        top = int(np.argmax(below.max(axis=1) > -step))
        below = below[top:]
        inside = np.clip(below / step + 0.5, 0, 1)
        depth = np.clip(below * 1.6, 0, 1)
        mist = 0.0 if i == layers - 1 else 0.55 * (1 - near)
        share = 0.52 * (1 - near) ** 1.2 + 0.03 + mist * 0.55 * depth * (2 - depth)
        hill = colours_at(look.ramp, share)
        hill += look.accent * (0.24 * np.exp(-depth * 14) * (1 - 0.75 * near))[..., None]
        image[top:] += (hill - image[top:]) * inside[..., None]
    return image


def _trees(stage: Stage, row: F, layer: int) -> F:
    """Rows of firs as one outline, 0..1: some tall, most not, none like its neighbour."""
    outline = np.zeros_like(row)
    for number, pitch in enumerate((5.2, 8.3, 12.7)):
        grid = row * (pitch - layer * 0.55) + layer * 3.3 + number * 0.37
        cell = np.floor(grid)
        chance = (
            np.abs(np.sin(cell * 12.9898 + layer * 78.233 + number * 37.7 + stage.drawn.offset[11]) * 43.7)
            % 1
        )
        lean = (chance * 7.3) % 1 * 0.3 - 0.15
        edge = np.clip(1 - np.abs(grid - cell - 0.5 - lean) * 3.1, 0, 1)
        twigs = 0.05 * np.sin(edge * (26 + 4 * layer)) * (0.4 + 0.12 * layer)
        outline = np.maximum(outline, (0.25 + 0.75 * chance * chance) * np.clip(edge + twigs, 0, 1))
    return f32(outline)


def draw_water(stage: Stage, pose: Pose, t: float) -> F:
    """A sea below a sky, with the sun's road on it."""
    look, o = stage.look, stage.drawn.offset
    x, y = stage.grid_seen(pose, 0.35)
    horizon = 0.05
    image = _soft_sky(stage, pose, 0.35, t, horizon)
    top = int(np.argmax(y.max(axis=1) > horizon - stage.step))
    x, y = x[top:], y[top:]
    below = np.clip(y - horizon, 0.004, None)
    far = 0.55 / below
    u, v = x * np.minimum(far, 40) * 0.5 + pose.dx * 0.4, np.minimum(far, 60) + math.log(pose.zoom) * 2.0
    swell = stage.noise.sample_at(u * 0.11 + o[12] + t * 0.010, v * 0.21 + o[13] - t * 0.055)
    chop = stage.fine.sample_at(u * 0.30 + o[14] - t * 0.02, v * 0.55 + o[15] - t * 0.11)
    wave = 0.62 * swell + 0.55 * chop
    calm = np.clip(below * 5, 0.16, 1)
    deep = np.clip(below / 1.1, 0, 1)
    share = 0.66 - 0.46 * np.sqrt(deep) + wave * 0.26 * calm
    sea = colours_at(look.ramp, share)
    road = np.abs(x - stage.drawn.sun_x + wave * 0.22 * calm) / (0.13 + 0.62 * deep)
    near_road = np.exp(-road * road * 1.1)
    sparkle = smoothstep(-0.05, 0.42, wave + 0.10 * near_road)
    light = near_road * (0.14 + 1.05 * sparkle) * (1 - 0.35 * deep)
    sea += (look.accent * 0.6 + look.ramp[248] * 0.4) * light[..., None]
    sea += look.ramp[240] * (0.24 * smoothstep(0.42, 0.85, wave) * calm)[..., None]
    inside = np.clip((y - horizon) / stage.step + 0.5, 0, 1)
    image[top:] += (sea - image[top:]) * inside[..., None]
    return image


def draw_sky(stage: Stage, x: F, y: F, t: float, horizon: float) -> F:
    """A gradient down to the horizon, a sun in its glow, drifting clouds, shafts of light."""
    look, o = stage.look, stage.drawn.offset
    height = np.clip((horizon - y) / 1.35, 0, 1)
    sun_x, sun_y = stage.drawn.sun_x, stage.drawn.sun_y + horizon - 0.1
    dx, dy = x - sun_x, y - sun_y
    far2 = dx * dx + dy * dy
    glow = np.exp(-far2 * 1.9)
    share = 0.84 - 0.70 * np.sqrt(height) + 0.16 * glow
    cloud = stage.noise.sample_at(x * 0.09 + o[4] + t * 0.006, y * 0.42 + o[5]) + 0.5 * stage.fine.sample_at(
        x * 0.16 + o[6] + t * 0.011, y * 0.75 + o[7]
    )
    cover = smoothstep(-0.05, 0.85, cloud) * smoothstep(0.02, 0.5, height)
    image = colours_at(look.ramp, share + 0.16 * cover * (glow + 0.35))
    light = 0.55 * np.exp(-far2 * 7) + 0.9 * smoothstep(0.118, 0.104, np.sqrt(far2))
    shaft = stage.noise.sample_line(np.arctan2(dy, dx) * 0.35 + o[8] + t * 0.004)
    light = light + look.shafts * 0.5 * glow * smoothstep(-0.1, 0.9, shaft)
    warm = look.accent * 0.5 + look.ramp[250] * 0.5
    return f32(image + warm * light[..., None])


def _soft_sky(stage: Stage, pose: Pose, depth: float, t: float, horizon: float) -> F:
    """The sky on half the grid, blown up: it is soft, and the dearest thing to draw."""
    x, y = stage.grid_seen(pose, depth)
    image = draw_sky(stage, x[::2, ::2], y[::2, ::2], t, horizon)
    return blown_up(image, x.shape[1], x.shape[0])
