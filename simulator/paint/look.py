"""What a prompt's words look like: which scene, which colours, how much grain, how fast."""

import colorsys
import re
from dataclasses import dataclass

import numpy as np

from simulator.paint.noise import F

Colour = tuple[float, float, float]

#: Scene by words; the first scene with a word in the prompt wins, folds of cloth are the rest.
SCENES = {
    "lights": "neon city street night club traffic cyberpunk tokyo bokeh disco alley skyline concert "
    "space galaxy stars cosmos nebula hologram arcade subway",
    "water": "ocean sea lake river wave waves beach water harbour harbor island coast shore underwater "
    "lagoon boat ship surf tide",
    "ridges": "mountain mountains hill hills valley forest tree trees woods desert dune dunes sand canyon "
    "snow winter field fields meadow landscape horizon sunset sunrise dawn dusk fog mist alps jungle "
    "savanna prairie road castle sky clouds autumn",
}
#: Words of cloth: alone they fill the picture with folds, over a place they become a band in the wind.
CLOTH = (
    "silk satin velvet linen chiffon organza cotton denim wool tulle lace cashmere fabric cloth scarf dress "
    "gown veil drape drapes curtain curtains ribbon cape robe flag textile leather"
)
#: Five colours from dark to light and the accent, in hex; the words that ask for them besides their name.
PALETTES = {
    "sunset": ("1b1033 5a1f4f b23a48 f2784b ffd28a ff8c42", "dusk sunrise golden warm fire ember"),
    "ocean": ("06182c 10405f 2b7d9f 7fc0cc eaf3ea ffe2b0", "sea lake wave waves water blue underwater surf"),
    "forest": ("081410 1a3a30 3f7358 9ab884 f4f0cf ffdf9a", "tree trees jungle woods green meadow moss"),
    "neon": ("07031a 2a0b5e 8a1aa8 ff2e93 7df9ff 19e3ff", "cyberpunk club disco arcade hologram synthwave"),
    "noir": ("050506 1b1c20 45474d 8f9298 f1efe9 f1efe9", "monochrome black-and-white grayscale shadow"),
    "desert": ("2b120c 7a3a20 c9743d eab277 fff0d4 5fb0b7", "dune dunes sand canyon savanna terracotta"),
    "snow": ("142033 3c5878 86a6c4 c9dcea fbfdff ffc9a8", "winter ice arctic frozen alps glacier cold"),
    "night": ("03060f 0d1b3a 24427a 6f8fc9 f3efe2 ffb454", "midnight city street tokyo skyline moon stars"),
    "rose": ("2a0d1c 6f2545 c25b7c f0a6b4 fff0ea ffd7a8", "blush pink romantic cherry blossom wedding"),
    "violet": ("120a2c 37206f 7346b8 b892e6 f6eaff ffcf86", "purple lavender galaxy cosmos nebula dream"),
    "autumn": ("1e0e08 5f2614 a8501f dd9a3c f9e6b3 c73e1d", "fall leaves rust amber october"),
    "pastel": ("4a4a78 8f86bd e0a9c4 f6d3c4 fffaf0 9fd8cb", "soft dreamy ethereal airy candy spring"),
    "sepia": ("1a120a 4a3420 8a6a45 c7a878 f4e6c8 e2b96b", "vintage retro antique nostalgic 1920s 1970s"),
}  # fmt: skip
#: The hour and the style say more about colours than the place does.
STRONG = ("noir", "neon", "sepia", "sunset", "pastel", "night")
#: What a prompt without any of those words may get, chosen by its seed.
FREE = ("sunset", "ocean", "rose", "violet", "desert", "forest", "autumn", "night")
#: Words for film grain, for light that glows, for how fast things move, for lights that are no town's.
GRAINY = {"film", "grain", "grainy", "35mm", "16mm", "analog", "vintage", "noir"}
GLOWING = {"dreamy", "soft", "ethereal", "neon", "glow", "glowing", "hazy"}
SLOW = {"slow", "slowly", "gentle", "gently", "calm", "still", "drifting", "slow-motion", "serene"}
FAST = {"fast", "quick", "energetic", "dynamic", "storm", "stormy", "running", "racing", "wild"}
OUTSIDE_TOWNS = {"space", "galaxy", "stars", "cosmos", "nebula", "concert", "bokeh", "disco", "hologram"}
#: Colours by name, for the cloth.
NAMED = {
    "black": "26262b", "blue": "2f6fde", "burgundy": "7a1f3d", "champagne": "ecd9b4", "coral": "ff7f6b",
    "crimson": "a4133c", "emerald": "119c6d", "gold": "e0b04c", "golden": "e0b04c", "green": "2f9e5b",
    "ivory": "f5ecd7", "navy": "1d3a8a", "orange": "f08a3c", "pink": "f28fb1", "purple": "7b4fc9",
    "red": "c8102e", "scarlet": "d62828", "silver": "c9ced6", "teal": "1f9e9a", "turquoise": "3fc7c0",
    "violet": "7b4fc9", "white": "f3efe8", "yellow": "f2c14e",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How a scene is to look. `ramp` has 256 colours from dark to light, `cloth` those of the cloth."""

    scene: str
    ramp: F
    accent: F
    cloth: F | None
    grain: float
    bars: bool
    bloom: float
    contrast: float
    speed: float
    trees: bool
    towers: bool
    shafts: float


def look_of(prompt: str, rng: np.random.Generator) -> Look:
    """The look of a prompt; what its words leave open the generator decides."""
    words = re.findall(r"[a-z0-9-]+", prompt.lower())
    told = set(words)
    scene = next((name for name, hints in SCENES.items() if told & set(hints.split())), "folds")
    free = FREE[int(rng.integers(len(FREE)))]
    hints = {name: {name, *hints.split()} for name, (_, hints) in PALETTES.items()}
    name = next((n for n in STRONG if told & hints[n]), None) or next(
        (n for word in words for n in PALETTES if word in hints[n]), free
    )
    *tones, accent = PALETTES[name][0].split()
    turn = float(rng.uniform(-0.025, 0.025))
    cloth = None
    if told & set(CLOTH.split()):
        named = next((NAMED[word] for word in words if word in NAMED), accent)
        cloth = _ramp(_shades("8d8f96" if name == "noir" else named))
    return Look(
        scene=scene,
        ramp=_ramp([_turned(_rgb(tone), turn) for tone in tones]),
        accent=np.array(_rgb(accent), np.float32),
        cloth=cloth,
        grain=0.055 if told & GRAINY else 0.022,
        bars=bool(told & {"cinematic", "anamorphic", "widescreen", "film"}),
        bloom=0.55 if told & GLOWING else 0.3,
        contrast=1.15 if told & {"noir", "dramatic", "moody", "contrast"} else 1.0,
        speed=0.55 if told & SLOW else 1.7 if told & FAST else 1.0,
        trees=bool(told & {"forest", "tree", "trees", "woods", "jungle"}),
        towers=not told & OUTSIDE_TOWNS,
        shafts=0.5
        if told & {"shafts", "rays", "sunbeam", "light", "forest", "fog", "mist", "noir"}
        else 0.22,
    )


def _rgb(text: str) -> Colour:
    return int(text[:2], 16) / 255, int(text[2:4], 16) / 255, int(text[4:], 16) / 255


def _turned(colour: Colour, turn: float) -> Colour:
    hue, light, saturation = colorsys.rgb_to_hls(*colour)
    return colorsys.hls_to_rgb((hue + turn) % 1, light, saturation)


def _shades(text: str) -> list[Colour]:
    """A cloth's colours from its deepest fold to where the light lies on it."""
    hue, light, saturation = colorsys.rgb_to_hls(*_rgb(text))
    steps = ((0.16, 1.0, -0.02), (0.5, 1.0, -0.01), (1.0, 1.0, 0.0), (1.35, 0.95, 0.01), (1.9, 0.7, 0.02))
    return [
        colorsys.hls_to_rgb((hue + turn) % 1, min(0.94, light * by), saturation * share)
        for by, share, turn in steps
    ]


def _ramp(colours: list[Colour]) -> F:
    """256 colours through these."""
    at = np.linspace(0, 1, 256)
    stops = np.linspace(0, 1, len(colours))
    table = np.array(colours)
    return np.stack([np.interp(at, stops, table[:, c]) for c in range(3)], axis=1).astype(np.float32)
