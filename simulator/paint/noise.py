"""Smooth random fields that repeat without a seam: the stuff that skies, folds and hills are made of."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float32]

#: Side of a noise tile, a power of two so that wrapping is a mask.
SIDE = 256


def f32(values: Any) -> F:
    """These numbers as single floats."""
    return np.asarray(values, np.float32)


class Noise:
    """A tile of smooth noise in -1..1, sampled anywhere; one unit is one tile."""

    def __init__(self, rng: np.random.Generator, *, octaves: int = 4, first: int = 4) -> None:
        tile = np.zeros((SIDE, SIDE), np.float32)
        for octave in range(octaves):
            cells = min(SIDE, first << octave)
            tile += _smooth(rng.standard_normal((cells, cells)).astype(np.float32)) / 1.9**octave
        self.tile: F = (tile / np.abs(tile).max()).astype(np.float32)
        self.row: F = self.tile[17] / max(1e-6, float(np.abs(self.tile[17]).max()))

    def sample_at(self, x: F, y: F) -> F:
        """The noise at these places, bilinear."""
        u, v = x * SIDE, y * SIDE
        fu, fv = np.floor(u), np.floor(v)
        iu, iv = fu.astype(np.int32) & (SIDE - 1), fv.astype(np.int32) & (SIDE - 1)
        du, dv = u - fu, v - fv
        ju, jv = (iu + 1) & (SIDE - 1), (iv + 1) & (SIDE - 1)
        flat = self.tile.ravel()
        top = flat.take(iv * SIDE + iu) * (1 - du) + flat.take(iv * SIDE + ju) * du
        low = flat.take(jv * SIDE + iu) * (1 - du) + flat.take(jv * SIDE + ju) * du
        return f32(top * (1 - dv) + low * dv)

    def sample_line(self, x: F) -> F:
        """A line through the noise, for outlines."""
        return np.interp(x * SIDE, np.arange(SIDE), self.row, period=SIDE).astype(np.float32)


def _smooth(cells: F) -> F:
    """A coarse periodic grid, blown up to a tile along smooth curves."""
    side = cells.shape[0]
    at = np.arange(SIDE, dtype=np.float32) * side / SIDE
    low = np.floor(at).astype(np.int64)
    share = at - low
    share = share * share * share * (share * (share * 6 - 15) + 10)
    rows = cells[low % side] * (1 - share)[:, None] + cells[(low + 1) % side] * share[:, None]
    return f32(rows[:, low % side] * (1 - share) + rows[:, (low + 1) % side] * share)


def smoothstep(low: float, high: float, x: F) -> F:
    """0 below `low`, 1 above `high`, and an even curve between."""
    share = np.clip((x - low) / (high - low), 0, 1)
    return f32(share * share * (3 - 2 * share))
