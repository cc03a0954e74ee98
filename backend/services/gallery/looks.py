"""How a state is shown: its word, its icon, its tone, and a sentence on what it means."""

from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.states import JobEvent, JobState
from backend.models import Job


@dataclass(frozen=True)
class Look:
    """How a state is shown: a word, a Material icon's name, a tone of the theme, and what it means."""

    word: str
    icon: str
    tone: str
    means: str


#: state -> how it is shown; always the word and the icon, so that no colour has to be told from another
LOOKS: dict[JobState, Look] = {
    JobState.CREATED: Look("Waiting to send", "bookmark_added", "blue", "Kept here; it is sent in a moment."),
    JobState.SUBMITTING: Look("Sending", "outgoing_mail", "blue", "It is being sent to the provider."),
    JobState.QUEUED: Look("Queued", "hourglass_top", "blue", "The provider has it; rendering has not begun."),
    JobState.RUNNING: Look("Rendering", "movie_edit", "blue", "The provider is at work on it."),
    JobState.RENDERED: Look("Downloading", "downloading", "blue", "Rendered; the file is being downloaded."),
    JobState.STORED: Look("Ready", "check_circle", "green", "All that it made is here, whole."),
    JobState.HELD: Look(
        "Needs a decision", "pan_tool", "orange", "Nobody can tell what became of it; it needs you."
    ),
    JobState.FAILED: Look("Failed", "error", "red", "The provider refused it, or failed."),
    JobState.CANCELLED: Look("Cancelled", "block", "gray", "Cancelled by a person. It may still be billed."),
}


def state_look(job: Job) -> Look:
    """How this job's state is shown."""
    shown = LOOKS[JobState(job.state)]
    if job.cancel_requested_at is not None and job.state in (
        JobState.SUBMITTING,
        JobState.QUEUED,
        JobState.RUNNING,
    ):
        return Look("Cancelling", "block", "gray", "The provider is being asked to stop.")
    return shown


def event_words(event: str) -> str:
    """What happened; one that only a newer program knows stands there as it is."""
    return EVENTS[JobEvent(event)] if event in frozenset(JobEvent) else event.replace("_", " ")


#: event -> what happened, for the history
EVENTS: Mapping[JobEvent, str] = {
    JobEvent.CREATED: "asked for",
    JobEvent.SUBMIT_BEGUN: "about to be sent",
    JobEvent.UNSENT: "not sent, or turned away for now",
    JobEvent.UNANSWERED: "no usable answer came",
    JobEvent.ACCEPTED: "accepted by the provider",
    JobEvent.REFUSED: "refused by the provider",
    JobEvent.STARTED: "rendering began",
    JobEvent.REQUEUED: "queued again",
    JobEvent.FORGOTTEN: "the provider no longer knows it",
    JobEvent.FINISHED: "rendered",
    JobEvent.ERRORED: "the provider failed",
    JobEvent.SAVED: "saved and verified",
    JobEvent.RESTORED: "found in a restored database: may have been sent since",
    JobEvent.LOST: "lost at the provider",
    JobEvent.CANCELLED: "cancelled",
}
