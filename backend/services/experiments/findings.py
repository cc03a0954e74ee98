"""What votes say of an experiment by now: computed once, kept, and the same numbers for all who look."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.domain.experiments.words import ExperimentState, LeftOut
from backend.domain.text import join_sentences
from backend.models import Cell, Experiment, FindingRow
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.planning.makeable import look_at_cells
from backend.services.experiments.planning.naming import combination_words
from backend.services.experiments.running import stop_rules
from backend.services.experiments.view import ExperimentView, seen_experiment, told_verdict
from backend.store.experiments import counting, findings, plans
from backend.store.experiments.findings import GivenVote

#: Many askers of one finding wait for one of them to compute it. So many different ones are told apart.
_TURNS = tuple(threading.Lock() for _ in range(16))
#: Why a vote that stands is not counted -> how that is told, of one and of many.
_LEFT_OUT = {
    LeftOut.SIGHTED: "by who had seen which take is whose",
    LeftOut.EXCLUDED: "of a rater who was left out",
    LeftOut.MACHINE: "of a machine, shown beside people",
    LeftOut.GONE: "on takes that are no part of it any more",
}
#: Whose votes are not counted, and who stands in the list of raters all the same -> how that is told.
_BESIDE = {
    LeftOut.MACHINE: "A machine: shown beside people",
    LeftOut.EXCLUDED: "Left out by a person",
}

#: What helps, where it can't be had of every cell.
MORE_TAKES = "Most of what is not known is how much takes of one prompt differ."


@dataclass(frozen=True)
class _Asked:
    """All that a finding is computed from. mark: with the same one it is the same."""

    experiment: Experiment
    criterion_id: str
    last_vote: str
    mark: str
    kept: FindingRow | None


@dataclass(frozen=True)
class _Given:
    votes: Sequence[GivenVote]
    takes: Mapping[str, str]
    cells: Sequence[Cell]


def current_finding(
    deps: Deps, viewer: Viewer, experiment_id: str, criterion: str | None = None, *, keep: bool = True
) -> dict[str, Any]:
    """What votes say by now, as the API tells it. criterion: of which question; None: of the first.

    keep: for whoever asks next; without, nothing is written.

    While no vote came, nothing is computed. Left out, and said in the verdict's words: votes of who had seen
    the names, of raters who were left out, and of machines, which stand in the list of raters.

    Raises:
        NotFound: there is none, or none that this viewer may know of.
        InvalidRequest: there is no such criterion.
    """
    experiment, data = _current(deps, viewer, experiment_id, criterion, keep=keep)
    return {**_told(experiment, data), "next": _makeable_next(deps, experiment, data)}


def current_verdict(deps: Deps, viewer: Viewer, experiment_id: str) -> Mapping[str, Any]:
    """Its verdict alone, on its first question. Raises as `current_finding`."""
    verdict: Mapping[str, Any] = _told(*_current(deps, viewer, experiment_id, None, keep=True))["verdict"]
    return verdict


def current_mark(
    deps: Deps, viewer: Viewer, experiment_id: str, criterion: str | None = None
) -> tuple[str, str, str]:
    """With the same one a finding is the same, and what its experiment's state says of it; for who asks again
    and again: nothing is computed. Raises as `current_finding`.
    """
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        experiment = seen_experiment(session, viewer, experiment_id)
        criterion_id = _criterion_of(session, experiment, criterion)
        return experiment.state, *findings.read_mark(session, experiment_id, criterion_id)


def _current(
    deps: Deps, viewer: Viewer, experiment_id: str, criterion: str | None, *, keep: bool
) -> tuple[Experiment, dict[str, Any]]:
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        asked = _ask(session, seen_experiment(session, viewer, experiment_id), criterion)
    if asked.kept is None:
        with _TURNS[hash((experiment_id, asked.criterion_id)) % len(_TURNS)]:
            with deps.store.read() as session:
                asked = _ask(session, asked.experiment, criterion)
                given = _read(session, asked) if asked.kept is None else None
            if given is not None:
                data = _compute(asked, given)
                if keep:
                    _keep(deps, asked, data)
                return asked.experiment, data
    assert asked.kept is not None
    return asked.experiment, asked.kept.data["finding"]


def _ask(session: Session, experiment: Experiment, criterion: str | None) -> _Asked:
    from backend.science.finding import METHOD

    criterion_id = _criterion_of(session, experiment, criterion)
    last_vote, mark = findings.read_mark(session, experiment.id, criterion_id)
    mark = f"{mark} {experiment.delta} {experiment.planned_votes}"
    kept = findings.find_kept(session, experiment.id, criterion_id)
    if kept is not None and (kept.last_vote, kept.method, kept.data.get("mark")) != (last_vote, METHOD, mark):
        kept = None
    return _Asked(experiment, criterion_id, last_vote, mark, kept)


def _criterion_of(session: Session, experiment: Experiment, wanted: str | None) -> str:
    if wanted is None or wanted == experiment.id:
        return counting.first_questions(session, [experiment.id])[experiment.id]
    if not findings.is_pair_criterion(session, experiment.id, wanted):
        raise InvalidRequest({"criterion": "is none that is asked of pairs in this experiment"})
    return wanted


def _read(session: Session, asked: _Asked) -> _Given:
    experiment_id = asked.experiment.id
    votes = findings.list_votes(session, experiment_id, asked.criterion_id)
    voted = {take for vote in votes for take in (vote.left, vote.right)}
    takes = {
        one.take: one.cell
        for one in findings.list_shown(session, experiment_id)
        if one.is_completed or one.take in voted
    }
    return _Given(votes, takes, plans.list_cells(session, [experiment_id]))


def _compute(asked: _Asked, given: _Given) -> dict[str, Any]:
    """The finding as plain data. No transaction is open meanwhile."""
    from backend.science.finding import fit

    counted = [_ballot(vote) for vote in given.votes if vote.why is None]
    cells = [cell for cell in given.cells if cell.dropped_at is None]
    levels = {cell.id: dict(cell.levels) for cell in cells}
    found = fit(
        counted,
        given.takes,
        levels=levels,
        labels={cell.id: _label(cell) for cell in cells},
        delta=asked.experiment.delta,
        planned=asked.experiment.planned_votes,
    ).as_json()
    beside = [vote for vote in given.votes if vote.why in _BESIDE]
    found["agreement"]["raters"] = [*found["agreement"]["raters"], *_beside(counted, beside, given)]
    _add_untried(found, cells)
    left_out = Counter(LeftOut(vote.why) for vote in given.votes if vote.why)
    told = [f"{number} {_LEFT_OUT[why]}" for why, number in left_out.items()]
    if told:
        found["verdict"]["words"] += f" Votes left out: {', '.join(told)}."
    return found


def _add_untried(found: dict[str, Any], cells: Sequence[Cell]) -> None:
    """Tell of cells without a take, too: that nothing is known of them."""
    known = {one["id"] for one in found["cells"]}
    untried = [cell for cell in cells if cell.id not in known]
    rate = {"vs_average": 0.5, "low": 0.0, "high": 1.0}
    found["cells"] += [
        {
            "id": cell.id, "label": _label(cell), "takes": 0, "votes": 0, "score": 0.0,
            "win_rate": dict(rate), "as_good_as_any": False, "p_as_good": None,
        }
        for cell in untried
    ]  # fmt: skip
    if untried and found["verdict"]["code"] in stop_rules.ANSWERED:
        one = len(untried) == 1
        many, of = ("1 combination has", "it") if one else (f"{len(untried)} combinations have", "them")
        found["verdict"]["words"] += f" {many} no take yet, and nothing is known of {of}."


def _label(cell: Cell) -> str:
    return combination_words(cell.levels) or cell.key


def _ballot(vote: GivenVote) -> tuple[str, str, str, str]:
    return vote.left, vote.right, vote.choice, vote.rater


def _beside(
    counted: Sequence[tuple[str, str, str, str]], beside: Sequence[GivenVote], given: _Given
) -> list[dict[str, Any]]:
    """Raters whose votes are not counted, and how often they say what the counted votes say."""
    from backend.science.agreement import compare_rater

    found = []
    for name, why in dict.fromkeys((vote.rater, vote.why) for vote in beside):
        own = [_ballot(vote) for vote in beside if (vote.rater, vote.why) == (name, why)]
        rated = compare_rater(counted, own, given.takes)
        said = f"{_BESIDE[LeftOut(str(why))]}; not counted in the verdict."
        found.append({**asdict(rated), "rater": name, "why": said})
    return found


def _keep(deps: Deps, asked: _Asked, data: dict[str, Any]) -> None:
    from backend.science.finding import METHOD

    row = FindingRow(
        experiment_id=asked.experiment.id, criterion_id=asked.criterion_id, last_vote=asked.last_vote,
        method=METHOD, data={"mark": asked.mark, "finding": data}, at=deps.clock.now(),
    )  # fmt: skip
    try:
        with deps.store.begin() as session:
            findings.keep(session, row)
    except IntegrityError:
        return  # another process found and kept the same meanwhile


def _told(experiment: Experiment, data: dict[str, Any]) -> dict[str, Any]:
    """With what the experiment's state says of it."""
    return {**data, "verdict": told_verdict(experiment, data["verdict"])}


