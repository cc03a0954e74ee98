"""What is asked of people: of two takes which is better, or of one how good it is, 1 to 5."""

from collections.abc import Mapping, Sequence
from typing import Literal

from sqlmodel import Session

from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, NotFound
from backend.domain.text import clean_text, fault_in
from backend.models import Criterion, Experiment
from backend.services.access import Viewer
from backend.services.audit.record import record
from backend.services.deps import Deps
from backend.services.experiments import rights
from backend.store.experiments import counting, raters, running

Kind = Literal["pair", "score"]
PAIR: Kind = "pair"
SCORE: Kind = "score"
#: Asked where nobody wrote a question.
USUAL_QUESTION = "Which one is better?"
QUESTION_MAX_CHARS, ANCHOR_MAX_CHARS = 300, 200
#: The values of a score whose meaning can be said.
ANCHORS = ("1", "3", "5")


def first_criterion(experiment: Experiment) -> Criterion:
    """The question that every experiment has; it is kept once somebody is asked it."""
    question = " ".join(experiment.question.split())[:QUESTION_MAX_CHARS] or USUAL_QUESTION
    return Criterion(id=experiment.id, experiment_id=experiment.id, question=question, kind=PAIR)


def find_criterion(session: Session, experiment: Experiment, wanted: str | None = None) -> Criterion:
    """The one that is wanted; without a wish, or by the experiment's own id, the first question about pairs.

    Raises:
        InvalidRequest: names `criterion`; there is none with that id here.
    """
    if wanted is None or wanted == experiment.id:
        kept = raters.get_criterion(session, first_id(session, experiment))
        return kept if kept is not None and kept.retired_at is None else first_criterion(experiment)
    known = raters.list_criteria(session, experiment.id)
    found = next((one for one in known if one.id == wanted), None)
    if found is None:
        raise InvalidRequest({"criterion": "is none that is asked in this experiment"})
    return found


def first_id(session: Session, experiment: Experiment) -> str:
    """The id of the first question about pairs: that is what a finding is of, unless another is named."""
    return counting.first_questions(session, [experiment.id])[experiment.id]


def list_criteria(deps: Deps, viewer: Viewer, experiment_id: str) -> Sequence[Criterion]:
    """All that is asked in an experiment, the first question first. Raises NotFound."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        experiment = running.get(session, experiment_id)
        known = raters.find_rater(session, experiment_id, viewer.name)
        if not (viewer.may_see(experiment.owner) or (known is not None and known.invited_at)):
            raise NotFound(running.NO_EXPERIMENT)
        first = find_criterion(session, experiment)
        others = [one for one in raters.list_criteria(session, experiment_id) if one.id != first.id]
    return [first, *others]


def add_criterion(
    deps: Deps,
    viewer: Viewer,
    experiment_id: str,
    question: str,
    kind: Kind = PAIR,
    anchors: Mapping[str, str] | None = None,
) -> Criterion:
    """Ask one more question. anchors: what 1, 3 and 5 of a score mean.

    Raises:
        NotAllowed: it is somebody else's experiment. NotFound. InvalidRequest: names each field at fault.
    """
    viewer.must(Do.EXPERIMENT)
    anchors = {key: " ".join(clean_text(words).split()) for key, words in (anchors or {}).items()}
    question = " ".join(clean_text(question).split())
    _check(question, kind, anchors)
    with deps.store.begin() as session:
        experiment = rights.get_to_run(session, viewer, experiment_id)
        raters.keep_criterion(session, find_criterion(session, experiment))  # it stays the first
        made = Criterion(
            id=deps.clock.new_id(), experiment_id=experiment_id, question=question, kind=kind,
            anchors=dict(anchors),
        )  # fmt: skip
        raters.keep_criterion(session, made)
        record(
            session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment",
            object_id=experiment_id, changed={"criterion": (None, question)},
        )  # fmt: skip
    return made


def retire_criterion(deps: Deps, viewer: Viewer, experiment_id: str, criterion_id: str) -> None:
    """It is not asked any more; what was answered stays. Raises as `add_criterion`."""
    viewer.must(Do.EXPERIMENT)
    with deps.store.begin() as session:
        rights.get_to_run(session, viewer, experiment_id)
        found = raters.get_criterion(session, criterion_id)
        if found is None or found.experiment_id != experiment_id:
            raise NotFound("There is no question with that id in this experiment.")
        raters.retire_criterion(session, criterion_id, deps.clock.now())
        record(
            session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment",
            object_id=experiment_id, changed={"criterion": (found.question, None)},
        )  # fmt: skip


def _check(question: str, kind: str, anchors: Mapping[str, str]) -> None:
    faults = {}
    if not question:
        faults["question"] = "is missing"
    elif len(question) > QUESTION_MAX_CHARS or fault_in(question):
        faults["question"] = fault_in(question) or f"has more than {QUESTION_MAX_CHARS} characters"
    if kind not in (PAIR, SCORE):
        faults["kind"] = f"must be {PAIR} or {SCORE}"
    if anchors and kind == PAIR:
        faults["anchors"] = "belong to scores"
    for value, words in anchors.items():
        if value not in ANCHORS:
            faults["anchors"] = f"say what {', '.join(ANCHORS)} mean; {value} isn't among them"
        elif len(words) > ANCHOR_MAX_CHARS or fault_in(words):
            faults["anchors"] = fault_in(words) or f"hold at most {ANCHOR_MAX_CHARS} characters each"
    if faults:
        raise InvalidRequest(faults)
