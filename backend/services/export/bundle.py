"""Many takes as one ZIP: their files, and for data people what is known of them."""

import io
import json
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from backend.domain.errors import MediaBroken
from backend.media.archive import Packed, stream_files, zip_size
from backend.media.file_names import FreeNames, slug
from backend.models import Video
from backend.services.csv_rows import write_csv
from backend.services.deps import Deps
from backend.services.export.naming import SHEET_STEM, NameTemplate
from backend.services.export.rows import TakeRow
from backend.services.export.tables import NAMES, csv_lines, plain
from backend.services.gallery.downloads import ROLE_MAX_BYTES
from backend.services.gallery.take_files import FileOfTake
from backend.services.gallery.takes import Take

if TYPE_CHECKING:
    from backend.services.export.sheets import ContactSheet

MANIFEST = "manifest.csv"
#: What stands before the columns of a take in the manifest; in a clean ZIP this, and the take's id, is all.
_OF_FILE = ("file", "role", "problem")
_SIZES = ("size_bytes", "width", "height", "duration_s", "fps")
#: So much of the manifest is in memory; the rest waits on the disk for its turn, which is the last.
SPOOL_BYTES = 1024 * 1024
VANISHED = "It is missing from our storage, or altered. It is not in this ZIP."
NO_FILE = "It has no file."


def _new_sheet(deps: Deps, title: str) -> "ContactSheet":
    """What draws it takes half a second to load, and no process needs it to start."""
    from backend.services.export.sheets import ContactSheet

    return ContactSheet(deps, title)


class Bundle:
    """One ZIP on its way. rich: with sidecars, contact sheet and the manifest of all that was asked for.

    A clean one has files alone. Where one of them is missing, or it would be empty, its manifest says so.
    away: ids of the files that were missing when it was measured, and of no others; None: it was not.
    """

    def __init__(
        self,
        deps: Deps,
        template: NameTemplate,
        *,
        rich: bool,
        title: str,
        away: Collection[str] | None = None,
    ) -> None:
        self._deps, self._template, self._rich, self._away = deps, template, rich, away
        self._names = FreeNames([PurePosixPath(MANIFEST).stem, SHEET_STEM])
        self._sheet = _new_sheet(deps, title) if rich else None
        self._columns = (*_OF_FILE, *NAMES) if rich else (*_OF_FILE, "id")
        self._open = self._opened
        self._packed, self._missing = 0, set[str]()

    def stream(self, batches: Iterable[Sequence[tuple[Take, TakeRow]]]) -> Iterator[bytes]:
        """The bytes of it. They end in an exception where a file turns out to be another one than it was."""
        return stream_files(self._files(batches))

    def measure(self, batches: Iterable[Sequence[tuple[Take, TakeRow]]]) -> tuple[int, Collection[str]]:
        """How many bytes another one like it has, and the ids of files that are missing. Opens none."""
        self._open = self._looked_at
        return zip_size(self._files(batches)), self._missing

    def _files(self, batches: Iterable[Sequence[tuple[Take, TakeRow]]]) -> Iterator[Packed]:
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
            self._manifest = cast(BinaryIO, spool)
            self._manifest.write(write_csv(self._columns, []))
            for pairs in batches:
                for take, row in pairs:
                    yield from self._take(take, row)
            if self._sheet is not None:
                yield from self._sheet.finish()
            if self._rich or self._missing or not self._packed:
                size = self._manifest.tell()
                self._manifest.seek(0)
                yield Packed(MANIFEST, size, lambda: self._manifest)

    def _take(self, take: Take, row: TakeRow) -> Iterator[Packed]:
        stem, told = None, list[dict[str, Any]]()
        for file in take.files:
            video = file.video
            handle = self._open(video) if video is not None and file.here else None
            if video is None or handle is None:
                self._leave_out(row, file, video)
                continue
            stem = stem or self._names.take(self._template.fill(row, self._deps.settings.zone))
            name = self._file_name(stem, file, video)
            with handle:
                yield Packed(name, video.size_bytes, partial(_itself, handle))
            told.append(_of_file(name, file, video))
            self._packed += 1
            if self._rich:
                self._note(row, name, file.wanted.role, "")
        if not take.files and self._rich:
            self._note(row, "", "", _why_none(row))
        if stem is not None and self._sheet is not None and take.video is not None:
            content = json.dumps(plain(row) | {"files": told}, ensure_ascii=False, indent=2)
            yield Packed.of_bytes(_sidecar_name(stem, told), content.encode("utf-8", "replace"))
            yield from self._sheet.add(row, take.video)

    def _opened(self, video: Video) -> BinaryIO | None:
        """The file from its beginning; None: it is not there, or another one than it was."""
        try:
            handle = self._deps.storage.open(video.key)
        except FileNotFoundError:
            return None
        if handle.seekable() and handle.seek(0, 2) != video.size_bytes:
            handle.close()
            return None
        if handle.seekable():
            handle.seek(0)
        return handle

    def _looked_at(self, video: Video) -> BinaryIO | None:
        return io.BytesIO() if self._deps.storage.size(video.key) == video.size_bytes else None

    def _file_name(self, stem: str, file: FileOfTake, video: Video) -> str:
        ending = PurePosixPath(video.key).suffix
        if file.row.position == 0:
            return stem + ending
        return self._names.take(f"{stem}-{slug(file.wanted.role, ROLE_MAX_BYTES) or 'file'}") + ending

    def _leave_out(self, row: TakeRow, file: FileOfTake, video: Video | None) -> None:
        """video: it should be here, so that a clean ZIP says it as well."""
        if video is not None:
            if self._away is not None and video.id not in self._away:
                raise MediaBroken(f"The file {video.key} went away while a ZIP was sent that was to have it.")
            self._missing.add(video.id)
        if video is not None or self._rich:
            why = VANISHED if video is not None else file.problem or NO_FILE
            self._note(row, "", file.wanted.role, why)

    def _note(self, row: TakeRow, name: str, role: str, problem: str) -> None:
        line = {**row, "file": name, "role": role, "problem": problem}
        self._manifest.write(csv_lines([line], self._columns))


def _itself(handle: BinaryIO) -> BinaryIO:
    return handle


def _sidecar_name(stem: str, told: Sequence[dict[str, Any]]) -> str:
    """A take's file may be JSON itself."""
    usual = f"{stem}.json"
    return f"{stem}.take.json" if any(file["name"] == usual for file in told) else usual


def _of_file(name: str, file: FileOfTake, video: Video) -> dict[str, Any]:
    """What a sidecar says of a file."""
    sizes = {name: getattr(video, name) or None for name in _SIZES}
    return {
        "name": name,
        "role": file.wanted.role,
        "kind": video.kind,
        "content_type": video.content_type,
        "sha256": video.sha256,
        **sizes,
        "checked": video.checked,
        "problem": video.problem or None,
    }


def _why_none(row: TakeRow) -> str:
    return f"{NO_FILE} The take is {row['status']}."
