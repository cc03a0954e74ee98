"""Links of an output that nothing calls a file: given up by themselves when they lead to none."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from backend.domain.errors import MediaBroken, MediaDenied, MediaGone, MediaUnreachable
from backend.domain.trouble import Charged, Trouble
from backend.models import JobColumns, TakeFile
from backend.services.gallery.take_files import NO_MEDIA
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.fetching.try_later import Failure
from backend.store.records import take_files

#: A server that says so often in a row that there is no file is believed.
NO_MEDIA_AFTER = 3
#: One that gives no usable answer may only be away: an hour and a half, with the pauses in between.
NO_ANSWER_AFTER = 25
NEXT_TEXT = "It is not fetched any more. It can be fetched after all, while the provider has it."


def is_no_media(failure: Failure) -> bool:
    """Has a link that nothing calls a file led to none, again and again: a page, an API, nothing at all?

    What the output or its schema calls a file was paid for, and is never given up so.
    """
    if failure.file.says_file:
        return False
    if isinstance(failure.error, MediaGone | MediaBroken | MediaDenied):
        return failure.in_a_row >= NO_MEDIA_AFTER
    return isinstance(failure.error, MediaUnreachable) and failure.in_a_row >= NO_ANSWER_AFTER


def give_up(claim: Claim, no_media: Sequence[Failure]) -> None:
    """Do without these; each says why, and that nobody but the program decided so."""
    rows = [_given_up(each, claim.deps.clock.now()) for each in no_media]

    def put(session: Session) -> JobColumns:
        take_files.put_rows(session, rows)
        return {}

    claim.update(put, error=None)


def note(no_media: Sequence[Failure]) -> str | None:
    """What the take's history says of them; None: there are none."""
    return f"without {', '.join(each.file.wanted.role for each in no_media)}: no media" if no_media else None


def _given_up(failure: Failure, at: datetime) -> TakeFile:
    message = (
        "No media: the output links to it and does not call it a file, and "
        f"{failure.in_a_row} looks found none ({str(failure.error).rstrip('.')}). "
        "The program has given it up."
    )
    trouble = Trouble(NO_MEDIA, message, Charged.YES, NEXT_TEXT, at)
    return TakeFile(**(failure.as_row(trouble).model_dump() | {"given_up_at": at}))
