"""An experiment in a folder: a file for each of its tables and, if wanted, the files of its takes."""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from backend.domain.access.roles import Do
from backend.domain.errors import MediaError, SettingsError
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.doors.export import TABLES, export_table, usual_format
from backend.services.experiments.doors.export_rows import FILES, file_path
from backend.services.experiments.view import get_experiment
from backend.store.experiments import exported


@dataclass(frozen=True)
class Written:
    """What is in the folder now. missing: takes whose files could not be read, in words."""

    files: list[Path]
    missing: list[str]


def export_folder(
    deps: Deps,
    viewer: Viewer,
    experiment_id: str,
    folder: Path,
    *,
    format: str | None = None,
    with_files: bool = False,
    on_progress: Callable[[str], None] = lambda line: None,
) -> Written:
    """Every table of an experiment, each whole or not at all; an older file there is replaced.

    format: of all tables; None: the usual one of each. with_files: also the takes' files that aren't there
    yet, where tables name them.

    Raises:
        NotAllowed, NotFound: as for a look at the experiment. SettingsError: nothing can be written there.
    """
    get_experiment(deps, viewer, experiment_id)
    written = Written([], [])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in TABLES:
            kind = format or usual_format(table)
            made = export_table(deps, viewer, experiment_id, table=table, format=kind)
            written.files.append(_write(folder / f"{table}.{kind}", made.chunks))
        if with_files:
            _copy_files(deps, viewer, experiment_id, folder, written, on_progress)
    except OSError as error:
        raise SettingsError(
            f"{folder} could not be written ({error.strerror or error}). What was written before is whole; "
            "nothing in the experiment has changed."
        ) from error
    return written


def _copy_files(
    deps: Deps, viewer: Viewer, experiment_id: str, folder: Path, written: Written,
    on_progress: Callable[[str], None],
) -> None:  # fmt: skip
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        takes = exported.list_shown_takes(session, experiment_id)
    wanted = {take.id: take for take in takes if viewer.may_see(take.owner)}
    (folder / FILES).mkdir(exist_ok=True)
    for number, take in enumerate(wanted.values(), 1):
        path = folder / file_path(take.id, take.key)
        if not path.exists():
            try:
                with deps.storage.open(take.key) as file, _part(path).open("wb") as target:
                    shutil.copyfileobj(file, target)
            except MediaError as error:
                written.missing.append(f"{take.id}: {error}")
                continue
            os.replace(_part(path), path)
        written.files.append(path)
        on_progress(f"{number:,} of {len(wanted):,} files")


def _write(path: Path, chunks: Iterable[bytes]) -> Path:
    with _part(path).open("wb") as target:
        for chunk in chunks:
            target.write(chunk)
    os.replace(_part(path), path)
    return path


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
