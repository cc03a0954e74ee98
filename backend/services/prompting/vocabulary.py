"""The words and the template of one moment, as they are now, and what they make of a prompt."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.domain.prompt import AXES, DEFAULT_TEMPLATE, DEFAULT_VOCABULARY, StylePart
from backend.models import Template, VocabularyEntry
from backend.services.deps import Deps
from backend.services.prompting import template
from backend.services.prompting.template_variables import Value, Variable, fill_values, list_variables
from backend.store.database.engine import Store
from backend.store.database.locks import acquire_advisory_lock
from backend.store.database.rows import insert_row
from backend.store.records import vocabulary
from backend.store.records.facts import Fact

#: Who made what comes with the program.
PROGRAM_AUTHOR = "dailies"
#: What other processes changed is looked for at most this often, in seconds.
CHECK_EVERY_S = 1.0


@dataclass(frozen=True)
class Production:
    """Which version of the template takes are made with, unless somebody chooses another."""

    at: datetime
    version: int


PRODUCTION = Fact(Production, vocabulary.PRODUCTION)


@dataclass(frozen=True)
class ComposedPrompt:
    """The prompt that is sent, what each axis added to it, and the version of the template that did it.

    variables: those of that version, as they were filled in.
    """

    text: str
    parts: tuple[StylePart, ...]
    template_version: int
    variables: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Vocabulary:
    """The words of one moment; the template in production, and every version, the newest first."""

    words: tuple[VocabularyEntry, ...]
    template: Template
    templates: tuple[Template, ...] = ()

    def list_words(self, axis: str) -> list[VocabularyEntry]:
        """The words of an axis, also retired ones, in the order in which they are shown."""
        return [word for word in self.words if word.axis == axis]

    def list_labels(self, axis: str) -> list[str]:
        """What a person may pick from on this axis, in order."""
        return [word.label for word in self.list_words(axis) if word.retired_at is None]

    def find_word(self, axis: str, text: str) -> VocabularyEntry | None:
        """The word with this label, in any case; None: these are a person's own words."""
        return self._by_name.get((axis, text.strip().casefold()))

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], VocabularyEntry]:
        """Of two with one name the first counts."""
        return {(word.axis, word.folded): word for word in reversed(self.words)}

    def style_faults(self, style: Mapping[str, str]) -> dict[str, str]:
        """What can't be picked any more: "style.camera" -> what to do instead."""
        found = {axis: self.find_word(axis, text) for axis, text in style.items() if axis in AXES}
        return {
            f"style.{axis}": f"{word.label!r} is archived; use {_either(self.list_labels(axis))}, or "
            "type your own"
            for axis, word in found.items()
            if word is not None and word.retired_at is not None
        }

    def find_template(self, version: int | None) -> Template | None:
        """The template of this version, of none the one in production; None: there is no such version."""
        if version is None:
            return self.template
        return next((one for one in self.templates if one.version == version), None)

    def list_variables(self, version: int | None = None) -> tuple[Variable, ...]:
        """What this version of the template asks for besides, or the one in production."""
        found = self.find_template(version)
        return list_variables(found.variables) if found is not None else ()

    def compose_prompt(
        self,
        prompt: str,
        style: Mapping[str, str],
        version: int | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> ComposedPrompt:
        """Prompt and style as they are sent, by this version of the template or the one in production.

        variables: values for its variables; what lacks or doesn't fit is what it starts with.
        """
        filled = [(axis, style[axis].strip()) for axis in AXES if style.get(axis, "").strip()]
        parts = tuple(_part(axis, text, self.find_word(axis, text)) for axis, text in filled)
        used = self.find_template(version) or self.template
        values = fill_values(list_variables(used.variables), variables or {})
        text = template.render_prompt(used.text, prompt.strip(), parts, values)
        return ComposedPrompt(text, parts, used.version, values)


def _part(axis: str, text: str, word: VocabularyEntry | None) -> StylePart:
    words = word.words if word else text
    return StylePart(axis, words.rstrip("."), word.label if word else None)


def _either(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:8])
    return f"one of {shown}" if shown else "nothing"


# -- as it is now ---------------------------------------------------------------------------


class _Known(NamedTuple):
    """What was last read from a database, the revision that it had then, and when that was looked at."""

    revision: tuple[object, ...]
    vocabulary: Vocabulary
    looked_s: float


_known: WeakKeyDictionary[Store, _Known] = WeakKeyDictionary()


def current_vocabulary(deps: Deps) -> Vocabulary:
    """The words and the template as they are now. In a new installation they are those of the program.

    Every start asks for them and they seldom change: another process's change is seen within
    `CHECK_EVERY_S`, this one's at once.
    """
    known, now_s = _known.get(deps.store), deps.clock.monotonic()
    if known is not None and now_s - known.looked_s < CHECK_EVERY_S:
        return known.vocabulary
    with deps.store.read() as session:
        revision = vocabulary.current_revision(session)
    updated = known.vocabulary if known is not None and known.revision == revision else _read(deps)
    _known[deps.store] = _Known(revision, updated, now_s)
    return updated


@contextmanager
def change_vocabulary(deps: Deps) -> Iterator[Session]:
    """A transaction that changes the vocabulary or the template; afterwards they are read anew."""
    with deps.store.begin() as session:
        acquire_advisory_lock(session, "style")
        yield session
    _known.clear()


def _read(deps: Deps) -> Vocabulary:
    with deps.store.read() as session:
        templates, words = vocabulary.list_templates(session), vocabulary.list_words(session)
        promoted = PRODUCTION.read(session)
    if not templates:
        _seed(deps)
        return _read(deps)
    # Before templates had drafts, the newest was used.
    used = next((one for one in templates if promoted and one.version == promoted.version), templates[0])
    order = {axis: place for place, axis in enumerate(AXES)}
    ordered = tuple(sorted(words, key=lambda word: order.get(word.axis, len(AXES))))
    return Vocabulary(ordered, used, tuple(templates))


def _seed(deps: Deps) -> None:
    """Write what comes with the program, once: whoever comes second finds it there."""
    try:
        with change_vocabulary(deps) as session:
            if vocabulary.newest_template(session) is not None:
                return
            now, note = deps.clock.now(), "Built in"
            insert_row(
                session, Template(version=1, text=DEFAULT_TEMPLATE, note=note, at=now, by=PROGRAM_AUTHOR)
            )
            for word in _seed_words(deps):
                insert_row(session, word)
    except IntegrityError:
        return  # another process wrote the same at the same moment


def _seed_words(deps: Deps) -> Iterable[VocabularyEntry]:
    for axis, choices in DEFAULT_VOCABULARY.items():
        for position, (label, words) in enumerate(choices.items()):
            yield VocabularyEntry(
                id=deps.clock.new_id(),
                axis=axis,
                label=label,
                folded=label.casefold(),
                words=words,
                position=position,
                changed_at=deps.clock.now(),
                changed_by=PROGRAM_AUTHOR,
            )
