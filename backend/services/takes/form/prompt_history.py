"""What somebody asked for before: their prompts, each once."""

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.store.records import presets

#: Prompts are looked for among this many of somebody's newest takes, and so many are offered.
NEWEST_TAKES, OFFERED = 100, 15


def recent_prompts(deps: Deps, viewer: Viewer) -> list[str]:
    """The prompts of this viewer's newest takes, the newest first."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        found = presets.newest_prompts(session, viewer.owner_names, takes=NEWEST_TAKES)
    return list(dict.fromkeys(prompt for prompt in found if prompt))[:OFFERED]
