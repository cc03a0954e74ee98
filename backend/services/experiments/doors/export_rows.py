"""What experiments hold as tables of data: names in snake_case, moments in UTC, `_usd`, `_s`.

Of one experiment, or of all that a viewer may see where none is named.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, TypeVar

from backend.domain.experiments.words import TrialState
from backend.domain.states import API_STATUS, JobState
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.export.rows import COLUMNS, Kind, NamedKind, TakeRow
from backend.services.export.take_export import list_rows
from backend.services.gallery.takes import PAGE_SIZE_MAX, Take
from backend.store.experiments import exported
from backend.store.experiments.exported import CellRow, TrialRow, VoteRow
from backend.store.money.ledger import MICROS_PER_USD

#: So many rows are read or made at a time.
BATCH_ROWS = 5_000
#: Where the files of takes lie, beside a table that names them.
FILES = "files"
#: What stands between the levels of a cell in its label.
BETWEEN = " · "

Row = dict[str, Any]
Rows = Iterator[Sequence[TakeRow]]
T = TypeVar("T")


@dataclass(frozen=True)
class DataTable:
    """A table that is read batch by batch."""

    columns: Sequence[NamedKind]
    batches: Rows


def _kinds(kind: Kind, names: str) -> list[NamedKind]:
    return [NamedKind(name, kind) for name in names.split()]


_LEVELS = _kinds(Kind.VALUE, "levels")
_OF_TAKE = [
    *_kinds(Kind.TEXT, "experiment cell cell_label trial"), *_kinds(Kind.WHOLE, "trial_number wave"),
    *_kinds(Kind.TEXT, "trial_state origin file"),
]  # fmt: skip
_TRIALS = [
    *_kinds(Kind.TEXT, "experiment trial cell cell_label"), *_kinds(Kind.WHOLE, "number wave"),
    *_kinds(Kind.TEXT, "state status origin take"), *_kinds(Kind.WHOLE, "seed attempt"),
    *_kinds(Kind.NUMBER, "estimate_usd"), *_kinds(Kind.TEXT, "why"),
    *_kinds(Kind.FLAG, "cell_dropped"), *_kinds(Kind.TEXT, "prompt"), *_LEVELS,
]  # fmt: skip
_VOTES = [
    *_kinds(Kind.TEXT, "experiment vote left right choice rater left_cell right_cell"),
    *_kinds(Kind.FLAG, "both_bad counted sighted excluded"),
    *_kinds(Kind.TEXT, "kind criterion question pair_why"),
    *_kinds(Kind.NUMBER, "took_s seen_left_s seen_right_s"), *_kinds(Kind.MOMENT, "shown_at at"),
]  # fmt: skip
_SCORES = [
    *_kinds(Kind.TEXT, "experiment score take cell rater"), *_kinds(Kind.WHOLE, "value"),
    *_kinds(Kind.TEXT, "criterion question"), *_kinds(Kind.MOMENT, "at"),
]  # fmt: skip
_CHECKS = [
    *_kinds(Kind.TEXT, "experiment take cell video name"), *_kinds(Kind.NUMBER, "value"),
    *_kinds(Kind.FLAG, "flagged"), *_kinds(Kind.WHOLE, "version"), *_kinds(Kind.MOMENT, "at"),
]  # fmt: skip


class ExperimentTables:
    """The tables of one experiment, or of all, as this viewer may see them. Nothing is written."""

    def __init__(self, deps: Deps, viewer: Viewer, experiment_id: str | None) -> None:
        self._deps, self._viewer, self._id = deps, viewer, experiment_id
        self._owners = viewer.visible_names

    def takes(self) -> DataTable:
        """Every take that a cell has or had, with all that is known of it; those in the trash left out."""
        level_columns = [NamedKind(name, Kind.TEXT) for name in self._level_names.values()]
        return DataTable([*_OF_TAKE, *level_columns, *COLUMNS], self._takes())

    def trials(self) -> DataTable:
        """Every place for a take in a cell, filled or not."""
        level_columns = [NamedKind(name, Kind.TEXT) for name in self._level_names.values()]
        return DataTable([*_TRIALS, *level_columns], _made(self._trials, self._trial))

    def votes(self) -> DataTable:
        """Every vote that was not taken back. counted: the finding goes by it."""
        return DataTable(_VOTES, self._votes())

    def scores(self) -> DataTable:
        """What each person gave each take last."""
        return DataTable(_SCORES, self._read(exported.list_scores, self._score))

    def checks(self) -> DataTable:
        """What machines measured of the files."""
        return DataTable(_CHECKS, self._read(exported.list_checks, self._check))

    # -- what is known of all

    @cached_property
    def _cells(self) -> Mapping[str, CellRow]:
        with self._deps.store.read() as session:
            return {row.id: row for row in exported.list_cells(session, self._id, self._owners)}

    @cached_property
    def _trials(self) -> Sequence[TrialRow]:
        with self._deps.store.read() as session:
            return exported.list_trials(session, self._id, self._owners)

    @cached_property
    def _cell_of(self) -> Mapping[tuple[str, str], str]:
        """(experiment, take) -> its cell."""
        return {(one.experiment_id, one.job_id): one.cell_id for one in self._trials if one.job_id}

    @cached_property
    def _level_names(self) -> Mapping[str, str]:
        """Axis -> the column that has its label: style.camera -> level_style_camera."""
        with self._deps.store.read() as session:
            axes = exported.list_axes(session, self._id, self._owners)
        names: dict[str, str] = {}
        for axis in axes:
            plain = "level_" + (re.sub(r"[^a-z0-9]+", "_", axis.lower()).strip("_") or "axis")
            taken = list(names.values())
            names[axis] = plain if plain not in taken else f"{plain}_{len(taken) + 1}"
        return names

    def _of_cell(self, cell_id: str) -> Row:
        levels = self._cells[cell_id].levels
        return {name: levels.get(axis) for axis, name in self._level_names.items()}

    # -- rows

    def _takes(self) -> Rows:
        trials = [one for one in self._trials if one.job_id is not None]
        for some in _batched(trials, PAGE_SIZE_MAX):
            wanted = TakeFilter(ids=tuple(dict.fromkeys(str(one.job_id) for one in some)))
            batches = list_rows(self._deps, self._viewer, wanted)
            found = {take.job.id: (take, row) for batch in batches for take, row in batch}
            yield [self._take(one, *found[one.job_id]) for one in some if one.job_id in found]

    def _take(self, trial: TrialRow, take: Take, row: TakeRow) -> Row:
        return {
            "experiment": trial.experiment_id, "cell": trial.cell_id,
            "cell_label": cell_label(self._cells[trial.cell_id]), "trial": trial.id,
            "trial_number": trial.number, "wave": trial.wave, "trial_state": trial.state,
            "origin": trial.origin,
            "file": None if take.video is None else file_path(take.job.id, take.video.key),
            **self._of_cell(trial.cell_id), **row,
        }  # fmt: skip

    def _trial(self, one: TrialRow) -> Row:
        cell = self._cells[one.cell_id]
        return {
            "experiment": one.experiment_id, "trial": one.id, "cell": one.cell_id,
            "cell_label": cell_label(cell), "number": one.number, "wave": one.wave, "state": one.state,
            "status": trial_status(one), "origin": one.origin, "take": one.job_id, "seed": one.seed,
            "attempt": one.attempt, "why": one.why, "cell_dropped": cell.dropped_at is not None,
            "estimate_usd": None if one.estimate_micros is None else one.estimate_micros / MICROS_PER_USD,
            "prompt": cell.request.get("prompt"), "levels": cell.levels, **self._of_cell(one.cell_id),
        }  # fmt: skip

    def _votes(self) -> Rows:
        after = ""
        while True:
            with self._deps.store.read() as session:
                rows = exported.list_votes(session, self._id, self._owners, after=after, limit=BATCH_ROWS)
            if not rows:
                return
            after = rows[-1].id
            yield [self._vote(row) for row in rows]

    def _vote(self, one: VoteRow) -> Row:
        excluded = one.excluded_at is not None
        return {
            "experiment": one.experiment_id, "vote": one.id, "left": one.left_job, "right": one.right_job,
            "choice": one.choice, "rater": one.rater,
            "left_cell": self._cell_of.get((one.experiment_id, one.left_job)),
            "right_cell": self._cell_of.get((one.experiment_id, one.right_job)),
            "both_bad": one.both_bad, "kind": one.kind, "sighted": one.sighted, "excluded": excluded,
            "counted": one.left_out is None,
            "criterion": one.criterion_id, "question": one.question, "pair_why": one.why,
            "took_s": _seconds(one.took_ms), "seen_left_s": _seconds(one.seen_left_ms),
            "seen_right_s": _seconds(one.seen_right_ms), "shown_at": one.shown_at, "at": one.at,
        }  # fmt: skip

    def _score(self, one: exported.ScoreRow) -> Row:
        return {
            "experiment": one.experiment_id, "score": one.id, "take": one.job_id,
            "cell": self._cell_of.get((one.experiment_id, one.job_id)), "rater": one.rater,
            "value": one.value, "criterion": one.criterion_id, "question": one.question, "at": one.at,
        }  # fmt: skip

    def _check(self, one: exported.CheckRow) -> Row:
        return {
            "experiment": one.experiment_id, "take": one.job_id, "cell": one.cell_id, "video": one.video_id,
            "name": one.name, "value": one.value, "flagged": one.flagged, "version": one.version,
            "at": one.at,
        }  # fmt: skip

    def _read(self, ask: Callable[..., Iterable[Any]], tell: Callable[[Any], Row]) -> Rows:
        with self._deps.store.read() as session:
            rows = ask(session, self._id, self._owners)
        yield from _made(rows, tell)


def _made(rows: Iterable[T], tell: Callable[[T], Row]) -> Rows:
    return ([tell(one) for one in some] for some in _batched(rows, BATCH_ROWS))


def _batched(rows: Iterable[T], number: int) -> Iterator[list[T]]:
    left = iter(rows)
    while some := list(islice(left, number)):
        yield some


def cell_label(cell: CellRow) -> str:
    """What a cell is called: its levels, as in a finding."""
    return BETWEEN.join(cell.levels.values()) or cell.key


def file_path(take: str, key: str) -> str:
    """Where the file of a take lies beside a table, for whoever brings the files along."""
    return f"{FILES}/{take}{PurePosixPath(key).suffix}"


def trial_status(trial: TrialRow) -> str:
    """How far the take of a trial is, as clients see it; planned: it has none."""
    if trial.state == TrialState.BLOCKED:
        return "failed"
    return API_STATUS[JobState(trial.job_state)] if trial.job_state else "planned"


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
