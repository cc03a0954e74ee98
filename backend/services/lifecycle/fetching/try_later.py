"""What is done about files that did not come: try later, by fresh links; say what is lost, or was a slip."""

import logging
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import (
    CheckUnfinished,
    MediaBroken,
    MediaDenied,
    MediaError,
    MediaGone,
    MediaUnreachable,
    ProviderBusy,
    ProviderForgot,
    StaleState,
)
from backend.domain.output_files import OutputFile, main_first, without_inline
from backend.domain.states import NAMED_IN_VAIN, JobEvent, JobState
from backend.domain.text import join_sentences
from backend.domain.trouble import Charged, Trouble
from backend.models import Job, JobColumns, TakeFile
from backend.providers.base import Finished
from backend.services.deps import Deps
from backend.services.gallery.take_files import IN_A_ROW, LOST, FileOfTake, named_by_hand
from backend.services.lifecycle import apply_result
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.fetching.one_file import NotBelievedYet
from backend.services.lifecycle.poll import request_ref
from backend.store.jobs import jobs
from backend.store.records import take_files

log = logging.getLogger(__name__)

#: Faults after which the link itself is doubted and the provider is asked for the result again.
NEW_LINK_EVERY = 5
AGAIN_TEXT = "The provider has the file; fetching it is tried again by itself."
CHECK_AGAIN_TEXT = "It is kept here, and checked again by itself; if that never ends, it is kept as it came."
MISLED_TEXT = (
    "Nothing is lost by it: name another link, keep waiting, send it again, or give up. The provider is "
    "asked for its result now and then."
)
NEW_LINK_TEXT = "The link to the file is dead; the provider is asked for the result again by itself."


@dataclass(frozen=True)
class Failure:
    """A file that did not come, and why."""

    file: FileOfTake
    error: MediaError

    @property
    def in_a_row(self) -> int:
        """How often this very fault has come in a row, this time included; any other one begins anew."""
        return 1 + self.file.times_in_a_row(self.error.code)

    @property
    def attempts(self) -> int:
        """Faults in a row, of whatever kind: they set the pause until the next try."""
        return self.file.row.attempts + 1

    @property
    def doubts_link(self) -> bool:
        """Is it the link that may be wrong, so that the provider is asked for the result again?"""
        wrong = isinstance(self.error, MediaGone | MediaBroken | MediaDenied)
        came = isinstance(self.error, CheckUnfinished)
        return wrong or (self.attempts % NEW_LINK_EVERY == 0 and not came)

    def as_row(self, trouble: Trouble) -> TakeFile:
        """The row that says so."""
        values = self.file.row.model_dump() | {"attempts": self.attempts, "error": trouble.as_json()}
        if isinstance(self.error, NotBelievedYet):
            values["seen_sha256"] = self.error.sha256
        return TakeFile(**values)


def no_link(claim: Claim) -> Failure:
    """The trouble of a finished job that names no file at all."""
    wanted = OutputFile("video", None)
    row = TakeFile(
        job_id=claim.job.id, role=wanted.role, position=0, attempts=claim.job.attempts, error=claim.job.error
    )
    return Failure(FileOfTake(wanted, row, None), MediaGone("There is no link to the file."))


def check_meant(session: Session, claim: Claim) -> None:
    """Are the job's files those that this look is about? Raises StaleState: others are meant by now."""
    if jobs.get(session, claim.job.id).outputs != claim.job.outputs:
        raise StaleState(f"the job {claim.job.id} has other files by now")


def try_later(
    deps: Deps,
    claim: Claim,
    failed: list[Failure],
    *,
    at_home: Set[str],
    known: Sequence[TakeFile] = (),
    untried: int = 0,
) -> None:
    """Try again later, without a limit; now and then ask the provider for fresh links first.

    A file whose link is dead, and whose result is dead, too, is lost as far as anybody can tell. A take
    that has nothing else says so; one that has other files waits for a person, or for the link's return.
    What a program of the schema before had left at the provider is then done without. Where a person named
    the link, that person was mistaken, and nothing is lost.

    at_home: the roles of the files that are ours; known: the rows of those that were before this look.
    untried: how many files it had no time for.
    """
    gone = [each for each in failed if isinstance(each.error, MediaGone)]
    links = _fresh_links(deps, claim, at_home) if any(each.doubts_link for each in failed) else {}
    all_lost = len(gone) == len(failed) and all(each.in_a_row >= policy.LOST_AFTER for each in gone)
    if not links and _leads_nowhere(claim, failed):
        _hold_again(claim, failed[0].error)
        return
    if links is None and all_lost and not at_home and claim.job.state == JobState.RENDERED:
        _lost(deps, claim, gone[0].error)
        return
    if links is None and all_lost and _was_left(claim.job, failed):
        _do_without(deps, claim, failed)
        return
    troubles = [replace(_trouble(claim, each), detail={IN_A_ROW: each.in_a_row}) for each in failed]
    rows = [each.as_row(trouble) for each, trouble in zip(failed, troubles, strict=True)]
    soonest = min(rows, key=lambda row: row.attempts)

    def keep(session: Session) -> JobColumns:
        take_files.put_rows(session, [*rows, *known])  # an older program's have none, and links may change
        return links or {}

    several = at_home or len(failed) > 1
    shown = _of_several(troubles[0], failed, len(at_home)) if several else troubles[0]
    claim.defer(
        due_in_s=0 if untried else policy.backoff_s(soonest.attempts),
        also=keep,
        attempts=rows[0].attempts,
        error=shown.as_json(),
    )


