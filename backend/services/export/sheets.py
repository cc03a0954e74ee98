"""The contact sheet of takes that are taken along, made part by part while they are sent."""

from collections.abc import Iterator
from contextlib import suppress

from backend.domain.errors import MediaError
from backend.domain.library.review import ReviewState
from backend.media.archive import Packed
from backend.media.contact_sheet import PER_PAGE, Caption, draw_sheet, render_pages, shrink_picture
from backend.models import Video
from backend.services.deps import Deps
from backend.services.export.naming import SHEET_STEM
from backend.services.export.rows import TakeRow
from backend.services.gallery.figures import dollars
from backend.services.gallery.pictures import poster_key

#: So many pages are one PDF, which is in memory until it is whole.
PAGES_OF_PART = 20
#: A larger file is no poster of ours.
PICTURE_MAX_BYTES = 20 * 1024 * 1024
PDF_NAME, PNG_NAME = f"{SHEET_STEM}{{part}}.pdf", f"{SHEET_STEM}-{{page:03}}.png"

_REVIEWS = {
    ReviewState.SELECTED: "Selected",
    ReviewState.APPROVED: "Approved",
    ReviewState.REJECTED: "Rejected",
    ReviewState.TO_EDIT: "To edit",
}


class ContactSheet:
    """Takes are added one by one; a part that is full is files for the ZIP. title: above every page."""

    def __init__(self, deps: Deps, title: str) -> None:
        self._deps, self._title = deps, title
        self._captions: list[Caption] = []
        self._parts = self._pages = 0

    def add(self, row: TakeRow, video: Video) -> Iterator[Packed]:
        """Add a take by the poster of its main file."""
        picture = self._picture(video)
        heading = f"{row['short_id']} · {self._model_title(row)}"
        self._captions.append(Caption(picture, "no picture", heading, [_facts(row), row["prompt"]]))
        if len(self._captions) == PAGES_OF_PART * PER_PAGE:
            yield from self.finish()

    def finish(self) -> Iterator[Packed]:
        """What is left: its PDF, and each of its pages as a picture."""
        if not self._captions:
            return
        pdf = draw_sheet(self._captions, title=self._title, first_page=self._pages + 1)
        self._captions = []
        self._parts += 1
        yield Packed.of_bytes(PDF_NAME.format(part="" if self._parts == 1 else f"-part-{self._parts}"), pdf)
        for picture in render_pages(pdf):
            self._pages += 1
            yield Packed.of_bytes(PNG_NAME.format(page=self._pages), picture)

    def _picture(self, video: Video) -> bytes | None:
        """A take without its poster has its place all the same."""
        key = poster_key(video)
        with suppress(OSError, MediaError):
            if key is not None:
                with self._deps.storage.open(key) as file:
                    return shrink_picture(file.read(PICTURE_MAX_BYTES))
        return None

    def _model_title(self, row: TakeRow) -> str:
        try:
            return self._deps.catalogue.recall(row["model"]).title
        except KeyError:
            return str(row["model"])


def _facts(row: TakeRow) -> str:
    """What was decided, how it is rated, what it cost."""
    mean, usd = row["rating_mean"], row["billed_usd"]
    cost = None if row["estimate_usd"] is None else f"{dollars(row['estimate_usd'])} estimated"
    said = (
        _REVIEWS.get(row["review"]),
        None if mean is None else f"{mean:.1f} of 5 ({row['rating_count']})",
        cost if usd is None else dollars(usd),
    )
    return " · ".join(filter(None, said)) or "Not reviewed"
