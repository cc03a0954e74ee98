"""Who is at the door, said in the event loop: for requests that somebody signed in sends by the hundred."""

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.team import visitors
from backend.services.team.visitors import Visit
from backend.store.team.sessions import SessionLookup


class QuickVisitors:
    """`visitors.viewer_of` without a thread, where the answer is yes and can be had at once."""

    def __init__(self, deps: Deps) -> None:
        self._deps, self._sessions = deps, SessionLookup(deps.store)

    async def viewer_of(self, visit: Visit, *, acted: bool) -> Viewer | None:
        """Who that is now; None: `visitors.viewer_of` says, and why. Nothing is kept: each call asks."""
        if visit.session_id is None:
            return None
        found = await self._sessions.find(visit.session_id)
        return None if found is None else visitors.judge_at_once(self._deps, found, visit.origin, acted=acted)
