"""Takes, trials, votes and findings as pandas frames, for notebooks.

    from backend.notebook import experiments, finding, takes, trials, votes

Reads the database of the settings (DATABASE_URL, or DATA_DIR) and nothing else: nothing is written, no
network is needed. Names in snake_case, moments in UTC, `_usd` dollars, `_s` seconds; what isn't known is
missing. Without an experiment's id a frame is of all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.bootstrap import build_deps
from backend.domain.errors import SettingsError
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer, cli_viewer
from backend.services.deps import Deps
from backend.services.experiments import findings, view
from backend.services.experiments.doors.export_rows import DataTable, ExperimentTables
from backend.services.experiments.doors.preferences import preference_table
from backend.services.export.rows import COLUMNS, Kind
from backend.services.export.tables import arrow_table
from backend.services.export.take_export import list_rows
from backend.settings import read_settings
from backend.store.database.schema.migrate import current_revision

if TYPE_CHECKING:
    from pandas import DataFrame  # a second to load, for whoever asks for a frame


def experiments() -> "DataFrame":
    """Every experiment, the newest first: how far it is, what it cost, what is said of it."""
    with _opened() as (deps, viewer):
        rows, cursor = [], None
        while True:
            page = view.list_experiments(deps, viewer, limit=view.PAGE_SIZE_MAX, cursor=cursor)
            rows += [_experiment(view.experiment_json(one), one.cell_number) for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return _frame(rows, _EXPERIMENT, moments=("created_at",))


def takes(experiment: str | None = None) -> "DataFrame":
    """Takes with all that is known of them; those of an experiment with their cells and levels."""
    with _opened() as (deps, viewer):
        if experiment is not None:
            return _table(_of(deps, viewer, experiment).takes())
        batches = ([row for _, row in some] for some in list_rows(deps, viewer, TakeFilter()))
        return _table(DataTable(COLUMNS, batches))


def trials(experiment: str | None = None) -> "DataFrame":
    """Every place for a take in a cell, filled or not."""
    with _opened() as (deps, viewer):
        return _table(_of(deps, viewer, experiment).trials())


def votes(experiment: str | None = None) -> "DataFrame":
    """Every vote that was not taken back; `counted`: the finding goes by it."""
    with _opened() as (deps, viewer):
        return _table(_of(deps, viewer, experiment).votes())


def scores(experiment: str | None = None) -> "DataFrame":
    """What each person gave each take last."""
    with _opened() as (deps, viewer):
        return _table(_of(deps, viewer, experiment).scores())


def checks(experiment: str | None = None) -> "DataFrame":
    """What machines measured of the files."""
    with _opened() as (deps, viewer):
        return _table(_of(deps, viewer, experiment).checks())


def preferences(experiment: str) -> "DataFrame":
    """Pairs of takes of which people preferred one."""
    with _opened() as (deps, viewer):
        view.get_experiment(deps, viewer, experiment)
        return _table(preference_table(deps, viewer, experiment))


def finding(experiment: str, criterion: str | None = None) -> "DataFrame":
    """What votes say by now: a row for each cell, the best score first.

    `attrs` has all else of it under its names: verdict, pairs, next, effects, agreement, side, ties, method;
    and `votes`, how many there are.
    """
    with _opened() as (deps, viewer):
        found = findings.current_finding(deps, viewer, experiment, criterion, keep=False)
    rows = [_cell(one) for one in found["cells"]]
    frame = _frame(sorted(rows, key=lambda row: -row["score"]), _FINDING)
    frame.attrs.update({name: value for name, value in found.items() if name != "cells"})
    return frame


_EXPERIMENT = (
    "id", "name", "question", "owner", "state", "why", "created_at", "cells", "planned", "processing",
    "completed", "failed", "held", "cancelled", "spent_usd", "cap_usd", "votes", "verdict", "verdict_code",
    "leader",
)  # fmt: skip
_FINDING = (
    "id", "label", "takes", "votes", "score", "win_rate", "win_rate_low", "win_rate_high", "as_good_as_any",
    "p_as_good",
)  # fmt: skip


@contextmanager
def _opened() -> Iterator[tuple[Deps, Viewer]]:
    """The installation of the settings, to look at. Raises SettingsError: there is none that can be read."""
    deps = build_deps(read_settings())
    try:
        file = deps.store.engine.url.database if deps.store.embedded else None
        if (file is not None and not Path(file).is_file()) or current_revision(deps.store) is None:
            raise SettingsError(
                f"There is no database of Dailies in {deps.store.redacted_url}. Start the notebook where its "
                "settings are: DATABASE_URL or DATA_DIR, in the environment or in .env of the working folder."
            )
        yield deps, cli_viewer(deps)
    finally:
        deps.store.close()


def _of(deps: Deps, viewer: Viewer, experiment: str | None) -> ExperimentTables:
    """Its tables; that there is one of this id is looked at first."""
    if experiment is not None:
        view.get_experiment(deps, viewer, experiment)
    return ExperimentTables(deps, viewer, experiment)


def _table(table: DataTable) -> "DataFrame":
    rows = [row for some in table.batches for row in some]
    plain = [column for column in table.columns if column.kind is not Kind.VALUE]
    frame: DataFrame = arrow_table(rows, plain).to_pandas()
    for place, column in enumerate(table.columns):
        if column.kind is Kind.VALUE:  # objects as they are, where files have JSON
            frame.insert(place, column.name, [row[column.name] for row in rows])
    return frame


def _frame(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], moments: Sequence[str] = ()
) -> "DataFrame":
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(columns))
    for name in moments:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def _experiment(told: Mapping[str, Any], cells: int) -> dict[str, Any]:
    verdict = told["verdict"]
    return {
        **told, **told["takes"], "cells": cells, "verdict": verdict["words"],
        "verdict_code": verdict["code"], "leader": verdict["leader"],
    }  # fmt: skip


def _cell(told: Mapping[str, Any]) -> dict[str, Any]:
    rate = told["win_rate"]
    return {
        **told, "win_rate": rate["vs_average"], "win_rate_low": rate["low"], "win_rate_high": rate["high"],
    }  # fmt: skip
