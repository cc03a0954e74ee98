"""Every table that is keyed by an enum, or by the names of a closed list, has an entry for each of them.

And what is written of a row, or read of it in short, has the columns' own names and types.
"""

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import get_type_hints

import pytest

import backend
import pages.ui
import simulator
from backend.domain import prompt
from backend.domain.experiments.words import LeftOut
from backend.domain.kinds import Verdict
from backend.domain.library.review import ReviewState
from backend.domain.output_files import FileKind
from backend.domain.states import JobEvent, JobState
from backend.models import Job, JobColumns, JobHead, LibraryColumns, Video, VocabularyEntry
from backend.services.gallery import filter_query
from backend.services.money.spend_query import Dimension
from backend.services.operations import backlog
from backend.store.queue import tasks
from backend.store.records.videos import VideoColumns
from backend.store.records.vocabulary import WordColumns
from backend.work import distributed
from pages.ui.form import style_picker

ROOT = Path(__file__).parents[2]

#: table -> the members that it is about, where these are not all, and why
PARTIAL = {
    # `created` makes the row; nothing comes before it.
    "backend.domain.states.TRANSITIONS": set(JobEvent) - {JobEvent.CREATED},
    # A copy is counted in the row of the delivery that it repeats.
    "pages.ui.operate.deliveries.VERDICTS": set(Verdict) - {Verdict.DUPLICATE},
    # In all other states the provider has to be asked, or nothing is left to stop.
    "backend.services.takes.cancel.ENDS_AT_ONCE": {JobState.CREATED, JobState.HELD, JobState.RENDERED},
    # Anything else ends as it likes.
    "backend.domain.output_files.ENDINGS": set(FileKind) - {FileKind.OTHER},
    # What was taken back is asked for by nobody who tells of votes.
    "backend.services.experiments.findings._LEFT_OUT": set(LeftOut) - {LeftOut.UNDONE},
    # Of the others, single votes are left out, not whoever gave them.
    "backend.services.experiments.findings._BESIDE": {LeftOut.MACHINE, LeftOut.EXCLUDED},
    # The others go by money.
    "pages.ui.spend.charts._IN_TIME": {Dimension.DAY, Dimension.MONTH},
    # Nobody has said anything yet; all others are called as the API calls them.
    "backend.services.export.sheets._REVIEWS": set(ReviewState) - {ReviewState.NONE},
    "pages.ui.operate.deliveries._TITLES": {Verdict.ASKED},
    # All others wait in their queue as they come.
    "backend.store.queue.tasks.PRIORITIES": {JobState.CREATED, JobState.RENDERED, JobState.STORED},
}


def tables() -> Iterator[tuple[str, Mapping[Enum, object]]]:
    """Every mapping of a module whose keys are an enum's members, under its first name."""
    seen: set[int] = set()
    for package in (backend, pages.ui, simulator):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in found.name or found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                keyed = isinstance(value, Mapping) and value and all(isinstance(key, Enum) for key in value)
                if keyed and not name.startswith("__") and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{found.name}.{name}", value


TABLES = dict(tables())


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_an_entry_for_every_member_of_its_enum(name):
    keys = set(TABLES[name])
    (enum,) = {type(key) for key in keys}
    assert keys == PARTIAL.get(name, set(enum))


def test_every_table_is_found():
    known = {
        "backend.domain.states.API_STATUS",
        "backend.services.gallery.looks.LOOKS",
        "backend.services.gallery.looks.EVENTS",
    }
    assert known | set(PARTIAL) <= set(TABLES)


def test_no_table_of_an_enum_hides_in_a_function():
    """There, none of these tests would find it; a `match` says the same."""
    enums = {"JobState", "JobEvent", "Role", "RefreshState"}
    hidden = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for part in ("backend", "pages", "simulator")
        for path in (ROOT / part).rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.Lambda)
        for node in ast.walk(function)
        if isinstance(node, ast.Dict)
        and any(isinstance(key, ast.Attribute) and ast.unparse(key.value) in enums for key in node.keys)
    ]

    assert hidden == []


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (chain.from_iterable(filter_query.OLD_STATES.values()), JobState),
        (style_picker.ICONS, prompt.AXES),
        (backlog.KIND_TITLES, tasks.WORK_KINDS),
        ([*distributed.THREADS, "call"], tasks.WORK_KINDS),  # calls have as many as the provider allows
    ],
    ids=["words to filter by", "icons of axes", "words of work", "threads of work"],
)
def test_a_table_has_an_entry_for_every_name(keys, names):
    assert sorted(keys) == sorted(names)


# -- columns -----------------------------------------------------------------------------------

#: What was asked for, and for what price, never changes; the last line is what transitions alone write.
KEPT = {
    "id", "owner", "form_key", "form_hash", "parent_id", "provider", "model", "prompt", "sent_prompt",
    "template_version", "variables", "style", "params", "image", "payload", "image_field", "images",
    "estimate_usd", "price", "created_at",
    "state", "state_at", "version", "ended_at",
}  # fmt: skip


def test_what_may_be_written_of_a_job_is_every_column_that_may_change():
    columns = {name: field.annotation for name, field in Job.model_fields.items()}
    assert columns.keys() >= KEPT
    written = get_type_hints(JobColumns) | get_type_hints(LibraryColumns)
    assert written == {name: kind for name, kind in columns.items() if name not in KEPT}


@pytest.mark.parametrize(
    ("part", "table"), [(JobHead, Job), (VideoColumns, Video), (WordColumns, VocabularyEntry)]
)
def test_a_part_of_a_row_has_the_types_of_its_columns(part, table):
    named = get_type_hints(part)
    assert named == {name: table.model_fields[name].annotation for name in named}
