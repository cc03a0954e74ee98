"""What somebody judges next: pairs of takes that say nothing of themselves, kept for them for a while."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import SystemRandom

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.domain.experiments.words import ExperimentState
from backend.models import Criterion, Experiment, Pair
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.judging import criteria, who
from backend.services.experiments.judging.pair_choice import Chosen, Shown, Situation, choose_pairs
from backend.services.gallery.blind_links import pair_keys
from backend.store.experiments import ballots, pairs, raters
from backend.store.experiments.pairs import Candidate

#: A pair is kept for whoever was given it; then it counts as left.
RESERVED_FOR = timedelta(minutes=10)
#: So many are given at once, unless asked otherwise, and at most.
NUMBER, NUMBER_MAX = 8, 50
#: About so many votes for each take are what an experiment without a planned number needs. The first round
#: shows each take twice, one vote shows two; simulated experiments of 2 to 8 prompts ended at 1.7 to 3.
VOTES_A_TAKE = 2
SINGLE = "single"


@dataclass(frozen=True)
class ShownFile:
    """By which keys a take's video and poster are asked for, as `gallery.signed_links` signs them."""

    video: str
    poster: str


@dataclass(frozen=True)
class ShownPair:
    """A pair as it is shown. pair: its id, which says nothing. right: None for a take that gets a score."""

    pair: str
    left: ShownFile
    right: ShownFile | None


@dataclass(frozen=True)
class Progress:
    """How far judging has come: one's own votes, everybody's, and about how many are to be given.

    sighted: has this viewer seen which take is which? judgeable: of how many takes are there pairs?
    """

    mine: int
    all: int
    about: int
    sighted: bool
    judgeable: int


@dataclass(frozen=True)
class ToJudge:
    """What somebody is asked now. pairs: none where there is nothing (left) to judge, or it is closed."""

    criterion: Criterion
    closed: bool
    pairs: Sequence[ShownPair]
    progress: Progress


def next_pairs(
    deps: Deps,
    viewer: Viewer,
    experiment_id: str,
    *,
    number: int = NUMBER,
    criterion: str | None = None,
    again: bool = True,
) -> list[ShownPair]:
    """The next pairs for this viewer, kept for them for ten minutes; raises as `to_judge`."""
    found = to_judge(deps, viewer, experiment_id, number=number, criterion=criterion, again=again)
    return list(found.pairs)


def to_judge(
    deps: Deps,
    viewer: Viewer,
    experiment_id: str,
    *,
    number: int = NUMBER,
    criterion: str | None = None,
    again: bool = False,
) -> ToJudge:
    """What this viewer is asked, and the next pairs. What they have not answered yet comes first.

    again: are they asked of the same two takes once more, when there are no others?

    Raises:
        NotAllowed: 403; not a role that votes, or not invited. NotFound: there is no such experiment.
        InvalidRequest: names `n` or `criterion`.
    """
    viewer.must(Do.VOTE)
    if not 1 <= number <= NUMBER_MAX:
        raise InvalidRequest({"n": f"must be a whole number from 1 to {NUMBER_MAX}"})
    with deps.store.read() as session:
        experiment = who.admit_rater(session, viewer, experiment_id)
        asked = criteria.find_criterion(session, experiment, criterion)
        takes = pairs.list_candidates(session, experiment_id)
        found = _situation(session, deps.clock.now(), experiment_id, asked, viewer.name, takes)
        progress = _progress(session, experiment, asked, viewer.name, takes)
    closed = experiment.state == ExperimentState.CLOSED
    shown: list[ShownPair] = []
    if takes and not closed:
        kept = _Kept(deps, experiment, asked, viewer.name)
        if asked.kind == criteria.SCORE:
            shown = kept.singles(takes, number)
        else:
            shown = kept.pairs(replace(found, again=again), number)
    return ToJudge(asked, closed, shown, progress)


def skip_pair(deps: Deps, viewer: Viewer, experiment_id: str, pair_id: str) -> None:
    """This viewer does not answer it now; somebody else may. Raises as `next_pairs`."""
    viewer.must(Do.VOTE)
    with deps.store.begin() as session:
        who.admit_rater(session, viewer, experiment_id)
        pair = pairs.get_pair(session, pair_id)
        if pair.experiment_id == experiment_id and pair.rater == viewer.name:
            pairs.release_pair(session, pair_id, deps.clock.now())


