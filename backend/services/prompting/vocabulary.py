"""The words and the template of one moment, and what they make of a prompt: values alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.domain.prompt import AXES, StylePart
from backend.models import Template, VocabularyEntry
from backend.services.prompting import template


@dataclass(frozen=True)
class ComposedPrompt:
    """The prompt that is sent, what each axis added to it, and the version of the template that did it."""

    text: str
    parts: tuple[StylePart, ...]
    template_version: int


@dataclass(frozen=True)
class Vocabulary:
    """The words of one moment, and the template."""

    words: tuple[VocabularyEntry, ...]
    template: Template

    def list_labels(self, axis: str) -> list[str]:
        """What a person may pick from on this axis, in order."""
        return [word.label for word in self.words if word.axis == axis and word.retired_at is None]

    def find_word(self, axis: str, text: str) -> VocabularyEntry | None:
        """The word with this label, in any case; None: these are a person's own words."""
        folded = text.strip().casefold()
        return next((word for word in self.words if word.axis == axis and word.folded == folded), None)

    def style_parts(self, style: Mapping[str, str]) -> tuple[StylePart, ...]:
        """What each axis that says something adds, in the order of the axes."""
        filled = [(axis, style[axis].strip()) for axis in AXES if style.get(axis, "").strip()]
        return tuple(_part(axis, text, self.find_word(axis, text)) for axis, text in filled)

    def style_faults(self, style: Mapping[str, str]) -> dict[str, str]:
        """What can't be picked any more: "style.camera" -> what to do instead."""
        found = {axis: self.find_word(axis, text) for axis, text in style.items() if axis in AXES}
        return {
            f"style.{axis}": f"{word.label!r} is retired; use {_either(self.list_labels(axis))}, or "
            "your own words"
            for axis, word in found.items()
            if word is not None and word.retired_at is not None
        }

    def compose_prompt(self, prompt: str, style: Mapping[str, str]) -> ComposedPrompt:
        """Prompt and style as they are sent."""
        parts = self.style_parts(style)
        text = template.render_prompt(self.template.text, prompt.strip(), parts)
        return ComposedPrompt(text, parts, self.template.version)


def _part(axis: str, text: str, word: VocabularyEntry | None) -> StylePart:
    words = word.words if word else text
    return StylePart(axis, words.rstrip("."), word.label if word else None)


def _either(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:8])
    return f"one of {shown}" if shown else "nothing"
