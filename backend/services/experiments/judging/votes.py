"""What people choose: a vote on a pair, kept once and for good; who takes it back marks it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import IdempotencyKeyReused, InvalidRequest, NotAllowed, NotFound, StateConflict
from backend.domain.experiments.words import ExperimentState, VoteKind
from backend.domain.text import fault_in
from backend.models import Experiment, Pair, Vote
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.experiments.judging import raters as rater_views
from backend.services.experiments.judging import who
from backend.services.experiments.judging.pairs import RESERVED_FOR, SINGLE
from backend.store.experiments import ballots, pairs, raters
from backend.store.experiments.ballots import Ballot
from backend.store.library import openings

CHOICES = ("left", "right", "tie")
KEY_MAX_CHARS = 200
IS_CLOSED = "This experiment is closed; what was chosen before counts, and nothing is added to it any more."
IS_JUDGED = "This pair was answered before; the first answer stands."
WAS_UNDONE = (
    "This answer was taken back and does not count. Answer the pair again: a new answer has a new "
    "Idempotency-Key."
)
IS_GONE = (
    "One of these takes was moved to the trash meanwhile, so this answer is not counted. It cost nothing; "
    "go on with the next pair."
)


@dataclass(frozen=True)
class Answer:
    """What somebody says of a pair. both_bad: neither is any good, which counts as a tie.

    took_ms: from seeing it to answering; seen_left_ms, seen_right_ms: how much of each was played.
    """

    pair: str
    choice: str
    both_bad: bool = False
    took_ms: int | None = None
    seen_left_ms: int | None = None
    seen_right_ms: int | None = None


def cast_vote(
    deps: Deps,
    viewer: Viewer,
    experiment_id: str,
    *,
    pair: str,
    choice: str,
    both_bad: bool = False,
    took_ms: int | None = None,
    key: str | None = None,
    rater: str | None = None,
    seen_left_ms: int | None = None,
    seen_right_ms: int | None = None,
) -> Vote:
    """Keep a vote; it is committed when this returns. The same key again gives the same vote, and is
    refused once that was taken back: a call that comes late must not make it count again.

    rater: in whose name an admin votes; None: the viewer's own.

    Raises:
        NotAllowed: 403; not invited, or in another's name without being an admin.
        NotFound: there is no such experiment, or no such pair for this viewer.
        StateConflict: 409; it is closed, the pair was answered, one of its takes is in the trash, or the
            vote with this key was taken back.
        IdempotencyKeyReused: 409; the key came with another answer. InvalidRequest: names what is at fault.
    """
    viewer.must(Do.VOTE)
    answer = Answer(pair, choice, both_bad, took_ms, seen_left_ms, seen_right_ms)
    voter = _voter(viewer, rater)
    _check(answer, key)
    try:
        with deps.store.begin() as session:
            experiment = who.admit_rater(session, viewer, experiment_id)
            known = ballots.find_by_key(session, voter, key) if key else None
            if known is not None:
                return _same(known, experiment_id, answer)
            shown = _shown_pair(session, viewer, experiment, pair)
            must_be_open(session, experiment, shown)
            if not pairs.mark_voted(session, shown.id, deps.clock.now()):
                late = ballots.find_by_key(session, voter, key) if key else None  # it came twice at once
                if late is None:
                    raise StateConflict(IS_JUDGED)
                return _same(late, experiment_id, answer)
            vote = _vote(deps, session, shown, answer, voter, key)
            ballots.insert_vote(session, vote)
            openings.mark_opened(session, (vote.left_job, vote.right_job), at=vote.at)
            return vote
    except IntegrityError as error:
        raise IdempotencyKeyReused("This Idempotency-Key came with another answer before.") from error


def undo_vote(deps: Deps, viewer: Viewer, experiment_id: str, vote_id: str) -> Vote:
    """Take back a vote of one's own; its pair waits for an answer again. Returns it as it is then.

    Raises:
        NotAllowed: 403; it is somebody else's. NotFound: there is no such vote.
        StateConflict: 409; the experiment is closed.
    """
    viewer.must(Do.VOTE)
    with deps.store.begin() as session:
        experiment = who.admit_rater(session, viewer, experiment_id)
        vote = ballots.get_vote(session, experiment_id, vote_id)
        if vote.rater != viewer.name and viewer.role is not Role.ADMIN:
            why = "That vote is somebody else's; everybody takes back their own."
            raise NotAllowed(why, status=403, deed=Do.CHANGE_OTHERS)
        if experiment.state == ExperimentState.CLOSED:
            raise StateConflict(IS_CLOSED)
        now = deps.clock.now()
        if ballots.mark_undone(session, vote_id, now) and vote.pair_id is not None:
            pairs.reopen_pair(session, vote.pair_id, until=now + RESERVED_FOR)
        return ballots.get_vote(session, experiment_id, vote_id)


def list_for_fit(session: Session, experiment_id: str, criterion_id: str) -> list[Ballot]:
    """(left take, right take, choice, rater) of every vote that counts, in the order in which they came."""
    return ballots.list_ballots(session, experiment_id, criterion_id)


def must_be_open(session: Session, experiment: Experiment, pair: Pair) -> None:
    """Raises StateConflict: it is closed, or a take of the pair is in the trash."""
    if experiment.state == ExperimentState.CLOSED:
        raise StateConflict(IS_CLOSED)
    if pairs.find_gone(session, [pair.left_job, pair.right_job]):
        raise StateConflict(IS_GONE)


def _voter(viewer: Viewer, rater: str | None) -> str:
    if rater is None or rater == viewer.name:
        return viewer.name
    if viewer.role is not Role.ADMIN:
        why = "Only an admin's token votes in somebody else's name."
        raise NotAllowed(why, status=403, deed=Do.CHANGE_OTHERS)
    return rater_views.clean_name(rater)


def _check(answer: Answer, key: str | None) -> None:
    faults = {}
    if answer.choice not in CHOICES:
        faults["choice"] = f"must be one of {', '.join(CHOICES)}"
    elif answer.both_bad and answer.choice != "tie":
        faults["both_bad"] = "goes with a tie: neither is better"
    if key is not None and (len(key) > KEY_MAX_CHARS or fault_in(key)):
        faults["Idempotency-Key"] = fault_in(key) or f"has more than {KEY_MAX_CHARS} characters"
    if faults:
        raise InvalidRequest(faults)


def _same(vote: Vote, experiment_id: str, answer: Answer) -> Vote:
    """The vote that came with this key before."""
    before = (vote.experiment_id, vote.pair_id, vote.choice, vote.both_bad)
    if before != (experiment_id, answer.pair, answer.choice, answer.both_bad):
        raise IdempotencyKeyReused("This Idempotency-Key came with another answer before.")
    if vote.undone_at is not None:
        raise StateConflict(WAS_UNDONE)
    return vote


def _shown_pair(session: Session, viewer: Viewer, experiment: Experiment, pair_id: str) -> Pair:
    pair = pairs.get_pair(session, pair_id)
    theirs = pair.rater == viewer.name or viewer.role is Role.ADMIN
    if pair.experiment_id != experiment.id or not theirs or pair.why == SINGLE:
        raise NotFound(pairs.NO_PAIR)
    return pair


def _vote(deps: Deps, session: Session, pair: Pair, answer: Answer, voter: str, key: str | None) -> Vote:
    values: dict[str, Any] = {**vars(answer)}
    values.pop("pair")
    known = raters.find_rater(session, pair.experiment_id, voter)
    return Vote(
        id=deps.clock.new_id(), experiment_id=pair.experiment_id, criterion_id=pair.criterion_id,
        pair_id=pair.id, left_job=pair.left_job, right_job=pair.right_job, rater=voter,
        sighted=known is not None and known.sighted_at is not None, kind=VoteKind.PERSON,
        at=deps.clock.now(), idempotency_key=key, **values,
    )  # fmt: skip
