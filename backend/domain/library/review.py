"""What people make of takes: what they think of them, in what order they look at them, what came of what."""

from enum import StrEnum

#: A take's short id: so many of its id's last characters, which are its random ones.
SHORT_ID_CHARS = 6


class ReviewState(StrEnum):
    """What the team has decided of a take."""

    NONE = "none"  #: nothing yet; no value in the database
    SELECTED = "selected"
    APPROVED = "approved"
    REJECTED = "rejected"
    TO_EDIT = "to_edit"


#: What the team has picked.
PICKED = frozenset({ReviewState.SELECTED, ReviewState.APPROVED})


class OriginHow(StrEnum):
    """How a take was made from another one."""

    FRAME = "frame"  #: it starts, or ends, with a picture of it
    RETRY = "retry"  #: the same request again
    PROMOTED = "promoted"  #: the same inputs on a better model or at a higher resolution
    VARIED = "varied"  #: the same inputs with another seed
    RERUN = "rerun"  #: some of its inputs, edited


class Sort(StrEnum):
    """In what order takes are listed."""

    NEWEST = "newest"
    OLDEST = "oldest"
    RATING = "rating"  #: the team's mean, the best first
    COST = "cost"  #: the bill, else the estimate; the dearest first


def short_id(take_id: str) -> str:
    """What people call a take by."""
    return take_id[-SHORT_ID_CHARS:]
