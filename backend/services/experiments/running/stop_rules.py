"""When an experiment stops by itself: too many of its takes fail, or what it asks is answered."""

from sqlmodel import Session

from backend.models import Experiment
from backend.store.experiments import findings, outcomes, plans, running

#: More than this share of its takes may not fail, where its plan doesn't say.
FAILED_SHARE = 0.25
#: From this many ended takes on the share is judged: with fewer, its interval says nothing.
JUDGED_FROM = 10
#: Codes of a verdict that further takes would not change.
ANSWERED = ("as_good", "better", "alike")


def reason_to_stop(session: Session, experiment: Experiment) -> str | None:
    """Why nothing more should be made of it, in words; None: it may go on.

    Of one past its canary. Judged are the takes since it was last started, gone on with or resumed, so that
    a person who resumes it is not stopped for what they have seen. A verdict stops it until it was resumed
    once.
    """
    wave = running.newest_wave(session, experiment.id)
    if wave <= running.FIRST_WAVE and (verdict := _verdict(session, experiment)):
        return (
            f"What was asked is answered: {verdict}. Nothing more is made, and what was sent comes home. "
            "Close it, or resume to go on all the same."
        )
    return _failing(session, experiment, wave)


def _verdict(session: Session, experiment: Experiment) -> str | None:
    """The verdict that is in, in words: of all votes on its first question, as somebody has seen it."""
    kept = plans.newest_findings(session, [experiment.id]).get(experiment.id)
    if kept is None or findings.read_mark(session, experiment.id, kept.criterion_id)[0] != kept.last_vote:
        return None
    found = kept.data.get("finding") or {}
    if any(not cell["takes"] for cell in found.get("cells", ())):
        return None  # of some combinations there is no take yet, so not all is answered
    verdict = found.get("verdict") or {}
    return str(verdict["words"]).rstrip(".") if verdict.get("code") in ANSWERED else None


def _failing(session: Session, experiment: Experiment, wave: int) -> str | None:
    failed, ended = outcomes.count_ended(session, experiment.id, wave=wave)
    share = failed_share(experiment)
    if ended < JUDGED_FROM or not failed or surely_failing(failed, ended) <= share:
        return None
    return (
        f"{failed} of the last {ended} takes failed, which is surely more than {share:.0%}. Nothing more is "
        "made, and what was sent comes home. See what they say; then retry what failed and resume, or resume "
        "without that."
    )


def failed_share(experiment: Experiment) -> float:
    """The share of its takes that may fail."""
    stop = (experiment.plan or {}).get("stop") or {}
    share = stop.get("failed_share")
    return FAILED_SHARE if share is None else float(share)


def surely_failing(failed: int, ended: int) -> float:
    """The share of takes that fail at least: the lower end of Wilson's interval."""
    from backend.science.agreement import wilson  # brings NumPy, which no start should wait for

    return wilson(failed, ended)[0]
