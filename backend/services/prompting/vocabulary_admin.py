"""The vocabulary and the prompt template as admins change them: checked, and kept for everybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, NotFound
from backend.domain.prompt import AXES
from backend.domain.text import clean_text, fault_in
from backend.models import Template, VocabularyEntry
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.prompting import template
from backend.services.prompting.template_variables import Variable, check_variables
from backend.services.prompting.vocabulary import (
    PRODUCTION,
    ComposedPrompt,
    Production,
    change_vocabulary,
    current_vocabulary,
)
from backend.store.database.rows import insert_row
from backend.store.records import vocabulary
from backend.store.records.vocabulary import WordColumns

#: What a person picks from is read at a glance.
LABEL_MAX_CHARS = 40
#: One axis of a style is a few words.
WORDS_MAX_CHARS = 500
#: Why a version was made, in a line.
NOTE_MAX_CHARS = 200


@dataclass(frozen=True)
class WordDraft:
    """A word as an admin writes it. example: the take whose poster shows it; None: as before; "": none."""

    axis: str
    label: str
    words: str
    example: str | None = None


@dataclass(frozen=True)
class Uses:
    """What a version of the template was used for."""

    takes: int
    experiments: int

    def words(self) -> str:
        """The same, for people."""
        if not self.takes:
            return "not used yet"
        within = f" in {self.experiments:,} experiment{_s(self.experiments)}" if self.experiments else ""
        return f"used by {self.takes:,} take{_s(self.takes)}{within}"


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def save_word(deps: Deps, viewer: Viewer, draft: WordDraft, *, word_id: str | None = None) -> VocabularyEntry:
    """Put a word into the vocabulary, or change the one with this id.

    Raises:
        NotAllowed: only an admin may.
        NotFound: there is no such word.
        InvalidRequest: names every field at fault.
    """
    viewer.must(Do.EDIT_WORDS)
    label, words = clean_text(draft.label).strip(), clean_text(draft.words).strip().rstrip(".")
    draft = replace(draft, label=label, words=words)
    current_vocabulary(deps)  # a new installation has its first words before any other
    changes = WordColumns(
        label=draft.label,
        folded=draft.label.casefold(),
        words=draft.words,
        changed_at=deps.clock.now(),
        changed_by=viewer.name,
    )
    poster_key = _check_word(deps, viewer, draft)
    if draft.example is not None:
        changes["poster_key"] = poster_key
    try:
        with change_vocabulary(deps) as session:
            if word_id is not None:
                old = vocabulary.get_word(session, word_id).model_copy()
                word = vocabulary.update_word(session, word_id, **changes)
                _record(deps, session, viewer, word, before=old)
                return word
            changes["position"] = vocabulary.next_position(session, draft.axis)
            word = VocabularyEntry(id=deps.clock.new_id(), axis=draft.axis, **changes)
            insert_row(session, word)
            _record(deps, session, viewer, word, before=None)
            return word
    except IntegrityError as error:
        fault = f"{draft.label!r} is there already; change that one, or bring it back"
        raise InvalidRequest({"label": fault}) from error


def retire_word(deps: Deps, viewer: Viewer, word_id: str, *, retired: bool = True) -> VocabularyEntry:
    """Take a word out of what can be picked, or bring it back; takes that were made with it keep it.

    Raises:
        NotAllowed: only an admin may. NotFound: there is no such word.
    """
    viewer.must(Do.EDIT_WORDS)
    now = deps.clock.now()
    with change_vocabulary(deps) as session:
        old = vocabulary.get_word(session, word_id).model_copy()
        word = vocabulary.update_word(
            session, word_id, retired_at=now if retired else None, changed_at=now, changed_by=viewer.name
        )
        _record(deps, session, viewer, word, before=old)
        return word


def reorder_word(deps: Deps, viewer: Viewer, word_id: str, *, by: int) -> None:
    """Move a word up (-1) or down (1) within its axis, if it can. Raises as `retire_word` does."""
    viewer.must(Do.EDIT_WORDS)
    with change_vocabulary(deps) as session:
        axis = vocabulary.get_word(session, word_id).axis
        ids = [word.id for word in vocabulary.list_words(session) if word.axis == axis]
        place = ids.index(word_id)
        ids.insert(max(0, place + by), ids.pop(place))
        for position, other in enumerate(ids):
            vocabulary.update_word(session, other, position=position, changed_at=deps.clock.now())
        changed = {"place": (place, ids.index(word_id))}
        record(
            session,
            deps,
            viewer,
            Action.WORDS_CHANGED,
            object_type="word",
            object_id=word_id,
            changed=changed,
        )


def list_templates(deps: Deps) -> Sequence[Template]:
    """Every version of the template, the newest first."""
    current_vocabulary(deps)
    with deps.store.read() as session:
        return vocabulary.list_templates(session)


def preview_template(
    deps: Deps, text: str, prompt: str, style: Mapping[str, str], variables: Sequence[Variable] = ()
) -> ComposedPrompt:
    """What a template would make of this, each variable with what it starts with; nothing is kept.

    Raises InvalidRequest as `save_template` does.
    """
    text, variables = clean_text(text), check_variables(variables)
    template.check_template(text, variables)
    now, at = current_vocabulary(deps), deps.clock.now()
    kept = [one.as_json() for one in variables]
    draft = Template(
        version=now.template.version + 1, text=text, variables=kept, note="", at=at, by="nobody yet"
    )
    return replace(now, template=draft).compose_prompt(prompt, style)


def save_template(
    deps: Deps, viewer: Viewer, text: str, *, note: str = "", variables: Sequence[Variable] = ()
) -> Template:
    """Keep this as a new version of the template: a draft, until it is promoted.

    variables: what it asks for besides prompt and style.

    Raises:
        NotAllowed: the viewer may not draft one.
        InvalidRequest: names every field at fault; nothing is kept.
    """
    viewer.must(Do.DRAFT_TEMPLATE)
    text, note, variables = clean_text(text), clean_text(note).strip(), check_variables(variables)
    template.check_template(text, variables)
    if len(note) > NOTE_MAX_CHARS or fault_in(note):
        raise InvalidRequest({"note": fault_in(note) or f"has more than {NOTE_MAX_CHARS} characters"})
    used, now = current_vocabulary(deps).template.version, deps.clock.now()
    try:
        with change_vocabulary(deps) as session:
            newest = vocabulary.newest_template(session)
            version = newest.version + 1 if newest else 1
            if PRODUCTION.lock_and_read(session) is None:  # what is used goes on being used
                PRODUCTION.put(session, Production(now, used))
            row = Template(
                version=version, text=text, note=note, at=now, by=viewer.name,
                variables=[one.as_json() for one in variables] or None,
            )  # fmt: skip
            insert_row(session, row)
            record(
                session, deps, viewer, Action.TEMPLATE_CHANGED, object_type="template",
                object_id=str(version), changed={"version": (newest.version if newest else None, version)},
            )  # fmt: skip
    except IntegrityError as error:
        fault = "was changed by somebody else just now; look at theirs first"
        raise InvalidRequest({"template": fault}) from error
    return row


def promote_template(deps: Deps, viewer: Viewer, version: int) -> Template:
    """Make a version, newer or older, the one that takes are made with; what was sent stays as it was.

    Raises NotAllowed: no admin; NotFound: no such version.
    """
    viewer.must(Do.EDIT_WORDS)
    now = current_vocabulary(deps)
    found = now.find_template(version)
    if found is None:
        raise NotFound(f"There is no version {version} of the template.")
    with change_vocabulary(deps) as session:
        known = PRODUCTION.lock_and_read(session)
        PRODUCTION.put(session, Production(deps.clock.now(), version))
        before = known.version if known else now.template.version
        record(
            session, deps, viewer, Action.TEMPLATE_CHANGED, object_type="template", object_id=str(version),
            changed={"production": (before, version)},
        )  # fmt: skip
    return found


def list_uses(deps: Deps) -> dict[int, Uses]:
    """version -> what it was used for; a version that made no take is not in there."""
    with deps.store.read() as session:
        takes, experiments = vocabulary.count_uses(session), vocabulary.count_experiments(session)
    return {version: Uses(number, experiments.get(version, 0)) for version, number in takes.items()}


def _record(
    deps: Deps, session: Session, viewer: Viewer, word: VocabularyEntry, *, before: VocabularyEntry | None
) -> None:
    changed = {
        field: (was, now)
        for field in ("axis", "label", "words", "poster_key")
        if (was := before and getattr(before, field)) != (now := getattr(word, field))
    }
    if before is None or before.retired_at != word.retired_at:
        changed["retired"] = (bool(before and before.retired_at), word.retired_at is not None)
    record(
        session, deps, viewer, Action.WORDS_CHANGED, object_type="word", object_id=word.id, changed=changed
    )


def _check_word(deps: Deps, viewer: Viewer, draft: WordDraft) -> str | None:
    """The key of the example's poster; InvalidRequest names every field at fault."""
    faults = {}
    if draft.axis not in AXES:
        faults["axis"] = f"is no part of a style; there are {', '.join(AXES)}"
    given = ("label", draft.label, LABEL_MAX_CHARS), ("words", draft.words, WORDS_MAX_CHARS)
    for name, text, limit in given:
        if not text:
            faults[name] = "is empty"
        elif len(text) > limit:
            faults[name] = f"has {len(text):,} characters; at most {limit} fit"
        elif fault := fault_in(text):
            faults[name] = fault
    poster_key = None
    if draft.example:
        try:
            video = gallery.get_take(deps, viewer, clean_text(draft.example).strip()).video
        except NotFound:
            video = None
        poster_key = video.poster_key if video else None
        if poster_key is None:
            faults["example"] = "is no take with a finished video; give the take's id"
    if faults:
        raise InvalidRequest(faults)
    return poster_key
