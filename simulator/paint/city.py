"""The night: towers, lamps, glowing lines, and the wet ground that shows them again."""

import math

import numpy as np

from simulator.paint.camera import Pose
from simulator.paint.noise import F
from simulator.paint.stage import Stage, colours_at


def draw_night(stage: Stage, pose: Pose, t: float) -> F:
    """A night out of focus: towers, lamps as soft discs, glowing lines, all of it again on the wet ground."""
    look, o = stage.look, stage.drawn.offset
    x, y = stage.grid_seen(pose, 0.4)
    ground = 0.40
    wet = stage.fine.sample_at(x * 0.35 + o[0], y * 0.9 + o[1] + t * 0.02)
    under = y > ground
    mirrored = np.where(under, 2 * ground - y + wet * 0.10 * (0.3 + y - ground), y).astype(np.float32)
    haze = stage.noise.sample_at(x * 0.10 + o[2] + t * 0.01, mirrored * 0.2 + o[3])
    glow = np.exp(-np.abs(mirrored - ground + 0.12) * 2.0)
    image = colours_at(look.ramp, 0.07 + 0.34 * glow + 0.14 * haze)
    for i in range(3 if look.towers else 0):
        _towers(stage, image, x * (0.7 + 0.3 * i) + pose.dx * 0.25 * i, mirrored, i, ground, t)
    for i, height in enumerate((-0.30, 0.02, 0.22)):
        bend = stage.noise.sample_line(x[x.shape[0] // 2] * (0.11 + 0.03 * i) + o[4 + i] + t * 0.014) * 0.34
        line = np.abs(mirrored - height - bend)
        tube = 0.0011 / (line * line + 0.0011) * 0.95 + 0.030 / (line + 0.07)
        flicker = 0.86 + 0.14 * math.sin(t * (1.3 + i) + float(o[7 + i]))
        colour = look.accent if i == 1 else look.ramp[(196, 0, 176)[i]]
        image += colour * (tube * flicker * (0.62, 0.75, 0.5)[i])[..., None]
    image *= np.where(under, 0.62 - 0.3 * (y - ground), 1.0)[..., None]
    _lamps(stage, image, pose, t, ground)
    return image


def _towers(stage: Stage, image: F, x: F, y: F, layer: int, ground: float, t: float) -> None:
    """A row of buildings with some of their windows lit; the nearer, the darker."""
    pitch = 2.4 - 0.5 * layer
    cell = np.floor(x * pitch + layer * 0.37)
    tall = np.abs(np.sin(cell * (12.9898 + layer) + stage.drawn.offset[10])) * (0.95 - 0.2 * layer) + 0.06
    inside = np.clip((y - (ground - tall)) / stage.step + 0.5, 0, 1)
    column, floor = np.floor(x * pitch * 11), np.floor(y * (27 - 5 * layer))
    chance = np.abs(np.sin(column * 78.233 + floor * 37.719 + layer * 11.1) * 4375.85) % 1
    shape = (np.abs(x * pitch * 11 - column - 0.5) < 0.28) & (
        np.abs(y * (27 - 5 * layer) - floor - 0.5) < 0.30
    )
    lit = (chance > 0.78) & shape & (y < ground - 0.02)
    wall = colours_at(stage.look.ramp, (0.20, 0.11, 0.05)[layer] + 0.10 * np.clip(y + 0.6, 0, 1))
    power = (0.25 + 0.75 * ((chance * 31) % 1)) * lit * (0.34 + 0.13 * layer)
    wall += (stage.look.ramp[215] * 0.5 + stage.look.accent * 0.5) * power[..., None]
    image += (wall - image) * (inside * (0.80 + 0.08 * layer))[..., None]


def _lamps(stage: Stage, image: F, pose: Pose, t: float, ground: float) -> None:
    """Adds the discs, each only where it lies."""
    width, unit = float(stage.x[0, -1]), image.shape[0] / 2
    span = 2 * width + 2.4
    for px, py, near, size, hue, pace in stage.drawn.lamps.tolist():
        depth = 0.35 + 0.65 * near
        scale = pose.zoom**depth
        wx = (px * span + t * 0.03 * (pace - 0.5) - pose.dx * depth) % span - width - 1.2
        wy = -0.55 + math.sqrt(py) * 0.92 - pose.dy * depth
        radius = (0.022 + 0.115 * size**2.2 * depth) * scale
        power = (0.42 + 0.24 * math.sin(t * (0.6 + pace) + hue * 11)) * (0.45 + 0.5 * hue)
        colour = stage.look.accent if hue < 0.4 else stage.look.ramp[140 + int(hue * 110)]
        for cy, share, tall in ((wy * scale, 1.0, 1.0), (2 * ground - wy * scale, 0.42, 3.6)):
            _disc(
                image,
                (wx * scale + width) * unit,
                (cy + 1) * unit,
                radius * unit,
                tall,
                colour * (power * share),
            )


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
