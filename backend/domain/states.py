"""The life of a job: its states, the events that move it, and the one table joining them.

A state says what is known to be true outside this process, so that whoever reads the row after a
crash knows what is left to do. Only `stored` is final: a finished video is kept even when it
arrives after the job was cancelled, held or given up.

Only the guarded update of `backend.store.jobs.transitions` moves a job.
"""

from enum import StrEnum


class JobState(StrEnum):
    """What is known to be true of a job outside this process."""

    CREATED = "created"  #: the row is committed; nothing has been sent
    SUBMITTING = "submitting"  #: the request may have left; no answer is recorded
    QUEUED = "queued"  #: the provider accepted it and gave a request id
    RUNNING = "running"  #: the provider says that it is working
    RENDERED = "rendered"  #: the provider finished; not all that it made is ours yet
    STORED = "stored"  #: every file is on our storage, whole and hashed
    HELD = "held"  #: cannot be decided from here; nothing is sent again without a person
    FAILED = "failed"  #: the provider refused or failed, definitely
    CANCELLED = "cancelled"  #: stopped by a person


class JobEvent(StrEnum):
    """What moves a job from one state to the next."""

    CREATED = "created"  #: the form became a row
    SUBMIT_BEGUN = "submit_begun"  #: about to send
    UNSENT = "unsent"  #: provably not sent, or turned away for now: send later
    UNANSWERED = "unanswered"  #: no answer that could be understood: accepted or not, finished or how
    ACCEPTED = "accepted"  #: the provider gave a request id
    REFUSED = "refused"  #: the provider said no, definitely
    STARTED = "started"  #: the provider says that it is working
    REQUEUED = "requeued"  #: the provider put it back in line, as it does when it retries
    FORGOTTEN = "forgotten"  #: the provider no longer knows the request
    FINISHED = "finished"  #: the provider has files for it
    ERRORED = "errored"  #: the provider tried and failed
    SAVED = "saved"  #: its files are whole and ours
    RESTORED = "restored"  #: the database is an older copy: it may have been sent since
    LOST = "lost"  #: the provider finished, and no longer has what it made
    CANCELLED = "cancelled"  #: a person stopped it


S, E = JobState, JobEvent

#: event -> (states it may happen in, the state it leads to)
TRANSITIONS: dict[JobEvent, tuple[frozenset[JobState], JobState]] = {
    E.SUBMIT_BEGUN: (frozenset({S.CREATED}), S.SUBMITTING),
    E.UNSENT: (frozenset({S.SUBMITTING, S.HELD}), S.CREATED),
    E.UNANSWERED: (frozenset({S.SUBMITTING, S.QUEUED, S.RUNNING}), S.HELD),
    E.ACCEPTED: (frozenset({S.SUBMITTING, S.HELD}), S.QUEUED),
    E.REFUSED: (frozenset({S.SUBMITTING, S.HELD}), S.FAILED),
    E.STARTED: (frozenset({S.QUEUED}), S.RUNNING),
    E.REQUEUED: (frozenset({S.RUNNING}), S.QUEUED),
    E.FORGOTTEN: (frozenset({S.QUEUED, S.RUNNING}), S.HELD),
    E.RESTORED: (frozenset({S.CREATED}), S.HELD),
    E.FINISHED: (frozenset(S) - {S.RENDERED, S.STORED}, S.RENDERED),
    E.ERRORED: (frozenset({S.SUBMITTING, S.QUEUED, S.RUNNING, S.HELD}), S.FAILED),
    E.SAVED: (frozenset({S.RENDERED}), S.STORED),
    E.LOST: (frozenset({S.RENDERED}), S.FAILED),
    E.CANCELLED: (frozenset({S.CREATED, S.QUEUED, S.RUNNING, S.HELD, S.RENDERED}), S.CANCELLED),
}

#: `unanswered` also takes back from here: no file is at the link that a person named, so the take is held as
#: before. Only who has seen that says so; to whoever asks the provider, what is rendered stays so.
NAMED_IN_VAIN = frozenset({S.RENDERED})

#: states in which the program has something to do or to wait for
ACTIVE_STATES = frozenset({S.CREATED, S.SUBMITTING, S.QUEUED, S.RUNNING, S.RENDERED})

#: states in which nothing moves by itself, a late video aside
ENDED_STATES = frozenset({S.STORED, S.FAILED, S.CANCELLED})

#: what ends a take, or leaves it to a person; what people think of it afterwards does not
ENDINGS = frozenset(event for event, (_, to) in TRANSITIONS.items() if to in ENDED_STATES | {S.HELD})

#: state -> the word that clients of the HTTP API need
API_STATUS: dict[JobState, str] = {
    **dict.fromkeys(ACTIVE_STATES, "processing"),
    S.STORED: "completed",
    S.HELD: "held",
    S.FAILED: "failed",
    S.CANCELLED: "cancelled",
}
