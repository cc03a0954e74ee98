"""What a request names of the library: its project and collections, and the takes that it is made from."""

from backend.models import Collection, Project
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.takes.request import TakeRequest
from backend.store.library import groups, origins


def named_faults(deps: Deps, viewer: Viewer, request: TakeRequest) -> dict[str, str]:
    """What is wrong with them, by field. Nothing is read where nothing is named, as in most starts."""
    if request.project is None and not request.collections and not request.made_from:
        return {}
    ids = {origin.take for origin in request.made_from}
    projects = set() if request.project is None else {request.project}
    collections = set(request.collections)
    with deps.store.read() as session:
        if projects:
            projects -= groups.find_known(session, Project, projects)
        if collections:
            collections -= groups.find_known(session, Collection, collections)
        unseen = ids - origins.seen_takes(session, ids, viewer.visible_names) if ids else set()
    faults = {}
    if projects:
        faults["project"] = f"there is no project {request.project!r:.80}"
    if collections:
        faults["collections"] = f"there is no collection {_named(collections)}"
    if unseen:
        faults["made_from"] = f"there is no take {_named(unseen)}"
    return faults


def _named(ids: set[str]) -> str:
    return ", ".join(f"{one!r:.80}" for one in sorted(ids)[:5])
