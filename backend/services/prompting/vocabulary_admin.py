"""Style: the team's vocabulary, the prompt template, and what becomes of prompt and style with them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.domain.errors import InvalidRequest, NotFound
from backend.domain.prompt import AXES, DEFAULT_TEMPLATE, DEFAULT_VOCABULARY
from backend.domain.text import fault_in
from backend.models import Template, VocabularyEntry
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.prompting import template
from backend.services.prompting.vocabulary import ComposedPrompt, Vocabulary
from backend.store.database.engine import Store
from backend.store.database.locks import acquire_advisory_lock
from backend.store.records import vocabulary as store

#: What a person picks from is read at a glance.
LABEL_MAX_CHARS = 40
#: One axis of a style is a few words.
WORDS_MAX_CHARS = 500
#: Why a version was made, in a line.
NOTE_MAX_CHARS = 200
#: Who made what comes with the program.
PROGRAM_AUTHOR = "dailies"

#: What other processes changed is looked for at most this often, in seconds.
CHECK_EVERY_S = 1.0


class _Known(NamedTuple):
    """What was last read from a database, the revision that it had then, and when that was looked at."""

    revision: tuple[object, ...]
    vocabulary: Vocabulary
    looked_s: float


_known: WeakKeyDictionary[Store, _Known] = WeakKeyDictionary()


def current_vocabulary(deps: Deps) -> Vocabulary:
    """The words and the template as they are now. In a new installation they are those of the program.

    Every start asks for them and they seldom change: another process's change is seen within
    `LOOK_EVERY_S`, this one's at once.
    """
    known, now_s = _known.get(deps.store), deps.clock.monotonic()
    if known is not None and now_s - known.looked_s < CHECK_EVERY_S:
        return known.vocabulary
    with deps.store.read() as session:
        revision = store.current_revision(session)
    updated = known.vocabulary if known is not None and known.revision == revision else _read(deps)
    _known[deps.store] = _Known(revision, updated, now_s)
    return updated


@contextmanager
def _changing(deps: Deps) -> Iterator[Session]:
    """A transaction that changes the vocabulary or the template; afterwards they are read anew."""
    with deps.store.begin() as session:
        acquire_advisory_lock(session, "style")
        yield session
    _known.clear()


def _read(deps: Deps) -> Vocabulary:
    with deps.store.read() as session:
        newest, words = store.newest_template(session), store.list_words(session)
    if newest is None:
        _seed(deps)
        with deps.store.read() as session:
            newest, words = store.newest_template(session), store.list_words(session)
    assert newest is not None
    order = {axis: place for place, axis in enumerate(AXES)}
    return Vocabulary(tuple(sorted(words, key=lambda word: order.get(word.axis, len(AXES)))), newest)


def compose_prompt(deps: Deps, prompt: str, style: Mapping[str, str]) -> ComposedPrompt:
    """The prompt that is sent for this prompt and style."""
    return current_vocabulary(deps).compose_prompt(prompt, style)


def list_words(deps: Deps, axis: str | None = None) -> list[VocabularyEntry]:
    """The vocabulary, also what is retired, in the order in which it is shown."""
    return [word for word in current_vocabulary(deps).words if axis in (None, word.axis)]


def save_word(
    deps: Deps,
    viewer: Viewer,
    *,
    axis: str,
    label: str,
    words: str,
    word_id: str | None = None,
    example: str | None = None,
) -> VocabularyEntry:
    """Put a word into the vocabulary, or change one.

    example: the take whose poster shows what it does; None: as before; "": none.

    Raises:
        NotAllowed: only an admin may.
        NotFound: there is no such word.
        InvalidRequest: names every field at fault.
    """
    viewer.require_role(Role.ADMIN)
    label, words = label.strip(), words.strip().rstrip(".")
    current_vocabulary(deps)
    poster_key = _word_checked(deps, viewer, axis, label, words, example)
    values: dict[str, Any] = {"label": label, "folded": label.casefold(), "words": words}
    values |= {"changed_at": deps.clock.now(), "changed_by": viewer.name}
    if example is not None:
        values["poster_key"] = poster_key
    try:
        with _changing(deps) as session:
            if word_id is not None:
                store.get_word(session, word_id)
                return store.update_word(session, word_id, **values)
            place = store.next_position(session, axis)
            word = VocabularyEntry(id=deps.clock.new_id(), axis=axis, position=place, **values)
            store.add_word(session, word)
            return word
    except IntegrityError as error:
        raise InvalidRequest(
            {"label": f"{label!r} is there already; change that one, or bring it back"}
        ) from error


def retire_word(deps: Deps, viewer: Viewer, word_id: str, *, retired: bool = True) -> VocabularyEntry:
    """Take a word out of what can be picked, or bring it back; takes that were made with it keep it.

    Raises:
        NotAllowed: only an admin may. NotFound: there is no such word.
    """
    viewer.require_role(Role.ADMIN)
    now = deps.clock.now()
    with _changing(deps) as session:
        store.get_word(session, word_id)
        return store.update_word(
            session, word_id, retired_at=now if retired else None, changed_at=now, changed_by=viewer.name
        )


def reorder_word(deps: Deps, viewer: Viewer, word_id: str, *, by: int) -> None:
    """Move a word up (-1) or down (1) within its axis; at the end nothing happens.

    Raises:
        NotAllowed: only an admin may. NotFound: there is no such word.
    """
    viewer.require_role(Role.ADMIN)
    with _changing(deps) as session:
        axis = store.get_word(session, word_id).axis
        ids = [word.id for word in store.list_words(session) if word.axis == axis]
        place = ids.index(word_id)
        ids.insert(max(0, place + by), ids.pop(place))
        for position, other in enumerate(ids):
            store.update_word(session, other, position=position, changed_at=deps.clock.now())


def current_template(deps: Deps) -> Template:
    """The template that is used now."""
    return current_vocabulary(deps).template


def list_templates(deps: Deps) -> Sequence[Template]:
    """Every version of the template, the newest, which is used, first."""
    current_vocabulary(deps)
    with deps.store.read() as session:
        return store.list_templates(session)


def preview_template(deps: Deps, text: str, prompt: str, style: Mapping[str, str]) -> ComposedPrompt:
    """What a template would make of this; nothing is kept.

    Raises:
        InvalidRequest: names `template`: it can't be kept like this.
    """
    template.check_template(text)
    now = current_vocabulary(deps)
    parts = now.style_parts(style)
    return ComposedPrompt(
        template.render_prompt(text, prompt.strip(), parts), parts, now.template.version + 1
    )


def save_template(deps: Deps, viewer: Viewer, text: str, *, note: str = "") -> Template:
    """Make this the template from now on, as a new version; what was sent before stays as it was.

    Raises:
        NotAllowed: only an admin may.
        InvalidRequest: names every field at fault; the old version stays.
    """
    viewer.require_role(Role.ADMIN)
    template.check_template(text)
    note = note.strip()
    if len(note) > NOTE_MAX_CHARS or fault_in(note):
        raise InvalidRequest({"note": fault_in(note) or f"has more than {NOTE_MAX_CHARS} characters"})
    current_vocabulary(deps)
    try:
        with _changing(deps) as session:
            newest = store.newest_template(session)
            version = newest.version + 1 if newest else 1
            row = Template(version=version, text=text, note=note, at=deps.clock.now(), by=viewer.name)
            store.add_template(session, row)
    except IntegrityError as error:
        raise InvalidRequest(
            {"template": "was changed by somebody else just now; look at theirs first"}
        ) from error
    return row


def roll_back_template(deps: Deps, viewer: Viewer, version: int) -> Template:
    """Use an earlier version again, as a new one.

    Raises:
        NotAllowed: only an admin may. NotFound: there is no such version.
    """
    old = next((row for row in list_templates(deps) if row.version == version), None)
    if old is None:
        raise NotFound(f"There is no version {version} of the template.")
    return save_template(deps, viewer, old.text, note=f"as version {version}")


def _word_checked(
    deps: Deps, viewer: Viewer, axis: str, label: str, words: str, example: str | None
) -> str | None:
    """The key of the example's poster.

    Raises:
        InvalidRequest: names every field at fault.
    """
    faults = {}
    if axis not in AXES:
        faults["axis"] = f"is no part of a style; there are {', '.join(AXES)}"
    for name, text, limit in (("label", label, LABEL_MAX_CHARS), ("words", words, WORDS_MAX_CHARS)):
        if not text:
            faults[name] = "is empty"
        elif len(text) > limit:
            faults[name] = f"has {len(text):,} characters; at most {limit} fit"
        elif fault := fault_in(text):
            faults[name] = fault
    poster_key = None
    if example:
        try:
            video = gallery.get_take(deps, viewer, example.strip()).video
        except NotFound:
            video = None
        poster_key = video.poster_key if video else None
        if poster_key is None:
            faults["example"] = "is no take with a finished video; give the take's id"
    if faults:
        raise InvalidRequest(faults)
    return poster_key


def _seed(deps: Deps) -> None:
    """Write what comes with the program, once: whoever comes second finds it there."""
    try:
        with _changing(deps) as session:
            if store.newest_template(session) is not None:
                return
            now = deps.clock.now()
            first = Template(
                version=1, text=DEFAULT_TEMPLATE, note="comes with the program", at=now, by=PROGRAM_AUTHOR
            )
            store.add_template(session, first)
            for word in _seed_words(deps):
                store.add_word(session, word)
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
