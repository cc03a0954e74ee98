"""What values and combinations are called where people read them; as data they stay what they are."""

from collections.abc import Mapping

from backend.services.gallery.figures import param_words

_PARAMS = "params."


def level_words(axis: str, label: str) -> str:
    """A value of an axis in words: a parameter's with its unit, a template's by its number.

    >>> level_words("params.duration", "5"), level_words("params.seed", "5"), level_words("prompt", "5")
    ('5 s', '5', '5')
    >>> level_words("template", "2")
    'version 2'
    """
    if axis == "template":
        return f"version {label}"
    return param_words(axis.removeprefix(_PARAMS), label) if axis.startswith(_PARAMS) else label


def combination_words(levels: Mapping[str, str]) -> str:
    """A combination in words, its values in their order.

    >>> combination_words({"prompt": "A red dress", "params.duration": "5"})
    'A red dress · 5 s'
    """
    return " · ".join(level_words(axis, label) for axis, label in levels.items())
