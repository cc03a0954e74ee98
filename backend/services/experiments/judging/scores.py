"""How good single takes are, 1 to 5, for questions of that kind. The newest score of a person counts."""

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, NotFound
from backend.models import Score
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.judging import votes, who
from backend.services.experiments.judging.pairs import SINGLE
from backend.store.experiments import ballots, pairs
from backend.store.library import openings

LOW, HIGH = 1, 5


def give_score(deps: Deps, viewer: Viewer, experiment_id: str, *, pair: str, value: int) -> Score:
    """Keep a score of the take that was shown as this pair; the same one again is kept once.

    Raises:
        NotAllowed, NotFound, StateConflict: as `votes.cast_vote`. InvalidRequest: names `value`.
    """
    viewer.must(Do.VOTE)
    if not LOW <= value <= HIGH:
        raise InvalidRequest({"value": f"must be a whole number from {LOW} to {HIGH}"})
    with deps.store.begin() as session:
        experiment = who.admit_rater(session, viewer, experiment_id)
        shown = pairs.get_pair(session, pair)
        if (shown.experiment_id, shown.rater, shown.why) != (experiment_id, viewer.name, SINGLE):
            raise NotFound(pairs.NO_PAIR)
        votes.must_be_open(session, experiment, shown)
        known = ballots.newest_score(session, shown.left_job, shown.criterion_id, viewer.name)
        if known is not None and known.value == value and shown.voted_at is not None:
            return known
        pairs.mark_voted(session, shown.id, deps.clock.now())
        score = Score(
            id=deps.clock.new_id(), experiment_id=experiment_id, job_id=shown.left_job,
            criterion_id=shown.criterion_id, rater=viewer.name, value=value, at=deps.clock.now(),
        )  # fmt: skip
        ballots.insert_score(session, score)
        openings.mark_opened(session, (score.job_id,), at=score.at)
        return score


def list_scores(session: Session, experiment_id: str, criterion_id: str) -> list[tuple[str, str, int]]:
    """(take, rater, 1 to 5), the newest of each rater."""
    return ballots.list_scores(session, experiment_id, criterion_id)
