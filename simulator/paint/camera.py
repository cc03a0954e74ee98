"""The camera: words of a prompt become a move over the length of the take."""

import math
import re
from dataclasses import dataclass

import numpy as np

#: Moves by the words that ask for them: (dx, dy, zoom, roll in degrees) from beginning to end of a take,
#: in half picture heights. A zoom above 1 comes closer.
MOVES: tuple[tuple[str, tuple[float, float, float, float]], ...] = (
    (r"dolly out|pull(s|ing)? (back|out)|zoom(s|ing)? out|pull-?back", (0, 0, 0.66, 0)),
    (r"dolly zoom|vertigo", (0, 0, 1.75, 0)),
    (r"dolly|push(es|ing)?[ -]in|zoom(s|ing)?( in)?|close in|creep", (0, 0, 1.55, 0)),
    (r"pan(s|ning)? (to the )?left|truck left", (-1.3, 0, 1, 0)),
    (r"\bpan(s|ning)?\b|truck|tracking|track(s)? (right|along)|lateral|slider", (1.3, 0, 1, 0)),
    (r"tilt(s|ing)? down", (0, 0.6, 1, 0)),
    (r"\btilt", (0, -0.6, 1, 0)),
    (r"crane|boom|pedestal|rising|rises|aerial|drone|jib", (0, -0.55, 0.82, 0)),
    (r"orbit|arc(s|ing)?\b|circl|revolv", (0.9, 0, 1.12, 9)),
    (r"\broll(s|ing)?\b|dutch", (0, 0, 1.1, 14)),
    (r"whip", (2.2, 0, 1, 0)),
)
STATIC = re.compile(r"\bstatic\b|locked[ -]?(off)?|tripod|still shot|fixed camera")
SHAKY = re.compile(r"hand-?held|shaky|documentary|found footage")


@dataclass(frozen=True)
class Pose:
    """Where the camera stands: shift in half heights, zoom, roll in radians."""

    dx: float
    dy: float
    zoom: float
    roll: float


class Camera:
    """The move that a prompt asks for; a slow push-in where it asks for none."""

    def __init__(self, prompt: str, rng: np.random.Generator) -> None:
        text = prompt.lower()
        moves = [move for words, move in MOVES if re.search(words, text)]
        if any(move[2] < 1 and move[1] == 0 for move in moves):  # out, so not in
            moves = [move for move in moves if move != (0, 0, 1.55, 0)]
        self.still = bool(STATIC.search(text))
        self.shake = 0.028 if SHAKY.search(text) else 0.0
        if not moves and not self.still:
            moves = [(0.0, 0.0, 1.12, 0.0)] if self.shake else [(0.0, 0.0, 1.22, 0.0)]
        self.moves = [] if self.still else moves[:3]
        self._phases = rng.uniform(0, 2 * math.pi, 6)

    def pose_at(self, share: float, seconds: float) -> Pose:
        """The pose at `share` (0..1) of the take; moves begin and end softly."""
        eased = share * share * (3 - 2 * share)
        eased = 0.75 * eased + 0.25 * share
        dx = sum(move[0] for move in self.moves) * (eased - 0.5)
        dy = sum(move[1] for move in self.moves) * (eased - 0.5)
        zoom = math.prod(move[2] for move in self.moves) ** eased if self.moves else 1.0
        zoom /= max(1.0, math.prod(move[2] for move in self.moves)) ** 0.25 if self.moves else 1.0
        roll = math.radians(sum(move[3] for move in self.moves)) * (eased - 0.5)
        sx, sy, sr = (self._tremble(seconds, axis) * self.shake for axis in range(3))
        return Pose(dx + sx, dy + sy, zoom, roll + sr * 0.4)

    def _tremble(self, seconds: float, axis: int) -> float:
        a, b = self._phases[axis], self._phases[axis + 3]
        slow = math.sin(seconds * 2.3 + a) + 0.6 * math.sin(seconds * 3.7 + b)
        return slow + 0.35 * math.sin(seconds * 9.1 + a * 2) + 0.2 * math.sin(seconds * 13.3 + b * 3)
