"""The style: its axes, the vocabulary to start with, and what turns prompt and style into what is sent.

Both are only the beginning: a team keeps its own words and its own template in the database.
"""

from dataclasses import dataclass

#: The axes of a style, in the order in which their words follow the prompt.
AXES = ("movement", "fabric", "camera", "aesthetic")

#: The first template (Jinja2): the person's own words, then one sentence for each axis that says something.
DEFAULT_TEMPLATE = (
    '{{ prompt }}{% if prompt and style and prompt|last not in ".!?…:;," %}.{% endif %}'
    "{% for part in style %}{% if prompt or not loop.first %} {% endif %}"
    "{{ part.axis|capitalize }}: {{ part.words }}.{% endfor %}"
)

#: axis -> (label a person picks, words that it adds). Free text may stand beside or instead.
DEFAULT_VOCABULARY: dict[str, dict[str, str]] = {
    "movement": {
        "Still": "almost still, only a breath of motion",
        "Slow walk": "a slow, confident walk towards the camera",
        "Turn": "a slow full turn, the garment following half a beat later",
        "Hair and wind": "a light wind lifting hair and hem",
        "Dance": "a flowing contemporary dance movement",
        "Run": "running in slow motion, weight in every step",
        "Jump": "a weightless jump, caught at its highest point",
        "Pour and splash": "liquid pouring and splashing in slow motion",
    },
    "fabric": {
        "Silk": "liquid silk with soft, travelling highlights",
        "Linen": "crisp linen with natural creases",
        "Wool": "heavy wool with a visible weave",
        "Denim": "raw denim, stiff folds and contrast stitching",
        "Leather": "supple leather with a low sheen",
        "Tulle": "layers of sheer tulle catching the light",
        "Velvet": "deep velvet, dark in the folds",
        "Knit": "a chunky knit with soft, rounded folds",
        "Technical shell": "a matt technical shell fabric with taped seams",
    },
    "camera": {
        "Locked off": "locked-off camera on a tripod",
        "Dolly in": "slow dolly in",
        "Pull back": "slow pull back, revealing the space",
        "Pan": "smooth pan from left to right",
        "Orbit": "half orbit around the subject",
        "Tilt up": "tilt up from shoes to face",
        "Crane": "crane shot rising over the scene",
        "Handheld": "restless handheld camera, documentary feel",
        "Macro": "macro lens, shallow depth of field",
    },
    "aesthetic": {
        "Golden hour": "golden hour light, long warm shadows",
        "Studio white": "clean white studio, soft even light",
        "Film noir": "film noir, hard light and deep shadows",
        "35 mm film": "35 mm film, fine grain, gentle halation",
        "Neon night": "neon-lit night, wet streets, saturated reflections",
        "Overcast": "soft overcast light, muted palette",
        "Brutalist": "brutalist concrete architecture, graphic shadows",
        "Dreamlike": "dreamlike haze, pastel tones, soft bloom",
    },
}


@dataclass(frozen=True)
class StylePart:
    """What one axis adds to a prompt. label: the vocabulary's, or None for a person's own words."""

    axis: str
    words: str
    label: str | None