def _progress(
    session: Session, experiment: Experiment, asked: Criterion, rater: str, takes: Sequence[Candidate]
) -> Progress:
    if asked.kind == criteria.SCORE:
        given = ballots.list_scores(session, experiment.id, asked.id)
        mine = sum(1 for one in given if one[1] == rater)
        about, everybodys = len(takes), len(given)
    else:
        counted = ballots.count_votes(session, experiment.id, asked.id)
        mine = counted[rater].votes if rater in counted else 0
        everybodys = sum(one.votes for one in counted.values())
        about = experiment.planned_votes or VOTES_A_TAKE * len(takes)
    known = raters.find_rater(session, experiment.id, rater)
    sighted = known is not None and known.sighted_at is not None
    judgeable = len(takes) if len({take.cell for take in takes}) > 1 or asked.kind == criteria.SCORE else 0
    return Progress(mine, everybodys, about, sighted, judgeable)


def _situation(
    session: Session,
    now: datetime,
    experiment_id: str,
    asked: Criterion,
    rater: str,
    takes: Sequence[Candidate],
) -> Situation:
    here = {take.job for take in takes}
    votes = ballots.list_ballots(session, experiment_id, asked.id)
    shown = [
        Shown(pair.left_job, pair.right_job, pair.why, pair.voted_at is not None, _lapsed(pair, now, here))
        for pair in pairs.list_pairs_of(session, experiment_id, asked.id, rater)
    ]
    waiting = pairs.list_waiting(session, experiment_id, asked.id, now)
    return Situation(takes, [one for one in votes if {one[0], one[1]} <= here], waiting, shown)


def _lapsed(pair: Pair, now: datetime, here: set[str]) -> bool:
    """Was it left, or is one of its takes gone? What is answered stays answered."""
    if pair.voted_at is not None:
        return False
    kept = pair.reserved_until is not None and pair.reserved_until > now
    return not (kept and {pair.left_job, pair.right_job} <= here)


@dataclass(frozen=True)
class _Kept:
    """Gives one rater pairs that are kept for them."""

    deps: Deps
    experiment: Experiment
    asked: Criterion
    rater: str

    def pairs(self, situation: Situation, number: int) -> list[ShownPair]:
        """Those that wait for an answer, then others."""
        waits = sum(1 for one in situation.shown if not one.voted and not one.lapsed)
        chosen = choose_pairs(situation, number - waits, SystemRandom()) if number > waits else []
        here = {take.job for take in situation.takes}
        return self._give(chosen, here, number)

    def singles(self, takes: Sequence[Candidate], number: int) -> list[ShownPair]:
        """Takes that this rater has given no score, in no order."""
        with self.deps.store.read() as session:
            scores = ballots.list_scores(session, self.experiment.id, self.asked.id)
        done = {job for job, rater, _ in scores if rater == self.rater}
        left = [take.job for take in takes if take.job not in done]
        SystemRandom().shuffle(left)
        chosen = [Chosen(job, job, SINGLE) for job in left[: number + NUMBER_MAX]]
        return self._give(chosen, {take.job for take in takes}, number)

    def _give(self, chosen: Sequence[Chosen], here: set[str], number: int) -> list[ShownPair]:
        now = self.deps.clock.now()
        with self.deps.store.begin() as session:
            raters.lock_rater(session, self.experiment.id, self.rater)
            raters.keep_criterion(session, self.asked)
            open_ = [
                pair
                for pair in pairs.list_pairs_of(session, self.experiment.id, self.asked.id, self.rater)
                if pair.voted_at is None and not _lapsed(pair, now, here)
            ][:number]
            pairs.reserve_pairs(session, [pair.id for pair in open_], now + RESERVED_FOR)
            met = {frozenset((pair.left_job, pair.right_job)) for pair in open_ if pair.why == SINGLE}
            new = [one for one in chosen if frozenset(one[:2]) not in met][: number - len(open_)]
            for place, one in enumerate(new):
                pair = self._pair(one, now + timedelta(microseconds=place), now + RESERVED_FOR)
                pairs.insert_pair(session, pair)
                open_.append(pair)
        return [_shown(pair) for pair in open_]

    def _pair(self, chosen: Chosen, at: datetime, until: datetime) -> Pair:
        """Its id is random: one that tells its moment would tell in which order pairs were made."""
        return Pair(
            id=secrets.token_hex(16), experiment_id=self.experiment.id, criterion_id=self.asked.id,
            left_job=chosen.left, right_job=chosen.right, rater=self.rater, why=chosen.why,
            shown_at=at, reserved_until=until,
        )  # fmt: skip


def _shown(pair: Pair) -> ShownPair:
    left, right = (ShownFile(*pair_keys(pair.id, side)) for side in ("left", "right"))
    return ShownPair(pair.id, left, None if pair.why == SINGLE else right)
