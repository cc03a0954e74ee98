"""Who judges an experiment: who may, who has seen which take is which, whose votes are left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.domain.text import clean_text, fault_in
from backend.services.access import Viewer
from backend.services.audit.record import record
from backend.services.deps import Deps
from backend.services.experiments import rights
from backend.services.experiments.judging import criteria
from backend.store.experiments import ballots, raters, running

#: A name of a rater is a person's, or a token's.
NAME_MAX_CHARS = 200


@dataclass(frozen=True)
class RaterView:
    """Somebody who votes, or may. votes: on the first question, those that stand; unseen: how many of these
    were given before anything of one of the two takes was played."""

    rater: str
    votes: int
    unseen: int = 0
    invited_at: datetime | None = None
    sighted_at: datetime | None = None
    excluded_at: datetime | None = None


def list_raters(deps: Deps, viewer: Viewer, experiment_id: str) -> list[RaterView]:
    """Everybody who voted, was invited, has seen the names or is left out; by name. Raises as `invite`."""
    viewer.must(Do.EXPERIMENT)
    with deps.store.read() as session:
        experiment = rights.get_to_run(session, viewer, experiment_id)
        counted = ballots.count_votes(session, experiment_id, criteria.first_id(session, experiment))
        known = {one.rater: one for one in raters.list_raters(session, experiment_id)}
    nobody = ballots.VoteCounts(0, 0)
    return [
        RaterView(name, *counted.get(name, nobody), row.invited_at, row.sighted_at, row.excluded_at)
        if (row := known.get(name))
        else RaterView(name, *counted[name])
        for name in sorted(known.keys() | counted)
    ]


def invite(deps: Deps, viewer: Viewer, experiment_id: str, names: Sequence[str]) -> None:
    """These may vote, whoever else may.

    Raises:
        NotAllowed, NotFound: as `rights.get_to_run`. InvalidRequest: a name is none.
    """
    viewer.must(Do.EXPERIMENT)
    cleaned = [clean_name(name) for name in names]
    with deps.store.begin() as session:
        rights.get_to_run(session, viewer, experiment_id)
        for name in cleaned:
            raters.put_rater(session, experiment_id, name, invited_at=deps.clock.now())
        record(
            session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment",
            object_id=experiment_id, changed={"invited": (None, cleaned)},
        )  # fmt: skip


def open_to_team(deps: Deps, viewer: Viewer, experiment_id: str, *, wanted: bool) -> None:
    """May everybody vote, or those alone who were invited? Raises as `invite`."""
    viewer.must(Do.EXPERIMENT)
    with deps.store.begin() as session:
        before = rights.get_to_run(session, viewer, experiment_id).open_to_team
        raters.set_open(session, experiment_id, open_to_team=wanted)
        record(
            session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment",
            object_id=experiment_id, changed={"open_to_team": (before, wanted)},
        )  # fmt: skip


def exclude_rater(
    deps: Deps, viewer: Viewer, experiment_id: str, rater: str, *, excluded: bool = True
) -> None:
    """Leave somebody's votes out of what is said of prompts, or let them count again; the votes stay.

    Raises as `invite`.
    """
    viewer.must(Do.EXPERIMENT)
    rater = clean_name(rater)
    with deps.store.begin() as session:
        rights.get_to_run(session, viewer, experiment_id)
        at, by = (deps.clock.now(), viewer.name) if excluded else (None, None)
        raters.put_rater(session, experiment_id, rater, excluded_at=at, excluded_by=by)
        record(
            session, deps, viewer, Action.RATER_EXCLUDED, object_type="experiment",
            object_id=experiment_id, changed={"rater": (None, rater), "excluded": (not excluded, excluded)},
        )  # fmt: skip


def note_sighted(deps: Deps, viewer: Viewer, experiment_id: str) -> None:
    """This viewer sees which take is of which cell: what they vote from now on is kept apart.

    Does nothing the second time. Raises NotFound: there is no such experiment.
    """
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        running.get(session, experiment_id)
        known = raters.find_rater(session, experiment_id, viewer.name)
    if known is not None and known.sighted_at is not None:
        return
    with deps.store.begin() as session:
        raters.put_rater(session, experiment_id, viewer.name, sighted_at=deps.clock.now())


def clean_name(name: str) -> str:
    """A rater's name, in order. Raises InvalidRequest: it is none."""
    name = " ".join(clean_text(name).split())
    fault = fault_in(name) if name else "is missing"
    if fault or len(name) > NAME_MAX_CHARS:
        raise InvalidRequest({"rater": fault or f"has more than {NAME_MAX_CHARS} characters"})
    return name


def is_sighted(deps: Deps, viewer: Viewer, experiment_id: str) -> bool:
    """Has this viewer seen which take is of which cell? Raises NotFound: there is no such experiment."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        running.get(session, experiment_id)
        known = raters.find_rater(session, experiment_id, viewer.name)
    return known is not None and known.sighted_at is not None
