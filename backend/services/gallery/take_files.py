"""Which files a take has: what its output names, joined with what we have of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from backend.domain.errors import CheckUnfinished, MediaBroken
from backend.domain.links import find_identities, is_named, normalize_link
from backend.domain.output_files import (
    FileKind,
    OutputFile,
    find_files,
    main_first,
    without_echoes,
)
from backend.domain.trouble import Trouble
from backend.media.decode import sandbox
from backend.models import Job, TakeFile, Video
from backend.services.deps import Deps
from backend.store.records import take_files
from backend.store.records.take_files import FileRow

#: The code of what the provider has no more.
LOST = "lost"
#: The code of a link that was given up by itself, because it leads to no file.
NO_MEDIA = "no_media"
#: The code of a file that was deleted from the trash.
EMPTIED = "emptied"
#: In a trouble's detail: how often that very fault has come in a row.
IN_A_ROW = "in_a_row"
#: The code of an output that names no file.
NO_VIDEO = "no_video"
NOT_YET_TEXT = "Its download is in progress."
MISSING_TEXT = "It is missing from our storage, or altered. It is fetched again by itself."
DONE_WITHOUT_TEXT = "It is not here, and is not fetched any more: a person does without it."


@dataclass(frozen=True)
class FileOfTake:
    """One file of a take. row: what is known of its way home. video: the stored file, once it is ours.

    declared: the model's output schema calls it a file.
    """

    wanted: OutputFile
    row: TakeFile
    video: Video | None
    declared: bool = False

    @property
    def says_file(self) -> bool:
        """Does anything call it a file? Else it is a link that may lead anywhere."""
        return self.declared or self.wanted.says_file

    @property
    def here(self) -> bool:
        """Is it whole, and ours?"""
        return self.video is not None and self.video.missing_at is None

    @property
    def came(self) -> bool:
        """Did bytes of it come that are not believed yet, and that a person can have kept?"""
        broken = self.trouble is not None and self.trouble.code in (MediaBroken.code, CheckUnfinished.code)
        return not self.here and (self.row.seen_sha256 is not None or broken)

    @property
    def settled(self) -> bool:
        """Is there nothing left to fetch: whole and ours, or done without?"""
        return self.here or self.row.given_up_at is not None

    @property
    def kind(self) -> FileKind:
        """What it is; until it is here, what it should be."""
        return self.wanted.kind_hint if self.video is None else FileKind(self.video.kind)

    @property
    def trouble(self) -> Trouble | None:
        """Why it is not here."""
        return Trouble.of(self.row.error)

    def times_in_a_row(self, code: str) -> int:
        """How often this very fault has come in a row; any other one begins anew."""
        before = self.trouble
        if before is None or before.code != code:
            return 0
        known = before.detail if isinstance(before.detail, dict) else {}
        return int(known.get(IN_A_ROW, self.row.attempts))

    @property
    def problem(self) -> str | None:
        """What a person should know: why it is not here, or why it was not checked; None: nothing."""
        if self.here:
            return (self.video.problem or None) if self.video else None
        if self.row.given_up_at is not None:
            by_itself = self.trouble is not None and self.trouble.code in (LOST, NO_MEDIA, EMPTIED)
            return self.trouble.message if self.trouble and by_itself else DONE_WITHOUT_TEXT
        usual = NOT_YET_TEXT if self.video is None else MISSING_TEXT
        return self.trouble.message if self.trouble else usual


def named_files(job: Job, main_role: str | None) -> list[OutputFile]:
    """What the output of a finished job names, the main file first; [] where it has not finished.

    What the request itself had linked to is no result: a photo or a video that the answer repeats.
    main_role: the output field that its model declares for the main file.
    """
    if not job.outputs:
        return _named_in_result(job) if job.result_url or job.video_id else []
    named = [OutputFile.of(kept) for kept in job.outputs]
    fresh = _with_fresh_link(job, named, main_first(named)[0])
    return main_first(_without_echoes(job, fresh), main_role)


def files_to_fetch(job: Job) -> list[OutputFile]:
    """What can be fetched of a job that has ended without its files; [] where nobody knows of any."""
    return named_files(job, None) or find_files(kept_output(job))


def kept_output(job: Job) -> Any:
    """The model's output, as far as the row has it; {} where it has none.

    A program of the schema before called one without a video of the usual shape a failure.
    """
    trouble = Trouble.of(job.error)
    refused = trouble.detail if trouble is not None and trouble.code == NO_VIDEO else None
    return job.result or refused or {}


def _named_in_result(job: Job) -> list[OutputFile]:
    """What is named by an output that a program of the schema before understood; its choice comes first."""
    named, link = find_files(job.result), normalize_link(job.result_url or "")
    if not named:
        return [OutputFile("video", job.result_url, job.result_size_bytes)]
    chosen = next((file for file in named if file.url == link), main_first(named, "video")[0])
    others = [file for file in _without_echoes(job, named) if file is not chosen]
    return _with_fresh_link(job, [chosen, *others], chosen)


def _with_fresh_link(job: Job, named: Sequence[OutputFile], usual: OutputFile) -> list[OutputFile]:
    """The column of its link is the newer one: a program of the schema before renews no other."""
    fresh = replace(usual, url=job.result_url or usual.url, size_bytes=job.result_size_bytes)
    return [fresh if file is usual else file for file in named]


def _without_echoes(job: Job, named: Sequence[OutputFile]) -> list[OutputFile]:
    return without_echoes(
        named, find_identities([job.payload, job.image, job.image_link, job.images, job.image_links])
    )


def load_files(
    deps: Deps, session: Session, pairs: Sequence[tuple[Job, Video | None]]
) -> list[list[FileOfTake]]:
    """The files of each of these jobs, given with their main videos; each list has its main file first."""
    finished = [job.id for job, _ in pairs if job.rendered_at or job.video_id or job.outputs]
    rows = take_files.of_jobs(session, finished) if finished else {}
    return [_join(deps, job, video, rows.get(job.id, [])) for job, video in pairs]


def _join(deps: Deps, job: Job, video: Video | None, rows: Sequence[FileRow]) -> list[FileOfTake]:
    main_role, declared = _declared(deps, job.model)
    named = named_files(job, main_role)
    known = {row.role: (row, stored) for row, stored in rows}
    told = any(row.video_id == job.video_id for row, _ in rows)
    files = []
    # Before files had rows, a take had its video alone: what its one link led to.
    alone = next((file for file in named if file.url == job.result_url), named[0] if named else None)
    for position, wanted in enumerate(named):
        usual = video if wanted is alone and not told else None
        fresh = TakeFile(
            job_id=job.id, role=wanted.role, position=position, video_id=usual.id if usual else None
        )
        row, stored = known.get(wanted.role, (fresh, usual))
        if row.position != position:  # what an output names now may stand before what it named then
            row = TakeFile(**row.model_dump() | {"position": position})
        files.append(FileOfTake(wanted, row, stored, wanted.role.partition(".")[0] in declared))
    return files


def has_pictures(video: Video) -> bool:
    """Can previews be made of it? Only of a video that was decoded to its end."""
    return video.kind == FileKind.VIDEO and video.checked


def needs_copy(video: Video) -> bool:
    """Is it a whole video that browsers can't play?"""
    return has_pictures(video) and bool(video.problem)