def _was_left(job: Job, failed: Sequence[Failure]) -> bool:
    """Did a program that knew of one file a take leave these?"""
    return (
        job.state == JobState.STORED
        and job.outputs is None
        and all(each.file.video is None for each in failed)
    )


def _do_without(deps: Deps, claim: Claim, failed: Sequence[Failure]) -> None:
    """It was stored without these, and nobody has them any more; a person can ask for them again."""
    now = deps.clock.now()
    message = "The provider has it no more; an older version of Dailies fetched the main file alone."
    trouble = Trouble(LOST, message, Charged.YES, "The take goes without it.", now)
    rows = [TakeFile(**(each.as_row(trouble).model_dump() | {"given_up_at": now})) for each in failed]

    def keep(session: Session) -> JobColumns:
        take_files.put_rows(session, rows)
        return {}

    claim.defer(due_in_s=0, also=keep, attempts=0, error=None)
    log.warning("done without", extra={"job": claim.job.id, "files": len(rows)})


def _leads_nowhere(claim: Claim, failed: Sequence[Failure]) -> bool:
    """Has the link that a person named led to no file, too often for a passing trouble of its server?"""
    if not named_by_hand(claim.job) or claim.job.state != JobState.RENDERED:
        return False
    of_the_link = MediaGone | MediaDenied | MediaUnreachable | MediaBroken
    return all(
        isinstance(each.error, of_the_link)
        and not isinstance(each.error, NotBelievedYet | CheckUnfinished)
        and each.attempts >= policy.LOST_AFTER
        for each in failed
    )


def _hold_again(claim: Claim, error: MediaError) -> None:
    """The take waits for a person as it did before the link was named, with its output in view."""
    job = claim.job
    trouble = Trouble(
        code="link_leads_nowhere",
        message=join_sentences(
            f"The link that was named leads to no file: {error}", f"It was {job.result_url}"
        ),
        charged=Charged.YES if job.billed_units else Charged.MAYBE,
        next_step=MISLED_TEXT,
        at=claim.deps.clock.now(),
        detail=job.result,
    )

    def forget(session: Session) -> JobColumns:
        check_meant(session, claim)
        return {"outputs": None, "result_url": None, "result_size_bytes": None, "polls": 0}

    claim.record(
        JobEvent.UNANSWERED,
        states=NAMED_IN_VAIN,
        due_in_s=policy.RECONCILE_FIRST_S,
        also=forget,
        note="the link that was named led nowhere",
        error=trouble.as_json(),
    )


def _trouble(claim: Claim, failure: Failure) -> Trouble:
    steps = {MediaGone: NEW_LINK_TEXT, CheckUnfinished: CHECK_AGAIN_TEXT}
    return claim.trouble(failure.error, Charged.YES, steps.get(type(failure.error), AGAIN_TEXT))


def _of_several(trouble: Trouble, failed: list[Failure], home: int) -> Trouble:
    """The trouble of one file, with how many others there are."""
    number = home + len(failed)
    first = f"{home} of {number} files are here. {failed[0].file.wanted.role}: {trouble.message}"
    return replace(trouble, message=first)


def _fresh_links(deps: Deps, claim: Claim, at_home: Set[str]) -> JobColumns | None:
    """The result as the provider gives it now; {} when it can't be asked, None when it has none any more.

    at_home: the roles of the files that are ours: their data are not wanted again.
    """
    if claim.job.request_id is None:
        return None
    try:
        result = deps.get_provider(claim.job.provider).result(request_ref(claim.job))
    except ProviderBusy:
        return {}
    except ProviderForgot:
        return None
    if not isinstance(result, Finished):
        return None
    if named_by_hand(claim.job):
        now = deps.clock.now()
        with deps.store.read() as session:
            unbilled = replace(result, billable_units=None)  # its bill is asked for once it is stored
            return apply_result.replacing_named(session, claim.job, unbilled, at=now) | {"due_at": now}
    files = _renewed(claim.job, result.files)
    main = main_first(files)[0]
    wanted = any(file.url is None and file.role not in at_home for file in files)
    return {
        "result_url": main.url,
        "result_size_bytes": main.size_bytes,
        "result": result.output if wanted else without_inline(result.output),
        "outputs": [file.as_json() for file in files],
    }


def _renewed(job: Job, fresh: Sequence[OutputFile]) -> list[OutputFile]:
    """What was named before, with its new links, and what is named now besides: nothing paid is forgotten."""
    links = {file.role: file for file in fresh}
    before = [OutputFile.of(kept) for kept in job.outputs or []]
    known = {file.role for file in before}
    return [links.get(file.role, file) for file in before] + [one for one in fresh if one.role not in known]


def _lost(deps: Deps, claim: Claim, error: MediaError) -> None:
    trouble = Trouble(
        code=LOST,
        message="The video was made, and is lost: the provider has neither the file nor the result any more. "
        f"{error}",
        charged=Charged.YES,
        next_step="The provider is still asked now and then for a day. Should it bring it back, it is taken.",
        at=deps.clock.now(),
    )
    log.error("lost", extra={"job": claim.job.id, "request": claim.job.request_id})
    claim.record(
        JobEvent.LOST, due_in_s=policy.LATE_VIDEO_FIRST_S, error=trouble.as_json(), polls=0, attempts=0
    )
