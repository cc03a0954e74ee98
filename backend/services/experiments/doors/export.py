"""An experiment's data as files to take along: Parquet, CSV and JSON lines, made while they are sent."""

from collections.abc import Callable, Iterator, Mapping

from backend.domain.access.actions import Action
from backend.domain.access.origin import Via
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, NotFound
from backend.media.archive import begun
from backend.media.file_names import slug
from backend.services.access import Kind, Viewer
from backend.services.audit.record import record
from backend.services.deps import Deps
from backend.services.experiments.doors.export_rows import DataTable, ExperimentTables
from backend.services.experiments.doors.preferences import preference_table
from backend.services.experiments.judging.raters import note_sighted
from backend.services.export.tables import WRITERS
from backend.services.export.take_export import FORMATS as TAKE_FORMATS
from backend.services.export.take_export import Export
from backend.store.experiments import running

#: format -> its content type
FORMATS = {kind: TAKE_FORMATS[kind] for kind in WRITERS}
TABLES: Mapping[str, Callable[[Deps, Viewer, str], DataTable]] = {
    "takes": lambda *given: ExperimentTables(*given).takes(),
    "trials": lambda *given: ExperimentTables(*given).trials(),
    "votes": lambda *given: ExperimentTables(*given).votes(),
    "scores": lambda *given: ExperimentTables(*given).scores(),
    "checks": lambda *given: ExperimentTables(*given).checks(),
    "preferences": preference_table,
}
#: Preferences are what programs that train read: JSON lines.
USUAL_FORMAT = {"preferences": "jsonl"}


def usual_format(table: str) -> str:
    """The format of a table for whom no other is asked."""
    return USUAL_FORMAT.get(table, "parquet")


def export_table(
    deps: Deps, viewer: Viewer, experiment_id: str, *, table: str, format: str | None = None
) -> Export:
    """One of its tables as a file, piece by piece. That it was asked for is written down first; of a person
    at the dashboard also that they know which take is of which cell from now on.

    format: of `FORMATS`; None: the usual one.

    Raises:
        NotAllowed, NotFound: as for a look at the experiment. InvalidRequest: no such table or format.
    """
    viewer.must(Do.SEE)
    kind, faults = format or usual_format(table), {}
    if table not in TABLES:
        faults["table"] = f"is none of {', '.join(TABLES)}"
    if kind not in FORMATS:
        faults["format"] = f"is none of {', '.join(FORMATS)}"
    if faults:
        raise InvalidRequest(faults)
    with deps.store.begin() as session:
        row = running.get(session, experiment_id)
        if not viewer.may_see(row.owner):
            raise NotFound(running.NO_EXPERIMENT)
        record(
            session, deps, viewer, Action.EXPERIMENT_EXPORTED, object_type="experiment", object_id=row.id,
            changed={"table": (None, table), "format": (None, kind)},
        )  # fmt: skip
    if viewer.kind is Kind.PERSON and viewer.origin.via is Via.DASHBOARD:
        note_sighted(deps, viewer, experiment_id)
    found = TABLES[table](deps, viewer, experiment_id)
    chunks: Iterator[bytes] = WRITERS[kind](found.batches, found.columns)
    name = f"{slug(row.name, 40) or 'experiment'}-{table}.{kind}"
    return Export(name, FORMATS[kind], begun(chunks))
