"""What a request names of the library: its project, and the takes that it is made from."""

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.takes.request import TakeRequest
from backend.store.library import origins


def named_faults(deps: Deps, viewer: Viewer, request: TakeRequest) -> dict[str, str]:
    """What is wrong with them, by field. Nothing is read where nothing is named, as in most starts."""
    if request.project is None and not request.made_from:
        return {}
    ids = {origin.take for origin in request.made_from}
    with deps.store.read() as session:
        has_project = request.project is None or origins.has_project(session, request.project)
        unseen = ids - origins.seen_takes(session, ids, viewer.visible_names) if ids else set()
    faults = {}
    if not has_project:
        faults["project"] = f"there is no project {request.project!r:.80}"
    if unseen:
        named = ", ".join(f"{one!r:.80}" for one in sorted(unseen)[:5])
        faults["made_from"] = f"there is no take {named}"
    return faults
