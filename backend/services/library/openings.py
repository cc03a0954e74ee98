"""Takes that somebody opened: looked at by themselves, compared, judged in pairs, or taken along.

Only that it happened, and when first: what was paid for and never opened is waste (`money.spending`).
"""

from collections.abc import Collection

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.store.library import openings


def note_opened(deps: Deps, viewer: Viewer, job_ids: Collection[str]) -> None:
    """Those of these takes that are stored and that the viewer may see count as opened from now on.

    Nothing is written where all of them were opened before.
    """
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        unopened = openings.list_unopened(session, job_ids, viewer.visible_names)
    if not unopened:
        return
    with deps.store.begin() as session:
        openings.mark_opened(session, unopened, at=deps.clock.now())
