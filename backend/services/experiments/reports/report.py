"""All that an experiment has shown as one HTML file, which needs nothing else: verdict, intervals, posters,
method, and which votes were left out and why. Light or dark, as the reader's machine is."""

import base64
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from backend.domain.errors import MediaError
from backend.domain.experiments.words import LeftOut
from backend.media.contact_sheet import shrink_picture
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.experiments import findings, view
from backend.services.experiments.judging import criteria, raters
from backend.services.experiments.planning.naming import level_words
from backend.services.experiments.reports import level_figures
from backend.services.experiments.view import ExperimentView
from backend.services.gallery import takes as gallery
from backend.services.gallery.figures import dollars
from backend.services.gallery.pictures import poster_key
from backend.store.experiments import counting

#: So many posters of a cell, and of all cells, so that the file can be sent by mail.
POSTERS_OF_CELL, POSTERS_MAX = 4, 160
#: A larger file is no poster of ours.
PICTURE_MAX_BYTES = 20 * 1024 * 1024
_TEMPLATE = Path(__file__).with_name("report.html")
#: Why a vote doesn't count -> how that is told.
_LEFT_OUT = {
    LeftOut.UNDONE: "taken back by whoever gave them",
    LeftOut.SIGHTED: "given after the rater had seen which take is of which cell",
    LeftOut.EXCLUDED: "of raters who were left out by a person",
    LeftOut.MACHINE: "of models; they are shown beside people, and not mixed in",
    LeftOut.GONE: "on takes that are no part of it any more",
}


@dataclass(frozen=True)
class LeftOutVotes:
    """Votes that don't count. why: in words."""

    number: int
    why: str


def write_report(deps: Deps, viewer: Viewer, experiment_id: str, *, criterion: str | None = None) -> bytes:
    """The report as it is now, in UTF-8. criterion: of which question; None: the first.

    It shows which take is of which cell: whoever has it no longer judges blind. That they took it is written
    down, as of a table.

    Raises:
        NotAllowed, NotFound: the viewer may not see it. InvalidRequest: there is no such criterion.
    """
    seen = view.get_experiment(deps, viewer, experiment_id)
    with deps.store.begin() as session:
        what = {"table": (None, "report"), "format": (None, "html")}
        record(session, deps, viewer, Action.EXPERIMENT_EXPORTED, object_type="experiment",
               object_id=experiment_id, changed=what)  # fmt: skip
    raters.note_sighted(deps, viewer, experiment_id)
    asked = criteria.list_criteria(deps, viewer, experiment_id)
    question = next((one for one in asked if one.id == criterion), asked[0])
    finding = findings.current_finding(deps, viewer, experiment_id, criterion)
    good = level_figures.good_takes(deps, seen, question.id)
    text = _template().render(
        experiment=seen.experiment,
        question=question.question,
        counts=seen.counts,
        finding=finding,
        cells=_ranked(seen, finding),
        posters=_posters(deps, seen),
        levels=level_figures.figures_by_level(deps, seen),
        good=good,
        left_out=_left_out(deps, experiment_id, question.id),
        written_at=deps.clock.now(),
        dollars=dollars,
        level_words=level_words,
    )
    return str(text).encode()


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined  # no start is to wait for it

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"percent": lambda share: f"{100 * share:.0f} %", "signed": lambda one: f"{one:+.0f}"}
    return made.from_string(_TEMPLATE.read_text("utf-8"))


def _ranked(seen: ExperimentView, finding: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Cells of the finding, the best first, with what they were made of."""
    known = {cell.id: cell for cell in seen.cells}
    best = sorted(finding["cells"], key=lambda one: -one["win_rate"]["vs_average"])
    return [
        {**one, "levels": known[one["id"]].levels, "prompt": known[one["id"]].request.get("prompt") or ""}
        for one in best
        if one["id"] in known
    ]


def _posters(deps: Deps, seen: ExperimentView) -> dict[str, list[str]]:
    """Cell -> pictures of its first takes, as data."""
    of_cell = {
        cell_id: [one.job_id for one in trials if view.status_of(one) == "completed" and one.job_id]
        for cell_id, trials in seen.trials.items()
    }
    wanted = [(cell, job) for cell, jobs in of_cell.items() for job in jobs[:POSTERS_OF_CELL]][:POSTERS_MAX]
    videos = {take.job.id: take.video for take in gallery.load_takes(deps, [job for _, job in wanted])}
    found: dict[str, list[str]] = {}
    for cell, job in wanted:
        video = videos.get(job)
        picture = _picture(deps, poster_key(video)) if video is not None else None
        if picture is not None:
            found.setdefault(cell, []).append(picture)
    return found


def _picture(deps: Deps, key: str | None) -> str | None:
    with suppress(OSError, MediaError):
        if key is not None:
            with deps.storage.open(key) as file:
                shrunk = shrink_picture(file.read(PICTURE_MAX_BYTES))
                return f"data:image/jpeg;base64,{base64.b64encode(shrunk).decode()}"
    return None


def _left_out(deps: Deps, experiment_id: str, criterion_id: str) -> list[LeftOutVotes]:
    """How many votes don't count, by why."""
    with deps.store.read() as session:
        counted = counting.count_left_out(session, experiment_id, criterion_id)
    return [LeftOutVotes(counted[why], words) for why, words in _LEFT_OUT.items() if why in counted]