def never_judged(video: Video) -> bool:
    """Is it a whole video of which nobody has asked yet whether browsers play it? An older program's."""
    return has_pictures(video) and video.problem is None


def check_unfinished(video: Video) -> bool:
    """Was it kept unchecked only because looking into it took too long or crashed? It may be a good one."""
    told = video.problem or ""
    return not video.checked and (sandbox.TOO_LONG in told or sandbox.CRASHED in told)


def playing_key(video: Video) -> str | None:
    """What a browser's player is given: the video itself, or its copy; None: nothing that plays (yet)."""
    if needs_copy(video):
        return video.player_key
    return video.key if has_pictures(video) else None


def named_by_hand(job: Job) -> bool:
    """Has it files by links that a person named, while the provider has not said what it made?"""
    named = job.outputs or []
    return job.rendered_at is None and bool(named) and all(is_named(kept["role"]) for kept in named)


def missing_files(files: Sequence[FileOfTake]) -> list[FileOfTake]:
    """Those that are still to be fetched."""
    return [file for file in files if not file.settled]


def _declared(deps: Deps, model_id: str) -> tuple[str | None, Collection[str]]:
    """The field of a model's output that holds the main file, and all that hold files."""
    try:
        model = deps.catalogue.recall(model_id)
    except KeyError:
        return None, ()
    return model.main_output, model.file_outputs
