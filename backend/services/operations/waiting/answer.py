"""What a take waits for, as a value: one cause at a time, the first that must give way."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Cause(StrEnum):
    """What a take waits for."""

    PERSON = "person"  #: a decision
    DATABASE = "database"  #: can't be written to
    STORAGE = "storage"  #: disk or bucket: what comes can't be kept
    WORKER = "worker"  #: none was heard of lately
    TURN = "turn"  #: it is due, and a worker will take it
    IN_HAND = "in_hand"  #: a worker is at it
    NO_PROVIDER = "no_provider"  #: this installation doesn't know its provider any more
    PAUSE = "pause"  #: its provider refuses our key or account
    LINE = "line"  #: all calls of a provider that holds the line are open
    TURNED_AWAY = "turned_away"  #: its provider takes no more just now (429)
    UNSENT = "unsent"  #: it could not be sent, and is tried again
    PROVIDER_LINE = "provider_line"  #: it stands in its provider's own line
    RENDERING = "rendering"  #: its provider is at work on it
    WEBHOOK = "webhook"  #: one that should have come by now
    ASKING = "asking"  #: its provider gives no usable answer
    STOPPING = "stopping"  #: its provider is asked to stop
    FETCH = "fetch"  #: its files don't come, and are tried again
    FETCHING = "fetching"  #: its files are coming


@dataclass(frozen=True)
class Waiting:
    """Why a take waits. words: for people, without a command or a setting's name; since: how long already.

    next_try: when something is done about it by itself, at the latest; None: nobody knows, or a person
    decides. why_not: why a look now would find nothing out; "": it may. detail: what went wrong last.
    """

    cause: Cause
    words: str
    since: datetime
    next_try: datetime | None = None
    why_not: str = ""
    detail: str = ""

    @property
    def may_check(self) -> bool:
        """Would a look now find anything out?"""
        return not self.why_not
