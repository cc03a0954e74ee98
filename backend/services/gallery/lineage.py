"""What a take was made from, and what was made from it, as far as somebody may see it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from backend.domain.access.roles import Do
from backend.domain.library.origin import Origin
from backend.domain.library.review import OriginHow
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.take_files import load_files
from backend.services.gallery.takes import Take
from backend.store.library import origins
from backend.store.search import pages

#: Of one take at most so many others are shown each way; of what was made from it, the newest.
SHOWN_MAX = 24

NONE: tuple[Origin, ...] = ()


@dataclass(frozen=True)
class Lineage:
    """Other takes, and how the one was made from the other."""

    made_from: Sequence[tuple[Take, OriginHow]]
    led_to: Sequence[tuple[Take, OriginHow]]


@dataclass(frozen=True)
class Origins:
    """What each of several takes was made from, and what was made from it: ask with `.get(id, NONE)`."""

    made_from: Mapping[str, Sequence[Origin]]
    led_to: Mapping[str, Sequence[Origin]]


def list_origins(deps: Deps, viewer: Viewer, job_ids: Collection[str]) -> Origins:
    """What these takes were made from and led to, without what this viewer may not see."""
    viewer.must(Do.SEE)
    owners = viewer.visible_names
    with deps.store.read() as session:
        return Origins(
            origins.made_from(session, job_ids, owners=owners),
            origins.led_to(session, job_ids, owners=owners),
        )


def get_lineage(deps: Deps, viewer: Viewer, job_id: str) -> Lineage:
    """The same of one take, with the takes themselves."""
    found = list_origins(deps, viewer, [job_id])
    before = list(found.made_from.get(job_id, NONE))[:SHOWN_MAX]
    after = list(found.led_to.get(job_id, NONE))[-SHOWN_MAX:]
    takes = _takes(deps, {origin.take for origin in [*before, *after]})
    return Lineage(
        [(takes[origin.take], origin.how) for origin in before if origin.take in takes],
        [(takes[origin.take], origin.how) for origin in after if origin.take in takes],
    )


def _takes(deps: Deps, job_ids: Collection[str]) -> Mapping[str, Take]:
    if not job_ids:
        return {}
    with deps.store.read() as session:
        rows = [row for one in sorted(job_ids) if (row := pages.get_with_video(session, one))]
        files = load_files(deps, session, rows)
    return {row[0].id: Take(*row, its) for row, its in zip(rows, files, strict=True)}