def _makeable_next(deps: Deps, experiment: Experiment, data: dict[str, Any]) -> dict[str, Any]:
    """What to get next, without takes that can't be made any more: a model may be gone meanwhile."""
    wanted: dict[str, Any] = data["next"]
    if wanted["what"] != "takes" or experiment.state == ExperimentState.CLOSED:
        return wanted
    asked = {one["cell"] for one in wanted["takes"]}
    with deps.store.read() as session:
        cells = [cell for cell in plans.list_cells(session, [experiment.id]) if cell.id in asked]
    refused = look_at_cells(deps, experiment, cells).refused
    if not refused:
        return wanted
    left = [one for one in wanted["takes"] if one["cell"] not in refused]
    said = [f"Of {_label(cell)!r} no take can be made any more. {refused[cell.id]}"
            for cell in cells if cell.id in refused]  # fmt: skip
    if not left:
        said.append("Drop what can't be made, or plan another experiment.")
    why = join_sentences(MORE_TAKES, *said)
    return {"what": "takes" if left else "none", "why": why, "takes": left}


def with_verdict(deps: Deps, viewer: Viewer, found: ExperimentView) -> ExperimentView:
    """The same with what its votes say by now. Raises as `current_finding`."""
    if not found.votes:
        return found
    return replace(found, verdict=current_verdict(deps, viewer, found.experiment.id))
