"""What a person can do now so that no take waits for ever: pages draw a button for each of these.

A take that moves, and one of whose files is missing, is also due at some time: then a worker looks at it.
"""

from datetime import datetime
from enum import StrEnum

from backend.domain.states import JobState
from backend.services.gallery.take_files import files_to_fetch, missing_files, named_by_hand
from backend.services.gallery.takes import Take
from backend.services.takes.cancel import may_end_unanswered


class WayOut(StrEnum):
    """A decision of a person's, by the key of its button, and which use case carries it out."""

    CANCEL = "cancel"  #: `cancel.cancel_job`: the provider is told to stop
    STOP_WAITING = "stop-waiting"  #: the same, once more: the take ends here, whatever the provider says
    TRY_NOW = "try-now"  #: `choices.try_now`
    KEEP = "keep-what-there-is"  #: `choices.keep_what_there_is`
    GIVE_UP_FILES = "give-up-files"  #: `choices.give_up_files`
    FETCH = "fetch"  #: `choices.fetch_after_all`
    KEEP_WAITING = "wait"  #: `held_choices.keep_waiting`
    SEND_AGAIN = "again"  #: `held_choices.send_again`
    GIVE_UP = "give-up"  #: `held_choices.give_up`
    NAME_LINK = "name-link"  #: `choices.name_link`


W = WayOut


def ways_out(take: Take, now: datetime) -> list[WayOut]:
    """What a person can decide about this take now, the most useful first; [] where nothing is open."""
    job = take.job
    if job.emptied_at is not None:
        return []
    match job.state:
        case JobState.CREATED | JobState.SUBMITTING | JobState.QUEUED | JobState.RUNNING:
            return _while_it_moves(take, now)
        case JobState.RENDERED:
            return [*_about_files(take), W.GIVE_UP_FILES]
        case JobState.STORED if missing_files(take.files):
            return [*_about_files(take), W.GIVE_UP_FILES]
        case JobState.STORED:
            another = [W.NAME_LINK] if named_by_hand(job) else []  # it may be another file than was meant
            return [W.FETCH, *another] if any(not file.here for file in take.files) else another
        case JobState.HELD:
            return [W.KEEP_WAITING, W.SEND_AGAIN, W.GIVE_UP, W.NAME_LINK]
        case _:
            return [W.FETCH] if files_to_fetch(job) else []


def _while_it_moves(take: Take, now: datetime) -> list[WayOut]:
    if take.job.cancel_requested_at is None:
        return [W.CANCEL]
    return [W.STOP_WAITING] if may_end_unanswered(take.job, now) else []


def _about_files(take: Take) -> list[WayOut]:
    """What can be decided once a file has not come; before that it is on its way."""
    if take.job.error is None and take.job.state == JobState.RENDERED:
        return []
    again = [W.NAME_LINK] if named_by_hand(take.job) else []
    something = any(file.came or (file.here and take.job.state == JobState.RENDERED) for file in take.files)
    return [W.TRY_NOW, W.KEEP, *again] if something else [W.TRY_NOW, *again]
