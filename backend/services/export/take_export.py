"""Takes as something to take along: a ZIP of their files, or a table of what is known of them."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.domain.take_filter import TakeFilter
from backend.domain.text import unknown_names
from backend.media.archive import begun
from backend.services.access import Viewer
from backend.services.audit.record import record
from backend.services.deps import Deps
from backend.services.export.bundle import Bundle
from backend.services.export.naming import NameTemplate, parse_template
from backend.services.export.rows import TakeRow, tell_rows
from backend.services.export.tables import WRITERS
from backend.services.gallery import takes as gallery
from backend.services.gallery.filter_query import FILTER_NAMES, parse_filter
from backend.services.gallery.takes import Take
from backend.services.library import openings

#: format -> its content type
FORMATS = {
    "zip": "application/zip",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
#: What is asked for besides the filters.
OWN_NAMES = ("format", "ids", "rich", "name")
#: So many takes can be named one by one; more are what a filter is for.
IDS_MAX = 10_000
ID_MAX_CHARS = 200
#: A clean ZIP of so many takes is measured before it is sent, so that browsers show how much of it is here.
#: In a bucket each file would be a question of its own.
MEASURED_MAX = 500


@dataclass(frozen=True)
class ExportQuery:
    """What is asked for. rich, template: of a ZIP."""

    wanted: TakeFilter
    format: str
    rich: bool
    template: NameTemplate


@dataclass(frozen=True)
class Export:
    """A file on its way.

    chunks: they end in an exception where it can't be made whole. size_bytes: of all; None: not known before.
    """

    name: str
    content_type: str
    chunks: Generator[bytes]
    size_bytes: int | None = None


def parse_export(deps: Deps, viewer: Viewer, pairs: Iterable[tuple[str, str]]) -> ExportQuery:
    """What these pairs of name and text ask for; "" is as if nothing was given.

    Raises:
        InvalidRequest: names everything that is not known or can't be read.
    """
    given = [(name, text) for name, text in pairs if text]
    own: dict[str, str] = {}
    faults = unknown_names([name for name, _ in given], sorted((*FILTER_NAMES, *OWN_NAMES)))
    for name, text in given:
        if name in own:
            faults[name] = "is given more than once"
        elif name in OWN_NAMES:
            own[name] = text
    kind, rich, template = own.get("format", "zip"), own.get("rich", "0"), parse_template(None)
    if kind not in FORMATS:
        faults["format"] = f"is none of {', '.join(FORMATS)}"
    if rich not in ("0", "1"):
        faults["rich"] = "must be 0 or 1"
    wanted, ids = TakeFilter(), [one for one in own.get("ids", "").split(",") if one.strip()]
    if len(ids) > IDS_MAX:
        faults["ids"] = f"are {len(ids):,}; at most {IDS_MAX:,} takes are named one by one"
    elif ("ids" in own and not ids) or any(len(one) > ID_MAX_CHARS for one in ids):
        faults["ids"] = "must be ids of takes with commas between"
    try:
        template = parse_template(own.get("name"))
    except InvalidRequest as refused:
        faults |= refused.fields
    try:
        wanted = parse_filter(deps, viewer, [(name, text) for name, text in given if name in FILTER_NAMES])
    except InvalidRequest as refused:
        faults |= refused.fields
    if faults:
        raise InvalidRequest(faults)
    named = tuple(dict.fromkeys(map(str.strip, ids)))
    return ExportQuery(wanted.of_these(named) if named else wanted, kind, rich == "1", template)


def export_takes(deps: Deps, viewer: Viewer, asked: ExportQuery) -> Export:
    """These takes as a file, piece by piece, as far as this viewer may see them.

    That it was asked for is written down first. A ZIP has the files that are here when their turn comes.

    Raises:
        NotAllowed: the viewer may see none. MediaError: storage can't be asked now.
    """
    viewer.must(Do.SEE)
    number = gallery.count_takes(deps, viewer, asked.wanted)
    kind = f"{asked.format}, rich" if asked.rich and asked.format == "zip" else asked.format
    with deps.store.begin() as session:
        changed = {"format": (None, kind), "number": (None, number)}
        record(session, deps, viewer, Action.TAKES_EXPORTED, object_type="take", changed=changed)
    at = deps.clock.now().astimezone(deps.settings.zone)
    name = f"takes-{at:%Y-%m-%d-%H%M%S}.{asked.format}"
    pairs = list_rows(deps, viewer, asked.wanted)
    if asked.format != "zip":
        chunks = WRITERS[asked.format]([row for _, row in some] for some in pairs)
        return Export(name, FORMATS[asked.format], begun(chunks))
    pairs = _opening(deps, viewer, pairs)
    bundle = partial(Bundle, deps, asked.template, rich=asked.rich, title=f"Dailies · {at:%Y-%m-%d %H:%M}")
    size_bytes, away = None, None
    if not asked.rich and number <= MEASURED_MAX and not deps.storage.link_origins():
        pairs = list(pairs)
        size_bytes, away = bundle().measure(pairs)
    return Export(name, FORMATS["zip"], begun(bundle(away=away).stream(pairs)), size_bytes)


def _opening(
    deps: Deps, viewer: Viewer, pairs: Iterable[Sequence[tuple[Take, TakeRow]]]
) -> Iterator[Sequence[tuple[Take, TakeRow]]]:
    """The same; whose turn it is counts as opened."""
    for some in pairs:
        openings.note_opened(deps, viewer, [take.job.id for take, _ in some if take.job.opened_at is None])
        yield some


def list_rows(deps: Deps, viewer: Viewer, wanted: TakeFilter) -> Iterable[Sequence[tuple[Take, TakeRow]]]:
    """Batches of these takes, as far as this viewer may see them, each with its row. Nothing is written."""
    viewer.must(Do.SEE)
    batches = _batches(deps, viewer, wanted)
    return (list(zip(takes, tell_rows(deps, viewer, takes), strict=True)) for takes in batches)


def _batches(deps: Deps, viewer: Viewer, wanted: TakeFilter) -> Iterator[Sequence[Take]]:
    """Pages of these takes; those that are named by their ids, in the order of their names."""
    if wanted.ids is None:
        yield from _pages(deps, viewer, wanted)
        return
    for begin in range(0, len(wanted.ids), gallery.PAGE_SIZE_MAX):
        ids = wanted.ids[begin : begin + gallery.PAGE_SIZE_MAX]
        pages = _pages(deps, viewer, replace(wanted, ids=ids))
        found = {take.job.id: take for page in pages for take in page}
        yield [found[one] for one in ids if one in found]


def _pages(deps: Deps, viewer: Viewer, wanted: TakeFilter) -> Iterator[Sequence[Take]]:
    cursor: str | None = None
    while True:
        page = gallery.list_takes(deps, viewer, wanted, limit=gallery.PAGE_SIZE_MAX, cursor=cursor)
        yield page.items
        cursor = page.next_cursor
        if cursor is None:
            return
